//! What an edit costs: counted in steps, not in time.

use std::sync::Arc;

use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::workload::WorkloadKind;

use crate::compiler::Work;
use crate::tests::build::*;
use crate::{Compiler, Edit};

/// A mesh of services with one pod and one VirtualService each, seen by proxies in four
/// namespaces.
fn mesh(services: usize) -> Compiler {
    let mut compiler = Compiler::new();
    for at in 0..services {
        let name = format!("s{at}");
        compiler.replace(service_unit(service("a", &name)));
        compiler.replace(split(&name, 90));
        compiler.replace(policies_unit(policies(
            "a",
            &name,
            &host(&name),
            &["v1", "v2"],
        )));
        instance(&mut compiler, &name, "10.0.0.1");
    }
    for namespace in ["a", "b", "c", "d"] {
        for name in ["x", "y"] {
            compiler.open(proxy(namespace, name));
        }
    }
    compiler.compile();
    compiler
}

fn host(name: &str) -> String {
    fqdn(name, "a").to_string()
}

fn split(name: &str, weight: u32) -> Arc<ferromesh_mesh::unit::Unit> {
    let (v1, v2) = (format!("{}|v1", host(name)), format!("{}|v2", host(name)));
    let rules = vec![rule(
        vec![any_match()],
        &[(&v1, weight), (&v2, 100 - weight)],
    )];
    routes_unit(routes("a", name, &[&host(name)], rules))
}

fn instance(compiler: &mut Compiler, name: &str, address: &str) {
    let pod_name = format!("{name}-1");
    let labels = format!("app={name},version=v1");
    compiler.replace(workload_unit(pod("a", &pod_name, address, &labels)));
    let instances = vec![pod_endpoint("a", &pod_name, address)];
    compiler.replace(slice("a", name, name, instances));
}

fn cost(compiler: &mut Compiler) -> (Work, Vec<&'static str>) {
    compiler.work = Work::default();
    let edits = compiler
        .compile()
        .iter()
        .map(|edit| match edit {
            Edit::Put { .. } => "put",
            Edit::Open { .. } => "open",
            Edit::List { .. } => "list",
            Edit::Assign { .. } => "assign",
            Edit::Unlist { .. } => "unlist",
            Edit::Close { .. } => "close",
            Edit::Drop { .. } => "drop",
        })
        .collect();
    (compiler.work, edits)
}

#[test]
fn an_edit_costs_the_same_in_a_small_and_in_a_large_mesh() {
    for size in [10, 300] {
        let mut mesh = mesh(size);
        assert_eq!(cost(&mut mesh), (Work::default(), vec![]));

        // A moved pod: the instances of the service and of its two subsets.
        instance(&mut mesh, "s3", "10.0.0.2");
        let (work, edits) = cost(&mut mesh);
        assert_eq!((work.gathered, work.planned, work.built), (0, 0, 3));
        // The second subset is empty before and after.
        assert_eq!(edits, ["put", "put"]);

        // A machine that the service selects: the same.
        let mut machine = pod("a", "vm", "10.0.0.3", "app=s3,version=v1");
        machine.kind = WorkloadKind::Entry;
        machine.origin = origin("WorkloadEntry", "a", "vm", "spec");
        mesh.replace(workload_unit(machine));
        let (work, edits) = cost(&mut mesh);
        assert_eq!((work.gathered, work.planned, work.built), (0, 0, 3));
        assert_eq!(edits, ["put", "put"]);

        // A weight: one virtual host for each spelling of its domains (own namespace or not).
        mesh.replace(split("s3", 50));
        let (work, edits) = cost(&mut mesh);
        assert_eq!((work.gathered, work.planned, work.built), (0, 0, 2));
        assert_eq!(edits, ["put", "put"]);

        // A new service: a plan for each of the four namespaces, a cluster, its instances, two
        // virtual hosts; nothing else is touched.
        mesh.replace(service_unit(service("a", "new")));
        let (work, edits) = cost(&mut mesh);
        assert_eq!((work.gathered, work.planned, work.built), (1, 4, 4));
        assert_eq!(edits.iter().filter(|edit| **edit == "put").count(), 4);
        assert_eq!(edits.iter().filter(|edit| **edit == "list").count(), 12);
        assert_eq!(edits.len(), 16);

        // A pod that is not ready any more: no service of Kubernetes asks the pod itself.
        let mut tired = pod("a", "s3-1", "10.0.0.2", "app=s3,version=v1");
        tired.state = EndpointState::NotReady;
        mesh.replace(workload_unit(tired));
        assert_eq!(cost(&mut mesh), (Work::default(), vec![]));

        // A pod that serves nothing concerns nobody.
        mesh.replace(workload_unit(pod("a", "job", "10.9.9.9", "job=1")));
        assert_eq!(cost(&mut mesh), (Work::default(), vec![]));

        // The same proxy once more: known audiences.
        mesh.open(proxy("a", "x"));
        let (work, edits) = cost(&mut mesh);
        assert_eq!((work.gathered, work.planned, work.built), (0, 0, 0));
        assert_eq!(edits, ["assign"]);
    }
}
