//! `cargo xtask cluster`: builds the programs that a cluster consists of, from the Go modules of `e2e/`, and prints their
//! folder.
//!
//! It takes some minutes the first time. The folder's name has a digest of all that goes in, so that nothing is built
//! twice; Go's own cache serves other checkouts of the same machine.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest::{Context, SHA256};

use crate::images::{self, Image, Layer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The version that Kubernetes says of itself: that of `k8s.io/kubernetes` in `e2e/go.mod`, which the build compares.
const KUBERNETES: (&str, &str, &str) = ("v1.37.1", "1", "37");

/// The tag of the images that a cluster needs itself.
const TAG: &str = "dev";

/// A build of Go's: some packages into a folder below the programs.
struct Build {
    packages: &'static [&'static str],
    folder: &'static str,
    tags: &'static str,
    c: C,
}

/// Whether C is compiled as well.
#[derive(Clone, Copy, Eq, PartialEq)]
enum C {
    Yes,
    No,
}

const BUILDS: [Build; 5] = [
    Build {
        packages: &[
            "./cmd/hyperkube",
            "./cmd/coredns",
            "helm.sh/helm/v4/cmd/helm",
        ],
        folder: "",
        tags: "",
        c: C::No,
    },
    Build {
        packages: &["go.etcd.io/etcd/server/v3"],
        folder: "etcd",
        tags: "",
        c: C::No,
    },
    Build {
        packages: &[
            "github.com/containerd/containerd/v2/cmd/containerd",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "github.com/containerd/containerd/v2/cmd/ctr",
        ],
        folder: "",
        tags: "no_btrfs,no_zfs,no_devmapper,no_aufs",
        c: C::No,
    },
    Build {
        packages: &[
            "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "github.com/containernetworking/plugins/plugins/main/loopback",
            "github.com/containernetworking/plugins/plugins/main/ptp",
            "github.com/containernetworking/plugins/plugins/meta/portmap",
        ],
        folder: "cni/",
        tags: "",
        c: C::No,
    },
    // Without seccomp, no pod starts.
    Build {
        packages: &["github.com/opencontainers/runc"],
        folder: "",
        tags: "seccomp",
        c: C::Yes,
    },
];

/// The names by which the one file of Kubernetes is called.
const NAMES: [&str; 6] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
];

/// Returns the folder of the programs, built now if they aren't there.
///
/// # Errors
/// When Go or something else that the build needs is missing, or the build fails.
pub fn run(root: &Path) -> Result<PathBuf> {
    let module = root.join("e2e");
    let cache = root.join(".cache");
    let folder = cache.join(format!("cluster-{}", digest(&module)?));
    if folder.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("cluster.lock"))?;
    lock.lock()?;
    if folder.exists() {
        return Ok(folder);
    }
    check(&module)?;
    let scratch = cache.join("cluster.new");
    // Whoever holds the lock owns it: what lies there was left by a run that was killed.
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(scratch.join("images"))?;
    eprintln!("building the programs of the cluster from source (some minutes, once)");
    for build in &BUILDS {
        build.run(&module, &scratch)?;
    }
    for name in NAMES {
        std::os::unix::fs::symlink("hyperkube", scratch.join(name))?;
    }
    coredns(&scratch)?;
    pause(&module, &scratch)?;
    fs::rename(&scratch, &folder)?;
    Ok(folder)
}

/// A digest of all that goes into the programs: module files, our own sources, and this file.
fn digest(module: &Path) -> Result<String> {
    let mut files = vec![module.join("go.mod"), module.join("go.sum")];
    for entry in fs::read_dir(module.join("cmd"))? {
        for file in fs::read_dir(entry?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    let mut context = Context::new(&SHA256);
    context.update(std::env::consts::ARCH.as_bytes());
    context.update(include_bytes!("cluster.rs"));
    for file in files {
        let content = fs::read(&file)?;
        context.update(&content.len().to_le_bytes());
        context.update(&content);
    }
    let mut text = images::hexadecimal(context.finish().as_ref());
    text.truncate(16);
    Ok(text)
}

/// Says what is missing before minutes have gone by.
fn check(module: &Path) -> Result<()> {
    for (program, what, arguments) in [
        ("go", "Go 1.26 or later", &["version"][..]),
        ("gcc", "gcc (Debian: gcc libc6-dev)", &["--version"]),
        (
            "pkg-config",
            "pkg-config (Debian: pkg-config)",
            &["--version"],
        ),
        (
            "pkg-config",
            "libseccomp (Debian: libseccomp-dev)",
            &["--exists", "libseccomp"],
        ),
    ] {
        let there = Command::new(program).args(arguments).output();
        if !there.is_ok_and(|output| output.status.success()) {
            return Err(format!(
                "the programs of the cluster are built from source, which needs {what}"
            )
            .into());
        }
    }
    let pinned = format!("k8s.io/kubernetes {}", KUBERNETES.0);
    if !fs::read_to_string(module.join("go.mod"))?.contains(&pinned) {
        return Err(format!("e2e/go.mod doesn't require {pinned}; change both together").into());
    }
    Ok(())
}

impl Build {
    fn run(&self, module: &Path, programs: &Path) -> Result<()> {
        let Self {
            packages,
            folder,
            tags,
            c,
        } = self;
        let (version, major, minor) = KUBERNETES;
        let stamp = "k8s.io/component-base/version";
        let output = programs.join(folder);
        if folder.ends_with('/') || folder.is_empty() {
            fs::create_dir_all(&output)?;
        }
        let status = Command::new("go")
            // Without paths and debug information, other checkouts profit from what is cached.
            .args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"])
            .args(["-gcflags=all=-dwarf=false", "-ldflags"])
            .arg(format!(
                "-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
            ))
            .args(["-tags", tags, "-o"])
            .arg(output)
            .args(*packages)
            .env("CGO_ENABLED", if *c == C::Yes { "1" } else { "0" })
            .current_dir(module)
            .status()?;
        if !status.success() {
            return Err(format!("go doesn't build {}", packages.join(" ")).into());
        }
        Ok(())
    }
}

/// The image of the name server.
fn coredns(programs: &Path) -> Result<()> {
    let mut layer = Layer::new();
    layer.program("coredns", &programs.join("coredns"));
    let image = Image {
        name: "coredns",
        tag: TAG.to_owned(),
        entrypoint: vec!["/coredns".to_owned()],
        user: "0:0",
        layer,
    };
    image.write(&programs.join("images/coredns.tar"))?;
    Ok(())
}

/// The image that holds a pod's namespaces.
fn pause(module: &Path, programs: &Path) -> Result<()> {
    let output = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"])
        .current_dir(module)
        .output()?;
    let kubernetes = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let source = kubernetes.join("build/pause/linux/pause.c");
    let program = programs.join("pause");
    let status = Command::new("gcc")
        .args(["-Os", "-static", "-s", "-DVERSION=3.10.2", "-o"])
        .arg(&program)
        .arg(&source)
        .status()?;
    if !status.success() {
        return Err(format!("gcc doesn't build {}", source.display()).into());
    }
    let mut layer = Layer::new();
    layer.program("pause", &program);
    let image = Image {
        name: "pause",
        tag: TAG.to_owned(),
        entrypoint: vec!["/pause".to_owned()],
        user: "65535:65535",
        layer,
    };
    image.write(&programs.join("images/pause.tar"))?;
    Ok(())
}
