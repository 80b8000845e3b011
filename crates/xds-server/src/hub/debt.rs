//! How far a stream is behind what has been published for it.

/// The number of a publication.
type Serial = u64;

/// What a stream was told and has not taken. Streams that a publication does not concern are
/// told nothing, and are behind in nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Debt {
    /// The last publication that it was told.
    told: Serial,
    /// The first that it may not have taken.
    owed: Option<Serial>,
}

impl Debt {
    /// It is told a publication.
    pub(super) fn tell(&mut self, serial: Serial) {
        self.told = self.told.max(serial);
        self.owed.get_or_insert(serial);
    }

    /// Its client has answered all that came of the publications up to this one.
    pub(super) fn settle(&mut self, serial: Serial) {
        // Which the next one is that it was told is not remembered: none before this.
        self.owed = (self.told > serial).then_some(serial + 1);
    }

    /// The first publication that its client may not have taken.
    pub(super) fn owed(self) -> Option<Serial> {
        self.owed
    }
}

#[cfg(test)]
mod tests {
    use super::Debt;

    #[test]
    fn a_stream_is_behind_from_the_first_that_it_has_not_answered() {
        let mut debt = Debt::default();
        assert_eq!(debt.owed(), None);
        debt.tell(3);
        debt.tell(5);
        assert_eq!(debt.owed(), Some(3));
        // The second is still in its mailbox.
        debt.settle(3);
        assert_eq!(debt.owed(), Some(4));
        debt.settle(5);
        assert_eq!(debt.owed(), None);
        debt.tell(9);
        assert_eq!(debt.owed(), Some(9));
    }
}
