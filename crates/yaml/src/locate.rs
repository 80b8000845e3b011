//! Where in a text a field stands, looked up only when somebody is told about it.

use serde_saphyr::granit_parser::{Event, ScanError, Span};

use super::split::split;
use super::{MAX_DOCUMENT_BYTES, MAX_DOCUMENT_VALUES};

/// The line (from 1) of the field at `path` (`spec.http[0].match`, `metadata.labels["a.b/c"]`)
/// in a document, or of the deepest field above it that exists. `None` if there is no such
/// document.
pub fn locate(text: &str, document: usize, path: &str) -> Option<usize> {
    Positions::of(text).line(document, path)
}

/// The lines of all fields of a text, for many questions about it. A text that is not readable to
/// its end is known up to its fault.
#[derive(Debug, Default)]
pub struct Positions {
    documents: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    line: usize,
    below: Below,
}

#[derive(Debug)]
enum Below {
    Nothing,
    Fields(Vec<(String, Place)>),
    Items(Vec<Place>),
}

impl Positions {
    /// Finds the lines of a text.
    pub fn of(text: &str) -> Self {
        let mut documents = Vec::new();
        for chunk in split(text) {
            let before = documents.len();
            let mut failed = chunk.text.len() > MAX_DOCUMENT_BYTES;
            if !failed {
                let mut finder = Finder {
                    events: super::compose::events(chunk.text),
                    lines_before: chunk.lines_before,
                    values: 0,
                    failed: false,
                };
                finder.documents(&mut documents);
                failed = finder.failed;
            }
            if failed && documents.len() == before {
                documents.push(Place {
                    line: chunk.lines_before + 1,
                    below: Below::Nothing,
                });
            }
        }
        Self { documents }
    }

    /// The line (from 1) of the field at `path`, or of the deepest field above it that exists.
    pub fn line(&self, document: usize, path: &str) -> Option<usize> {
        let mut place = self.documents.get(document)?;
        for segment in segments(path) {
            let next = match (&place.below, &segment) {
                (Below::Fields(fields), Segment::Field(name)) => fields
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, place)| place),
                (Below::Items(items), Segment::Item(index)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => place = next,
                None => break,
            }
        }
        Some(place.line)
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// To a field of a mapping.
    Field(String),
    /// To an item of a list.
    Item(usize),
}

/// The steps of a path as `mesh` renders them.
pub fn segments(path: &str) -> Vec<Segment> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let mut name = String::new();
            let mut chars = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at;
                        break;
                    }
                    '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
                    c => name.push(c),
                }
            }
            out.push(Segment::Field(name));
            rest = quoted.get(end..).unwrap_or_default();
            rest = rest.strip_prefix("\"]").unwrap_or_default();
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']').unwrap_or((index, ""));
            out.push(match index.parse() {
                Ok(index) => Segment::Item(index),
                Err(_) => Segment::Field(index.to_owned()),
            });
            rest = after;
        } else {
            let (name, after) = match rest.find(['.', '[']) {
                Some(end) => rest.split_at(end),
                None => (rest, ""),
            };
            out.push(Segment::Field(name.to_owned()));
            rest = after;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    out
}

struct Finder<P> {
    events: P,
    lines_before: usize,
    values: usize,
    failed: bool,
}

impl<'a, P: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Finder<P> {
    fn documents(&mut self, out: &mut Vec<Place>) {
        while let Some((event, span)) = self.next() {
            if !matches!(event, Event::DocumentStart(..)) {
                continue;
            }
            let line = self.line(span);
            out.push(match self.next() {
                Some((event, span)) => self.place(&event, span),
                None => Place {
                    line,
                    below: Below::Nothing,
                },
            });
        }
    }

    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        if self.failed {
            return None;
        }
        self.values += 1;
        match self.events.next()? {
            Ok(event) if self.values <= 4 * MAX_DOCUMENT_VALUES => Some(event),
            Ok(_) | Err(_) => {
                self.failed = true;
                None
            }
        }
    }

    fn line(&self, span: Span) -> usize {
        self.lines_before + span.start.line()
    }

    /// The value that `event` begins, which an author finds at `at`: at its key, if it has one.
    fn place(&mut self, event: &Event<'a>, at: Span) -> Place {
        let line = self.line(at);
        let below = match event {
            Event::MappingStart(..) => Below::Fields(self.fields()),
            Event::SequenceStart(..) => Below::Items(self.items()),
            _ => Below::Nothing,
        };
        Place { line, below }
    }

    fn fields(&mut self) -> Vec<(String, Place)> {
        let mut fields = Vec::new();
        while let Some((key, key_span)) = self.next() {
            let name = match &key {
                Event::MappingEnd => break,
                Event::Scalar(name, ..) => name.clone().into_owned(),
                // A key that is no scalar is not readable; its value is of no interest.
                other => {
                    self.place(other, key_span);
                    String::new()
                }
            };
            let Some((value, _)) = self.next() else { break };
            fields.push((name, self.place(&value, key_span)));
        }
        fields
    }

    fn items(&mut self) -> Vec<Place> {
        let mut items = Vec::new();
        while let Some((item, span)) = self.next() {
            if matches!(item, Event::SequenceEnd) {
                break;
            }
            items.push(self.place(&item, span));
        }
        items
    }
}
