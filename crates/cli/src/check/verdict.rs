//! Facts and what they mean.

use std::fmt;

use serde_json::{Value, json};

/// One line: a fact, whether it is well, and what to do if not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it is well.
    pub state: State,
    /// The fact.
    pub fact: String,
    /// What to do; empty if nothing is to be done.
    pub advice: String,
}

/// Whether something is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Fine,
    /// Somebody should look at it.
    Odd,
    /// It is not.
    Wrong,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Odd => "look",
            Self::Wrong => "WRONG",
        }
    }
}

impl Line {
    /// It is well.
    pub fn fine(fact: impl Into<String>) -> Self {
        Self {
            state: State::Fine,
            fact: fact.into(),
            advice: String::new(),
        }
    }

    /// Somebody should look at it.
    pub fn odd(fact: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            state: State::Odd,
            fact: fact.into(),
            advice: advice.into(),
        }
    }

    /// It is not well.
    pub fn wrong(fact: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            state: State::Wrong,
            fact: fact.into(),
            advice: advice.into(),
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let Self {
            state,
            fact,
            advice,
        } = self;
        json!({"state": state.word(), "fact": fact, "advice": advice})
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            state,
            fact,
            advice,
        } = self;
        write!(f, "{:<5} {fact}", state.word())?;
        if !advice.is_empty() {
            write!(f, "\n      → {advice}")?;
        }
        Ok(())
    }
}
