//! Kept answers.

use std::collections::BTreeMap;

use tb_core::Timestamp;
use tb_core::ports::{AnswerFilter, AnswerStore, KeptAnswer, StoreError};

use super::MemoryStore;

/// By key.
pub(super) type Answers = BTreeMap<[u8; 32], KeptAnswer>;

impl AnswerStore for MemoryStore {
    fn keep(&self, answers: &[KeptAnswer]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.answers.extend(answers.iter().map(|answer| (answer.key, answer.clone())));
        Ok(())
    }

    fn newest(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, [u8; 32])>,
        max_bytes: u64,
    ) -> Result<Vec<KeptAnswer>, StoreError> {
        let state = self.state();
        let follows = |answer: &&KeptAnswer| {
            answer.keep_until > now
                && after.is_none_or(|after| (answer.stored_at, answer.key) < after)
        };
        let mut answers: Vec<_> = state.answers.values().filter(follows).collect();
        answers.sort_by_key(|answer| std::cmp::Reverse((answer.stored_at, answer.key)));
        let mut left = max_bytes;
        let fitting = answers.into_iter().map_while(|answer| {
            left = left.checked_sub(bytes(answer))?;
            Some(answer.clone())
        });
        Ok(fitting.collect())
    }

    fn kept(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<KeptAnswer>, StoreError> {
        let state = self.state();
        Ok(state.answers.get(key).filter(|answer| answer.keep_until > now).cloned())
    }

    fn purge(&self, filter: &AnswerFilter) -> Result<u64, StoreError> {
        Ok(retain(&mut self.state().answers, |answer| !fits(filter, answer)))
    }

    fn sweep(&self, now: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
        let answers = &mut self.state().answers;
        let expired = retain(answers, |answer| answer.keep_until > now);
        let mut excess = answers.values().map(bytes).sum::<u64>().saturating_sub(max_bytes);
        let mut by_age: Vec<_> =
            answers.values().map(|answer| (answer.stored_at, answer.key, bytes(answer))).collect();
        by_age.sort_unstable();
        let mut removed = 0;
        for (_, key, bytes) in by_age {
            if excess == 0 {
                break;
            }
            answers.remove(&key);
            excess = excess.saturating_sub(bytes);
            removed += 1;
        }
        Ok(expired + removed)
    }
}

fn fits(filter: &AnswerFilter, answer: &KeptAnswer) -> bool {
    filter.service.as_ref().is_none_or(|service| *service == answer.service)
        && filter.model.as_ref().is_none_or(|model| *model == answer.model)
        && filter.tag.as_ref().is_none_or(|tag| answer.tags.contains(tag))
}

/// Keeps what `stays` and gives the number of the others.
fn retain(answers: &mut Answers, stays: impl Fn(&KeptAnswer) -> bool) -> u64 {
    let before = answers.len();
    answers.retain(|_, answer| stays(answer));
    u64::try_from(before - answers.len()).unwrap_or(u64::MAX)
}

fn bytes(answer: &KeptAnswer) -> u64 {
    u64::try_from(answer.sealed.len()).unwrap_or(u64::MAX)
}
