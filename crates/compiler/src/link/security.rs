//! What a workload's proxy demands of those who connect.

use std::collections::BTreeMap;

use ferromesh_mesh::decl::mesh_config::MeshSecurity;
use ferromesh_mesh::view::security::InboundSecurity;

/// What the mesh configuration demands.
pub(crate) fn of_mesh(mesh: &MeshSecurity) -> InboundSecurity {
    let MeshSecurity {
        trust_domain,
        trust_domain_aliases,
        authorities: _,
        auto_mtls: _,
        mesh_tls,
        outside_tls: _,
        paths,
        authorizers: _,
    } = mesh;
    InboundSecurity {
        trust_domain: trust_domain.clone(),
        trust_domain_aliases: trust_domain_aliases.clone(),
        tls: mesh_tls.clone(),
        paths: *paths,
        tokens: Vec::new(),
        authorization: Vec::new(),
        authorizers: BTreeMap::new(),
    }
}
