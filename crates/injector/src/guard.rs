//! The last look at a pod: it may do what it could do before, and what capture needs, and nothing else. Whatever the
//! other steps get wrong, and whatever annotations say, ends here.

use std::collections::BTreeSet;
use std::fmt;

use crate::pod::{Container, Pod};
use crate::{CAPTURE, Interception, PROXY, Refusal};

/// Something that a pod may do beyond an ordinary one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Privilege {
    HostNamespace(&'static str),
    HostPath(String),
    Of(String, Of),
}

/// Something that a container may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Privileged,
    Escalation,
    Capability(String),
    Root,
    ProcMount(String),
    Unconfined(&'static str),
    HostPort(u16),
    HostProcess,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostNamespace(name) => write!(f, "the pod would have {name}"),
            Self::HostPath(path) => write!(f, "the pod would have the node's path {path:?}"),
            Self::Of(container, of) => {
                write!(f, "container {container:?} would ")?;
                match of {
                    Of::Privileged => f.write_str("be privileged"),
                    Of::Escalation => f.write_str("be allowed to escalate privileges"),
                    Of::Capability(name) => write!(f, "have the capability {name:?}"),
                    Of::Root => f.write_str("run as root"),
                    Of::ProcMount(kind) => write!(f, "have procMount {kind:?}"),
                    Of::Unconfined(what) => write!(f, "be without {what}"),
                    Of::HostPort(port) => write!(f, "have port {port} of the node"),
                    Of::HostProcess => f.write_str("be a process of the node"),
                }
            }
        }
    }
}

/// What a pod may do.
#[derive(Debug)]
pub(crate) struct Privileges(BTreeSet<Privilege>);

impl Privileges {
    pub fn of(pod: &Pod) -> Self {
        let spec = &pod.spec;
        let namespaces = [
            ("hostNetwork", spec.host_network),
            ("hostPID", spec.host_pid),
            ("hostIPC", spec.host_ipc),
        ];
        let namespaces = namespaces.into_iter().filter(|(_, has)| *has);
        let mut all: BTreeSet<_> = namespaces
            .map(|(name, _)| Privilege::HostNamespace(name))
            .collect();
        let paths = spec
            .volumes
            .iter()
            .filter_map(|volume| volume.host_path.as_ref());
        all.extend(paths.map(|path| Privilege::HostPath(path.path.clone())));
        for (_, _, container) in spec.all_containers() {
            let of = privileges_of(container, pod);
            all.extend(of.map(|of| Privilege::Of(container.name.clone(), of)));
        }
        Self(all)
    }

    /// What capture needs, added.
    pub fn and_capture(mut self, interception: Interception) -> Self {
        let names: &[&str] = match interception {
            Interception::None => &[],
            Interception::Redirect => &[CAPTURE],
            Interception::Tproxy => &[CAPTURE, PROXY],
        };
        for name in names {
            for of in [Of::Root, Of::Capability("NET_ADMIN".to_owned())] {
                self.0.insert(Privilege::Of((*name).to_owned(), of));
            }
        }
        self
    }

    /// Refuses a pod that may do more than these.
    pub fn check(&self, pod: &Pod) -> Result<(), Refusal> {
        let Self(after) = Self::of(pod);
        match after.difference(&self.0).next() {
            None => Ok(()),
            Some(privilege) => Err(Refusal::new(
                "metadata.annotations",
                format!("{privilege}, which its spec does not say"),
                format!(
                    "say it in the spec, where policies of the cluster see it: a container {PROXY:?} there is merged over ours"
                ),
            )),
        }
    }
}

fn privileges_of(container: &Container, pod: &Pod) -> impl Iterator<Item = Of> {
    let own = &container.security_context;
    let of_pod = &pod.spec.security_context;
    let mut all = Vec::new();
    let mut add = |has: bool, of: Of| all.extend(has.then_some(of));
    add(own.privileged, Of::Privileged);
    add(own.allow_privilege_escalation == Some(true), Of::Escalation);
    let user = own.run_as_user.or(of_pod.run_as_user);
    add(user == Some(0), Of::Root);
    let mount = own.proc_mount.as_str();
    add(
        !matches!(mount, "" | "Default"),
        Of::ProcMount(mount.to_owned()),
    );
    for (profile, what) in [
        (&own.seccomp_profile, "seccomp"),
        (&own.app_armor_profile, "AppArmor"),
    ] {
        add(profile.kind == "Unconfined", Of::Unconfined(what));
    }
    add(own.windows_options.host_process, Of::HostProcess);
    let capabilities = own.capabilities.add.iter();
    all.extend(capabilities.map(|name| Of::Capability(name.to_ascii_uppercase())));
    let ports = container.ports.iter().map(|port| port.host_port);
    all.extend(ports.filter(|port| *port != 0).map(Of::HostPort));
    all.into_iter()
}
