//! Quotas and budgets: what the organisation, services, keys, end users and models have used, and
//! what the requests under way have reserved of it.
//!
//! A request finds the accounts that have limits once ([`claim()`]) and holds them in its
//! settlement. It takes a place and counts as a request there; each attempt reserves tokens and
//! money before anything is sent, and is settled where its row is written. Whoever has no limits
//! has no account, and costs nothing.

mod accounts;
mod claim;
mod hold;
mod outputs;
mod rate_headers;
mod restore;
mod scopes;
mod view;
mod warning;

use std::sync::{Arc, Mutex, PoisonError};

use tb_config::Snapshot;
use tb_core::quota::Account;
use tb_core::{Clock, ServiceName, Timestamp};

use self::accounts::{Accounts, Scope};
pub(crate) use self::claim::{claim, claim_own};
pub(crate) use self::hold::{Claim, Need, Output};
use self::outputs::Outputs;
pub(crate) use self::rate_headers::rate_headers;
pub(crate) use self::scopes::Scopes;
pub use self::view::BudgetView;
pub use self::warning::BudgetWarning;
use self::warning::Listener;

/// All accounts. It outlives reloads of the configuration.
pub(crate) struct Ledger {
    accounts: Accounts,
    outputs: Outputs,
    listener: Listener,
    /// The configuration that holds, for what is shown.
    snapshot: Mutex<Arc<Snapshot>>,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    /// No accounts yet.
    pub(crate) fn new(snapshot: &Arc<Snapshot>, clock: Arc<dyn Clock>) -> Self {
        Self {
            accounts: Accounts::default(),
            outputs: Outputs::default(),
            listener: Listener::default(),
            snapshot: Mutex::new(Arc::clone(snapshot)),
            clock,
        }
    }

    /// Shows the limits of this configuration from now on.
    pub(crate) fn configure(&self, snapshot: &Arc<Snapshot>) {
        let mut known = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::clone(snapshot);
    }

    pub(crate) fn on_warning(&self, callback: warning::Callback) -> bool {
        self.listener.set(callback)
    }

    /// For each service with a budget the share of it that is spent.
    pub(crate) fn used_ratios(&self) -> Vec<(ServiceName, f64)> {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = self.clock.now();
        let with_budget = snapshot.services.values().filter_map(|service| {
            let budget = service.limits.budget.as_ref()?;
            let account = self.accounts.known(&Scope::Service(service.name.clone()));
            let spent = account.and_then(|account| lock(&account).spent(&service.limits, now));
            #[expect(clippy::cast_precision_loss, reason = "a ratio for a chart")]
            let ratio =
                spent.map_or(0, |(spent, _)| spent.0) as f64 / budget.amount.0.max(1) as f64;
            Some((service.name.clone(), ratio))
        });
        with_budget.collect()
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// An account as requests share it. A panic between two steps leaves counts that are wrong by
/// one at worst.
type SharedAccount = Arc<Mutex<Account>>;

fn lock(account: &Mutex<Account>) -> std::sync::MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A moment for what happens where nobody asks for the time: an account takes its latest one.
const LATEST: Timestamp = Timestamp(i64::MIN);
