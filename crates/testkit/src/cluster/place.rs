//! Where a cluster lies on its host: folder, addresses, names. All follow from its name and its number.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ferromesh_chassis::Failure;

/// Environment variable: the folder of all clusters of this machine, if the usual one doesn't suit.
const CLUSTERS: &str = "FERROMESH_CLUSTERS";

/// The folder of all clusters of this machine, whichever checkout they are of: their numbers must differ.
/// It isn't a file system in memory, because a cluster writes some hundred megabytes.
const USUAL: &str = "/var/tmp/ferromesh-clusters";

/// What becomes part of the names of control groups and folders.
const LONGEST_NAME: usize = 32;

/// The folder of all clusters.
pub fn clusters() -> PathBuf {
    std::env::var_os(CLUSTERS)
        .filter(|own| !own.is_empty())
        .map_or_else(|| PathBuf::from(USUAL), PathBuf::from)
}

/// The folder of one cluster.
///
/// # Errors
/// When the name is empty, too long, or has other letters than those of host names.
pub fn folder(name: &str) -> Result<PathBuf, Failure> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
        return Err(Failure::new(format!(
            "the name of a cluster has 1 to {LONGEST_NAME} of the letters a-z, 0-9 and -, which {name:?} hasn't"
        )));
    }
    Ok(clusters().join(name))
}

/// A place for a cluster.
#[derive(Clone, Debug)]
pub struct Place {
    /// The cluster's name, of which there is one on a machine.
    pub name: String,
    /// Its number, from which its addresses follow. No other cluster of the machine has it.
    pub number: u8,
    /// The folder of its state.
    pub folder: PathBuf,
    /// The folder of the programs that it consists of, as `cargo xtask cluster` builds them.
    pub programs: PathBuf,
}

impl Place {
    /// The address of the node: API server, node ports and host ports are there, for the host, too.
    pub fn node(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, 2)
    }

    /// The address of the host, for whoever is in the cluster.
    pub fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, 1)
    }

    /// The network of the pods, which the host has a route to.
    pub fn pods(&self) -> String {
        format!("10.244.{}.0/24", self.number)
    }

    /// The name of its control groups.
    pub fn control_group(&self) -> String {
        format!("ferromesh-{}", self.name)
    }

    /// The host's end of the cable to the node. Such a name has 15 letters at most.
    pub fn interface(&self) -> String {
        interface(self.number)
    }

    /// The configuration of clients which may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Keys, certificates, tokens.
    pub fn identities(&self) -> PathBuf {
        self.folder.join("identities")
    }

    /// What the programs read.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("configuration")
    }

    /// What the programs say, a file for each; and, under `pods`, what pods say.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The `/var/lib` of the cluster.
    pub fn lib(&self) -> PathBuf {
        self.folder.join("lib")
    }

    /// One of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// The host's end of the cable to the node with this number.
pub fn interface(number: u8) -> String {
    format!("ferromesh{number}")
}

/// A number that no cluster of this machine has. Whoever asks holds the folder of all clusters.
///
/// # Errors
/// When all are taken.
pub fn free_number(taken: &[u8]) -> Result<u8, Failure> {
    let is_free = |number: &u8| {
        !taken.contains(number)
            && !Path::new("/sys/class/net")
                .join(interface(*number))
                .exists()
    };
    (1..=250)
        .find(is_free)
        .ok_or_else(|| Failure::new("this machine has 250 clusters already"))
}

#[cfg(test)]
mod tests {
    use super::{folder, free_number};

    #[test]
    fn names_stay_within_the_folder_of_clusters() {
        for (name, allowed) in [
            ("default", true),
            ("e2e-17", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("A", false),
            ("a-name-that-has-more-than-32-letters", false),
        ] {
            assert_eq!(folder(name).is_ok(), allowed, "{name:?}");
        }
    }

    #[test]
    fn numbers_are_not_given_twice() {
        let first = free_number(&[]).expect("a number");
        let second = free_number(&[first]).expect("a number");
        assert_ne!(first, second);
    }
}
