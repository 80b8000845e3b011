//! `ferromesh-operator`: the control plane as a program.

use std::process::ExitCode;

use ferromesh_chassis::{arguments, failure};

/// The system's allocator keeps what the first burst of a thousand proxies has left behind, which
/// is a third of their memory.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    failure::exit(ferromesh_operator::run(arguments::read()))
}
