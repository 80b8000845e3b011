//! `ferromesh-agent capture`: the kernel's rules that bring a pod's traffic to its proxy.
//!
//! Everything that is told is parsed to a value first; only values are rendered into rules, so nothing that an author wrote
//! can become a rule of its own. The rules replace those of before in one transaction: twice is once, and a pod is never
//! without them in between.
//!
//! Reading order: [`arguments`], [`scope`], [`rules`], [`routes`].

pub mod arguments;
mod routes;
mod rules;
pub mod scope;

use std::io::Write;
use std::process::{Command, Stdio};

use ferromesh_chassis::Failure;

use crate::settings::Captured;
use scope::Scope;

/// The program that sets rules; the image of the proxy has it.
const NFT: &str = "nft";

/// Sets the rules and looks whether they are there.
///
/// # Errors
/// When the kernel does not take them: without the right to administer the network, or without nf_tables.
pub fn run(scope: &Scope) -> Result<(), Failure> {
    let chains = rules::chains(scope);
    nft(&["-f", "-"], &rules::render(&chains))?;
    let set = nft(&["-j", "list", "table", "inet", rules::TABLE], "")?;
    let wanted = chains.iter().map(|chain| chain.rules.len()).sum::<usize>();
    let found = count(&set);
    if found != wanted {
        let text = format!("{NFT}: {found} rules of {wanted} are set");
        return Err(Failure::new(text));
    }
    routes::set(scope.captured)?;
    tracing::info!(mode = %scope.captured, rules = found, "traffic is captured");
    Ok(())
}

/// The rules in nft's list of a table.
fn count(list: &str) -> usize {
    let list: serde_json::Value = serde_json::from_str(list).unwrap_or_default();
    let items = list.get("nftables").and_then(serde_json::Value::as_array);
    let is_rule = |item: &&serde_json::Value| item.get("rule").is_some();
    items.into_iter().flatten().filter(is_rule).count()
}

fn nft(arguments: &[&str], input: &str) -> Result<String, Failure> {
    let fault = |error: &dyn std::fmt::Display| Failure::new(format!("{NFT}: {error}"));
    let mut child = Command::new(NFT)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| fault(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Its own words say why, if it has ended already.
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = child.wait_with_output().map_err(|error| fault(&error))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    let words = words.lines().next().unwrap_or("no reason given");
    Err(fault(&format!(
        "{words} (capture needs CAP_NET_ADMIN and a kernel with nf_tables; without them use interceptionMode NONE)"
    )))
}

/// How the proxy is told from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its user.
    pub user: u32,
    /// Its group.
    pub group: u32,
}

impl Proxy {
    /// The match of nft for what the proxy itself sends. With TPROXY it is root, as the application may be.
    fn is_sender(self, captured: Captured) -> Vec<String> {
        let Self { user, group } = self;
        match captured {
            Captured::Redirect => vec![format!("meta skuid {user}"), format!("meta skgid {group}")],
            Captured::Tproxy => vec![format!("meta skgid {group}")],
        }
    }
}
