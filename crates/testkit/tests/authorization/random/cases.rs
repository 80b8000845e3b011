//! Cases at random.

use ferromesh_probe::HttpVersion;

use super::tokens::Wallet;
use crate::arena::{DETECT, HTTP, TCP};
use crate::policies::{HEADERS, HOSTS, METHODS, Pick, SEGMENTS};
use crate::requests::{Case, Client, Http, Tokens};

const CLIENTS: [Client; 9] = [
    Client::Plaintext,
    Client::Plaintext,
    Client::Mesh(0),
    Client::Mesh(0),
    Client::Mesh(1),
    Client::Mesh(2),
    Client::Mesh(3),
    Client::Friend(0),
    Client::Friend(1),
];

/// A case.
pub(super) fn case(pick: &mut Pick, wallet: &Wallet) -> Case {
    let source = pick.of(&["127.0.0.1", "127.0.0.2", "127.0.1.1"]);
    let source = source.parse().expect("an address");
    let mut port = *pick.of(&[HTTP, HTTP, HTTP, DETECT, TCP]);
    let version = *pick.of(&[HttpVersion::Http1, HttpVersion::Http2]);
    let mut client = *pick.of(&CLIENTS);
    let mut says_http = port == HTTP || (port == DETECT && pick.chance(70));
    if pick.chance(3) {
        client = Client::Pretender;
    } else if pick.chance(5) {
        client = Client::Anonymous;
        // What is said within is for the application alone, which doesn't speak TLS at the port of HTTP.
        port = *pick.of(&[DETECT, TCP]);
        says_http = false;
    }
    let (http, tokens) = if says_http {
        let (http, tokens) = http(pick, wallet);
        (Some(http), tokens)
    } else {
        (None, Tokens::Sound)
    };
    Case {
        client,
        source,
        port,
        version,
        http,
        tokens,
    }
}

fn http(pick: &mut Pick, wallet: &Wallet) -> (Http, Tokens) {
    let depth = 1 + pick.below(4);
    let path: String = (0..depth)
        .map(|_| format!("/{}", pick.of(&SEGMENTS)))
        .collect();
    let query = *pick.of(&["", "", "?x=1", "?/admin"]);
    let mut http = Http {
        method: (*pick.of(&METHODS)).to_owned(),
        host: (*pick.of(&HOSTS)).to_owned(),
        ..Http::get(&(path + query))
    };
    for (name, values) in HEADERS {
        for _ in 0..pick.below(3) {
            let value: &&str = pick.of(values);
            http = http.with(name, value);
        }
    }
    if pick.chance(30) {
        let from = *pick.of(&["10.0.0.1", "10.0.1.1", "192.168.0.9, 10.0.0.1"]);
        http = http.with("x-forwarded-for", from);
    }
    let tokens = present(pick, wallet, &mut http);
    (http, tokens)
}

/// Adds a token, sometimes two, sometimes bad ones.
fn present(pick: &mut Pick, wallet: &Wallet, http: &mut Http) -> Tokens {
    let mut is_bad = false;
    let mut token = |pick: &mut Pick| {
        if pick.chance(12) {
            is_bad = true;
            return (wallet.bad(pick).to_owned(), None);
        }
        let (token, claims) = wallet.good(pick);
        (token.clone(), Some(claims.clone()))
    };
    if pick.chance(10) {
        let (token, claims) = token(pick);
        let mark = if http.path.contains('?') { '&' } else { '?' };
        http.path += &format!("{mark}access_token={token}");
        http.claims = claims;
    }
    if pick.chance(50) {
        let (token, claims) = token(pick);
        http.headers
            .push(("authorization".to_owned(), format!("Bearer {token}")));
        // Of several tokens that of the header counts.
        http.claims = claims;
    }
    if is_bad { Tokens::Bad } else { Tokens::Sound }
}
