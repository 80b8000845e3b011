//! `ferromesh authz`: who may do what.
//!
//! `test` asks the configuration that the proxies of a service are given what a request would
//! meet, and says which policy decides.
//!
//! Reading order: `arguments` → `world` → `client` and `server` → `instance` → `report`.

mod arguments;
mod client;
mod instance;
mod report;
mod server;
mod target;
mod world;

use std::process::ExitCode;

use clap::Subcommand;
use ferromesh_chassis::Failure;

use crate::output::{self, Format};
use arguments::Arguments as Test;
use world::World;

/// The exit status if nobody can tell.
const OPEN: u8 = 3;

/// Who may do what.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Test(Box<Test>),
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments { command } = arguments;
    match command {
        Command::Test(test) => self::test(test),
    }
}

fn test(arguments: &Test) -> Result<ExitCode, Failure> {
    let mut world = World::load(&arguments.source, &arguments.default_namespace)?;
    let target = target::find(&world, arguments)?;
    let client = client::find(&mut world, arguments, &target)?;
    let instances = client.instances(&world, &target)?;
    let answers = server::ask(&mut world, arguments, &client, &target, instances)?;
    let text = match arguments.output {
        Format::Text => report::text(&answers),
        Format::Json => format!("{:#}\n", report::json(arguments, &answers)),
    };
    output::print([text])?;
    Ok(ExitCode::from(report::status(&answers)))
}

/// Nobody can tell, because of this.
fn open(text: impl std::fmt::Display) -> Failure {
    Failure::with_status(text, OPEN)
}
