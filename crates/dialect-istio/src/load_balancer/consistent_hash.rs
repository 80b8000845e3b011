//! Stickiness by hash.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::load_balancer::{Algorithm, ConsistentHash, HashKey, HashTable};

use crate::{bounds, duration, effect};

/// Istio's and Envoy's default.
const RING_SIZE: u64 = 1024;
/// Envoy's limit. A ring that is too large is refused late by Envoy 1.40, which then falls silent.
const LARGEST_RING: u64 = 8 * 1024 * 1024;
/// Envoy's default.
const TABLE_SIZE: u64 = 65_537;
/// Istio refuses this and more.
const TABLE_LIMIT: u64 = 5_000_011;

/// A consistent hash at the path `at`.
pub(super) fn lower(
    hash: &istio::ConsistentHash,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Algorithm {
    let table = lower_table(hash, at, remarks);
    match lower_key(hash, at, remarks) {
        Some(key) => Algorithm::ConsistentHash(ConsistentHash { key, table }),
        None => Algorithm::Random,
    }
}

fn lower_key(
    hash: &istio::ConsistentHash,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<HashKey> {
    let istio::ConsistentHash {
        http_header_name,
        http_cookie,
        use_source_ip,
        http_query_parameter_name,
        ring_hash: _,
        maglev: _,
        minimum_ring_size: _,
    } = hash;
    let errors = remarks.errors();
    let mut keys = Vec::new();
    if let Some(name) = http_header_name {
        let at = at.field("httpHeaderName");
        check_text(name, &at, remarks);
        keys.push(("httpHeaderName", HashKey::Header(Arc::from(name.as_str()))));
    }
    if let Some(cookie) = http_cookie {
        let key = lower_cookie(cookie, &at.field("httpCookie"), remarks);
        keys.push(("httpCookie", key));
    }
    if use_source_ip.is_some() {
        keys.push(("useSourceIp", HashKey::SourceIp));
    }
    if let Some(name) = http_query_parameter_name {
        let at = at.field("httpQueryParameterName");
        if name.is_empty() {
            remarks.error(&at, "missing-field", "must not be empty");
        }
        let key = HashKey::QueryParameter(Arc::from(name.as_str()));
        keys.push(("httpQueryParameterName", key));
    }
    if let [(first, _), (second, _), ..] = &keys[..] {
        effect::conflict(&at.field(second), first, remarks);
    }
    let key = keys.into_iter().next().map(|(_, key)| key);
    if key.is_none() || (*use_source_ip == Some(false) && key == Some(HashKey::SourceIp)) {
        remarks
            .warning(
                at,
                "no-hash-key",
                "nothing is hashed: instances are chosen at random",
            )
            .advise(
                "write httpHeaderName, httpCookie, useSourceIp: true or httpQueryParameterName",
            );
        return None;
    }
    key.filter(|_| remarks.errors() == errors)
}

fn lower_cookie(cookie: &istio::HttpCookie, at: &Path<'_>, remarks: &mut Remarks) -> HashKey {
    let istio::HttpCookie {
        name,
        path,
        ttl,
        attributes,
    } = cookie;
    if name.is_empty() {
        remarks.error(&at.field("name"), "missing-field", "is required");
    }
    let list = at.field("attributes");
    let mut seen = BTreeSet::new();
    for (index, istio::CookieAttribute { name, value }) in attributes.iter().enumerate() {
        let at = list.item(index);
        check_text(name, &at.field("name"), remarks);
        check_line(value, &at.field("value"), remarks);
        if !seen.insert(name) {
            remarks.error(
                &at.field("name"),
                "duplicate-attribute",
                format!("attribute {name:?} is written twice"),
            );
        }
    }
    HashKey::Cookie {
        name: Arc::from(name.as_str()),
        path: Arc::from(path.as_str()),
        ttl: ttl
            .as_deref()
            .and_then(|text| duration::lower(text, &at.field("ttl"), remarks)),
        attributes: attributes
            .iter()
            .map(|attribute| {
                let text = |text: &String| Arc::from(text.as_str());
                (text(&attribute.name), text(&attribute.value))
            })
            .collect(),
    }
}

/// Envoy refuses an empty name.
fn check_text(text: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if text.is_empty() {
        remarks.error(at, "missing-field", "must not be empty");
    }
    check_line(text, at, remarks);
}

/// Envoy refuses these in names and values of headers, and texts of 16 KiB.
fn check_line(text: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if text.contains(['\0', '\r', '\n']) || text.len() > 16_384 {
        remarks.error(
            at,
            "invalid-text",
            "must be a single line of at most 16384 bytes",
        );
    }
}

fn lower_table(hash: &istio::ConsistentHash, at: &Path<'_>, remarks: &mut Remarks) -> HashTable {
    let old_field = at.field("minimumRingSize");
    let old_size = hash.minimum_ring_size.filter(|size| *size > 0);
    if hash.minimum_ring_size.is_some() {
        effect::deprecated(&old_field, "write ringHash.minimumRingSize", remarks);
    }
    if let (Some(_), Some(_)) = (&hash.ring_hash, &hash.maglev) {
        effect::conflict(&at.field("maglev"), "ringHash", remarks);
    }
    if old_size.is_some() && (hash.ring_hash.is_some() || hash.maglev.is_some()) {
        effect::conflict(&old_field, "ringHash or maglev", remarks);
    }
    if let Some(istio::Maglev { table_size }) = &hash.maglev {
        let at = at.field("maglev");
        return HashTable::Maglev {
            table_size: lower_table_size(*table_size, &at.field("tableSize"), remarks),
        };
    }
    let minimum_size = match &hash.ring_hash {
        Some(istio::RingHash { minimum_ring_size }) => {
            let at = at.field("ringHash");
            lower_ring_size(*minimum_ring_size, &at.field("minimumRingSize"), remarks)
        }
        None => lower_ring_size(old_size.unwrap_or_default(), &old_field, remarks),
    };
    HashTable::Ring { minimum_size }
}

fn lower_ring_size(size: u64, at: &Path<'_>, remarks: &mut Remarks) -> u64 {
    match size {
        0 => RING_SIZE,
        1..=LARGEST_RING => size,
        _ => {
            remarks.error(
                at,
                bounds::OUT_OF_RANGE,
                format!("{size} is more than {LARGEST_RING}, Envoy's largest ring"),
            );
            LARGEST_RING
        }
    }
}

fn lower_table_size(size: u64, at: &Path<'_>, remarks: &mut Remarks) -> u64 {
    let message = if size == 0 {
        "is required: a prime number below 5000011".to_owned()
    } else if size >= TABLE_LIMIT {
        format!("{size} must be below {TABLE_LIMIT}")
    } else if !is_prime(size) {
        format!("{size} must be a prime number")
    } else {
        return size;
    };
    remarks.error(at, bounds::OUT_OF_RANGE, message);
    TABLE_SIZE
}

/// Prime in Envoy's eyes, which takes 1 for one, too. Only for sizes below the limit.
fn is_prime(size: u64) -> bool {
    (1..4).contains(&size)
        || (!size.is_multiple_of(2)
            && (3..)
                .step_by(2)
                .take_while(|factor| factor * factor <= size)
                .all(|factor| !size.is_multiple_of(factor)))
}
