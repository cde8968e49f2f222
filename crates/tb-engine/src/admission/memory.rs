//! The memory that requests hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::Engine;

/// Bytes held by all requests.
#[derive(Debug, Default)]
pub(super) struct Used(AtomicUsize);

impl Used {
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes that one request holds of the budget of all; given back when dropped. The default
/// holds nothing and cannot grow.
#[derive(Debug, Default)]
pub struct MemoryHold {
    used: Option<Arc<Used>>,
    budget: usize,
    held: usize,
}

impl MemoryHold {
    pub(super) fn new(used: &Arc<Used>, budget: usize) -> Self {
        Self { used: Some(Arc::clone(used)), budget, held: 0 }
    }

    /// How many bytes it holds.
    pub(crate) const fn bytes(&self) -> usize {
        self.held
    }

    /// The budget of all, in bytes.
    pub(super) const fn budget(&self) -> usize {
        self.budget
    }

    /// Whether `more` bytes would fit now; nothing is held by it.
    #[must_use]
    pub fn fits(&self, more: usize) -> bool {
        self.used.as_ref().is_some_and(|used| used.bytes().saturating_add(more) <= self.budget)
    }

    /// Holds `more` bytes; false, and nothing changes, when the budget is spent.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let Some(used) = &self.used else { return false };
        let before = used.0.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.budget {
            used.0.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.held += more;
        true
    }
}

impl Drop for MemoryHold {
    fn drop(&mut self) {
        if let Some(used) = &self.used {
            used.0.fetch_sub(self.held, Ordering::Relaxed);
        }
    }
}

impl Engine {
    /// For a body that is about to be read: holds nothing yet, and grows as long as all requests
    /// together stay within `budget` bytes (`[server] memory_budget`).
    #[must_use]
    pub fn hold_memory(&self, budget: usize) -> MemoryHold {
        self.shared.admission.hold(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_stay_within_the_budget_together() {
        let used = Arc::new(Used::default());
        let (mut one, mut other) = (MemoryHold::new(&used, 100), MemoryHold::new(&used, 100));
        assert!(one.grow(60) && one.grow(10));
        assert!(other.fits(30) && !other.fits(31));
        assert!(!other.grow(31), "it would be 101");
        assert!(other.grow(30));
        assert_eq!(used.bytes(), 100);
        drop(one);
        assert_eq!(used.bytes(), 30);
        assert!(other.grow(70));
        drop(other);
        assert_eq!(used.bytes(), 0);
    }

    #[test]
    fn a_hold_of_nothing_cannot_grow() {
        let mut hold = MemoryHold::default();
        assert!(!hold.fits(0) && !hold.grow(1));
    }
}
