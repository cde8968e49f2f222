//! What operators are told of a budget before it is spent.

use std::sync::OnceLock;

use tb_core::{NanoUsd, Timestamp};

use crate::admission::LimitScope;

/// A budget has passed a threshold: once in each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetWarning {
    /// Whose budget it is; that of an end user is told as one of its service.
    pub scope: LimitScope,
    /// 50, 80, 95 or 100. At 100 requests are refused, or are about to be.
    pub percent: u64,
    /// What is spent.
    pub spent: NanoUsd,
    /// The budget.
    pub amount: NanoUsd,
    /// When its period ends.
    pub ends_at: Timestamp,
}

/// Hears of warnings.
pub(crate) type Callback = Box<dyn Fn(&BudgetWarning) + Send + Sync>;

/// Who hears of warnings beside the log.
#[derive(Default)]
pub(super) struct Listener(OnceLock<Callback>);

impl Listener {
    /// Tells `callback` of every warning from now on; the first one stays. False when there is
    /// one already.
    pub(super) fn set(&self, callback: Callback) -> bool {
        self.0.set(callback).is_ok()
    }

    pub(super) fn tell(&self, warning: &BudgetWarning) {
        let BudgetWarning { scope, percent, spent, amount, ends_at } = warning;
        let (kind, ends_at) = (scope.label(), ends_at.to_rfc3339());
        tracing::warn!(kind, %scope, percent, %spent, %amount, ends_at, "a budget is used up to a threshold");
        if let Some(callback) = self.0.get() {
            callback(warning);
        }
    }
}
