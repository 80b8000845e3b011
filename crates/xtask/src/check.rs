//! All checks. A check sees facts and returns findings; it changes nothing.

mod arrows;
mod duplicates;
mod fresh;
mod licences;
mod lints;
mod sizes;

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::workspace::Workspace;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, and where.
    pub what: String,
    /// The way out.
    pub way_out: String,
}

impl Finding {
    fn new(what: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            way_out: way_out.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n      way out: {}", self.what, self.way_out)
    }
}

/// Runs everything and prints what is wrong.
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let workspace = Workspace::load()?;
    let checks: [(&str, Vec<Finding>); 5] = [
        ("arrows between crates", arrows::check(&workspace)),
        ("licences", licences::check(&workspace)),
        ("duplicate versions", duplicates::check(&workspace)),
        ("lints of every crate", lints::check(&workspace)?),
        ("generated files", fresh::check(&workspace)?),
    ];
    let mut wrong = 0;
    for (name, findings) in checks {
        println!(
            "{} {name}",
            if findings.is_empty() { "ok  " } else { "FAIL" }
        );
        for finding in &findings {
            println!("    - {finding}");
        }
        wrong += findings.len();
    }
    println!("info {}", sizes::describe(&workspace)?);
    if wrong == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wrong} finding(s)");
    Ok(ExitCode::FAILURE)
}
