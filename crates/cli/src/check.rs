//! `ferromesh check`: whether a cluster can have the mesh, and whether the mesh that it has is well.

mod installation;
mod pods;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use ferromesh_chassis::Failure;
use kube::Client;
use serde_json::Value;

use crate::live;
use crate::output::{self, Format};
use verdict::{Line, State};

/// The pause between two looks with --wait.
const PAUSE: Duration = Duration::from_secs(1);

/// Say whether the mesh of a cluster is well: each line is a fact, a verdict, and what to do.
///
/// Exit status: 0 if nothing is wrong, 1 if something is, 2 for wrong usage.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Before an installation: whether this cluster can have a mesh.
    #[arg(long)]
    pre: bool,

    /// Look again until nothing is wrong, for so many seconds at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,

    /// The namespace of the control plane.
    #[arg(long, value_name = "NAME", default_value = "ferromesh-system")]
    control_plane_namespace: String,

    /// Lines of text, or a JSON array.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// Runs the command.
///
/// # Errors
/// When there is no cluster.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let lines = live::with_cluster(async |client| {
        let end = Instant::now() + Duration::from_secs(arguments.wait);
        loop {
            let lines = look(&client, arguments).await?;
            if !is_wrong(&lines) || Instant::now() >= end {
                return Ok(lines);
            }
            tokio::time::sleep(PAUSE).await;
        }
    })?;
    output::print(match arguments.output {
        Format::Text => lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<Vec<_>>(),
        Format::Json => {
            let all: Value = lines.iter().map(Line::to_json).collect();
            vec![format!("{all}\n")]
        }
    })?;
    Ok(ExitCode::from(u8::from(is_wrong(&lines))))
}

fn is_wrong(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.state == State::Wrong)
}

async fn look(client: &Client, arguments: &Arguments) -> Result<Vec<Line>, Failure> {
    let namespace = &arguments.control_plane_namespace;
    let mut lines = vec![installation::version(client).await?];
    if arguments.pre {
        lines.extend(installation::others(client, namespace).await?);
        lines.extend(installation::rights(client, namespace).await?);
        return Ok(lines);
    }
    lines.extend(installation::definitions(client).await?);
    lines.extend(installation::control_plane(client, namespace).await?);
    lines.extend(pods::sidecars(client, namespace).await?);
    Ok(lines)
}
