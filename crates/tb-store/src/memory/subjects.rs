//! The keys of subjects.

use tb_core::audit::{SubjectId, SubjectKeys};
use tb_core::ports::StoreError;

use super::MemoryStore;
use crate::audit::fresh_keys;

impl SubjectKeys for MemoryStore {
    fn keys(&self, subjects: &[SubjectId]) -> Result<Vec<[u8; 32]>, StoreError> {
        let made = fresh_keys(subjects.len())?;
        let mut state = self.state();
        Ok(subjects
            .iter()
            .zip(made)
            .map(|(id, key)| *state.subjects.entry(*id).or_insert(key))
            .collect())
    }

    fn known_key(&self, subject: &SubjectId) -> Result<Option<[u8; 32]>, StoreError> {
        Ok(self.state().subjects.get(subject).copied())
    }

    fn forget(&self, subject: &SubjectId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let was_there = state.subjects.remove(subject).is_some();
        state.subjects_forgotten += u64::from(was_there);
        Ok(was_there)
    }

    fn forgotten(&self) -> Result<u64, StoreError> {
        Ok(self.state().subjects_forgotten)
    }
}
