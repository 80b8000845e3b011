//! Reading the command line, with one clear line for what is wrong with it.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::failure::{Failure, WRONG_USAGE};
use crate::version;

/// Reads the arguments of this process. Prints help or the version where that is asked for.
///
/// A fault ends the process with status 2 and a single line, unlike clap's own answer, which takes many.
pub fn read<T: Parser>() -> T {
    match try_read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(Outcome::Shown(text)) => {
            print!("{text}");
            std::process::exit(0)
        }
        Err(Outcome::Refused(failure)) => {
            failure.print();
            std::process::exit(i32::from(failure.status()))
        }
    }
}

/// Why there are no arguments to go on with.
#[derive(Debug)]
enum Outcome {
    /// Help or the version.
    Shown(String),
    /// The arguments are wrong.
    Refused(Failure),
}

fn try_read<T, I>(arguments: I) -> Result<T, Outcome>
where
    T: Parser,
    I: IntoIterator<Item = std::ffi::OsString>,
{
    let command = <T as CommandFactory>::command()
        .version(version::full())
        .propagate_version(true);
    command
        .try_get_matches_from(arguments)
        .and_then(|matches| T::from_arg_matches(&matches))
        .map_err(|error| {
            let text = error.render().to_string();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Outcome::Shown(text),
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Outcome::Refused(
                    Failure::with_status("arguments are missing (see --help)", WRONG_USAGE),
                ),
                _ => Outcome::Refused(Failure::with_status(one_line(&text), WRONG_USAGE)),
            }
        })
}

/// Clap's message without its usage text, in one line.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text
        .lines()
        .map(str::trim)
        .take_while(|part| !part.starts_with("Usage:"))
    {
        if part.is_empty() || part.starts_with("For more information") {
            continue;
        }
        if let Some(tip) = part.strip_prefix("tip: ") {
            line = format!("{line} ({tip})");
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(part.strip_prefix("error: ").unwrap_or(part));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "sample")]
    struct Sample {
        /// Where to listen.
        #[arg(long)]
        address: std::net::SocketAddr,
        #[arg(long)]
        name: String,
    }

    fn check(arguments: &[&str], expected: &str) {
        let all = std::iter::once("sample")
            .chain(arguments.iter().copied())
            .map(Into::into);
        let Err(Outcome::Refused(failure)) = try_read::<Sample, _>(all) else {
            panic!("accepted or shown: {arguments:?}");
        };
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.status(), 2);
    }

    #[test]
    fn wrong_arguments_are_answered_in_one_line() {
        check(
            &["--adress", "127.0.0.1:0"],
            "unexpected argument '--adress' found (a similar argument exists: '--address')",
        );
        check(
            &["--name", "x"],
            "the following required arguments were not provided: --address <ADDRESS>",
        );
        check(
            &["--address", "nowhere", "--name", "x"],
            "invalid value 'nowhere' for '--address <ADDRESS>': invalid socket address syntax",
        );
    }

    #[test]
    fn help_and_version_are_shown() {
        for flag in ["--help", "--version"] {
            let all = ["sample", flag].map(Into::into);
            assert!(
                matches!(try_read::<Sample, _>(all), Err(Outcome::Shown(_))),
                "{flag}"
            );
        }
        let Ok(Sample { address, name }) =
            try_read(["sample", "--address", "[::1]:80", "--name", "x"].map(Into::into))
        else {
            panic!("refused");
        };
        assert_eq!((address.port(), name.as_str()), (80, "x"));
    }
}
