//! A client and a service with two instances, in a namespace of the mesh.

use std::net::SocketAddr;
use std::path::PathBuf;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::room::Room;

/// Both, and where they are.
pub struct Pair {
    pub room: Room,
}

impl Pair {
    /// Deploys them.
    pub fn deploy(cluster: &Cluster, name: &str) -> Self {
        let room = Room::new(cluster, name, &["istio-injection=enabled"]);
        for (app, replicas) in [("client", 1), ("echo", 2)] {
            room.apply(&app_of(app, replicas));
        }
        room.ready("deployment/client");
        room.ready("deployment/echo");
        Self { room }
    }

    /// Where the service is.
    pub fn service(&self) -> SocketAddr {
        self.port(80)
    }

    /// Where a port of the service is.
    pub fn port(&self, port: u16) -> SocketAddr {
        let path = format!("jsonpath={{.spec.clusterIP}}:{port}");
        let text = self
            .room
            .kubectl(&["get", "service", "echo", "--output", &path]);
        text.parse().expect("an address")
    }

    /// The network of the client.
    pub fn client(&self) -> PathBuf {
        self.room.network(&self.pod("client"))
    }

    /// A pod of an app that runs.
    pub fn pod(&self, app: &str) -> String {
        let selector = format!("--selector=app={app}");
        let running = "--field-selector=status.phase=Running";
        let first = "jsonpath={.items[0].metadata.name}";
        self.room
            .kubectl(&["get", "pods", &selector, running, "--output", first])
    }
}

/// An app: requests at port 80 of its service, and TCP at 9000.
pub fn app_of(app: &str, replicas: u8) -> String {
    format!(
        r#"
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {app}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {app}}}
spec:
  selector: {{app: {app}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}, {{name: tcp, port: 9000, targetPort: 9000}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {app}}}
spec:
  replicas: {replicas}
  strategy: {{rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
  selector: {{matchLabels: {{app: {app}}}}}
  template:
    metadata: {{labels: {{app: {app}}}}}
    spec:
      serviceAccountName: {app}
      terminationGracePeriodSeconds: 20
      containers:
      - name: app
        image: ferromesh.test/echo:dev
        imagePullPolicy: Never
        args: [--instance=$(POD), "--http=0.0.0.0:8080", "--tcp=0.0.0.0:9000"]
        env: [{{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}]
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
        # As everywhere in Kubernetes: until everybody knows that it ends, requests come.
        lifecycle: {{preStop: {{sleep: {{seconds: 2}}}}}}
"#
    )
}
