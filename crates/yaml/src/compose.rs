//! The parser's events into a value.

use std::collections::HashMap;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{self as granit, Event, ScalarStyle, Span, Tag};

use super::scalar::{self, Refusal};
use super::split::Chunk;
use super::{Document, Documents, Fault, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_VALUES};

/// How deep values may be nested: twice as deep as a CustomResourceDefinition goes.
const MAX_DEPTH: usize = 200;

/// Faults are rare and large.
type Composed<T> = Result<T, Box<Fault>>;

/// Reads the documents of a chunk into `out`, numbered from `first`, and says how many there are.
pub(super) fn compose(chunk: Chunk<'_>, first: usize, out: &mut Documents) -> usize {
    if chunk.text.len() > MAX_DOCUMENT_BYTES {
        let megabytes = chunk.text.len() >> 20;
        out.faults.push(too_large(
            chunk.lines_before + 1,
            format!("a document of {megabytes} MiB is too large"),
        ));
        return 1;
    }
    let mut composer = Composer {
        events: events(chunk.text),
        lines_before: chunk.lines_before,
        lines: chunk.text.lines().count().max(1),
        values: 0,
        copied_bytes: 0,
        anchors: HashMap::new(),
    };
    let mut count = 0;
    loop {
        match composer.document(&mut count) {
            Ok(Some(Value::Null)) => {}
            Ok(Some(content)) => out.documents.push(Document {
                index: first + count - 1,
                content,
            }),
            Ok(None) => return count,
            Err(fault) => {
                out.faults.push(*fault);
                return count.max(1);
            }
        }
    }
}

/// The parser's events, without comments.
pub(super) fn events(
    text: &str,
) -> impl Iterator<Item = Result<(Event<'_>, Span), granit::ScanError>> {
    granit::Parser::new_from_str_with_options(text, granit::options! { emit_comments: false })
}

/// A document that would cost too much.
pub(super) fn too_large(line: usize, message: String) -> Fault {
    Fault {
        code: "too-large",
        line,
        path: String::new(),
        message,
        hint: Some(format!(
            "split it: a document may have {} MiB and {MAX_DOCUMENT_VALUES} values",
            MAX_DOCUMENT_BYTES >> 20
        )),
        before: Value::Null,
    }
}

struct Composer<P> {
    events: P,
    lines_before: usize,
    lines: usize,
    /// Values so far, copies by aliases included: bounds what a document costs.
    values: usize,
    copied_bytes: usize,
    anchors: HashMap<usize, Value>,
}

impl<'a, P> Composer<P>
where
    P: Iterator<Item = Result<(Event<'a>, Span), granit::ScanError>>,
{
    /// The next document; `None` at the end.
    fn document(&mut self, count: &mut usize) -> Composed<Option<Value>> {
        loop {
            match self.next()? {
                (Event::DocumentStart(..), _) => break,
                (Event::StreamEnd, _) => return Ok(None),
                _ => {}
            }
        }
        *count += 1;
        self.values = 0;
        self.copied_bytes = 0;
        self.anchors.clear();
        let (event, span) = self.next()?;
        let value = self.node(event, span, 0)?;
        while !matches!(self.next()?.0, Event::DocumentEnd) {}
        Ok(Some(value))
    }

    fn next(&mut self) -> Composed<(Event<'a>, Span)> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Box::new(Fault {
                code: "yaml-syntax",
                // What is missing at the end is missing on the last line.
                line: self.lines_before + error.marker().line().min(self.lines),
                path: String::new(),
                message: error.info(),
                hint: None,
                before: Value::Null,
            })),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Composed<Value> {
        if depth > MAX_DEPTH {
            return Err(Box::new(too_large(
                self.line(span),
                format!("values are nested more than {MAX_DEPTH} levels deep"),
            )));
        }
        self.count(1, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(self.fault(span, "yaml-syntax", "expected a value")),
        };
        if anchor != 0 {
            self.count_copy(&value, span)?;
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Composed<Value> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(items));
            }
            let item = self
                .node(event, span, depth + 1)
                .map_err(|fault| below(fault, &format!("[{}]", items.len())))?;
            items.push(item);
        }
    }

    fn mapping(&mut self, depth: usize) -> Composed<Value> {
        let mut fields = Map::new();
        match self.fields(&mut fields, depth) {
            Ok(()) => Ok(Value::Object(fields)),
            Err(mut fault) => {
                if depth == 0 {
                    fault.before = Value::Object(fields);
                }
                Err(fault)
            }
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>, depth: usize) -> Composed<()> {
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let is_merge = match &event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) => &**text == "<<",
                _ => false,
            };
            let key = if is_merge {
                "<<".to_owned()
            } else {
                self.key(event, span, depth)?
            };
            if !is_merge && fields.contains_key(&key) {
                let mut fault = self.fault(span, "duplicate-key", format!("duplicate key {key:?}"));
                fault.hint =
                    Some("keep one of them: readers differ in which one counts".to_owned());
                return Err(below(fault, &segment(&key)));
            }
            let (event, value_span) = self.next()?;
            let value = self
                .node(event, value_span, depth + 1)
                .map_err(|fault| below(fault, &segment(&key)))?;
            if is_merge {
                merged.push((value, span));
            } else {
                fields.insert(key, value);
            }
        }
        for (value, span) in merged {
            self.merge(fields, value, span)?;
        }
        Ok(())
    }

    /// What a mapping says itself counts, then what is merged first.
    fn merge(&self, fields: &mut Map<String, Value>, from: Value, span: Span) -> Composed<()> {
        match from {
            Value::Object(from) => {
                for (key, value) in from {
                    fields.entry(key).or_insert(value);
                }
                Ok(())
            }
            Value::Array(list) if list.iter().all(Value::is_object) => list
                .into_iter()
                .try_for_each(|from| self.merge(fields, from, span)),
            _ => Err(self.fault(
                span,
                "yaml-syntax",
                "\"<<\" merges a mapping or a list of mappings",
            )),
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Composed<String> {
        let value = match event {
            Event::Scalar(..) | Event::Alias(_) => self.node(event, span, depth + 1)?,
            _ => Value::Null,
        };
        scalar::key(value).ok_or_else(|| {
            self.fault(
                span,
                "yaml-syntax",
                "a key must be a string, a number or a boolean",
            )
        })
    }

    fn alias(&mut self, id: usize, span: Span) -> Composed<Value> {
        let Some(value) = self.anchors.remove(&id) else {
            return Err(self.fault(
                span,
                "yaml-syntax",
                "the alias stands inside of what it names",
            ));
        };
        let copied = self.count_copy(&value, span).map(|()| value.clone());
        self.anchors.insert(id, value);
        copied
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Composed<Value> {
        let core = match tag {
            None if style == ScalarStyle::Plain => None,
            None => Some("str"),
            // Tags of applications don't change the reading: the text stays as it is.
            Some(tag) => Some(tag.core_suffix().unwrap_or("str")),
        };
        if core == Some("str") {
            return Ok(Value::String(text.to_owned()));
        }
        let value = match scalar::plain(text) {
            Ok(value) => value,
            Err(Refusal::Octal) => {
                let mut fault = self.fault(
                    span,
                    "ambiguous-number",
                    format!("{text} is octal for some readers and decimal for others"),
                );
                let digits = text.trim_start_matches(['+', '-']);
                let decimal = digits.trim_start_matches(['0', '_']);
                fault.hint = Some(format!(
                    "write {digits:?} for a text, or {} for a number",
                    if decimal.is_empty() { "0" } else { decimal }
                ));
                return Err(fault);
            }
            Err(Refusal::NotFinite) => {
                return Err(self.fault(
                    span,
                    "bad-scalar",
                    format!("{text} has no place in a Kubernetes object"),
                ));
            }
        };
        let fits = match core {
            Some("bool") => value.is_boolean(),
            Some("int") => value.is_i64(),
            Some("float") => value.is_number(),
            Some("null") => value.is_null(),
            _ => true,
        };
        if fits {
            Ok(value)
        } else {
            let core = core.unwrap_or_default();
            Err(self.fault(span, "bad-scalar", format!("{text:?} is no !!{core}")))
        }
    }

    fn count(&mut self, values: usize, span: Span) -> Composed<()> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_DOCUMENT_VALUES {
            let message = "the document has too many values".to_owned();
            return Err(Box::new(too_large(self.line(span), message)));
        }
        Ok(())
    }

    fn count_copy(&mut self, value: &Value, span: Span) -> Composed<()> {
        let (values, bytes) = size(value);
        self.count(values, span)?;
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > MAX_DOCUMENT_BYTES {
            let message = "aliases make the document too large".to_owned();
            return Err(Box::new(too_large(self.line(span), message)));
        }
        Ok(())
    }

    fn line(&self, span: Span) -> usize {
        self.lines_before + span.start.line()
    }

    fn fault(&self, span: Span, code: &'static str, message: impl Into<String>) -> Box<Fault> {
        Box::new(Fault {
            code,
            line: self.line(span),
            path: String::new(),
            message: message.into(),
            hint: None,
            before: Value::Null,
        })
    }
}

/// The number of values in a value, and the bytes of its texts.
fn size(value: &Value) -> (usize, usize) {
    let sum = |(values, bytes): (usize, usize), (more, longer): (usize, usize)| {
        (values + more, bytes + longer)
    };
    match value {
        Value::String(text) => (1, text.len()),
        Value::Array(items) => items.iter().map(size).fold((1, 0), sum),
        Value::Object(fields) => fields.iter().fold((1, 0), |total, (key, value)| {
            sum(sum(total, (0, key.len())), size(value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => (1, 0),
    }
}

/// A key as a part of a path.
fn segment(key: &str) -> String {
    if key.contains(['.', '[', '"']) {
        format!("[{key:?}]")
    } else {
        key.to_owned()
    }
}

/// The fault, seen from the value above: its path grows towards the root.
fn below(mut fault: Box<Fault>, segment: &str) -> Box<Fault> {
    let dot = if fault.path.is_empty() || fault.path.starts_with('[') {
        ""
    } else {
        "."
    };
    fault.path = format!("{segment}{dot}{}", fault.path);
    fault
}
