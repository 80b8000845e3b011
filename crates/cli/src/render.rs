//! `ferromesh render`: what a proxy may be served.
use clap::Args;
use ferromesh_chassis::Failure;
use std::process::ExitCode;

/// Show
#[derive(Args, Debug)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
