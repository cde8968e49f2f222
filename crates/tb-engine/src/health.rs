//! What is known of each target and of each provider's keys. It outlives reloads of the
//! configuration, since a provider does not recover because a file was edited.

mod keys;
mod target;
mod usual;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tb_config::Provider;
use tb_core::{ModelName, ProviderName};

pub(crate) use self::keys::{Forbidden, ProviderKeys};
pub(crate) use self::target::{Barred, Entry, Passage, Sight, TargetHealth};
pub use self::view::{KeyHealth, ProviderKeyView, TargetState, TargetView};
use crate::clock;

/// The health of all targets and keys.
#[derive(Debug)]
pub(crate) struct Health {
    /// Where the milliseconds of breakers, budgets and pools begin.
    began: Instant,
    /// By provider and model id. The map is read when a configuration is applied, and when the
    /// state is shown; requests hold what they need of it.
    targets: Mutex<HashMap<(ProviderName, ModelName), Arc<TargetHealth>>>,
    providers: Mutex<HashMap<ProviderName, Arc<ProviderKeys>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { began: clock::now(), targets: Mutex::default(), providers: Mutex::default() }
    }
}

impl Health {
    /// Milliseconds from the engine's beginning to `at`.
    pub(crate) fn ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds from the engine's beginning to now.
    pub(crate) fn now_ms(&self) -> u64 {
        self.ms(clock::now())
    }

    /// The health of one target; the same one for the same names, across reloads. `model` must
    /// come from the configuration: models that clients name share one under a fixed name.
    pub(crate) fn target(&self, provider: &ProviderName, model: &ModelName) -> Arc<TargetHealth> {
        let mut targets = lock(&self.targets);
        let named = targets.entry((provider.clone(), model.clone()));
        Arc::clone(
            named.or_insert_with(|| Arc::new(TargetHealth::new(provider.clone(), model.clone()))),
        )
    }

    /// The keys of a provider; the same ones until the configuration changes them.
    pub(crate) fn keys(&self, provider: &Provider) -> Arc<ProviderKeys> {
        let mut providers = lock(&self.providers);
        if let Some(known) = providers.get(&provider.name)
            && known.are_of(provider)
        {
            return Arc::clone(known);
        }
        let keys = Arc::new(ProviderKeys::new(provider));
        providers.insert(provider.name.clone(), Arc::clone(&keys));
        keys
    }

    /// Forgets what no configuration in use names.
    pub(crate) fn forget_unused(&self) {
        lock(&self.targets).retain(|_, target| Arc::strong_count(target) > 1);
        lock(&self.providers).retain(|_, keys| Arc::strong_count(keys) > 1);
    }

    fn all_targets(&self) -> Vec<Arc<TargetHealth>> {
        lock(&self.targets).values().map(Arc::clone).collect()
    }

    fn all_keys(&self) -> Vec<Arc<ProviderKeys>> {
        lock(&self.providers).values().map(Arc::clone).collect()
    }
}

/// What is behind a lock here is whole after every statement, so a panic spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
