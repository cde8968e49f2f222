//! The keys of one provider.

use std::sync::Mutex;

use tb_config::Provider;
use tb_core::key_pool::{KeyChoice, KeyPool, KeyState};
use tb_core::{ProviderName, Secret};

use super::lock;
use super::view::{KeyHealth, ProviderKeyView};

/// How long a key rests that the provider refused or that is out of credit: an
/// operator who repairs it needs not restart anything.
const DISABLED_MS: u64 = 5 * 60_000;

/// How long a key rests after a rate limit that names no time; twice as long each time that it
/// is throttled again right after.
const COOLING_MS: u64 = 1_000;

/// The longest rest that the gateway chooses by itself.
const LONGEST_COOLING_MS: u64 = 30_000;

/// The longest rest that a provider may ask for: callers can bring about a throttling, and what
/// it says of hours must not be believed for hours. When it is over, the key is tried again.
const LONGEST_ASKED_MS: u64 = 5 * 60_000;

/// A key that answered within this time is a good one: a 403 is the request's own affair then.
const WORKED_LATELY_MS: u64 = 10 * 60_000;

/// How long a key rests at a model after a 403 that may be about the key or about the request.
const FORBIDDEN_REST_MS: u64 = 30_000;

/// What a 403 is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// The request: the key is good, and no other one would do better.
    Request,
    /// That is not known; another key may be tried.
    Uncertain,
    /// The key, which is left alone now.
    Key,
}

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
    /// Of each key.
    warnings: Vec<Warnings>,
}

/// What the provider said against one key, and when the key did its work.
#[derive(Debug, Clone, Copy, Default)]
struct Warnings {
    /// When it last throttled or refused the key; `None` = never.
    last_ms: Option<u64>,
    /// How often it throttled the key in a row without a word of how long.
    in_a_row: u32,
    /// Until when the key rests for that.
    until_ms: u64,
    /// When the last attempt began that was answered; `None` = never.
    worked_ms: Option<u64>,
    /// When a request got a 403 with it that may be about the key.
    forbidden_ms: Option<u64>,
}

impl Warnings {
    fn worked_lately(&self, now_ms: u64) -> bool {
        self.worked_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < WORKED_LATELY_MS)
    }

    /// Whether another request got a 403 with it and none was answered since.
    fn was_forbidden(&self) -> bool {
        self.forbidden_ms.is_some() && self.worked_ms <= self.forbidden_ms
    }
}

impl ProviderKeys {
    pub(super) fn new(provider: &Provider) -> Self {
        let pool = Pool {
            keys: KeyPool::new(&provider.key_weights),
            warnings: vec![Warnings::default(); provider.api_keys.len().max(1)],
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

    /// The key for the next attempt at `model`, which must come from the configuration here and
    /// below (see [`KeyPool::cool`]); those in `tried` only when no other is ready.
    pub(crate) fn choose(&self, model: &str, now_ms: u64, roll: f64, tried: &[u32]) -> KeyChoice {
        lock(&self.pool).keys.choose(model, now_ms, roll, tried)
    }

    /// The provider throttled a key for a model, for as long as it says, at most 5 minutes; else
    /// for a second and twice as long each time that it happens again right after.
    pub(crate) fn cool(&self, index: u32, model: &str, now_ms: u64, retry_after_ms: Option<u64>) {
        let mut pool = lock(&self.pool);
        let own_rest_ms = pool.warn(index, now_ms, retry_after_ms.is_none());
        let rest_ms = retry_after_ms.unwrap_or(own_rest_ms).min(LONGEST_ASKED_MS);
        pool.keys.cool(index, model, now_ms, now_ms.saturating_add(rest_ms));
    }

    /// A request got a 403 with a key, the first one from this provider. A key that never worked
    /// is disabled at once, one that worked after two such requests without an answer between.
    pub(crate) fn forbidden(&self, index: u32, model: &str, now_ms: u64) -> Forbidden {
        let mut pool = lock(&self.pool);
        let Some(warnings) = pool.warnings(index) else { return Forbidden::Uncertain };
        if warnings.worked_lately(now_ms) {
            return Forbidden::Request;
        }
        let is_about_key = warnings.worked_ms.is_none() || warnings.was_forbidden();
        warnings.forbidden_ms = Some(now_ms);
        if is_about_key {
            drop(pool);
            self.disable(index, now_ms, "credentials");
            return Forbidden::Key;
        }
        pool.warn(index, now_ms, false);
        pool.keys.cool(index, model, now_ms, now_ms.saturating_add(FORBIDDEN_REST_MS));
        Forbidden::Uncertain
    }

    /// Whether an attempt with this key was answered within the last 10 minutes.
    pub(crate) fn worked_lately(&self, index: u32, now_ms: u64) -> bool {
        lock(&self.pool).warnings(index).is_some_and(|warnings| warnings.worked_lately(now_ms))
    }

    /// The provider refused a key, or it has no credit left: it rests, for every model.
    pub(crate) fn disable(&self, index: u32, now_ms: u64, why: &'static str) {
        let mut pool = lock(&self.pool);
        let place = usize::try_from(index).ok();
        let states = pool.keys.states(now_ms);
        let known = place.and_then(|place| states.get(place));
        let news = !matches!(known, Some(KeyState::Disabled { .. }));
        pool.warn(index, now_ms, false);
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
    /// said of the key since then, or in that millisecond, says more.
    pub(crate) fn succeeded(&self, index: u32, model: &str, began_ms: u64) {
        let mut pool = lock(&self.pool);
        let Some(warnings) = pool.warnings(index) else { return };
        warnings.worked_ms = warnings.worked_ms.max(Some(began_ms));
        if warnings.last_ms.is_none_or(|warned_ms| began_ms <= warned_ms) {
            return;
        }
        warnings.in_a_row = 0;
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
    fn warnings(&mut self, index: u32) -> Option<&mut Warnings> {
        self.warnings.get_mut(usize::try_from(index).ok()?)
    }

    /// Notes that the provider throttled or refused a key. How long it rests for a throttling
    /// that names no time (`is_unsaid`); attempts that were under way together are throttled
    /// together, and that makes it no longer.
    fn warn(&mut self, index: u32, now_ms: u64, is_unsaid: bool) -> u64 {
        let Some(warnings) = self.warnings(index) else { return COOLING_MS };
        warnings.last_ms = Some(now_ms);
        if !is_unsaid {
            return COOLING_MS;
        }
        if now_ms >= warnings.until_ms {
            warnings.in_a_row = warnings.in_a_row.saturating_add(1);
        }
        let doublings = warnings.in_a_row.saturating_sub(1).min(16);
        let rest_ms = COOLING_MS.saturating_mul(1 << doublings).min(LONGEST_COOLING_MS);
        warnings.until_ms = warnings.until_ms.max(now_ms.saturating_add(rest_ms));
        rest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> ProviderKeys {
        let pool = Pool {
            keys: KeyPool::new(&vec![1; count]),
            warnings: vec![Warnings::default(); count],
        };
        let (secrets, weights) = (Vec::new(), Vec::new());
        ProviderKeys { provider: "p".into(), secrets, weights, pool: Mutex::new(pool) }
    }

    fn state(keys: &ProviderKeys, index: usize, now_ms: u64) -> (KeyHealth, Option<u64>) {
        let view = &keys.views(now_ms)[index];
        (view.state, view.ends_in_ms)
    }

    #[test]
    fn a_key_that_is_throttled_again_and_again_rests_longer() {
        let keys = keys(2);
        let rests = |now_ms| {
            keys.cool(0, "m", now_ms, None);
            state(&keys, 0, now_ms)
        };
        assert_eq!(rests(0), (KeyHealth::Cooling, Some(1_000)));
        assert_eq!(rests(10), (KeyHealth::Cooling, Some(1_000)), "they were under way together");
        assert_eq!(rests(1_010), (KeyHealth::Cooling, Some(2_000)));
        assert_eq!(rests(3_010), (KeyHealth::Cooling, Some(4_000)));
        keys.cool(1, "m", 3_010, None);
        assert_eq!(state(&keys, 1, 3_010).1, Some(1_000), "the other key has its own count");
        for _ in 0..20 {
            let now_ms = lock(&keys.pool).warnings[0].until_ms;
            assert!(rests(now_ms).1 <= Some(LONGEST_COOLING_MS));
        }
    }

    #[test]
    fn a_success_lifts_only_what_was_said_before_its_attempt_began() {
        let keys = keys(2);
        keys.cool(0, "m", 100, Some(9_000));
        for began_ms in [0, 99, 100] {
            keys.succeeded(0, "m", began_ms);
            assert_eq!(state(&keys, 0, 200).0, KeyHealth::Cooling, "it began at {began_ms}");
        }
        // What is said of another key meanwhile changes nothing.
        keys.disable(1, 150, "credentials");
        keys.succeeded(0, "m", 101);
        assert_eq!(state(&keys, 0, 200).0, KeyHealth::Live);
        keys.succeeded(1, "m", 120);
        assert_eq!(state(&keys, 1, 200).0, KeyHealth::Disabled);
        keys.succeeded(1, "m", 151);
        assert_eq!(state(&keys, 1, 200).0, KeyHealth::Live);
    }
}
