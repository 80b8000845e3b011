//! `ferromesh`: the program in people's hands.
//!
//! It judges manifests and shows what they mean to a proxy, offline, by the same lowering,
//! linking and emission as the control plane. It knows no server and opens no connection.
//!
//! Reading order: `analyze`, `render`, `authz`, `inject`.

mod analyze;
mod authz;
mod inject;
mod output;
mod render;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ferromesh_chassis::arguments;

/// Looks at Kubernetes and Istio manifests the way the Ferromesh control plane does.
#[derive(Debug, Parser)]
#[command(
    name = "ferromesh",
    after_long_help = "\
Examples:
  ferromesh analyze samples/shop --default-namespace ecommerce
  kubectl get virtualservices,destinationrules -A -o yaml | ferromesh analyze -
  ferromesh render --source dir:samples/shop --default-namespace ecommerce --proxy frontend-1.ecommerce
  ferromesh authz test --source dir:samples/shop --default-namespace ecommerce --from frontend-1.ecommerce --to order-service:8000 -X POST --path /orders
  kubectl get deployment web -o yaml | ferromesh inject -f - | kubectl apply -f -"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Arguments),
    Authz(authz::Arguments),
    Inject(inject::Arguments),
    Render(render::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = arguments::read();
    let outcome = match command {
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Authz(arguments) => authz::run(&arguments),
        Command::Inject(arguments) => inject::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.status())
        }
    }
}
