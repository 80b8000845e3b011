//! What a cluster needs of its host, and leaves nothing of: namespaces, a cable, control groups.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use ferromesh_chassis::Failure;
use rustix::process::Signal;

use super::place::Place;
use super::processes::{self, Process};
use super::{at, fault, until};

/// The first process of a cluster.
const INNER: &str = include_str!("inner.sh");

/// Where control groups are.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// How long the end of all processes may take.
const END: Duration = Duration::from_secs(20);

/// Says what is missing, if something is.
///
/// # Errors
/// When this isn't Linux, isn't root, or lacks a program.
pub fn check() -> Result<(), Failure> {
    if std::env::consts::OS != "linux" {
        return Err(Failure::new("a cluster needs Linux"));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            "a cluster needs root, because it makes namespaces, mounts and control groups",
        ));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for (program, package) in [
        ("bash", "bash"),
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
        ("setsid", "util-linux"),
        ("mount", "mount"),
        ("hostname", "hostname"),
        ("ip", "iproute2"),
        ("nft", "nftables"),
    ] {
        if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            return Err(Failure::new(format!(
                "a cluster needs the program {program} (Debian: {package})"
            )));
        }
    }
    Ok(())
}

/// How many instances of inotify a cluster takes. It is about twenty, and more while programs start again.
const WATCHERS: usize = 30;

/// Says whether there is one of the few things of the kernel's that clusters share, which fails kubelets in odd ways.
///
/// # Errors
/// When too few instances of inotify are left.
pub fn check_watchers() -> Result<(), Failure> {
    let limit = "/proc/sys/fs/inotify/max_user_instances";
    let most = fs::read_to_string(limit).ok();
    let Some(most) = most.and_then(|text| text.trim().parse::<usize>().ok()) else {
        return Ok(());
    };
    let taken = processes::watchers();
    if most >= taken + WATCHERS {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{taken} of {most} instances of inotify are taken, and a cluster needs {WATCHERS}: remove a cluster \
         (`ferromesh-cluster status` shows them), or allow more (sysctl fs.inotify.max_user_instances)"
    )))
}

/// Makes the namespaces and connects them with the host. Returns their first process, which ends with all others in there.
///
/// # Errors
/// When the kernel doesn't let us.
pub fn unshare(place: &Place) -> Result<Process, Failure> {
    let log = place.log().join("inner.log");
    let file = fs::File::create(&log).map_err(at(&log))?;
    let mut outer = Command::new("setsid")
        .args(["unshare", "--net", "--mount", "--pid", "--uts", "--ipc"])
        .args(["--fork", "--kill-child", "--mount-proc"])
        .args(["--propagation", "slave", "bash", "-c", INNER, "cluster"])
        .args([&place.folder, &place.programs])
        .args([place.node().to_string(), place.host().to_string()])
        .stdin(Stdio::piped())
        .stdout(file.try_clone().map_err(at(&log))?)
        .stderr(file)
        .spawn()
        .map_err(fault("unshare"))?;
    let input = outer.stdin.take();
    set_up(place, outer.id(), input).map_err(|error| {
        let _ = outer.kill();
        let _ = outer.wait();
        Failure::new(format!("{error}: {}", last_lines(&log)))
    })
}

/// Connects the namespaces that the process `outer` makes.
fn set_up(place: &Place, outer: u32, input: Option<ChildStdin>) -> Result<Process, Failure> {
    let leader = until(Duration::from_secs(5), "the namespaces are there", || {
        Process::child_of(outer).ok_or_else(|| "there is no child".to_owned())
    })?;
    connect(place, leader)?;
    if let Some(mut input) = input {
        // If nobody reads, the wait below says why.
        let _ = input.write_all(b"connected\n");
    }
    let ready = place.folder.join("ready");
    until(
        Duration::from_secs(10),
        "the namespaces are set up",
        || match (leader.is_alive(), ready.exists()) {
            (true, true) => Ok(leader),
            (true, false) => Err("the script still runs".to_owned()),
            (false, _) => Err("the script has failed".to_owned()),
        },
    )
}

fn connect(place: &Place, leader: Process) -> Result<(), Failure> {
    let interface = place.interface();
    let namespace = leader.id.to_string();
    ip(&[
        "link", "add", &interface, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
    ])?;
    let network = format!("{}/24", place.host());
    ip(&["address", "add", &network, "dev", &interface])?;
    ip(&["link", "set", &interface, "up"])?;
    // The host reaches pods at their own addresses. The route goes with the interface.
    let node = place.node().to_string();
    ip(&["route", "add", &place.pods(), "via", &node])
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    run(Command::new("ip").args(arguments)).map(|_| ())
}

/// Runs a command and returns what it says.
///
/// # Errors
/// When it fails, with what it says.
pub fn run(command: &mut Command) -> Result<String, Failure> {
    let name = format!("{command:?}");
    let output = command.output().map_err(fault(&name))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::new(format!(
        "{name}: {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    )))
}

/// The end of a log, for messages.
pub fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(5);
    format!("{}: {}", log.display(), lines[start..].join("\n"))
}

/// Makes the control groups of a cluster, which are no namespaces, in each hierarchy.
///
/// # Errors
/// When the kernel doesn't let us.
pub fn make_control_groups(place: &Place) -> Result<(), Failure> {
    let root = Path::new(CONTROL_GROUPS);
    if root.join("cgroup.controllers").exists() {
        // Version 2 alone: the controllers that pods need are handed down.
        let control = root.join("cgroup.subtree_control");
        fs::write(&control, "+cpuset +cpu +io +memory +pids").map_err(at(&control))?;
    }
    for hierarchy in hierarchies() {
        let group = hierarchy.join(place.control_group());
        fs::create_dir_all(&group).map_err(at(&group))?;
        for inherited in ["cpuset.cpus", "cpuset.mems"] {
            let file = hierarchy.join(inherited);
            if let Ok(value) = fs::read_to_string(&file) {
                let own = group.join(inherited);
                fs::write(&own, value).map_err(at(&own))?;
            }
        }
    }
    Ok(())
}

/// The folders of all hierarchies: one in version 2, one for each controller in version 1.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(CONTROL_GROUPS);
    if root.join("cgroup.procs").exists() {
        return vec![root];
    }
    let entries = fs::read_dir(&root).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        // Links such as `cpu` lead to `cpu,cpuacct`.
        .filter(|path| path.join("cgroup.procs").exists() && !path.is_symlink())
        .collect()
}

/// Removes whatever there is of a cluster but its folder: processes, and with them mounts and namespaces; cable; groups.
///
/// # Errors
/// When processes don't end.
pub fn clear(leader: Process, interface: &str, control_group: &str) -> Result<(), Failure> {
    leader.signal(Signal::KILL);
    until(END, "all processes of the cluster have ended", || {
        if leader.is_alive() {
            Err(format!("{} is still there", leader.id))
        } else {
            Ok(())
        }
    })?;
    if Path::new("/sys/class/net").join(interface).exists() {
        // It goes by itself, too, as soon as the kernel has taken down the namespace.
        let _ = Command::new("ip")
            .args(["link", "delete", interface])
            .output();
    }
    for hierarchy in hierarchies() {
        let group = hierarchy.join(control_group);
        let end = Instant::now() + END;
        while group.exists() && Instant::now() < end {
            remove_group(&group);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Groups are removed from the leaves on; their files go by themselves.
fn remove_group(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    // The last process may be on its way out: whoever calls tries again.
    let _ = fs::remove_dir(group);
}
