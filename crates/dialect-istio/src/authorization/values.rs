//! The values that rules compare with.

use std::net::IpAddr;

use ferromesh_api::istio::AuthorizationAction;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{AccountMatch, TextMatch};
use ferromesh_mesh::policy::set::Set;
use ipnet::IpNet;

use super::shared;

/// The code of a value that can't be compared with.
pub(super) const INVALID: &str = "invalid-value";

/// The code of a value that nothing will ever be equal to.
pub(super) const NEVER: &str = "never-matches";

/// How many accounts, and how long each of them, Istio allows.
const MOST_ACCOUNTS: usize = 16;
const LONGEST_ACCOUNT: usize = 320;

/// A field, and the field of its negation.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    /// One of these.
    pub(super) any_of: (&'static str, &'a [String]),
    /// None of these.
    pub(super) none_of: (&'static str, &'a [String]),
}

impl Lists<'_> {
    /// Whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        self.any_of.1.is_empty() && self.none_of.1.is_empty()
    }

    /// The fields that are written.
    pub(super) fn written(&self) -> impl Iterator<Item = &'static str> {
        [self.any_of, self.none_of]
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(field, _)| field)
    }

    /// What a rule is meant to close, with the field that says it: what it denies, or what it
    /// leaves out of what it allows.
    pub(super) fn closed_by(
        &self,
        action: AuthorizationAction,
    ) -> Option<(&'static str, &[String])> {
        match action {
            AuthorizationAction::Deny => Some(self.any_of),
            AuthorizationAction::Allow => Some(self.none_of),
            AuthorizationAction::Audit | AuthorizationAction::Custom => None,
        }
    }

    /// The values, each read by `read` at its path below `at`. Empty ones are errors.
    pub(super) fn lower<T>(
        &self,
        at: &Path<'_>,
        remarks: &mut Remarks,
        read: impl Fn(&str, &Path<'_>, &mut Remarks) -> Option<T>,
    ) -> Set<T> {
        let mut lower = |(field, values): (&str, &[String])| {
            let list = at.field(field);
            let mut lowered = Vec::with_capacity(values.len());
            for (index, value) in values.iter().enumerate() {
                let at = list.item(index);
                if value.is_empty() {
                    remarks
                        .error(&at, INVALID, "must not be empty")
                        .advise("write \"*\" for any value that is there");
                } else {
                    lowered.extend(read(value, &at, remarks));
                }
            }
            lowered
        };
        Set {
            any_of: lower(self.any_of),
            none_of: lower(self.none_of),
        }
    }
}

/// A text: `abc`, `abc*`, `*abc` or `*`. Any other `*` is a character like others, for Istio, too.
pub(super) fn text(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    let (matched, rest) = split(value);
    if rest.contains('*') {
        remarks
            .warning(
                at,
                "literal-wildcard",
                format!("the \"*\" in {rest:?} is no wildcard, but a character like others"),
            )
            .advise("a wildcard stands at the end (\"abc*\") or at the beginning (\"*abc\")");
    }
    Some(matched)
}

/// The match that a text means, and what of it is literal.
fn split(value: &str) -> (TextMatch, &str) {
    if value == "*" {
        (TextMatch::Present, "")
    } else if let Some(suffix) = value.strip_prefix('*') {
        (TextMatch::Suffix(shared(suffix)), suffix)
    } else if let Some(prefix) = value.strip_suffix('*') {
        (TextMatch::Prefix(shared(prefix)), prefix)
    } else {
        (TextMatch::Exact(shared(value)), value)
    }
}

/// A text with one wildcard at most, at its beginning or end. Others are refused: Istio takes
/// them for patterns, which would match more than a literal does.
fn strict_text(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    let (matched, rest) = split(value);
    if rest.contains('*') {
        remarks
            .error(
                at,
                INVALID,
                format!("{value:?} has a wildcard in the middle, or more than one"),
            )
            .advise("write one \"*\", at the end or at the beginning");
        return None;
    }
    Some(matched)
}

/// A peer: `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
pub(super) fn principal(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    if let Some(rest) = value.strip_prefix("spiffe://") {
        remarks
            .warning(
                at,
                NEVER,
                "matches nobody: principals have no \"spiffe://\"",
            )
            .advise(format!("write {rest:?}"));
    } else if !value.contains('*') && value.split('/').count() != 5 {
        remarks
            .warning(
                at,
                NEVER,
                format!("matches nobody: {value:?} is no TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT"),
            )
            .advise("write the whole principal, or serviceAccounts: [NAMESPACE/ACCOUNT]");
    }
    text(value, at, remarks)
}

/// A namespace.
pub(super) fn namespace(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    strict_text(value, at, remarks)
}

/// A trust domain.
pub(super) fn trust_domain(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    if value.contains('/') {
        remarks
            .error(
                at,
                INVALID,
                format!("{value:?} is no trust domain: it must not contain \"/\""),
            )
            .advise("write the trust domain alone, such as cluster.local");
        return None;
    }
    strict_text(value, at, remarks)
}

/// An account of the author's namespace or of another one, `NAMESPACE/ACCOUNT`.
pub(super) fn account(
    value: &str,
    author: &str,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<AccountMatch> {
    let (namespace, account) = value.split_once('/').unwrap_or((author, value));
    let message = if value.contains('*') {
        format!("{value:?} has a wildcard, which accounts can't have")
    } else if value.len() > LONGEST_ACCOUNT {
        format!("has more than {LONGEST_ACCOUNT} characters")
    } else if namespace.is_empty() || account.is_empty() || account.contains('/') {
        format!("{value:?} is neither ACCOUNT nor NAMESPACE/ACCOUNT")
    } else {
        return Some(AccountMatch {
            namespace: shared(namespace),
            account: shared(account),
        });
    };
    remarks
        .error(at, INVALID, message)
        .advise("write ACCOUNT or NAMESPACE/ACCOUNT; principals may have wildcards");
    None
}

/// Whether a list of accounts isn't too long.
pub(super) fn check_accounts(lists: Lists<'_>, at: &Path<'_>, remarks: &mut Remarks) {
    for (field, values) in [lists.any_of, lists.none_of] {
        crate::bounds::at_most(MOST_ACCOUNTS, values.len(), &at.field(field), remarks);
    }
}

/// An address or a block of them.
pub(super) fn block(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<IpNet> {
    let block = if value.contains('/') {
        value.parse::<IpNet>().ok()
    } else {
        value.parse::<IpAddr>().ok().map(IpNet::from)
    };
    if block.is_none() {
        remarks
            .error(
                at,
                INVALID,
                format!("{value:?} is neither an IP address nor a block of them"),
            )
            .advise("write 10.1.2.3 or 10.1.0.0/16");
    }
    block.map(|block| block.trunc())
}

/// A port.
pub(super) fn port(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<u16> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<u16>().ok().filter(|_| digits) {
        Some(0) => {
            remarks.warning(at, NEVER, "matches nothing: nobody can connect to port 0");
            Some(0)
        }
        Some(port) => Some(port),
        None => {
            remarks
                .error(at, INVALID, format!("{value:?} is no port"))
                .advise("write a number from 1 to 65535");
            None
        }
    }
}

/// A method. They are case-sensitive.
pub(super) fn method(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    let upper = value.to_ascii_uppercase();
    if upper != value {
        remarks
            .warning(
                at,
                NEVER,
                format!("matches nothing: methods are in upper case, and {value:?} is not"),
            )
            .advise(format!("write {upper:?}"));
    }
    text(value, at, remarks)
}
