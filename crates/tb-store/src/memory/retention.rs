//! Retention and erasure. The parts of usage are those that files would be.

use std::collections::BTreeMap;

use tb_core::ports::{Pseudonymisation, Pseudonymised, RetentionStore, Shelf, StoreError};
use tb_core::retention::{Hold, Part, RecordKind, Span};
use tb_core::{AdminAct, DataClass, Timestamp, UsageRow};

use super::MemoryStore;

impl Shelf for MemoryStore {
    fn kind(&self) -> RecordKind {
        RecordKind::Requests
    }

    fn list(&self) -> Result<Vec<Part>, StoreError> {
        let mut parts = BTreeMap::new();
        for row in self.state().rows.values() {
            let (span, class) = place(row);
            parts.entry((span, class)).or_insert_with(|| part(span, class));
        }
        Ok(parts.into_values().collect())
    }

    fn unlink(&self, part: &Part) -> Result<(), StoreError> {
        self.state().rows.retain(|_, row| {
            let (span, class) = place(row);
            span.start() != part.from || Some(class) != part.class
        });
        Ok(())
    }
}

fn place(row: &UsageRow) -> (Span, DataClass) {
    (Span::of(Timestamp(row.request_id.unix_ms())), row.data_class)
}

fn part(span: Span, class: DataClass) -> Part {
    Part {
        kind: RecordKind::Requests,
        class: Some(class),
        from: span.start(),
        until: span.end(),
        bytes: 0,
        name: format!("{span}.{}", class.as_str()),
    }
}

impl RetentionStore for MemoryStore {
    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        Ok(self.state().holds.clone())
    }

    fn place_hold(&self, hold: &Hold, act: &AdminAct) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.holds.iter().any(|known| known.id == hold.id) {
            return Err(StoreError::Conflict(format!("hold {}", hold.id)));
        }
        state.holds.push(hold.clone());
        state.holds.sort_by(|one, two| (one.placed_at, &one.id).cmp(&(two.placed_at, &two.id)));
        state.note(act);
        Ok(())
    }

    fn lift_hold(&self, id: &str, act: &AdminAct) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.holds.len();
        state.holds.retain(|hold| hold.id != id);
        let is_lifted = state.holds.len() < before;
        if is_lifted {
            state.note(act);
        }
        Ok(is_lifted)
    }

    fn forget_responses(&self, before: Timestamp, holds: &[Hold]) -> Result<u64, StoreError> {
        let mut state = self.state();
        let there = state.bindings.len();
        state.bindings.retain(|_, binding| {
            let (service, at) = (&binding.service, binding.created_at);
            at >= before || holds.iter().any(|hold| hold.covers(RecordKind::Responses, service, at))
        });
        Ok(u64::try_from(there - state.bindings.len()).unwrap_or(u64::MAX))
    }

    fn oldest(&self, kind: RecordKind) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state();
        Ok(match kind {
            RecordKind::Responses => state.bindings.values().map(|made| made.created_at).min(),
            RecordKind::Answers => state.answers.values().map(|answer| answer.stored_at).min(),
            RecordKind::Requests
            | RecordKind::Audit
            | RecordKind::Content
            | RecordKind::Journal => None,
        })
    }

    fn pseudonymise(&self, subject: &Pseudonymisation) -> Result<Pseudonymised, StoreError> {
        // By place, as files would be: whether one is held, and how many rows it had.
        let mut places: BTreeMap<(Span, DataClass), u64> = BTreeMap::new();
        let mut done = Pseudonymised::default();
        for row in self.state().rows.values_mut() {
            let is_theirs = row.user.as_ref().is_some_and(|user| subject.names.contains(user));
            if !is_theirs || subject.service.as_ref().is_some_and(|of| *of != row.service) {
                continue;
            }
            let place = place(row);
            let (from, until) = (place.0.start(), place.0.end());
            let rows = places.entry(place).or_default();
            if subject.holds.iter().any(|hold| hold.touches(RecordKind::Requests, from, until)) {
                continue;
            }
            *rows += 1;
            row.user = Some(subject.pseudonym.clone());
        }
        for rows in places.into_values() {
            done.rows += rows;
            done.files += u64::from(rows > 0);
            done.held_files += u64::from(rows == 0);
        }
        Ok(done)
    }
}
