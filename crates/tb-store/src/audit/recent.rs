//! The last records, so that what comes again after a crash is left out.

use std::collections::{HashSet, VecDeque};

use tb_core::audit::RecordKey;

/// How many are remembered: many times what the journal reads again after a crash, which is what
/// one transaction of the store takes.
pub(super) const REMEMBERED: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<RecordKey>,
    known: HashSet<RecordKey>,
}

impl Recent {
    /// Notes a record; `false` when it is known already.
    pub(super) fn note(&mut self, key: RecordKey) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Forgets the newest ones: they were not written after all.
    pub(super) fn forget_newest(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(newest) = self.order.pop_back() {
                self.known.remove(&newest);
            }
        }
    }
}
