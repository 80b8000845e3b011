//! Which reader asked which question: the way from a change to what has to be rebuilt.

use std::collections::{BTreeSet, HashMap, HashSet};

use ferromesh_mesh::name::Hostname;

use crate::edit::{ProxyId, ViewId};
use crate::link::scope::ScopeKey;
use crate::question::Question;

/// Something that was computed from answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reader {
    /// What is known about a host, for all scopes.
    Facts(Hostname),
    /// What a scope imports.
    Scope(ScopeKey),
    /// What a proxy is.
    Proxy(ProxyId),
    /// A view.
    View(ViewId),
}

/// Who asked what, both ways.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    by_question: HashMap<Question, HashSet<Reader>>,
    by_reader: HashMap<Reader, Vec<Question>>,
    /// The red check: questions of this kind are forgotten.
    #[cfg(test)]
    pub(crate) dropped: Option<crate::question::QuestionKind>,
}

impl Readers {
    /// A reader has been computed by asking exactly these questions.
    pub(crate) fn record(&mut self, reader: &Reader, asked: BTreeSet<Question>) {
        #[cfg(test)]
        let asked: BTreeSet<Question> = asked
            .into_iter()
            .filter(|question| Some(question.kind()) != self.dropped)
            .collect();
        let before = self.by_reader.remove(reader).unwrap_or_default();
        for question in &before {
            if !asked.contains(question) {
                self.forget_one(question, reader);
            }
        }
        for question in &asked {
            if before.binary_search(question).is_err() {
                self.by_question
                    .entry(question.clone())
                    .or_default()
                    .insert(reader.clone());
            }
        }
        if !asked.is_empty() {
            self.by_reader
                .insert(reader.clone(), asked.into_iter().collect());
        }
    }

    /// A reader is gone.
    pub(crate) fn forget(&mut self, reader: &Reader) {
        for question in self.by_reader.remove(reader).unwrap_or_default() {
            self.forget_one(&question, reader);
        }
    }

    fn forget_one(&mut self, question: &Question, reader: &Reader) {
        if let Some(readers) = self.by_question.get_mut(question) {
            readers.remove(reader);
            if readers.is_empty() {
                self.by_question.remove(question);
            }
        }
    }

    /// Who asked this.
    pub(crate) fn of(&self, question: &Question) -> impl Iterator<Item = &Reader> {
        self.by_question.get(question).into_iter().flatten()
    }
}
