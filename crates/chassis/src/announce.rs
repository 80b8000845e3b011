//! The announcement: one JSON line on standard output, by which people and tests learn the addresses that were chosen.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::version;

/// The announcement of a program: `{"program":"…","version":"…","addresses":{"debug":"127.0.0.1:40213"}}`.
///
/// The names of the addresses are those of the flags without their `-address`, e.g. `plaintext-xds`.
pub fn render(program: &str, addresses: &[(&str, SocketAddr)]) -> String {
    let addresses: Map<String, Value> = addresses
        .iter()
        .map(|(name, address)| ((*name).to_owned(), Value::String(address.to_string())))
        .collect();
    serde_json::json!({ "program": program, "version": version::NUMBER, "addresses": addresses })
        .to_string()
}

/// Prints the announcement.
///
/// # Errors
/// When standard output is closed: whoever started the program could not learn its addresses.
pub fn print(program: &str, addresses: &[(&str, SocketAddr)]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", render(program, addresses))
        .and_then(|()| output.flush())
        .map_err(|error| {
            Failure::new(format!(
                "cannot announce the addresses on standard output: {error}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_json_line_in_the_order_given() {
        let addresses = [
            ("plaintext-xds", "127.0.0.1:1".parse().unwrap()),
            ("debug", "[::1]:2".parse().unwrap()),
        ];
        assert_eq!(
            render("ferromesh-operator", &addresses),
            format!(
                r#"{{"program":"ferromesh-operator","version":"{}","addresses":{{"plaintext-xds":"127.0.0.1:1","debug":"[::1]:2"}}}}"#,
                version::NUMBER
            )
        );
    }
}
