//! Annotations and labels: their names, and reading them.

pub(crate) mod known;
pub(crate) mod name;

use std::collections::BTreeMap;

use crate::Refusal;

/// The annotations of a pod, over defaults that have the same form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Annotations<'a>(pub &'a BTreeMap<String, String>);

impl<'a> Annotations<'a> {
    /// The text of an annotation.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }

    /// What an annotation says, if it is there.
    pub fn read<T>(
        self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Misreading>,
    ) -> Result<Option<T>, Refusal> {
        let said = self.get(name).map(read).transpose();
        said.map_err(|misreading| misreading.of(name))
    }

    /// What an annotation says, or a default in its form.
    pub fn read_or<T>(
        self,
        name: &'static str,
        default: &str,
        read: impl FnOnce(&str) -> Result<T, Misreading>,
    ) -> Result<T, Refusal> {
        let text = self.get(name).unwrap_or(default);
        read(text).map_err(|misreading| misreading.of(name))
    }

    /// A boolean as Go reads it.
    pub fn switch(self, name: &'static str, default: bool) -> Result<bool, Refusal> {
        Ok(self.read(name, switch)?.unwrap_or(default))
    }
}

/// Why a text can't be read, and a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misreading {
    pub message: String,
    pub hint: String,
}

impl Misreading {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// About the text of an annotation.
    pub fn of(self, annotation: &str) -> Refusal {
        Refusal::annotation(annotation, self.message, self.hint)
    }
}

fn switch(text: &str) -> Result<bool, Misreading> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Misreading::new(
            format!("{text:?} is no boolean"),
            "write \"true\" or \"false\"",
        )),
    }
}

/// A number of seconds, or of times.
pub(crate) fn count(text: &str) -> Result<u32, Misreading> {
    let number = text.parse::<u32>().ok().filter(|n| *n <= i32::MAX as u32);
    number.ok_or_else(|| {
        Misreading::new(
            format!("{text:?} is no whole number of at least 0"),
            "write digits, such as \"30\"",
        )
    })
}
