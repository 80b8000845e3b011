//! `ferromesh authz test`: who may do what, and which policy says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A directory with some of the manifests of `tests/authz`.
struct Manifests {
    directory: PathBuf,
}

impl Manifests {
    fn of(test: &str, names: &[&str]) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authz-{test}"));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        for name in names.iter().chain(&["world"]) {
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/authz")
                .join(format!("{name}.yaml"));
            let to = directory.join(format!("{name}.yaml"));
            std::fs::copy(from, to).expect("a copy");
        }
        Self { directory }
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ferromesh"))
            .args(["authz", "test", "--default-namespace", "shop", "--source"])
            .arg(format!("dir:{}", self.directory.display()))
            .args(arguments)
            .output()
            .expect("the program runs")
    }

    /// What is said, with the directory left out, and the exit status.
    fn says(&self, arguments: &str) -> (String, Option<i32>) {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = self.ask(&arguments);
        let text = String::from_utf8(output.stdout).expect("text");
        let directory = format!("{}/", self.directory.display());
        (text.replace(&directory, ""), output.status.code())
    }

    #[track_caller]
    fn check(&self, arguments: &str, expected: &str, status: i32) {
        let (text, code) = self.says(arguments);
        assert_eq!(
            (text.trim_end(), code),
            (expected, Some(status)),
            "{arguments}"
        );
    }
}

#[test]
fn without_policies_everything_is_allowed() {
    let manifests = Manifests::of("open", &[]);
    for from in ["web-1.shop", "old-1.shop", "none", "spiffe://td/ns/a/sa/b"] {
        let arguments = format!("--from {from} --to api:80");
        let expected = "allowed: no policy of the workload says otherwise";
        // Nobody can have a certificate of another trust domain here.
        match from.starts_with("spiffe") {
            true => assert_eq!(manifests.says(&arguments).1, Some(1)),
            false => manifests.check(&arguments, expected, 0),
        }
    }
}

#[test]
fn the_policy_that_decides_is_named() {
    let manifests = Manifests::of("named", &["readers"]);
    manifests.check(
        "--from web-1.shop --to api:80",
        "allowed by ALLOW policy shop/readers, rule 0 (readers.yaml:9)",
        0,
    );
    let nobody = "denied: no ALLOW policy of the workload matches (policies: shop/readers)";
    for more in [
        "--from web-1.shop -X POST",
        "--from none",
        "--from old-1.shop",
    ] {
        manifests.check(&format!("--to api.shop:80 {more}"), nobody, 1);
    }
    let other = "--from spiffe://cluster.local/ns/other/sa/x --to api.shop.svc.cluster.local";
    manifests.check(&format!("{other}:80"), nobody, 1);
    manifests.check(
        &format!("{other}:5432"),
        "allowed by ALLOW policy shop/readers, rule 1 (readers.yaml:11)",
        0,
    );
}

#[test]
fn instances_that_differ_are_told_apart() {
    let manifests = Manifests::of("differ", &["readers", "admin"]);
    manifests.check(
        "--from web-1.shop --to api:80 --path /admin/x?y",
        "api-1.shop: allowed by ALLOW policy shop/readers, rule 0 (readers.yaml:9)\n\
         api-2.shop: denied by DENY policy shop/no-admin, rule 0 (admin.yaml:9)",
        1,
    );
    manifests.check(
        "--from web-1.shop --to 10.1.0.11:8080 --path /admin",
        "allowed by ALLOW policy shop/readers, rule 0 (readers.yaml:9)",
        0,
    );
    // Paths are looked at as the proxy normalises them.
    manifests.check(
        "--from web-1.shop --to 10.1.0.12:8080 --path /x/../%61dmin",
        "denied by DENY policy shop/no-admin, rule 0 (admin.yaml:9)",
        1,
    );
    manifests.check(
        "--from web-1.shop --to 10.1.0.12:8080 --path /a#b",
        "denied: 400 path_normalization_failed",
        1,
    );
}

#[test]
fn strict_ports_take_only_mutual_tls() {
    let manifests = Manifests::of("strict", &["strict"]);
    let reset =
        "reset: the port takes only mutual TLS (PeerAuthentication shop/default, strict.yaml:5)";
    for from in ["none", "old-1.shop"] {
        for port in ["80", "5432"] {
            manifests.check(&format!("--from {from} --to api:{port}"), reset, 1);
        }
    }
    manifests.check(
        "--from web-1.shop --to api:80",
        "allowed: no policy of the workload says otherwise",
        0,
    );
}

#[test]
fn claims_are_a_token() {
    let manifests = Manifests::of("claims", &["tokens"]);
    let ask = |claims: &str| format!("--from none --to api:80{claims}");
    manifests.check(
        &ask(" --claim sub=me --claim aud=shop --claim groups=staff --claim groups=members"),
        "allowed by ALLOW policy shop/members, rule 0 (tokens.yaml:19)",
        0,
    );
    let nobody = "denied: no ALLOW policy of the workload matches (policies: shop/members)";
    manifests.check(&ask(""), nobody, 1);
    manifests.check(&ask(" --claim sub=me --claim aud=shop"), nobody, 1);
    for (claims, expected) in [
        (" --claim sub=me --claim aud=else", "denied: 403 "),
        (
            " --claim sub=me --claim aud=shop --claim exp=1",
            "denied: 401 ",
        ),
        (" --claim iss=stranger --claim sub=me", "denied: 401 "),
    ] {
        let (text, code) = manifests.says(&ask(claims));
        assert!(text.starts_with(expected), "{claims}: {text}");
        assert_eq!(code, Some(1), "{claims}");
    }
}

#[test]
fn json_has_stable_fields() {
    let manifests = Manifests::of("json", &["readers", "admin", "strict"]);
    let (text, code) = manifests.says("--from web-1.shop --to api:80 --path /admin -o json");
    assert_eq!(code, Some(1));
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["verdict"], "refused");
    assert_eq!(json["to"], serde_json::json!({"host": "api", "port": 80}));
    let instances = json["instances"].as_array().expect("instances");
    assert_eq!(instances.len(), 2);
    let (first, second) = (&instances[0], &instances[1]);
    assert_eq!(first["workload"], "api-1.shop");
    assert_eq!(first["verdict"], "allowed");
    assert_eq!(first["tls"], "mesh");
    let denied = serde_json::json!({
        "namespace": "shop", "name": "no-admin", "rule": 0, "action": "DENY",
        "file": "admin.yaml", "line": 9,
    });
    assert_eq!(second["policy"], denied);
    assert_eq!(
        (&second["verdict"], &second["status"]),
        (&"denied".into(), &403.into())
    );
    let fields: Vec<_> = second.as_object().expect("an object").keys().collect();
    assert_eq!(
        fields,
        [
            "workload",
            "address",
            "port",
            "tls",
            "verdict",
            "text",
            "status",
            "details",
            "provider",
            "policy",
            "peer_authentication",
            "chain",
            "dry_run"
        ]
    );
}

#[test]
fn wrong_usage_is_said_in_one_line() {
    let manifests = Manifests::of("usage", &[]);
    for arguments in [
        "--from web-1.shop --to api:81",
        "--from web-1.shop --to nobody:80",
        "--from nobody.shop --to api:80",
        "--from web --to api:80",
        "--from none --to api",
        "--from none --to api:80 --claim x",
        "--from none --to api:80 -H x",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = manifests.ask(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    // Nobody can say what a token means where none is accepted.
    let token = ["--from", "none", "--to", "api:80", "--claim", "sub=me"];
    assert_eq!(manifests.ask(&token).status.code(), Some(3));
}

#[test]
fn what_depends_on_an_unknown_address_cant_be_told() {
    let manifests = Manifests::of("address", &[]);
    let policy = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: near}
spec:
  rules:
  - from: [{source: {ipBlocks: [\"10.1.0.0/24\"]}}]
";
    std::fs::write(manifests.directory.join("near.yaml"), policy).expect("a file");
    manifests.check(
        "--from none --to api:80",
        "can't tell: the address of the client is not known",
        3,
    );
    let near = "allowed by ALLOW policy shop/near, rule 0 (near.yaml:6)";
    manifests.check("--from none --to api:80 --source-ip 10.1.0.99", near, 0);
    manifests.check("--from web-1.shop --to api:80", near, 0);
    let (_, code) = manifests.says("--from none --to api:80 --source-ip 10.2.0.1");
    assert_eq!(code, Some(1));
}

#[test]
fn authorizers_decide_for_themselves() {
    let manifests = Manifests::of("custom", &["mesh", "custom"]);
    manifests.check(
        "--from web-1.shop --to api:80 --path /admin",
        "asks judge, because of CUSTOM policy shop/ask-admin, rule 0 (custom.yaml:10)",
        3,
    );
    let free = "allowed: no policy of the workload says otherwise";
    manifests.check("--from web-1.shop --to api:80", free, 0);
}

#[test]
fn dry_runs_are_told_and_change_nothing() {
    let manifests = Manifests::of("dry", &["dry"]);
    let free = "allowed: no policy of the workload says otherwise";
    manifests.check("--from web-1.shop --to api:80", free, 0);
    manifests.check(
        "--from web-1.shop --to api:80 -X DELETE",
        &format!("{free}; a dry run would deny it by shop/perhaps, rule 0"),
        0,
    );
}
