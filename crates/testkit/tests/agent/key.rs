//! The workload's key is nowhere but in memory, and on the socket from the agent to Envoy.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ferromesh_agent::identity::key::Key;
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::Request;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, manifest};
use ferromesh_testkit::process::{Process, command};
use ferromesh_testkit::programs;
use ferromesh_testkit::wait::eventually;
use serde_json::Value;
use tempfile::TempDir;

use super::envoy_of;

/// What every P-256 key begins with: in PKCS #8 the whole head until the number itself, and the same in SEC 1.
const PKCS8: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
];
const SEC1: &[u8] = &[0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];

/// Whether there is a key in bytes: in PEM, in DER, or in base64 of DER.
fn holds_key(bytes: &[u8]) -> bool {
    let pkcs8 = [&[0x30, 0x81, 0x87, 0x02, 0x01, 0x00], PKCS8].concat();
    // Base64 without what depends on the bytes that follow.
    let base64 = |der: &[u8]| STANDARD.encode(&der[..der.len() / 3 * 3]).into_bytes();
    [
        b"PRIVATE KEY".to_vec(),
        base64(&pkcs8),
        base64(SEC1),
        PKCS8.to_vec(),
        SEC1.to_vec(),
    ]
    .iter()
    .any(|mark| bytes.windows(mark.len()).any(|window| window == mark))
}

#[test]
fn keys_are_recognised() {
    let key = Key::generate().expect("a key");
    let der = key.der().secret_der().to_vec();
    let within = |bytes: &[u8]| [b"before", bytes, b"behind"].concat();
    assert!(holds_key(&within(key.pem().as_bytes())));
    assert!(holds_key(&within(&der)));
    assert!(holds_key(&within(STANDARD.encode(&der).as_bytes())));
    assert!(!holds_key(&within(
        key.request().expect("a request").as_bytes()
    )));
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// The files on disk that a process may write.
fn written(process: u32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).expect("it runs");
    let writable = |path: &Path| {
        // Of the link itself: by which rights it is open.
        fs::symlink_metadata(path).is_ok_and(|link| link.permissions().mode() & 0o200 != 0)
    };
    open.flatten()
        .map(|entry| entry.path())
        .filter(|link| writable(link))
        .filter(|link| fs::metadata(link).is_ok_and(|file| file.is_file()))
        .filter_map(|link| fs::read_link(link).ok())
        .filter(|path| !path.starts_with("/proc"))
        .collect()
}

#[test]
fn open_files_are_found() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("file");
    let _writing = File::create(&path).expect("a file");
    assert!(written(std::process::id()).contains(&path));
}

/// An agent whose folders are all below one of its own.
fn start(mesh: &Mesh, settings: &Settings, home: &Path) -> Process {
    let mut command = command("ferromesh-agent");
    command.current_dir(home);
    for name in [
        "HOME",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
    ] {
        let folder = home.join(name);
        fs::create_dir(&folder).expect("a folder");
        command.env(name, folder);
    }
    let state = mesh.state();
    let (xds, token, root) = (
        mesh.secured_xds().to_string(),
        state.token(&settings.namespace, &settings.name),
        state.root(),
    );
    let any = "127.0.0.1:0";
    command.arg("proxy");
    for (flag, value) in [
        ("--envoy", programs::envoy().display().to_string()),
        ("--xds", xds),
        ("--token", token.display().to_string()),
        ("--root-cert", root.display().to_string()),
        ("--workload", settings.name.clone()),
        ("--namespace", settings.namespace.clone()),
        ("--address", settings.address.to_string()),
        ("--app-address", settings.app.to_string()),
        ("--outbound-address", settings.outbound.to_string()),
        ("--http-proxy-port", "0".to_owned()),
        ("--admin-address", any.to_owned()),
        ("--status-address", any.to_owned()),
        ("--concurrency", "1".to_owned()),
        ("--log-level", "trace".to_owned()),
        ("--envoy-log-level", "debug".to_owned()),
    ] {
        command.arg(flag).arg(value);
    }
    Process::start("agent", command)
}

#[tokio::test]
async fn no_key_is_ever_written() {
    let settings = Settings::new("web-0", "shop", &mut Addresses::take());
    let manifests = Manifests::new();
    manifests.write("world.yaml", &manifest::pod(&settings, &[("app", "web")]));
    let mesh = Mesh::start_with(manifests, &["--certificate-lifetime", "4"]).await;
    eventually("there is a token", async || {
        File::open(mesh.state().token("shop", "web-0")).map_err(|error| error.to_string())
    })
    .await;
    let home = TempDir::new().expect("a folder");
    let agent = start(&mesh, &settings, home.path());
    let addresses = agent.addresses().await;
    // Until Envoy has had its second key.
    let ask = async |path: &str| {
        let answer = Request::get("x", path).send(addresses["admin"]).await?;
        Ok::<_, String>(answer.text())
    };
    let mut serials = BTreeSet::new();
    let envoy = eventually("Envoy has another certificate", async || {
        let certificates = ask("/certs").await?;
        let told: Value = serde_json::from_str(&certificates).map_err(|error| error.to_string())?;
        let chains = told["certificates"].as_array().into_iter().flatten();
        let leaves = chains.filter_map(|it| it["cert_chain"][0]["serial_number"].as_str());
        serials.extend(leaves.map(str::to_owned));
        if serials.len() > 1 {
            envoy_of(&agent)
        } else {
            Err(certificates)
        }
    })
    .await;
    let envoy = u32::try_from(envoy).expect("a process");
    for process in [agent.id(), envoy] {
        assert_eq!(written(process), Vec::<PathBuf>::new(), "{process}");
        // The bootstrap is among the arguments.
        for part in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{process}/{part}")).expect("it runs");
            assert!(!bytes.is_empty());
            assert!(!holds_key(&bytes), "{part} of {process}");
        }
    }
    let mut found = Vec::new();
    files(home.path(), &mut found);
    assert_eq!(found, Vec::<PathBuf>::new(), "nothing at all is written");
    assert!(agent.stderr().len() > 10, "the agent logs");
    assert!(!holds_key(agent.log().as_bytes()), "the log");
    for path in ["/config_dump?include_eds", "/certs", "/server_info"] {
        let told = ask(path).await.expect("an answer");
        assert!(!holds_key(told.as_bytes()), "{path} of the admin interface");
    }
}
