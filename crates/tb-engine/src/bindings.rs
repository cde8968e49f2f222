//! Which provider and tenant made a stored response.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tb_core::ServiceName;
use tb_core::ports::{ResponseBinding, ResponseStore};

/// Bindings kept in memory; older ones are read from the store.
const REMEMBERED: usize = 50_000;

/// The newest bindings in memory, all of them behind the port.
pub(crate) struct Bindings {
    recent: Mutex<Recent>,
    store: Arc<dyn ResponseStore>,
}

#[derive(Default)]
struct Recent {
    by_id: HashMap<(ServiceName, String), ResponseBinding>,
    order: VecDeque<(ServiceName, String)>,
}

impl Bindings {
    pub(crate) fn new(store: Arc<dyn ResponseStore>) -> Self {
        Self { recent: Mutex::default(), store }
    }

    /// Keeps a binding in memory; the journal carries it to the store.
    pub(crate) fn remember(&self, binding: &ResponseBinding) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (binding.service.clone(), binding.response_id.clone());
        if recent.by_id.insert(key.clone(), binding.clone()).is_none() {
            recent.order.push_back(key);
        }
        if recent.order.len() > REMEMBERED
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.by_id.remove(&oldest);
        }
    }

    /// The binding of an id, of this tenant only, as far as memory knows.
    pub(crate) fn recall(&self, service: &ServiceName, id: &str) -> Option<ResponseBinding> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.by_id.get(&(service.clone(), id.to_owned())).cloned()
    }

    /// Forgets a binding in memory.
    pub(crate) fn forget(&self, service: &ServiceName, id: &str) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.by_id.remove(&(service.clone(), id.to_owned()));
    }

    /// The store behind, for reads that memory cannot answer (blocking).
    pub(crate) fn store(&self) -> Arc<dyn ResponseStore> {
        Arc::clone(&self.store)
    }
}
