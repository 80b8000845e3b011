//! The rows of the table.

use std::fmt;

use crate::arena::Outcome;

/// A question and its answers.
#[derive(Debug)]
pub(super) struct Row {
    /// Where it stands in the table.
    line: usize,
    /// Who asks.
    pub(super) from: String,
    /// Whom.
    pub(super) to: String,
    /// By what.
    by: By,
    /// Further arguments of `ferromesh authz test`.
    pub(super) arguments: Vec<String>,
    /// The verdict.
    pub(super) outcome: Outcome,
    /// What it is due to.
    pub(super) due: Due,
    /// Why that is so.
    why: String,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Http1,
    Http2,
    BothHttp,
    Tcp,
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
    Tcp,
}

/// What a verdict is due to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A rule of an AuthorizationPolicy: its action, NAMESPACE/NAME, and which rule.
    Rule(String, String, u64),
    /// There are ALLOW policies, this one among them, and none matches.
    Unmatched(String),
    /// No policy says anything.
    Open,
    /// A PeerAuthentication.
    Mtls(String),
    /// No policy at all is asked.
    Nothing,
}

impl Row {
    /// The protocols by which Envoy is asked.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        match self.by {
            By::Http1 => vec![Protocol::Http1],
            By::Http2 => vec![Protocol::Http2],
            By::BothHttp => vec![Protocol::Http1, Protocol::Http2],
            By::Tcp => vec![Protocol::Tcp],
        }
    }

    /// The values of an argument.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let pairs = self.arguments.chunks(2);
        pairs
            .filter(|pair| pair[0] == name)
            .map(|pair| pair[1].as_str())
            .collect()
    }

    /// The last value of an argument.
    pub(super) fn value<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.values(name).last().copied().unwrap_or(otherwise)
    }

    fn read(line: usize, text: &str) -> Self {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let [from, to, by, arguments, verdict, due, why] = cells[..] else {
            panic!("line {line} has not seven cells");
        };
        let by = match by {
            "http" => By::Http1,
            "h2" => By::Http2,
            "both" => By::BothHttp,
            "tcp" => By::Tcp,
            other => panic!("line {line}: by {other}"),
        };
        let outcome = match verdict {
            "allowed" => Outcome::Allowed,
            "denied" => Outcome::Denied,
            "challenged" => Outcome::Challenged,
            "bad" => Outcome::BadRequest,
            "reset" => Outcome::Reset,
            other => panic!("line {line}: {other}"),
        };
        let words: Vec<&str> = due.split_whitespace().collect();
        let due = match words[..] {
            [] => Due::Nothing,
            ["open"] => Due::Open,
            ["unmatched", policy] => Due::Unmatched(policy.to_owned()),
            ["mtls", policy] => Due::Mtls(policy.to_owned()),
            [action, policy, rule] => {
                let rule = rule.parse().expect("a rule is a number");
                Due::Rule(action.to_owned(), policy.to_owned(), rule)
            }
            _ => panic!("line {line}: due to {due}"),
        };
        let arguments = words_of(arguments);
        assert!(
            arguments.len().is_multiple_of(2),
            "line {line}: {arguments:?}"
        );
        Self {
            line,
            from: from.to_owned(),
            to: to.to_owned(),
            by,
            arguments,
            outcome,
            due,
            why: why.to_owned(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            from,
            to,
            by: _,
            arguments,
            outcome,
            due,
            why,
        } = self;
        let arguments = arguments.join(" ");
        write!(
            f,
            "rows.txt:{line}: {from} to {to} {arguments}: {outcome:?} by {due:?} ({why})"
        )
    }
}

/// The rows of a table.
pub(super) fn rows(table: &str) -> Vec<Row> {
    let lines = table.lines().zip(1..);
    lines
        .filter(|(text, _)| !text.is_empty() && !text.starts_with('#'))
        .map(|(text, line)| Row::read(line, text))
        .collect()
}

/// Words as a shell takes them, as far as single quotes.
fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(ToOwned::to_owned));
        }
    }
    words
}
