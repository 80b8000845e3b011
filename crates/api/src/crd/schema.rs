//! Schemas as Kubernetes takes them: the structural part of OpenAPI 3.
//!
//! A schema is made by one of the functions and narrowed by the methods. Each writes the words
//! of OpenAPI that it is named after, in the order in which people read them.

use serde_json::{Map, Value, json};

/// What a value must look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Map<String, Value>);

/// A field of an [`object`].
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    name: &'static str,
    about: &'static str,
    presence: Presence,
    schema: Schema,
}

/// Whether a field may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may.
    Optional,
    /// It may not.
    Required,
}

/// A field that may be absent.
pub fn may(name: &'static str, about: &'static str, schema: Schema) -> Field {
    Field {
        name,
        about,
        presence: Presence::Optional,
        schema,
    }
}

/// A field that must be there.
pub fn must(name: &'static str, about: &'static str, schema: Schema) -> Field {
    Field {
        name,
        about,
        presence: Presence::Required,
        schema,
    }
}

/// Known fields.
pub fn object(fields: impl IntoIterator<Item = Field>) -> Schema {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let Field {
            name,
            about,
            presence,
            schema,
        } = field;
        if presence == Presence::Required {
            required.push(name);
        }
        properties.insert(name.to_owned(), Value::Object(schema.about(about).0));
    }
    let object = Schema::of_type("object").set("properties", properties);
    match required[..] {
        [] => object,
        _ => object.set("required", required),
    }
}

/// Any fields, which are kept.
pub fn anything() -> Schema {
    Schema::of_type("object").open()
}

/// Any keys.
pub fn map(values: Schema) -> Schema {
    Schema::of_type("object").set("additionalProperties", values.0)
}

/// A list.
pub fn list(items: Schema) -> Schema {
    Schema::of_type("array").set("items", items.0)
}

/// A text.
pub fn string() -> Schema {
    Schema::of_type("string")
}

/// One of these words.
pub fn choice<const N: usize>(words: [&'static str; N]) -> Schema {
    string().set("enum", words.to_vec())
}

/// A time span; it is at least a millisecond.
pub fn duration() -> Schema {
    string().rule(
        "a duration of at least 1ms is needed, such as 1.5s",
        "duration(self) >= duration('1ms')",
    )
}

/// Yes or no.
pub fn boolean() -> Schema {
    Schema::of_type("boolean")
}

/// A whole number, as protobuf's `int32`.
pub fn int32() -> Schema {
    Schema::of_type("integer").set("format", "int32")
}

/// A whole number that is not negative.
pub fn natural() -> Schema {
    Schema::of_type("integer").at_least(0)
}

/// A whole number, as protobuf's `uint32`.
pub fn uint32() -> Schema {
    natural().at_most(u32::MAX.into())
}

/// A port's number, not 0.
pub fn port() -> Schema {
    Schema::of_type("integer").at_least(1).at_most(65535)
}

/// A number with a fraction.
pub fn double() -> Schema {
    Schema::of_type("number").set("format", "double")
}

/// A number, perhaps as text: protobuf's JSON writes 64 bits as text.
pub fn integer_or_text() -> Schema {
    Schema(Map::new())
        .set("anyOf", json!([{"type": "integer"}, {"type": "string"}]))
        .set("x-kubernetes-int-or-string", true)
}

impl Schema {
    fn of_type(name: &'static str) -> Self {
        Self(Map::new()).set("type", name)
    }

    fn set(mut self, word: &str, value: impl Into<Value>) -> Self {
        self.0.insert(word.to_owned(), value.into());
        self
    }

    /// Says what it is for, before everything else.
    pub fn about(self, about: &'static str) -> Self {
        let mut words = Map::new();
        words.insert("description".to_owned(), about.into());
        words.extend(self.0.into_iter().filter(|(word, _)| word != "description"));
        Self(words)
    }

    /// `null` is as good as nothing.
    pub fn nullable(self) -> Self {
        self.set("nullable", true)
    }

    /// Unknown fields are kept.
    pub fn open(self) -> Self {
        self.set("x-kubernetes-preserve-unknown-fields", true)
    }

    /// The least number.
    pub fn at_least(self, least: i64) -> Self {
        self.set("minimum", least)
    }

    /// The greatest number.
    pub fn at_most(self, greatest: i64) -> Self {
        self.set("maximum", greatest)
    }

    /// A text that is not empty.
    pub fn not_empty(self) -> Self {
        self.set("minLength", 1)
    }

    /// The longest text.
    pub fn up_to(self, characters: u32) -> Self {
        self.set("maxLength", characters)
    }

    /// What a text is, by a name that OpenAPI knows.
    pub fn format(self, format: &'static str) -> Self {
        self.set("format", format)
    }

    /// What a text must match, in RE2 syntax.
    pub fn pattern(self, pattern: &'static str) -> Self {
        self.set("pattern", pattern)
    }

    /// The longest list.
    pub fn max_items(self, items: u32) -> Self {
        self.set("maxItems", items)
    }

    /// A list that is not empty.
    pub fn some_items(self) -> Self {
        self.set("minItems", 1)
    }

    /// The largest map.
    pub fn max_keys(self, keys: u32) -> Self {
        self.set("maxProperties", keys)
    }

    /// A map that is not empty.
    pub fn some_keys(self) -> Self {
        self.set("minProperties", 1)
    }

    /// A list whose items differ in this field, by which field managers share it.
    pub fn keyed_by(self, field: &'static str) -> Self {
        self.set("x-kubernetes-list-type", "map")
            .set("x-kubernetes-list-map-keys", vec![field])
    }

    /// A rule in CEL, and what is said when it is broken.
    pub fn rule(self, message: &str, rule: &str) -> Self {
        self.push(
            "x-kubernetes-validations",
            json!({"message": message, "rule": rule}),
        )
    }

    /// At most one of these fields, as a rule: it may stand beside others.
    pub fn exclusive<const N: usize>(self, fields: [&'static str; N]) -> Self {
        let message = format!("at most one of {} may be set", fields.join(", "));
        let present: Vec<_> = fields.map(|field| format!("has(self.{field})")).into();
        let rule = match &present[..] {
            [one, other] => format!("!({one} && {other})"),
            all => format!("[{}].filter(set, set).size() <= 1", all.join(", ")),
        };
        self.rule(&message, &rule)
    }

    /// At most one of these fields, in OpenAPI's own words: tools that know nothing of CEL see
    /// which fields are alternatives (protobuf's `oneof`).
    pub fn one_of<const N: usize>(self, fields: [&'static str; N]) -> Self {
        let present = fields.map(|field| json!({"required": [field]}));
        let mut alternatives = vec![json!({"not": {"anyOf": present.to_vec()}})];
        alternatives.extend(present);
        let mut words = self.0;
        // A second group: both hold.
        if let Some(first) = words.remove("oneOf") {
            let both = json!([{"oneOf": first}, {"oneOf": alternatives}]);
            return Self(words).set("allOf", both);
        }
        Self(words).set("oneOf", alternatives)
    }

    fn push(mut self, word: &str, value: Value) -> Self {
        match self.0.get_mut(word) {
            Some(Value::Array(values)) => values.push(value),
            _ => self = self.set(word, vec![value]),
        }
        self
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        Self::Object(schema.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{choice, int32, may, must, object, string};

    #[test]
    fn an_object_says_what_it_is_for_and_what_must_be_there() {
        let schema = object([
            must("host", "Name.", string().not_empty()),
            may("mode", "How.", choice(["A", "B"]).about("replaced")),
        ]);
        assert_eq!(
            Value::from(schema),
            json!({
                "type": "object",
                "properties": {
                    "host": {"description": "Name.", "type": "string", "minLength": 1},
                    "mode": {"description": "How.", "type": "string", "enum": ["A", "B"]},
                },
                "required": ["host"],
            })
        );
    }

    #[test]
    fn rules_add_up() {
        let schema = int32().rule("not 1", "self != 1").exclusive(["a", "b"]);
        assert_eq!(
            Value::from(schema.exclusive(["a", "b", "c"])).get("x-kubernetes-validations"),
            Some(&json!([
                {"message": "not 1", "rule": "self != 1"},
                {"message": "at most one of a, b may be set", "rule": "!(has(self.a) && has(self.b))"},
                {
                    "message": "at most one of a, b, c may be set",
                    "rule": "[has(self.a), has(self.b), has(self.c)].filter(set, set).size() <= 1",
                },
            ]))
        );
    }

    #[test]
    fn alternatives_may_come_in_two_groups() {
        let group = |a: &str, b: &str| {
            let (a, b) = (json!({"required": [a]}), json!({"required": [b]}));
            json!([{"not": {"anyOf": [a, b]}}, a, b])
        };
        let one = string().one_of(["a", "b"]);
        assert_eq!(
            Value::from(one.clone()),
            json!({"type": "string", "oneOf": group("a", "b")})
        );
        assert_eq!(
            Value::from(one.one_of(["c", "d"])),
            json!({
                "type": "string",
                "allOf": [{"oneOf": group("a", "b")}, {"oneOf": group("c", "d")}],
            })
        );
    }
}
