//! What would happen, and why.

use std::fmt;
use std::str::FromStr;

/// What would happen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What would happen.
    pub outcome: Outcome,
    /// The policy that decided: the one that allowed it last, or the one that denied it; `None`
    /// if none did.
    pub policy: Option<String>,
    /// What policies that are only tried say, in the order in which they are asked.
    pub shadows: Vec<Shadow>,
    /// The name of the filter chain; `None` if there is none.
    pub chain: Option<String>,
    /// What was asked on the way.
    pub steps: Vec<Step>,
}

/// What would happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gets to the application.
    Allowed,
    /// It is answered by the proxy.
    Denied {
        /// The HTTP status.
        status: u16,
        /// Why, as the access log says it (`%RESPONSE_CODE_DETAILS%`).
        details: String,
    },
    /// It is answered with 401, because of its token or the lack of one.
    Challenged {
        /// Why.
        details: String,
    },
    /// It is sent to another address (307).
    Redirected {
        /// The path.
        location: String,
    },
    /// The connection is closed.
    Reset {
        /// Why.
        details: String,
    },
    /// An external authorizer decides. Whatever comes after it allows.
    Asks {
        /// The cluster of the authorizer.
        provider: String,
    },
    /// This can't be told.
    Unknown {
        /// What is not known.
        what: String,
    },
}

/// What a policy that is only tried says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The prefix of its statistics, which says what it is tried for.
    pub prefix: String,
    /// What its rules do.
    pub action: Action,
    /// The policy that matches; `None` = none does.
    pub policy: Option<String>,
    /// Whether it would be denied.
    pub outcome: ShadowOutcome,
}

/// What would happen if a policy were not only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowOutcome {
    /// Nothing.
    Allowed,
    /// It would be denied.
    Denied,
}

/// What happens to what the rules of a filter match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is allowed; the rest is denied.
    Allow,
    /// It is denied; the rest is allowed.
    Deny,
    /// It is logged; everything is allowed.
    Log,
}

/// What was asked on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name of the filter, or of the part of Envoy.
    pub filter: String,
    /// What it said.
    pub said: Said,
}

/// What a filter said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Rules were evaluated.
    Rules {
        /// What they do.
        action: Action,
        /// The one that matches; `None` = none does.
        policy: Option<String>,
        /// All of them.
        policies: Vec<String>,
    },
    /// Something else.
    Note(String),
}

/// A name of a rule of a policy: `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`, as Istio forms it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Which of its rules, from 0.
    pub rule: usize,
}

impl FromStr for PolicyName {
    /// It has another form.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix("ns[").ok_or(())?;
        let (namespace, rest) = rest.split_once("]-policy[").ok_or(())?;
        let (name, rest) = rest.split_once("]-rule[").ok_or(())?;
        let rule = rest.strip_suffix(']').ok_or(())?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            rule: rule.parse().map_err(|_| ())?,
        })
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            name,
            rule,
        } = self;
        write!(f, "ns[{namespace}]-policy[{name}]-rule[{rule}]")
    }
}

impl Verdict {
    /// Nothing has happened yet.
    pub(crate) fn new() -> Self {
        Self {
            outcome: Outcome::Allowed,
            policy: None,
            shadows: Vec::new(),
            chain: None,
            steps: Vec::new(),
        }
    }

    /// A filter said this.
    pub(crate) fn step(&mut self, filter: &str, said: Said) {
        self.steps.push(Step {
            filter: filter.to_owned(),
            said,
        });
    }

    /// A filter said something that is no evaluation of rules.
    pub(crate) fn note(&mut self, filter: &str, note: impl Into<String>) {
        self.step(filter, Said::Note(note.into()));
    }

    /// An authorizer is asked. The first one that is asked is the verdict.
    pub(crate) fn asks(&mut self, provider: String) {
        if self.outcome == Outcome::Allowed {
            self.outcome = Outcome::Asks { provider };
        }
    }

    /// This is how it ends.
    pub(crate) fn finish(mut self, outcome: Outcome) -> Self {
        if outcome != Outcome::Allowed {
            self.outcome = outcome;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyName;

    #[test]
    fn names_of_policies_are_read_as_they_are_written() {
        let text = "ns[shop]-policy[a.b]-rule[12]";
        let name: PolicyName = text.parse().expect("a name");
        assert_eq!(
            (&*name.namespace, &*name.name, name.rule),
            ("shop", "a.b", 12)
        );
        assert_eq!(name.to_string(), text);
        for other in ["", "a", "ns[a]-policy[b]", "ns[a]-policy[b]-rule[x]"] {
            assert_eq!(other.parse::<PolicyName>(), Err(()), "{other}");
        }
    }
}
