//! The mesh: a client and a service in two versions, each in a pod of its own, and a machine outside.

use std::net::IpAddr;

use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::Mesh;
use ferromesh_testkit::network::Namespace;

use crate::addresses::{Families, Host, Version};
use crate::objects::manifests;
use crate::pod::Pod;
use crate::rules::Mode;

/// What a world is like.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// How traffic is captured.
    pub mode: Mode,
    /// Which addresses pods and services have.
    pub families: Families,
}

/// The world. Fields are dropped in this order.
pub struct World {
    /// The client.
    pub client: Pod,
    /// Version v1.
    pub v1: Pod,
    /// Version v2.
    pub v2: Pod,
    /// A machine without a proxy. It is everybody's way out of the network.
    pub outside: Pod,
    mesh: Mesh,
    _switch: Namespace,
    /// What it is like.
    pub variant: Variant,
}

impl World {
    /// Builds the world.
    pub async fn open(variant: Variant) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "tests of transparent capture make network namespaces: run them as root"
        );
        let Variant { mode, families } = variant;
        let switch = Namespace::switch();
        let pod = |name, host| pod(name, host, families, &switch);
        let mut world = Self {
            client: pod("client", Host::Client),
            v1: pod("v1", Host::V1),
            v2: pod("v2", Host::V2),
            outside: pod("outside", Host::Outside),
            mesh: Mesh::start(manifests(families)).await,
            _switch: switch,
            variant,
        };
        let (xds, state) = (world.mesh.secured_xds(), world.mesh.state().clone());
        for (pod, host) in [
            (&mut world.client, Host::Client),
            (&mut world.v1, Host::V1),
            (&mut world.v2, Host::V2),
        ] {
            let primary = families.versions()[0].pod(host);
            pod.join(primary, mode, (xds, &state)).await;
        }
        world
    }

    /// The versions that are spoken.
    pub fn versions(&self) -> &'static [Version] {
        self.variant.families.versions()
    }

    /// The directory of manifests.
    pub fn manifests(&self) -> &Manifests {
        self.mesh.manifests()
    }

    /// The source that an application sees when this machine calls it.
    pub fn seen_as(&self, version: Version, caller: Host) -> IpAddr {
        match self.variant.mode {
            Mode::Redirect => version.redirected(),
            Mode::Tproxy => version.pod(caller),
        }
    }

    /// The sources that an application may see when this machine calls a service: which family the proxy takes to it is the
    /// proxy's choice.
    pub fn seen_as_any(&self, caller: Host) -> Vec<String> {
        let versions = self.versions().iter();
        versions
            .map(|version| self.seen_as(*version, caller).to_string())
            .collect()
    }

    /// Checks that no proxy has refused anything that it was sent.
    pub fn nothing_was_refused(&self) {
        for pod in [&self.client, &self.v1, &self.v2] {
            for kind in ["cluster_manager.cds", "listener_manager.lds"] {
                assert!(pod.stat(&format!("{kind}.update_success")) > 0, "{kind}");
                let refused = pod.stat(&format!("{kind}.update_rejected"));
                assert_eq!(refused, 0, "{kind}\n{}", self.mesh.operator().log());
            }
        }
    }

    /// What the proxies know and have done, for the message of a failed test.
    pub fn report(&self) -> String {
        let mut report = String::new();
        for pod in [&self.client, &self.v1, &self.v2] {
            report += &pod.access_log().join("\n");
            report += "\n";
            report += &pod.ask_admin("/listeners");
        }
        report
    }
}

/// A machine on the switch, whose way out is the machine outside. That one has further addresses.
fn pod(name: &'static str, host: Host, families: Families, switch: &Namespace) -> Pod {
    let namespace = Namespace::new();
    let versions = families.versions();
    let ways: Vec<_> = versions
        .iter()
        .map(|version| (version.pod(host), version.pod(Host::Outside)))
        .collect();
    namespace.attach(switch, &ways);
    let mut own: Vec<IpAddr> = versions.iter().map(|version| version.pod(host)).collect();
    if host == Host::Outside {
        for external in versions.iter().map(|version| version.external()) {
            let bits = if external.is_ipv4() { 32 } else { 128 };
            namespace.address(&format!("{external}/{bits}"), "lo");
            own.push(external);
        }
    }
    Pod::new(name, &own, namespace)
}
