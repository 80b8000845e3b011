//! Bad input: a mistake is told where it stands, in the log and on the debug page; what was
//! accepted last stays in force, and everything else goes on working and changing.

#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/large.rs"]
mod large;
#[path = "bad_input/mistakes.rs"]
mod mistakes;
#[path = "bad_input/usage.rs"]
mod usage;

use std::fs;
use std::path::{Path, PathBuf};

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::Request;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::pod;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;
use serde_json::Value;

use crate::app::{App, service_of};

/// A rule without conditions, whose answers bear a mark. What is added begins on [`NEXT_LINE`].
fn routing(name: &str, mark: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec:\n  hosts: [{name}]\n  http:\n  - headers: {{response: {{set: {{x-mark: {mark:?}}}}}}}\n    \
         route: [{{destination: {{host: {name}}}}}]\n"
    )
}

/// The line after [`routing`].
const NEXT_LINE: u64 = 9;

/// A client behind its Envoy; the services `bad`, whose manifest gets the mistakes, and `good`.
struct Stage {
    client: Workload,
    // They serve until they are dropped.
    _apps: [App; 2],
    mesh: Mesh,
    /// How often the manifest of `good` was changed.
    turn: u32,
}

impl Stage {
    /// Starts it; `bad.yaml` marks the answers of `bad` with `first`.
    async fn set() -> Self {
        let mut addresses = Addresses::take();
        let client = Settings::new("client", "shop", &mut addresses);
        let ports = [(Kind::Http, 8080)];
        let bad = App::start("bad", &ports, &mut addresses).await;
        let good = App::start("good", &ports, &mut addresses).await;
        let files = Manifests::new();
        files.write(
            "workloads.yaml",
            &[
                pod(&client, &[]),
                service_of(std::slice::from_ref(&bad), "bad"),
                service_of(std::slice::from_ref(&good), "good"),
            ]
            .concat(),
        );
        files.write("bad.yaml", &routing("bad", "first"));
        files.write("good.yaml", &routing("good", "0"));
        let mesh = Mesh::start(files).await;
        let stage = Self {
            client: mesh.workload(client).await,
            _apps: [bad, good],
            mesh,
            turn: 0,
        };
        stage.in_force("first").await;
        stage.nothing_is_wrong().await;
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.mesh.manifests().path().join(name)
    }

    /// Replaces a file by these bytes at once.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let draft = self.file(".draft");
        let folder = self.file(name).parent().map(Path::to_owned);
        fs::create_dir_all(folder.expect("a file lies in a folder")).expect("a folder");
        fs::write(&draft, content).expect("a draft");
        fs::rename(&draft, self.file(name)).expect("the file in its place");
    }

    async fn mark(&self, host: &str) -> Result<String, String> {
        let request = Request::get(host, "/");
        let answer = request.send(self.client.outbound(80)).await?;
        if answer.status == 200 {
            Ok(answer.header("x-mark").to_owned())
        } else {
            Err(format!("{} {}", answer.status, answer.text()))
        }
    }

    /// Waits until the answers of `bad` have this mark.
    async fn in_force(&self, mark: &str) {
        eventually(&format!("{mark:?} is in force"), async || {
            match self.mark("bad").await? {
                found if found == mark => Ok(()),
                found => Err(format!("the answers have the mark {found:?}")),
            }
        })
        .await;
    }

    /// The version of `bad` with this mark is in force, while `good` works and changes.
    async fn still(&mut self, mark: &str) {
        assert_eq!(
            self.mark("bad").await.as_deref(),
            Ok(mark),
            "{}",
            self.log()
        );
        self.turn += 1;
        let turn = self.turn.to_string();
        self.write("good.yaml", routing("good", &turn));
        eventually("others change", async || match self.mark("good").await? {
            found if found == turn => Ok(()),
            found => Err(format!("the answers have the mark {found:?}")),
        })
        .await;
        assert_eq!(
            self.mark("bad").await.as_deref(),
            Ok(mark),
            "{}",
            self.log()
        );
    }

    async fn findings(&self) -> Vec<Value> {
        let all = self.mesh.debug_json("/debug/diagnostics").await;
        all.as_array().cloned().unwrap_or_default()
    }

    /// Waits for the finding of this code in this file, and for its line in the log.
    async fn finding(&self, code: &str, file: &str) -> Value {
        self.finding_that_says(code, file, "").await
    }

    /// As [`Self::finding`], with this in its message.
    async fn finding_that_says(&self, code: &str, file: &str, message: &str) -> Value {
        let ending = format!("/{file}");
        let finding = eventually(&format!("{code} in {file}"), async || {
            let all = self.findings().await;
            let is_meant = |one: &&Value| {
                let says = |field: &str| one[field].as_str().unwrap_or_default();
                says("code") == code
                    && says("file").ends_with(&ending)
                    && says("message").contains(message)
            };
            all.iter()
                .find(is_meant)
                .cloned()
                .ok_or_else(|| format!("{all:#?}"))
        })
        .await;
        let part = format!("code={code:?}");
        let place = format!("{ending}\" line={}", finding["line"].as_u64().unwrap_or(0));
        self.mesh
            .operator()
            .stderr_line(&format!("{part} {place}"), |line| {
                line.contains(&part) && line.contains(&place)
            })
            .await;
        finding
    }

    /// Waits until nothing is wrong any more.
    async fn nothing_is_wrong(&self) {
        eventually("nothing is wrong", async || match self.findings().await {
            all if all.is_empty() => Ok(()),
            all => Err(format!("{all:#?}")),
        })
        .await;
    }

    fn log(&self) -> String {
        self.mesh.operator().log()
    }

    /// The control plane has gone through all that without harm, and ends when it is told to.
    async fn end(mut self) {
        self.mesh.operator().terminate();
        let status = self.mesh.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.log());
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}
