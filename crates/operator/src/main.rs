//! `ferromesh-operator`: the control plane as a program.

use std::process::ExitCode;

use ferromesh_chassis::{arguments, failure};

fn main() -> ExitCode {
    failure::exit(ferromesh_operator::run(arguments::read()))
}
