//! `ferromesh-cluster`: a real Kubernetes cluster on this machine, for a person or for tests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use ferromesh_chassis::{Failure, failure};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::record::Record;

/// Starts and removes clusters of one node, in namespaces of their own. Needs Linux and root.
#[derive(Parser)]
#[command(name = "ferromesh-cluster")]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Say what this machine lacks, if it lacks something that clusters need.
    Check,
    /// Start a cluster, or find that it runs already, and say how to use it.
    Up {
        /// Its name.
        #[arg(long, default_value = "default")]
        name: String,
        /// The folder of its programs, as `cargo xtask cluster` prints it.
        #[arg(long)]
        programs: PathBuf,
        /// Archives of images to load.
        images: Vec<PathBuf>,
    },
    /// Remove a cluster with every trace of it.
    Down {
        /// Its name.
        #[arg(long, default_value = "default")]
        name: String,
        /// A folder that what it has said is copied to.
        #[arg(long, value_name = "FOLDER")]
        keep_logs: Option<PathBuf>,
    },
    /// Load archives of images into a cluster.
    Import {
        /// Its name.
        #[arg(long, default_value = "default")]
        name: String,
        /// The archives.
        #[arg(required = true)]
        images: Vec<PathBuf>,
    },
    /// Say which clusters there are, and what runs in them.
    Status,
}

fn main() -> ExitCode {
    failure::exit(run(ferromesh_chassis::arguments::read()))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { order } = arguments;
    let begin = Instant::now();
    match order {
        Order::Check => Cluster::check()?,
        Order::Up {
            name,
            programs,
            images,
        } => {
            let cluster = Cluster::start(&name, &programs, &images)?;
            describe(&cluster, begin);
        }
        Order::Down { name, keep_logs } => {
            if let Some(folder) = keep_logs {
                Cluster::keep_logs(&name, &folder)?;
            }
            Cluster::remove(&name)?;
            println!(
                "no cluster {name:?} any more, after {:.1?}",
                begin.elapsed()
            );
        }
        Order::Import { name, images } => {
            let cluster = Cluster::join(&name)?;
            images.iter().try_for_each(|image| cluster.import(image))?;
        }
        Order::Status => status(),
    }
    Ok(())
}

fn describe(cluster: &Cluster, begin: Instant) {
    let place = cluster.place();
    println!(
        "cluster {:?} is ready after {:.1?}; its node is {}, the host is {} in there\n\
         \x20 export KUBECONFIG={}\n\
         \x20 export PATH={}:$PATH\n\
         \x20 kubectl get nodes\n\
         \x20 nsenter --target {} --net curl http://ADDRESS-OF-A-POD-OR-SERVICE\n\
         \x20 logs are in {}",
        place.name,
        begin.elapsed(),
        place.node(),
        place.host(),
        place.kubeconfig().display(),
        place.programs.display(),
        cluster.leader(),
        place.log().display()
    );
}

fn status() {
    let all = Record::all();
    if all.is_empty() {
        println!("there is no cluster");
    }
    for record in all {
        let place = &record.place;
        let running: Vec<_> = Program::ALL
            .into_iter()
            .filter(|program| !record.leader.companions(program.name()).is_empty())
            .map(Program::name)
            .collect();
        let state = if running.is_empty() {
            "nothing runs".to_owned()
        } else {
            format!("runs {}", running.join(" "))
        };
        println!(
            "{}\tnode {}\tKUBECONFIG={}\t{state}",
            place.name,
            place.node(),
            place.kubeconfig().display()
        );
    }
}
