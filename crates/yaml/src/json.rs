//! JSON text into values, as strictly as YAML: a duplicate key is an error.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::compose::too_large;
use super::{Document, Documents, Fault, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_VALUES};

const DUPLICATE: &str = "duplicate key";
const TOO_MANY: &str = "the document has too many values";

pub(super) fn read(text: &str) -> Documents {
    let mut out = Documents::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!("a file of {} MiB is too large", text.len() >> 20);
        out.faults.push(too_large(1, message));
        return out;
    }
    if text.trim_ascii().is_empty() {
        return out;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    for index in 0.. {
        let values = Cell::new(0);
        match (Strict { values: &values }).deserialize(&mut deserializer) {
            Ok(Value::Null) => {}
            Ok(content) => out.documents.push(Document { index, content }),
            Err(error) => {
                out.faults.push(fault(&error));
                return out;
            }
        }
        // What remains, if anything does, is the next document.
        if deserializer.end().is_ok() {
            break;
        }
    }
    out
}

fn fault(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    if text.starts_with(TOO_MANY) {
        return too_large(error.line(), TOO_MANY.to_owned());
    }
    let position = format!(" at line {} column {}", error.line(), error.column());
    Fault {
        code: if text.starts_with(DUPLICATE) {
            "duplicate-key"
        } else {
            "json-syntax"
        },
        line: error.line(),
        path: String::new(),
        message: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
        hint: None,
        before: Value::Null,
    }
}

/// Reads any value, counting.
#[derive(Clone, Copy)]
struct Strict<'a> {
    values: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAX_DOCUMENT_VALUES {
            return Err(D::Error::custom(TOO_MANY));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
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

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE} {key:?}")));
            }
            let value = access.next_value_seed(self)?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}
