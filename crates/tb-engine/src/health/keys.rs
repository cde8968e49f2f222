//! The keys of one provider.

use std::sync::Mutex;

use tb_config::Provider;
use tb_core::key_pool::{KeyChoice, KeyPool, KeyState};
use tb_core::{ProviderName, Secret};

use super::lock;
use super::view::{KeyHealth, ProviderKeyView};

/// How long a key rests that the provider refused (401, 403) or that is out of credit: an
/// operator who repairs it needs not restart anything.
pub(crate) const DISABLED_MS: u64 = 5 * 60_000;

/// How long a key rests after a rate limit that names no time; twice as long each time that it
/// is throttled again right after.
const COOLING_MS: u64 = 1_000;

/// The longest rest that the gateway chooses by itself.
const LONGEST_COOLING_MS: u64 = 30_000;

/// The keys of one provider.
#[derive(Debug)]
pub(crate) struct ProviderKeys {
    provider: ProviderName,
    /// What the pool was made of, to tell whether a new configuration has other keys.
    secrets: Vec<Secret>,
    weights: Vec<u32>,
    pool: Mutex<Pool>,
}

#[derive(Debug)]
struct Pool {
    keys: KeyPool,
    throttled: Vec<Throttled>,
    /// When a key was last throttled or refused; `None` = never.
    warned_ms: Option<u64>,
}

/// The rests of one key that the gateway chose by itself.
#[derive(Debug, Clone, Copy, Default)]
struct Throttled {
    in_a_row: u32,
    until_ms: u64,
}

impl ProviderKeys {
    pub(super) fn new(provider: &Provider) -> Self {
        let pool = Pool {
            keys: KeyPool::new(&provider.key_weights),
            throttled: vec![Throttled::default(); provider.api_keys.len().max(1)],
            warned_ms: None,
        };
        Self {
            provider: provider.name.clone(),
            secrets: provider.api_keys.clone(),
            weights: provider.key_weights.clone(),
            pool: Mutex::new(pool),
        }
    }

    pub(super) fn are_of(&self, provider: &Provider) -> bool {
        self.secrets == provider.api_keys && self.weights == provider.key_weights
    }

    /// The key for the next attempt; those in `tried` only when no other is ready.
    pub(crate) fn choose(&self, model: &str, now_ms: u64, roll: f64, tried: &[u32]) -> KeyChoice {
        lock(&self.pool).keys.choose(model, now_ms, roll, tried)
    }

    /// The provider throttled a key for a model, for as long as it says; else for a second and
    /// twice as long each time that it happens again right after.
    pub(crate) fn cool(&self, index: u32, model: &str, now_ms: u64, retry_after_ms: Option<u64>) {
        let mut pool = lock(&self.pool);
        pool.warned_ms = Some(now_ms);
        let rest_ms = retry_after_ms.unwrap_or_else(|| pool.rest(index, now_ms));
        pool.keys.cool(index, model, now_ms.saturating_add(rest_ms));
    }

    /// The provider refused a key, or it has no credit left: it rests, for every model.
    pub(crate) fn disable(&self, index: u32, now_ms: u64, why: &'static str) {
        let mut pool = lock(&self.pool);
        let place = usize::try_from(index).ok();
        let states = pool.keys.states(now_ms);
        let known = place.and_then(|place| states.get(place));
        let news = !matches!(known, Some(KeyState::Disabled { .. }));
        pool.warned_ms = Some(now_ms);
        pool.keys.disable(index, now_ms.saturating_add(DISABLED_MS));
        drop(pool);
        if news {
            tracing::error!(
                provider = %self.provider, key = index, why,
                "the provider refuses a key; it is left alone for 5 minutes"
            );
        }
    }

    /// A key was used with success by an attempt that began at `began_ms`. What the provider
    /// said of the key since then says more.
    pub(crate) fn succeeded(&self, index: u32, model: &str, began_ms: u64) {
        let mut pool = lock(&self.pool);
        if pool.warned_ms.is_none_or(|warned_ms| began_ms < warned_ms) {
            return;
        }
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(throttled) = pool.throttled.get_mut(place) {
            throttled.in_a_row = 0;
        }
        pool.keys.succeeded(index, model);
    }

    pub(super) fn views(&self, now_ms: u64) -> Vec<ProviderKeyView> {
        let states = lock(&self.pool).keys.states(now_ms);
        let view = |(index, state)| {
            let (state, until_ms) = match state {
                KeyState::Live => (KeyHealth::Live, None),
                KeyState::Cooling { until_ms } => (KeyHealth::Cooling, Some(until_ms)),
                KeyState::Disabled { until_ms } => (KeyHealth::Disabled, Some(until_ms)),
            };
            let ends_in_ms = until_ms.map(|until| until.saturating_sub(now_ms));
            ProviderKeyView { provider: self.provider.to_string(), index, state, ends_in_ms }
        };
        (0u32..).zip(states).map(view).collect()
    }
}

impl Pool {
    /// How long a key rests that was throttled without a word of how long. Attempts that were
    /// under way together are throttled together: that makes it no longer.
    fn rest(&mut self, index: u32, now_ms: u64) -> u64 {
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(throttled) = self.throttled.get_mut(place) else { return COOLING_MS };
        if now_ms >= throttled.until_ms {
            throttled.in_a_row = throttled.in_a_row.saturating_add(1);
        }
        let doublings = throttled.in_a_row.saturating_sub(1).min(16);
        let rest_ms = COOLING_MS.saturating_mul(1 << doublings).min(LONGEST_COOLING_MS);
        throttled.until_ms = throttled.until_ms.max(now_ms.saturating_add(rest_ms));
        rest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_throttled_again_and_again_rests_longer() {
        let throttled = vec![Throttled::default()];
        let mut pool = Pool { keys: KeyPool::new(&[1]), throttled, warned_ms: None };
        assert_eq!(pool.rest(0, 0), 1_000);
        assert_eq!(pool.rest(0, 10), 1_000, "they were under way together");
        assert_eq!(pool.rest(0, 1_010), 2_000);
        assert_eq!(pool.rest(0, 3_010), 4_000);
        for _ in 0..20 {
            let now_ms = pool.throttled[0].until_ms;
            assert!(pool.rest(0, now_ms) <= LONGEST_COOLING_MS);
        }
    }
}
