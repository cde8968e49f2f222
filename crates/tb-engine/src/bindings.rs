//! Which provider and tenant made a stored response.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_core::ServiceName;
use tb_core::ports::{ResponseBinding, ResponseStore};

/// Bindings kept in memory; older ones are read from the store.
const REMEMBERED: usize = 50_000;

/// Background responses whose usage is awaited at the most. What is forgotten keeps the
/// estimate of its input that was accounted when it was made.
const AWAITED: usize = 10_000;

/// The newest bindings in memory, all of them behind the port.
pub(crate) struct Bindings {
    recent: Mutex<Recent>,
    /// Background responses that have not told their usage, with the input tokens that were
    /// estimated when they were made.
    awaited: Mutex<HashMap<(ServiceName, String), u64>>,
    store: Arc<dyn ResponseStore>,
}

#[derive(Default)]
struct Recent {
    /// `None` = deleted: the store may not have heard of it yet.
    by_id: HashMap<(ServiceName, String), Option<ResponseBinding>>,
    order: VecDeque<(ServiceName, String)>,
}

impl Recent {
    fn put(&mut self, key: (ServiceName, String), binding: Option<ResponseBinding>) {
        if self.by_id.insert(key.clone(), binding).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

impl Bindings {
    pub(crate) fn new(store: Arc<dyn ResponseStore>) -> Self {
        Self { recent: Mutex::default(), awaited: Mutex::default(), store }
    }

    /// Notes that a response goes on in the background.
    pub(crate) fn await_usage(&self, service: &ServiceName, id: &str, estimated_tokens: u64) {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if awaited.len() < AWAITED {
            awaited.insert((service.clone(), id.to_owned()), estimated_tokens);
        }
    }

    /// The usage of a response was told: what was estimated when it was made in the
    /// background, the first time that this is asked.
    pub(crate) fn usage_told(&self, service: &ServiceName, id: &str) -> Option<u64> {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if awaited.is_empty() {
            return None;
        }
        awaited.remove(&(service.clone(), id.to_owned()))
    }

    /// Keeps a new binding in memory; the journal carries it to the store.
    pub(crate) fn remember(&self, binding: &ResponseBinding) {
        let key = (binding.service.clone(), binding.response_id.clone());
        self.recent().put(key, Some(binding.clone()));
    }

    /// Keeps a binding that was read from the store, unless memory knows better by now.
    pub(crate) fn learn(&self, binding: &ResponseBinding) {
        let key = (binding.service.clone(), binding.response_id.clone());
        let mut recent = self.recent();
        if !recent.by_id.contains_key(&key) {
            recent.put(key, Some(binding.clone()));
        }
    }

    /// The binding of an id, of this tenant only, as far as memory knows: `Some(None)` for one
    /// that was deleted.
    pub(crate) fn recall(
        &self,
        service: &ServiceName,
        id: &str,
    ) -> Option<Option<ResponseBinding>> {
        self.recent().by_id.get(&(service.clone(), id.to_owned())).cloned()
    }

    /// Forgets a binding; the journal carries that to the store.
    pub(crate) fn forget(&self, service: &ServiceName, id: &str) {
        self.recent().put((service.clone(), id.to_owned()), None);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store behind, for reads that memory cannot answer (blocking).
    pub(crate) fn store(&self) -> Arc<dyn ResponseStore> {
        Arc::clone(&self.store)
    }
}
