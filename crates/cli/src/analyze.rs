//! `ferromesh analyze`: what is wrong with these manifests.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ferromesh_chassis::Failure;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_compiler::Compiler;
use ferromesh_kube_source::directory::{self, Loaded};
use ferromesh_kube_source::report::{Places, Record, locate};
use serde_json::Value;

use crate::output::{self, Format};

/// Say what is wrong with manifests: files, directories, or - for standard input.
///
/// Errors are what no cluster with Istio would accept: unreadable files, unknown fields, wrong
/// types, duplicate keys, values that Istio's admission refuses. Warnings are what Istio warns
/// about, kinds and fields without effect, and what is wrong between objects: dangling
/// references, conflicts, routes that nothing reaches.
///
/// Exit status: 0 without errors, 1 with errors, 2 for wrong usage.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Files and directories; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The namespace of objects that name none.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = directory::namespace)]
    default_namespace: String,

    /// One line of text for each finding, or a JSON array.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// Prints the findings.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        paths,
        default_namespace,
        output,
    } = arguments;
    for path in paths {
        if path != Path::new("-") && !path.exists() {
            return Err(Failure::with_status(
                format!("{}: no such file or directory", path.display()),
                WRONG_USAGE,
            ));
        }
    }
    let loaded = directory::load(paths, default_namespace);
    let count = loaded.objects.len();
    let records = analyze(loaded);
    match output {
        Format::Text => {
            output::print(records.iter().map(|record| format!("{record}\n")))?;
            eprintln!("{}", summary(count, &records));
        }
        Format::Json => {
            let all: Value = records.iter().map(Record::to_json).collect();
            output::print([format!("{all:#}\n")])?;
        }
    }
    Ok(ExitCode::from(u8::from(
        records.iter().any(Record::is_error),
    )))
}

/// All findings about what was loaded, sorted by place.
fn analyze(loaded: Loaded) -> Vec<Record> {
    let Loaded {
        objects,
        faults,
        stdin,
    } = loaded;
    let mut places = Places::new();
    let texts = stdin.map(|text| (Arc::from(Path::new("-")), text));
    let mut compiler = Compiler::new();
    for unit in ferromesh_dialects::default_units() {
        compiler.replace(Arc::new(unit));
    }
    let mut diagnostics = Vec::new();
    for located in &objects {
        places.put(located);
        let unit = ferromesh_dialects::lower(&located.object);
        diagnostics.extend(unit.diagnostics.iter().cloned());
        compiler.replace(Arc::new(unit));
    }
    compiler.compile();
    diagnostics.extend(compiler.diagnostics());
    locate(
        places.address(diagnostics),
        &faults,
        &texts.into_iter().collect(),
    )
}

fn summary(objects: usize, records: &[Record]) -> String {
    let errors = records.iter().filter(|record| record.is_error()).count();
    match (errors, records.len() - errors) {
        (0, 0) if objects == 0 => "no manifests found (*.yaml, *.yml, *.json)".to_owned(),
        (0, 0) if objects == 1 => "nothing is wrong in 1 object".to_owned(),
        (0, 0) => format!("nothing is wrong in {objects} objects"),
        (errors, others) => format!("{errors} error(s), {others} other finding(s)"),
    }
}
