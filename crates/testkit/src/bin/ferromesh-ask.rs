//! `ferromesh-ask`: a client for pods that have neither a shell nor curl. It says what became of its requests, as JSON.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use ferromesh_chassis::{Failure, failure};
use ferromesh_testkit::client::{Answer, Protocol, Request};
use serde_json::{Map, Value, json};

/// Sends GET requests, each on a connection of its own, and prints a line of JSON for each.
#[derive(Parser)]
#[command(name = "ferromesh-ask")]
struct Arguments {
    /// Whom to ask: http://HOST[:PORT][/PATH]. The name is looked up as every program of the pod does.
    url: String,

    /// How many requests.
    #[arg(long, default_value_t = 1)]
    count: usize,

    /// A header NAME:VALUE. May be repeated; `host:` replaces the host of the URL.
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,

    /// By HTTP/2 instead of HTTP/1.1.
    #[arg(long)]
    http2: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    failure::exit(run(ferromesh_chassis::arguments::read()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        url,
        count,
        headers,
        http2,
    } = arguments;
    let (host, path) = parse(&url)?;
    let protocol = if http2 {
        Protocol::Http2
    } else {
        Protocol::Http1
    };
    let request = request(host, path, &headers)?;
    for _ in 0..count {
        let outcome = match address(host).await {
            Ok(address) => request.clone().send_by(address, protocol).await,
            Err(error) => Err(error),
        };
        println!("{}", describe(outcome));
    }
    Ok(())
}

/// Takes a URL apart: host with port, path with query.
fn parse(url: &str) -> Result<(&str, &str), Failure> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| Failure::new(format!("{url}: not an address like http://HOST/PATH")))?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    Ok((host, if path.is_empty() { "/" } else { path }))
}

fn request(host: &str, path: &str, headers: &[String]) -> Result<Request, Failure> {
    let mut named = host;
    let mut others = Vec::new();
    for header in headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failure::new(format!("--header {header}: not NAME:VALUE")))?;
        if name == "host" {
            named = value;
        } else {
            others.push((name, value));
        }
    }
    let request = Request::get(named, path);
    Ok(others.into_iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    }))
}

async fn address(host: &str) -> Result<SocketAddr, String> {
    let with_port = if host
        .rsplit(':')
        .next()
        .is_some_and(|port| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let found = tokio::net::lookup_host(&with_port).await;
    let mut found = found.map_err(|error| format!("{with_port}: {error}"))?;
    found
        .next()
        .ok_or_else(|| format!("{with_port}: there is no address"))
}

fn describe(outcome: Result<Answer, String>) -> Value {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) => return json!({ "error": error }),
    };
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), text.into())
        })
        .collect();
    let body = match answer.json() {
        Value::Null => answer.text().into(),
        json => json,
    };
    json!({
        "status": answer.status.as_u16(),
        "instance": answer.instance(),
        "headers": headers,
        "body": body,
        "milliseconds": answer.elapsed.as_millis() as u64,
    })
}
