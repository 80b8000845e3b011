//! What a certificate says of the workload beside its identity: labels in a DNS name.

use std::fmt;

/// What every such DNS name ends with. No name of the control plane may end so.
pub const SUFFIX: &str = ".wl.mesh";

/// What stands for a part that is not known, as in Istio's metrics.
pub const UNKNOWN: &str = "unknown";

/// What stands in a DNS name for what can't stand there itself, in the order in which a reader has
/// to put it back.
pub const ESCAPES: [(&str, &str); 4] = [("--d", "."), ("--u", "_"), ("--t", "~"), ("--h", "-")];

/// What is known of a workload, for metrics: never for authorization.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadLabels {
    name: String,
}

/// The parts of [`WorkloadLabels`]. An empty one, or one that is no value of a Kubernetes label, is
/// [`UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The name of what made the pod, such as its Deployment, or of the WorkloadEntry.
    pub workload: &'a str,
    /// The canonical service.
    pub app: &'a str,
    /// Its revision.
    pub version: &'a str,
    /// The cluster that it runs in.
    pub cluster: &'a str,
}

impl WorkloadLabels {
    /// Takes the parts.
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts {
            workload,
            app,
            version,
            cluster,
        } = parts;
        Self {
            name: format!("{workload}.{app}.{version}.{cluster}{SUFFIX}"),
        }
    }

    /// The DNS name in which a certificate carries them.
    pub fn dns_name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for WorkloadLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
