//! What this replica says when another one asks what its proxies have taken.

use std::collections::HashMap;
use std::sync::Arc;

use ferromesh_dialects::report::Progress;
use ferromesh_mesh::diagnostic::REFUSED_BY_PROXY;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_proto::progress::{AskRequest, AskResponse, State, Version, Word};
use tokio::time::Instant;

use super::Reports;
use super::world::{Others, World, words};
use crate::subjects::{Stage, Subject};

impl Reports {
    /// What became of these versions here.
    pub fn answer(&self, request: &AskRequest) -> AskResponse {
        let found = self.findings.get();
        let world = self.world(&found, &Others::Nobody, Instant::now());
        let words = self.subjects.read(|objects| {
            let by_uid: HashMap<&str, (&Arc<ObjectRef>, &Subject)> = objects
                .iter()
                .map(|(object, subject)| (&*subject.uid, (object, subject)))
                .collect();
            let asked = request.versions.iter();
            asked
                .map(|version| match by_uid.get(&*version.uid) {
                    Some((object, subject)) => word(object, subject, version, &world),
                    None => pending(),
                })
                .collect()
        });
        AskResponse { words }
    }
}

fn pending() -> Word {
    of(State::Pending)
}

fn of(state: State) -> Word {
    Word {
        state: state.into(),
        refusal: String::new(),
        path: String::new(),
    }
}

fn word(object: &ObjectRef, subject: &Subject, asked: &Version, world: &World<'_>) -> Word {
    let Stage::Published { serial, epoch, .. } = subject.stage else {
        return pending();
    };
    if subject.generation != asked.generation || epoch > world.found.epoch {
        return pending();
    }
    let mut refusals = world.found.records.iter().filter(|record| {
        record.diagnostic.code == REFUSED_BY_PROXY
            && record.diagnostic.object.as_deref() == Some(object)
    });
    if let Some(refusal) = refusals.next() {
        return Word {
            state: State::Refused.into(),
            refusal: words(&refusal.diagnostic.message).to_owned(),
            path: refusal.diagnostic.path.to_string(),
        };
    }
    of(match world.progress(serial) {
        Progress::Taken => State::Taken,
        Progress::NoProxies => State::NoProxies,
        Progress::Pending => State::Pending,
    })
}
