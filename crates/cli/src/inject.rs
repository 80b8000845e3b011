//! `ferromesh inject`: proxies put into manifests, by the same function as the control plane's webhook.

mod manifest;
mod settings;
mod workload;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ferromesh_chassis::Failure;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_injector::{NamespaceFacts, Settings};
use ferromesh_kube_source::directory;

use crate::output;
use manifest::Manifest;

/// Put proxies into manifests: Pods, and the templates of Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs,
/// CronJobs and ReplicationControllers, in Lists, too.
///
/// Everything else stays as it is, byte for byte. Of what is changed, comments are lost and the order of fields is
/// kept. Injecting twice changes nothing. What opted out, or can't have a proxy, is left as it is and named on standard
/// error. If anything can't be injected, nothing is written.
///
/// Exit status: 0 if all is well, 1 if a manifest is unreadable or refused, 2 for wrong usage.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Files of YAML or JSON; - is standard input.
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    filenames: Vec<PathBuf>,

    /// The settings of injection, or the ConfigMap ferromesh-injector that has them [default: those of the chart].
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NAME", default_value = "default", value_parser = directory::namespace)]
    namespace: String,

    /// YAML or JSON [default: as what is read].
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// What manifests are injected with.
struct Scene {
    settings: Settings,
    default_namespace: String,
    /// Labels of the namespaces that are among the manifests.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Scene {
    /// What is known of a namespace; no name means the default.
    fn namespace(&self, name: &str) -> NamespaceFacts {
        let name = match name {
            "" => self.default_namespace.clone(),
            name => name.to_owned(),
        };
        let labels = self.namespaces.get(&name).cloned();
        NamespaceFacts {
            labels: labels.unwrap_or_default(),
            name,
        }
    }
}

/// Prints the manifests.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        filenames,
        settings,
        namespace,
        output,
    } = arguments;
    let settings = match settings {
        Some(path) => settings::read(path)?,
        None => Settings::default(),
    };
    let mut manifests = Vec::new();
    for path in filenames {
        manifests.push(Manifest::parse(path, &text(path)?)?);
    }
    let scene = Scene {
        settings,
        default_namespace: namespace.clone(),
        namespaces: manifests.iter().flat_map(Manifest::namespaces).collect(),
    };
    let mut remarks = Vec::new();
    for manifest in &mut manifests {
        manifest.inject(&scene, &mut remarks)?;
    }
    for remark in remarks {
        eprintln!("{remark}");
    }
    let mut text = String::new();
    for manifest in &manifests {
        manifest.render(*output, &mut text)?;
    }
    output::print([text])?;
    Ok(ExitCode::SUCCESS)
}

/// The text of a file, or of standard input.
fn text(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    read.map_err(|error| {
        let status = match error.kind() {
            std::io::ErrorKind::NotFound => WRONG_USAGE,
            _ => 1,
        };
        Failure::with_status(format!("{}: {error}", path.display()), status)
    })
}
