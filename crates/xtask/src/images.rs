//! `cargo xtask images`: builds the images as OCI archives, without Docker: a few files, and what they say about themselves.
//!
//! Our programs have the C library in themselves, which takes no more than another link. Envoy and nft are the
//! distribution's kind of program, so their image has the libraries that `ldd` names.

mod archive;
mod layer;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use archive::{Image, hexadecimal};
pub use layer::Layer;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Who our programs run as, unless they say otherwise.
const NOBODY: &str = "65532:65532";

/// Who the proxy runs as: what it sends isn't captured.
const PROXY: &str = "1337:1337";

/// How to build.
pub struct Order {
    /// The profile of cargo's.
    pub profile: String,
    /// The tag of the images.
    pub tag: String,
}

/// The images of this workspace's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// The control plane.
    Operator,
    /// What is beside each application.
    Proxy,
    /// An application for samples and tests, and a client.
    Echo,
}

/// Builds these images into `target/images`, and returns the archives.
///
/// # Errors
/// When a program doesn't build, or one of the machine is missing.
pub fn run(root: &Path, order: &Order, names: &[Name]) -> Result<Vec<PathBuf>> {
    let folder = root.join("target/images");
    fs::create_dir_all(&folder)?;
    let mut archives = Vec::new();
    for name in names {
        let image = match name {
            Name::Operator => {
                let program = link(root, order, "ferromesh-operator", "ferromesh-operator")?;
                single("operator", &program, order)
            }
            Name::Proxy => {
                let agent = link(root, order, "ferromesh-agent", "ferromesh-agent")?;
                proxy(&agent, order)?
            }
            Name::Echo => {
                let program = link(root, order, "ferromesh-testkit", "ferromesh-echo")?;
                let ask = link(root, order, "ferromesh-testkit", "ferromesh-ask")?;
                let mut image = single("echo", &program, order);
                // Tests send requests from pods, which have no shell.
                image.layer.program("usr/local/bin/ferromesh-ask", &ask);
                image
            }
        };
        let path = folder.join(format!("{}.tar", image.name));
        let digest = image.write(&path)?;
        eprintln!("{} {digest}", image.reference());
        archives.push(path);
    }
    Ok(archives)
}

/// An image of nothing but one program, which needs nothing.
fn single(name: &'static str, program: &Path, order: &Order) -> Image {
    let place = format!("/usr/local/bin/ferromesh-{name}");
    let mut layer = Layer::new();
    layer.program(&place, program);
    Image {
        name,
        tag: order.tag.clone(),
        entrypoint: vec![place],
        user: NOBODY,
        layer,
    }
}

/// The sidecar's image: our agent, a stock Envoy, and nft for the rules that capture traffic.
fn proxy(agent: &Path, order: &Order) -> Result<Image> {
    let envoy = crate::envoy::run()?;
    let nft = find("nft").ok_or("nft is missing (Debian: nftables); the proxy's image has it")?;
    let mut layer = Layer::new();
    layer.program("usr/local/bin/ferromesh-agent", agent);
    layer.program("usr/local/bin/envoy", &envoy);
    layer.program("usr/sbin/nft", &nft);
    for program in [&envoy, &nft] {
        for library in libraries(program)? {
            layer.program(&library, &library);
        }
    }
    Ok(Image {
        name: "proxy",
        tag: order.tag.clone(),
        entrypoint: vec!["/usr/local/bin/ferromesh-agent".to_owned()],
        user: PROXY,
        layer,
    })
}

/// Links a program once more, with the C library in it and without symbols, and returns where it is.
///
/// Only the last step differs from the usual build, so everything before is shared.
fn link(root: &Path, order: &Order, package: &str, program: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["rustc", "--quiet", "--locked", "--package", package])
        .args(["--bin", program, "--profile", &order.profile, "--"])
        .args(["-C", "target-feature=+crt-static", "-C", "strip=symbols"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err(format!("{program} doesn't build").into());
    }
    let folder = match order.profile.as_str() {
        "dev" => "debug",
        other => other,
    };
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let linked = target.join(folder).join(program);
    // Another build puts its own there.
    let kept = root.join("target/images").join(program);
    fs::copy(&linked, &kept).map_err(|error| format!("{}: {error}", linked.display()))?;
    Ok(kept)
}

/// The files that a program is loaded with, as `ldd` names them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    if !output.status.success() {
        return Err(format!("ldd can't tell what {} needs", program.display()).into());
    }
    let text = String::from_utf8(output.stdout)?;
    if let Some(missing) = text.lines().find(|line| line.contains("not found")) {
        return Err(format!("{}: {}", program.display(), missing.trim()).into());
    }
    // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, or only the path for the loader itself.
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(PathBuf::from)
    };
    Ok(text.lines().filter_map(path).collect())
}

/// A program of the machine.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
