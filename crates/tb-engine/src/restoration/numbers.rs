//! The numbers of events: where an event is put between others, those that follow count on.

use std::ops::Range;

use tb_api::json::{Document, Value};

const NUMBER: &str = "sequence_number";

/// The numbers of one stream's events, if they have any.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// How many events were put between the provider's.
    inserted: u64,
    /// The number for the next inserted event, as the provider counts.
    next: Option<u64>,
}

impl Numbers {
    /// Whether numbers have changed.
    pub(super) fn are_shifted(&self) -> bool {
        self.inserted > 0 && self.next.is_some()
    }

    /// An event goes on unread.
    pub(super) fn pass(&mut self) {
        self.next = self.next.map(|next| next.saturating_add(1));
    }

    /// Reads the number of the event that comes.
    pub(super) fn see(&mut self, document: &Document) {
        if let Some(number) = document.get(NUMBER).as_ref().and_then(Value::as_u64) {
            self.next = Some(number);
        }
    }

    /// The number of an event that is put before the one that comes.
    pub(super) fn insert(&mut self) -> Option<u64> {
        let number = self.next?.saturating_add(self.inserted);
        self.inserted += 1;
        Some(number)
    }

    /// What changes in the event that comes, which goes out now.
    pub(super) fn renumbered(&mut self, document: &Document) -> Option<(Range<usize>, String)> {
        let value = document.get(NUMBER)?;
        let number = value.as_u64()?;
        self.next = Some(number.saturating_add(1));
        let range = value.start..value.start + value.raw.len();
        (self.inserted > 0).then(|| (range, number.saturating_add(self.inserted).to_string()))
    }
}
