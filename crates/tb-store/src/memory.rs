//! The ports in memory: for `memory:` and for tests. Everything is gone with the process.

mod answers;
mod key_uses;
mod prompts;
mod retention;
mod subjects;
mod trail;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tb_core::audit::SubjectId;
use tb_core::ports::{
    ActStore, GroupBy, KeyStore, ResponseBinding, ResponseStore, StoreError, UsageQuery,
    UsageStore, UsageSum,
};
use tb_core::prices::Cost;
use tb_core::prompt::{LabelRecord, PromptRecord};
use tb_core::retention::Hold;
use tb_core::{
    AdminAct, AdminTokenRecord, EndReason, KeyId, KeyRecord, RequestId, ServiceName, Timestamp,
    UsageRow,
};

use self::answers::Answers;
use crate::pages;
use crate::sums::rank;

/// All ports over plain maps.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<KeyId, KeyRecord>,
    admin_tokens: BTreeMap<KeyId, AdminTokenRecord>,
    key_uses: BTreeMap<(KeyId, u32), Timestamp>,
    acts: BTreeMap<u64, AdminAct>,
    last_act: u64,
    changes: u64,
    prompts: BTreeMap<(String, u32), PromptRecord>,
    prompt_labels: BTreeMap<(String, String), LabelRecord>,
    prompt_changes: u64,
    rows: BTreeMap<(RequestId, u32), UsageRow>,
    checkpoint: u64,
    holds: Vec<Hold>,
    bindings: HashMap<String, ResponseBinding>,
    answers: Answers,
    subjects: BTreeMap<SubjectId, [u8; 32]>,
    subjects_forgotten: u64,
}

impl State {
    fn note(&mut self, act: &AdminAct) {
        self.last_act += 1;
        self.acts.insert(self.last_act, act.clone());
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for MemoryStore {
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut keys: Vec<_> = self.state().keys.values().cloned().collect();
        keys.sort_by_key(|key| (key.scope.created_at, key.id));
        Ok(keys)
    }

    fn put_key(&self, key: &KeyRecord, act: &AdminAct) -> Result<(), StoreError> {
        let mut state = self.state();
        let expected = key.revision.checked_sub(1);
        if state.keys.get(&key.id).map(|known| known.revision) != expected {
            return Err(StoreError::Conflict(format!("key {}", key.id)));
        }
        state.keys.insert(key.id, key.clone());
        state.note(act);
        state.changes += 1;
        Ok(())
    }

    fn admin_tokens(&self) -> Result<Vec<AdminTokenRecord>, StoreError> {
        Ok(self.state().admin_tokens.values().cloned().collect())
    }

    fn put_admin_token(&self, token: &AdminTokenRecord, act: &AdminAct) -> Result<(), StoreError> {
        let mut state = self.state();
        state.admin_tokens.insert(token.id, token.clone());
        state.note(act);
        state.changes += 1;
        Ok(())
    }

    fn change_counter(&self) -> Result<u64, StoreError> {
        Ok(self.state().changes)
    }
}

impl ActStore for MemoryStore {
    fn note_act(&self, act: &AdminAct) -> Result<(), StoreError> {
        self.state().note(act);
        Ok(())
    }

    fn waiting_acts(&self, limit: u32) -> Result<Vec<(u64, AdminAct)>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.state().acts.iter().take(limit).map(|(id, act)| (*id, act.clone())).collect())
    }

    fn acts_recorded(&self, up_to: u64) -> Result<(), StoreError> {
        self.state().acts.retain(|id, _| *id > up_to);
        Ok(())
    }
}

impl UsageStore for MemoryStore {
    fn append(&self, rows: &[UsageRow], checkpoint: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        state.rows.extend(rows.iter().map(|row| ((row.request_id, row.attempt), row.clone())));
        state.checkpoint = checkpoint;
        Ok(())
    }

    fn checkpoint(&self) -> Result<u64, StoreError> {
        Ok(self.state().checkpoint)
    }

    fn sum(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        let state = self.state();
        let mut groups: BTreeMap<Vec<String>, UsageSum> = BTreeMap::new();
        for row in state.rows.values() {
            let started = row.started_at;
            if query.since.is_some_and(|since| started < since)
                || query.until.is_some_and(|until| started >= until)
            {
                continue;
            }
            let group: Vec<String> = query.by.iter().map(|by| column(row, *by)).collect();
            add(groups.entry(group).or_default(), row);
        }
        if query.by.is_empty() {
            groups.entry(Vec::new()).or_default();
        }
        let mut sums: Vec<UsageSum> =
            groups.into_iter().map(|(group, sum)| UsageSum { group, ..sum }).collect();
        rank(&mut sums, &query.by);
        Ok(sums)
    }

    fn request(&self, id: RequestId) -> Result<Vec<UsageRow>, StoreError> {
        let state = self.state();
        Ok(state.rows.range((id, 0)..=(id, u32::MAX)).map(|(_, row)| row.clone()).collect())
    }

    fn recent(&self, before: Option<Timestamp>, limit: u32) -> Result<Vec<UsageRow>, StoreError> {
        let state = self.state();
        let arrived_ms = |row: &&UsageRow| row.request_id.unix_ms();
        let newest = || state.rows.values().rev();
        let older =
            newest().filter(|row| before.is_none_or(|before| arrived_ms(row) < before.unix_ms()));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rows: Vec<UsageRow> = older.take(limit.saturating_add(1)).cloned().collect();
        Ok(match pages::end(&mut rows, limit) {
            Some(ms) => newest().filter(|row| arrived_ms(row) == ms).cloned().collect(),
            None => rows,
        })
    }
}

fn column(row: &UsageRow, by: GroupBy) -> String {
    match by {
        GroupBy::Key => row.key_id.map(|id| id.to_string()).unwrap_or_default(),
        GroupBy::Model => row.model_requested.to_string(),
        GroupBy::Service => row.service.to_string(),
        GroupBy::User => row.user.clone().unwrap_or_default(),
        GroupBy::Purpose => row.purpose.to_string(),
        GroupBy::Day => row.started_at.utc_day(),
        GroupBy::Provider => row.provider.as_ref().map(ToString::to_string).unwrap_or_default(),
        GroupBy::DataClass => row.data_class.as_str().to_owned(),
    }
}

fn add(sum: &mut UsageSum, row: &UsageRow) {
    sum.requests += u64::from(row.is_final);
    sum.attempts += u64::from(row.provider.is_some());
    let failed = row.status >= 400 || row.end_reason != EndReason::Complete;
    sum.errors += u64::from(row.is_final && failed);
    sum.input_tokens = sum.input_tokens.saturating_add(row.tokens.input());
    sum.cached_input_tokens = sum.cached_input_tokens.saturating_add(row.tokens.cache_read);
    sum.output_tokens = sum.output_tokens.saturating_add(row.tokens.output());
    sum.reasoning_tokens = sum.reasoning_tokens.saturating_add(row.tokens.reasoning);
    sum.saved = sum.saved + row.saved;
    match row.cost {
        Cost::Measured(amount) => sum.cost = sum.cost + amount,
        Cost::Estimated(amount) => sum.estimated_cost = sum.estimated_cost + amount,
        Cost::Unpriced => sum.unpriced_requests += 1,
        Cost::Free => {}
    }
}

impl ResponseStore for MemoryStore {
    fn bind(&self, bindings: &[ResponseBinding]) -> Result<(), StoreError> {
        let mut state = self.state();
        for binding in bindings {
            state.bindings.entry(binding.response_id.clone()).or_insert_with(|| binding.clone());
        }
        Ok(())
    }

    fn binding(
        &self,
        service: &ServiceName,
        response_id: &str,
    ) -> Result<Option<ResponseBinding>, StoreError> {
        let state = self.state();
        let binding = state.bindings.get(response_id);
        Ok(binding.filter(|binding| binding.service == *service).cloned())
    }

    fn unbind(&self, service: &ServiceName, response_id: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.bindings.get(response_id).is_some_and(|binding| binding.service == *service) {
            state.bindings.remove(response_id);
        }
        Ok(())
    }
}
