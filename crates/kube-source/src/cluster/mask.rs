//! Only what is needed of an object, taken while it is being parsed: the rest never becomes a
//! value.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// What is kept of a value. A value of another shape than the mask expects is kept as it is:
/// whoever reads it says what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mask {
    /// Everything.
    Whole,
    /// These fields of a mapping.
    Fields(&'static [(&'static str, Mask)]),
    /// The entries of a mapping whose keys pass.
    Keys(fn(&str) -> bool),
    /// This of each item of a list.
    Items(&'static Mask),
    /// Of a list, this of the items that have this text in this field.
    Matching(&'static str, &'static str, &'static Mask),
}

impl Mask {
    /// Parses what is kept.
    pub fn read(&self, json: &str) -> serde_json::Result<Value> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for &Mask {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Mask::Whole => Value::deserialize(deserializer),
            Mask::Fields(_) | Mask::Keys(_) | Mask::Items(_) | Mask::Matching(..) => {
                deserializer.deserialize_any(Kept(self))
            }
        }
    }
}

struct Kept<'a>(&'a Mask);

impl<'de> Visitor<'de> for Kept<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(choice) = map.next_key_seed(Choice(self.0))? {
            match choice {
                Some((key, mask)) => {
                    let value = map.next_value_seed(&mask)?;
                    // Nothing of what was there is wanted.
                    let is_emptied = matches!(mask, Mask::Keys(_))
                        && value.as_object().is_some_and(Map::is_empty);
                    if !is_emptied {
                        kept.insert(key, value);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(kept))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let (item, condition) = match self.0 {
            Mask::Items(item) => (*item, None),
            Mask::Matching(field, text, item) => (*item, Some((*field, *text))),
            Mask::Whole | Mask::Fields(_) | Mask::Keys(_) => (&Mask::Whole, None),
        };
        let mut kept = Vec::new();
        while let Some(value) = list.next_element_seed(item)? {
            if condition.is_none_or(|(field, text)| value.get(field).is_some_and(|is| is == text)) {
                kept.push(value);
            }
        }
        Ok(Value::Array(kept))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Whether the value of a key is kept, and what of it.
struct Choice<'a>(&'a Mask);

impl<'de> DeserializeSeed<'de> for Choice<'_> {
    type Value = Option<(String, Mask)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Choice<'_> {
    type Value = Option<(String, Mask)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let mask = match self.0 {
            Mask::Fields(fields) => {
                let field = fields.iter().find(|(name, _)| *name == key);
                field.map(|(_, mask)| *mask)
            }
            Mask::Keys(passes) => passes(key).then_some(Mask::Whole),
            Mask::Whole | Mask::Items(_) | Mask::Matching(..) => Some(Mask::Whole),
        };
        Ok(mask.map(|mask| (key.to_owned(), mask)))
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    const MASK: Mask = Mask::Fields(&[
        ("name", Mask::Whole),
        ("labels", Mask::Keys(|key| key.starts_with("a/"))),
        (
            "ports",
            Mask::Items(&Mask::Fields(&[("port", Mask::Whole)])),
        ),
        (
            "conditions",
            Mask::Matching(
                "type",
                "Ready",
                &Mask::Fields(&[("type", Mask::Whole), ("status", Mask::Whole)]),
            ),
        ),
    ]);

    #[test]
    fn only_what_is_needed_is_kept() {
        for (json, kept) in [
            (
                r#"{"name":"x","more":{"deep":[1]},"labels":{"a/b":"1","c":"2"}}"#,
                r#"{"name":"x","labels":{"a/b":"1"}}"#,
            ),
            (
                r#"{"ports":[{"port":1,"name":"n"},{}],"conditions":[{"type":"Other","status":"True"},{"type":"Ready","status":"False","at":"now"}]}"#,
                r#"{"ports":[{"port":1},{}],"conditions":[{"type":"Ready","status":"False"}]}"#,
            ),
            (r#"{"name":"x","labels":{"c":"2"}}"#, r#"{"name":"x"}"#),
            // Of another shape: for others to complain about.
            (
                r#"{"labels":["a"],"ports":{"port":-1.5},"conditions":null,"name":[true]}"#,
                r#"{"labels":["a"],"ports":{"port":-1.5},"conditions":null,"name":[true]}"#,
            ),
            ("[1]", "[1]"),
            ("\"x\"", "\"x\""),
        ] {
            let read = MASK.read(json).expect(json);
            assert_eq!(read.to_string(), kept);
        }
        assert!(MASK.read("{").is_err());
        assert!(MASK.read("{} {}").is_err());
    }
}
