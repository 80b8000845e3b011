//! `ferromesh`: the program in people's hands.
//!
//! It judges manifests and shows what they mean to a proxy, offline, by the same lowering, linking and emission as the
//! control plane; and it looks at a cluster: at its installation, its proxies, and what they have.
//!
//! Reading order: `analyze`, `render`, `authz`, `inject`; `live`, `check`, `proxy_status`, `proxy_config`.

mod analyze;
mod authz;
mod check;
mod inject;
mod live;
mod output;
mod proxy_config;
mod proxy_status;
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
  kubectl get deployment web -o yaml | ferromesh inject -f - | kubectl apply -f -
  ferromesh check
  ferromesh proxy-status
  ferromesh proxy-config routes frontend-7c5d9-x2x.ecommerce"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Arguments),
    Authz(authz::Arguments),
    Check(check::Arguments),
    Inject(inject::Arguments),
    ProxyConfig(proxy_config::Arguments),
    ProxyStatus(proxy_status::Arguments),
    Render(render::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = arguments::read();
    let outcome = match command {
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Authz(arguments) => authz::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Inject(arguments) => inject::run(&arguments),
        Command::ProxyConfig(arguments) => proxy_config::run(&arguments),
        Command::ProxyStatus(arguments) => proxy_status::run(&arguments),
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
