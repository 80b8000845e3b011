//! What the programs of a cluster read. The files beside this one are templates; `{{name}}` stands for what differs.

use std::fs;
use std::path::Path;

use ferromesh_chassis::Failure;

use super::at;
use super::place::Place;

/// Where each goes, below the folder of the configuration.
const FILES: [(&str, &str); 6] = [
    ("kubelet.yaml", include_str!("configuration/kubelet.yaml")),
    (
        "kube-proxy.yaml",
        include_str!("configuration/kube-proxy.yaml"),
    ),
    (
        "containerd.toml",
        include_str!("configuration/containerd.toml"),
    ),
    (
        "cni/10-ferromesh.conflist",
        include_str!("configuration/cni.json"),
    ),
    ("coredns.yaml", include_str!("configuration/coredns.yaml")),
    // Empty: nobody outside is asked for names.
    ("resolv.conf", ""),
];

/// Writes them all.
///
/// # Errors
/// When files can't be written.
pub fn write(place: &Place) -> Result<(), Failure> {
    let folder = place.configuration();
    for (name, template) in FILES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(at(parent))?;
        fs::write(&path, render(template, place)).map_err(at(&path))?;
    }
    Ok(())
}

fn render(template: &str, place: &Place) -> String {
    template
        .replace("{{cgroup}}", &place.control_group())
        .replace("{{pods}}", &place.pods())
        .replace("{{host}}", &place.host().to_string())
}

#[cfg(test)]
mod tests {
    use super::{FILES, render};
    use crate::cluster::place::Place;

    #[test]
    fn nothing_stays_open() {
        let place = Place {
            name: "a".to_owned(),
            number: 7,
            folder: "/state".into(),
            programs: "/programs".into(),
        };
        for (name, template) in FILES {
            assert!(!render(template, &place).contains("{{"), "{name}");
        }
    }
}
