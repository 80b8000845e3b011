//! The programs that a cluster consists of, and how each is called.

use super::place::Place;

/// A program that runs in the cluster beside its pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// Runs containers.
    Containerd,
    /// The database.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers of Kubernetes.
    ControllerManager,
    /// Gives pods to nodes.
    Scheduler,
    /// The node's own.
    Kubelet,
    /// Services, by nftables.
    KubeProxy,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Containerd,
        Self::Etcd,
        Self::ApiServer,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kubelet,
        Self::KubeProxy,
    ];

    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
        }
    }

    /// The one with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Its arguments.
    pub(super) fn arguments(self, place: &Place) -> Vec<String> {
        let node = place.node();
        let template = match self {
            Self::Containerd => CONTAINERD,
            Self::Etcd => ETCD,
            Self::ApiServer => API_SERVER,
            Self::ControllerManager => CONTROLLER_MANAGER,
            Self::Scheduler => SCHEDULER,
            Self::Kubelet => KUBELET,
            Self::KubeProxy => KUBE_PROXY,
        };
        template
            .iter()
            .map(|argument| {
                argument
                    .replace("{{node}}", &node.to_string())
                    .replace("{{id}}", "/run/cluster/state/identities")
                    .replace("{{conf}}", "/run/cluster/state/configuration")
            })
            .collect()
    }
}

const CONTAINERD: &[&str] = &["--config={{conf}}/containerd.toml"];

const ETCD: &[&str] = &[
    "--data-dir=/var/lib/etcd",
    // It never outlives its machine.
    "--unsafe-no-fsync",
    "--log-level=warn",
    "--listen-client-urls=http://127.0.0.1:2379",
    "--advertise-client-urls=http://127.0.0.1:2379",
    "--listen-peer-urls=http://127.0.0.1:2380",
    "--initial-advertise-peer-urls=http://127.0.0.1:2380",
    "--initial-cluster=default=http://127.0.0.1:2380",
];

const API_SERVER: &[&str] = &[
    "--etcd-servers=http://127.0.0.1:2379",
    "--advertise-address={{node}}",
    "--authorization-mode=Node,RBAC",
    "--token-auth-file={{id}}/tokens.csv",
    "--client-ca-file={{id}}/ca.crt",
    "--tls-cert-file={{id}}/apiserver.crt",
    "--tls-private-key-file={{id}}/apiserver.key",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--service-account-key-file={{id}}/accounts.pub",
    "--service-account-signing-key-file={{id}}/accounts.key",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged=true",
    "--kubelet-client-certificate={{id}}/apiserver-kubelet.crt",
    "--kubelet-client-key={{id}}/apiserver-kubelet.key",
    "--kubelet-certificate-authority={{id}}/ca.crt",
    "--kubelet-preferred-address-types=InternalIP",
    "--requestheader-client-ca-file={{id}}/front-proxies.crt",
    "--requestheader-allowed-names=front-proxy",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--proxy-client-cert-file={{id}}/front-proxy.crt",
    "--proxy-client-key-file={{id}}/front-proxy.key",
    "--enable-aggregator-routing=true",
];

// Without these rates it holds itself up for five seconds while it makes its accounts, and no pod appears before.
const CONTROLLER_MANAGER: &[&str] = &[
    "--kubeconfig={{id}}/kube-controller-manager.kubeconfig",
    "--leader-elect=false",
    "--use-service-account-credentials",
    "--service-account-private-key-file={{id}}/accounts.key",
    "--root-ca-file={{id}}/ca.crt",
    "--cluster-signing-cert-file={{id}}/ca.crt",
    "--cluster-signing-key-file={{id}}/ca.key",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--kube-api-qps=1000",
    "--kube-api-burst=1000",
];

const SCHEDULER: &[&str] = &[
    "--kubeconfig={{id}}/kube-scheduler.kubeconfig",
    "--leader-elect=false",
    "--kube-api-qps=1000",
    "--kube-api-burst=1000",
];

const KUBELET: &[&str] = &[
    "--config={{conf}}/kubelet.yaml",
    "--kubeconfig={{id}}/kubelet.kubeconfig",
    "--root-dir=/var/lib/kubelet",
    "--hostname-override=node1",
    "--node-ip={{node}}",
];

const KUBE_PROXY: &[&str] = &["--config={{conf}}/kube-proxy.yaml"];
