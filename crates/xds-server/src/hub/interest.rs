//! Which streams hold what: the index by which a change finds exactly those that it concerns.

use std::collections::{BTreeMap, HashMap};

use ferromesh_xds::{AudienceId, IdSet, PerType, Publication, ResourceId, ResourceType, Scope};

/// The streams in one audience.
#[derive(Debug, Default)]
struct Members {
    /// Those that subscribed to anything of a type.
    any: PerType<IdSet>,
    /// Those of them that subscribed to everything of it.
    everything: PerType<IdSet>,
    /// How many memberships there are, over all types.
    count: usize,
}

/// Streams by what they hold. Streams are known by their numbers.
#[derive(Debug, Default)]
pub(super) struct Interest {
    named: HashMap<ResourceId, IdSet>,
    audiences: BTreeMap<AudienceId, Members>,
}

impl Interest {
    /// A stream names slots.
    pub(super) fn name(&mut self, stream: u32, ids: &[ResourceId]) {
        for id in ids {
            self.named.entry(*id).or_default().insert(stream);
        }
    }

    /// A stream does not name slots any more.
    pub(super) fn unname(&mut self, stream: u32, ids: impl IntoIterator<Item = ResourceId>) {
        for id in ids {
            if let Some(streams) = self.named.get_mut(&id) {
                streams.remove(stream);
                if streams.is_empty() {
                    self.named.remove(&id);
                }
            }
        }
    }

    /// What a stream wants of a type changed.
    pub(super) fn rescope(
        &mut self,
        stream: u32,
        audiences: &[AudienceId],
        ty: ResourceType,
        scopes: (Scope, Scope),
    ) {
        let (before, after) = scopes;
        for audience in audiences {
            let members = self.audiences.entry(*audience).or_default();
            let sets = [
                (Scope::Names, &mut members.any),
                (Scope::Everything, &mut members.everything),
            ];
            for (least, set) in sets {
                let set = set.get_mut(ty);
                match (reaches(before, least), reaches(after, least)) {
                    (false, true) => members.count += usize::from(set.insert(stream)),
                    (true, false) => members.count -= usize::from(set.remove(stream)),
                    (false, false) | (true, true) => {}
                }
            }
            if members.count == 0 {
                self.audiences.remove(audience);
            }
        }
    }

    /// The streams that a publication concerns.
    pub(super) fn concerned(&self, publication: &Publication) -> IdSet {
        let Publication {
            snapshot: _,
            changed,
            catalogs,
            contested,
        } = publication;
        let mut streams = IdSet::default();
        let slots = changed
            .iter()
            .map(|change| (change.id, change.ty, &change.audiences));
        let slots = slots.chain(
            contested
                .iter()
                .map(|held| (held.id, held.ty, &held.audiences)),
        );
        for (id, ty, audiences) in slots {
            if let Some(named) = self.named.get(&id) {
                streams.union(named);
            }
            for members in audiences
                .iter()
                .filter_map(|audience| self.audiences.get(audience))
            {
                streams.union(members.everything.get(ty));
            }
        }
        for (audience, changes) in catalogs {
            let Some(members) = self.audiences.get(audience) else {
                continue;
            };
            for ty in ResourceType::ALL {
                if changes.iter().any(|change| change.ty == ty) {
                    streams.union(members.any.get(ty));
                }
            }
        }
        streams
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.audiences.is_empty()
    }
}

fn reaches(scope: Scope, least: Scope) -> bool {
    match least {
        Scope::Nothing => true,
        Scope::Names => scope != Scope::Nothing,
        Scope::Everything => scope == Scope::Everything,
    }
}

#[cfg(test)]
mod tests {
    use ferromesh_xds::{Resource, SnapshotBuilder};

    use super::*;

    fn encode(name: &str, value: &str) -> Resource {
        Resource::encode(
            ResourceType::Endpoints,
            name,
            &[],
            value.as_bytes(),
            [],
            None,
        )
    }

    #[test]
    fn a_change_finds_those_who_name_it_and_those_who_want_everything() {
        let mut world = SnapshotBuilder::new();
        let (one, two) = (world.open_audience(), world.open_audience());
        let (a, b) = (
            world.insert(encode("a", "1")),
            world.insert(encode("b", "1")),
        );
        for (audience, id) in [(one, a), (one, b), (two, b)] {
            world.list(audience, id);
        }
        world.publish();
        let ty = ResourceType::Endpoints;
        let mut interest = Interest::default();
        for (stream, audience, scope) in [
            (1, one, Scope::Names),
            (2, one, Scope::Everything),
            (3, two, Scope::Everything),
            (4, one, Scope::Names),
        ] {
            interest.rescope(stream, &[audience], ty, (Scope::Nothing, scope));
        }
        interest.name(1, &[a]);
        let mut concerned = |edit: &mut dyn FnMut(&mut SnapshotBuilder)| {
            edit(&mut world);
            interest
                .concerned(&world.publish())
                .iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            concerned(&mut |world| assert!(world.replace(a, encode("a", "2")))),
            [1, 2]
        );
        assert_eq!(
            concerned(&mut |world| assert!(world.replace(b, encode("b", "2")))),
            [2, 3]
        );
        let new = &mut |world: &mut SnapshotBuilder| {
            let id = world.insert(encode("c", "1"));
            world.list(one, id);
        };
        assert_eq!(
            concerned(new),
            [1, 2, 4],
            "a new name may be what somebody waits for"
        );
        interest.unname(1, [a]);
        for (stream, audience, scope) in [
            (1, one, Scope::Names),
            (2, one, Scope::Everything),
            (3, two, Scope::Everything),
            (4, one, Scope::Names),
        ] {
            interest.rescope(stream, &[audience], ty, (scope, Scope::Nothing));
        }
        assert!(interest.is_empty());
    }
}
