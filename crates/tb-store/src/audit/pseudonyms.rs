//! The pseudonyms of the end users in a batch of rows, held in memory between batches.

use std::collections::HashMap;

use tb_core::UsageRow;
use tb_core::audit::{SubjectId, Subjects, pseudonym};
use tb_core::ports::StoreError;

/// The most pseudonyms that are held; then all are forgotten and asked for again.
const MOST: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Pseudonyms {
    subjects: Subjects,
    known: HashMap<SubjectId, String>,
    /// What [`tb_core::audit::SubjectKeys::forgotten`] said when they were asked for.
    forgotten: u64,
}

impl Pseudonyms {
    pub(super) fn new(subjects: Subjects) -> Self {
        Self { subjects, known: HashMap::new(), forgotten: 0 }
    }

    /// The subject of each row that has an end user, once [`Self::get`] knows all of them.
    pub(super) fn learn(
        &mut self,
        rows: &[UsageRow],
    ) -> Result<Vec<Option<SubjectId>>, StoreError> {
        let id =
            |row: &UsageRow| row.user.as_deref().map(|user| self.subjects.id(&row.service, user));
        let ids: Vec<Option<SubjectId>> = rows.iter().map(id).collect();
        if ids.iter().all(Option::is_none) {
            return Ok(ids);
        }
        let forgotten = self.subjects.keys().forgotten()?;
        if forgotten != self.forgotten || self.known.len() > MOST {
            self.known.clear();
            self.forgotten = forgotten;
        }
        let mut missing: Vec<SubjectId> =
            ids.iter().flatten().filter(|id| !self.known.contains_key(id)).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let keys = self.subjects.keys().keys(&missing)?;
            let named = missing.iter().zip(&keys).map(|(id, key)| (*id, pseudonym(key, id)));
            self.known.extend(named);
        }
        Ok(ids)
    }

    /// The pseudonym of a subject that was learnt.
    pub(super) fn get(&self, subject: &SubjectId) -> Option<&str> {
        self.known.get(subject).map(String::as_str)
    }
}
