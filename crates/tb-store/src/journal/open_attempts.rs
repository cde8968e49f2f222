//! The requests whose last word is not said yet, with the record that tells most about them.

use std::collections::HashMap;

use super::record::{AttemptKey, Subject};
use super::segment::Segment;

/// What one record changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    subject: Subject,
    position: u64,
}

impl Change {
    /// The change of a record about `subject` at `position`.
    pub(super) const fn new(subject: Subject, position: u64) -> Self {
        Self { subject, position }
    }
}

/// Attempts that began and did not end, and attempts that ended and after which another one
/// should have followed.
#[derive(Debug, Default)]
pub(super) struct OpenAttempts(HashMap<AttemptKey, Trace>);

/// The record that must not be lost.
#[derive(Debug, Clone, Copy)]
struct Trace {
    /// Where it stands.
    position: u64,
    /// Whether it is an end, of an attempt that is not the request's last.
    has_ended: bool,
}

impl OpenAttempts {
    /// Takes over a record. Records come in the order of their positions.
    pub(super) fn note(&mut self, change: Change) {
        let position = change.position;
        match change.subject {
            Subject::Begun(key) => {
                self.forget_ended_before(key);
                self.0.insert(key, Trace { position, has_ended: false });
            }
            Subject::Ended(key, true) => {
                // It may have no beginning: one that was refused ends the request as well.
                self.forget_ended_before(key);
                self.0.remove(&key);
            }
            Subject::Ended(key, false) => {
                self.0.insert(key, Trace { position, has_ended: true });
            }
            Subject::Binding => {}
        }
    }

    /// The attempt before this one is not the last any more.
    fn forget_ended_before(&mut self, (request, attempt): AttemptKey) {
        let before = (request, attempt.saturating_sub(1));
        if self.0.get(&before).is_some_and(|trace| trace.has_ended) {
            self.0.remove(&before);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many have their only trace in `oldest` or before it.
    pub(super) fn held_by(&self, oldest: &Segment) -> usize {
        self.0.values().filter(|trace| trace.position < oldest.end()).count()
    }

    /// All of them, with their positions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AttemptKey, u64)> {
        self.0.iter().map(|(key, trace)| (*key, trace.position))
    }

    /// All of them, with their positions to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&AttemptKey, &mut u64)> {
        self.0.iter_mut().map(|(key, trace)| (key, &mut trace.position))
    }
}

#[cfg(test)]
mod tests {
    use tb_core::RequestId;

    use super::*;

    #[test]
    fn a_request_is_open_until_its_last_word() {
        let key = |attempt| (RequestId(7), attempt);
        let mut open = OpenAttempts::default();
        let mut after = |subject| {
            open.note(Change::new(subject, 5));
            let mut attempts: Vec<u32> = open.iter().map(|((_, attempt), _)| attempt).collect();
            attempts.sort_unstable();
            attempts
        };
        assert_eq!(after(Subject::Begun(key(1))), [1]);
        assert_eq!(after(Subject::Ended(key(1), false)), [1]);
        assert_eq!(after(Subject::Begun(key(2))), [2]);
        assert_eq!(after(Subject::Begun(key(3))), [2, 3], "the second one never ended");
        assert_eq!(after(Subject::Ended(key(2), false)), [2, 3]);
        assert_eq!(after(Subject::Ended(key(3), true)), [0; 0]);
        assert_eq!(after(Subject::Ended(key(3), false)), [3]);
        assert_eq!(after(Subject::Ended(key(4), true)), [0; 0], "its beginning was refused");
    }
}
