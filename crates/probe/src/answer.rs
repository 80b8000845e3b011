//! What a matcher answers. What is not known is carried along until it no longer matters.

use crate::verdict::Outcome;

/// What a matcher answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It matches.
    Yes,
    /// It does not.
    No,
    /// That depends on this, which is not known.
    Unknown(String),
}

impl Answer {
    pub(crate) fn unknown(what: impl Into<String>) -> Self {
        Self::Unknown(what.into())
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown(what) => Self::Unknown(what),
        }
    }

    /// The opposite if asked for.
    pub(crate) fn inverted(self, invert: bool) -> Self {
        if invert { self.not() } else { self }
    }

    /// Whether all match; nothing at all does.
    pub(crate) fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Yes;
        for answer in answers {
            match answer {
                Self::Yes => {}
                Self::No => return Self::No,
                Self::Unknown(_) if all == Self::Yes => all = answer,
                Self::Unknown(_) => {}
            }
        }
        all
    }

    /// Whether one matches.
    pub(crate) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        Self::all(answers.into_iter().map(Self::not)).not()
    }

    /// Yes or no, or the end.
    pub(crate) fn decided(self) -> Result<bool, Outcome> {
        match self {
            Self::Yes => Ok(true),
            Self::No => Ok(false),
            Self::Unknown(what) => Err(Outcome::Unknown { what }),
        }
    }
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// The end, because this is not known.
pub(crate) fn unknown(what: impl Into<String>) -> Outcome {
    Outcome::Unknown { what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::Answer::{self, No, Yes};

    #[test]
    fn what_is_not_known_counts_only_where_it_matters() {
        let open = || Answer::unknown("it");
        for (all, any, answers) in [
            (Yes, No, vec![]),
            (No, Yes, vec![Yes, No]),
            (No, open(), vec![open(), No]),
            (open(), Yes, vec![open(), Yes]),
            (open(), open(), vec![open()]),
        ] {
            assert_eq!(Answer::all(answers.clone()), all, "all of {answers:?}");
            assert_eq!(Answer::any(answers.clone()), any, "any of {answers:?}");
        }
        assert_eq!((Yes.not(), No.not(), open().not()), (No, Yes, open()));
    }
}
