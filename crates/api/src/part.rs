//! A part of an object that is read by itself.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::read::{Fault, FaultKind, read};

/// A `T` inside an object, kept as JSON until somebody reads it. A type error in it is its own
/// fault, and leaves its siblings readable: one mistyped rule of a thousand spoils one rule.
pub struct Part<T> {
    value: Value,
    reads: PhantomData<fn() -> T>,
}

impl<T> Part<T> {
    /// The JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl<T: DeserializeOwned> Part<T> {
    /// Reads the part, which stands at the path `at`. Other than an absent field, an item that is
    /// `null` is a fault: it can't have been meant.
    pub fn read(&self, at: &str) -> (Option<T>, Vec<Fault>) {
        if self.value.is_null() {
            return (
                None,
                vec![Fault::new(FaultKind::WrongType, at, "must not be null")],
            );
        }
        read(&self.value, at)
    }
}

impl<'de, T> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            value: Value::deserialize(deserializer)?,
            reads: PhantomData,
        })
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            reads: PhantomData,
        }
    }
}

impl<T> PartialEq for Part<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Part;
    use crate::read::read;

    #[test]
    fn a_fault_in_a_part_leaves_its_siblings() {
        let (parts, faults) = read::<Vec<Part<u8>>>(&json!([1, "x", null]), "list");
        assert_eq!(faults, []);
        let read: Vec<_> = parts
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(at, part)| {
                let (value, faults) = part.read(&format!("list[{at}]"));
                (value, faults.into_iter().map(|fault| fault.path).collect())
            })
            .collect::<Vec<(Option<u8>, Vec<String>)>>();
        assert_eq!(
            read,
            [
                (Some(1), vec![]),
                (None, vec!["list[1]".to_owned()]),
                (None, vec!["list[2]".to_owned()])
            ]
        );
    }
}
