//! The keys of one provider: which one is used next.

use std::collections::HashMap;

/// What the pool offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChoice {
    /// This key may be used now.
    Ready(u32),
    /// Every living key is cooling for this model; this one recovers first.
    Cooling {
        /// The key.
        index: u32,
        /// When it recovers, in milliseconds on the caller's monotonic clock.
        until_ms: u64,
    },
    /// The provider refused every key.
    Dead,
}

/// What is known of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It works, as far as is known.
    Live,
    /// The provider throttled it for some model, until this moment.
    Cooling {
        /// The latest of its moments, in milliseconds on the caller's monotonic clock.
        until_ms: u64,
    },
    /// The provider refused it. It is tried again at this moment.
    Disabled {
        /// In milliseconds on the caller's monotonic clock.
        until_ms: u64,
    },
}

/// The keys of one provider with their weights. A provider without keys has a pool of one.
#[derive(Debug, Clone)]
pub struct KeyPool {
    keys: Vec<Key>,
}

/// How many models a key cools for apart from each other. The names come from the
/// configuration: whoever could choose them could make a key cool for all models.
const MODELS: usize = 256;

#[derive(Debug, Clone, Default)]
struct Key {
    weight: u32,
    disabled_until_ms: u64,
    /// When it recovers, by model. Some of the moments may be over.
    cooling: HashMap<Box<str>, u64>,
    /// When it recovers for every model.
    cooling_until_ms: u64,
}

impl Key {
    fn is_disabled(&self, now_ms: u64) -> bool {
        now_ms < self.disabled_until_ms
    }

    /// When it recovers for this model; a moment that is over when it is not cooling.
    fn recovers_ms(&self, model: &str) -> u64 {
        self.cooling.get(model).copied().unwrap_or_default().max(self.cooling_until_ms)
    }

    fn cool(&mut self, model: &str, now_ms: u64, until_ms: u64) {
        if let Some(known_ms) = self.cooling.get_mut(model) {
            *known_ms = until_ms.max(*known_ms);
            return;
        }
        if self.cooling.len() >= MODELS {
            self.cooling.retain(|_, until_ms| now_ms < *until_ms);
        }
        self.cooling.insert(model.into(), until_ms);
        if self.cooling.len() > MODELS {
            self.fold_the_earliest();
        }
    }

    /// Makes room by letting the first moment of all hold for every model, so that no model is
    /// used too early.
    fn fold_the_earliest(&mut self) {
        let earliest = self.cooling.iter().min_by_key(|(_, until_ms)| **until_ms);
        if let Some((model, until_ms)) = earliest.map(|(model, ms)| (model.clone(), *ms)) {
            self.cooling.remove(&model);
            self.cooling_until_ms = self.cooling_until_ms.max(until_ms);
        }
    }

    fn state(&self, now_ms: u64) -> KeyState {
        let cooling = self.cooling.values().copied().fold(self.cooling_until_ms, u64::max);
        if self.is_disabled(now_ms) {
            KeyState::Disabled { until_ms: self.disabled_until_ms }
        } else if now_ms < cooling {
            KeyState::Cooling { until_ms: cooling }
        } else {
            KeyState::Live
        }
    }
}

/// How welcome a ready key is; the lesser the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Fresh,
    FreshWithoutWeight,
    Tried,
    TriedWithoutWeight,
}

impl KeyPool {
    /// A pool of keys with these weights, all live; none = one key. A key of weight 0 is used
    /// only when no other is ready.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        let weights = if weights.is_empty() { &[1] } else { weights };
        Self { keys: weights.iter().map(|&weight| Key { weight, ..Key::default() }).collect() }
    }

    /// The key for the next attempt at `model`, drawn by weight (`roll` in 0..1) among those
    /// that are ready; those in `tried` only when no other is.
    #[must_use]
    pub fn choose(&self, model: &str, now_ms: u64, roll: f64, tried: &[u32]) -> KeyChoice {
        match self.best_rank(model, now_ms, tried) {
            Some(rank) => {
                let ready = || {
                    let ranked = self.ready(model, now_ms, tried);
                    ranked.filter(move |(_, other, _)| *other == rank)
                };
                // Keys without weight have equal chances among themselves.
                let shares = || ready().map(|(index, _, weight)| (index, weight.max(1)));
                KeyChoice::Ready(drawn(shares, roll))
            }
            None => self.first_to_recover(model, now_ms),
        }
    }

    fn best_rank(&self, model: &str, now_ms: u64, tried: &[u32]) -> Option<Rank> {
        self.ready(model, now_ms, tried).map(|(_, rank, _)| rank).min()
    }

    /// The ready keys: index, rank and weight.
    fn ready(
        &self,
        model: &str,
        now_ms: u64,
        tried: &[u32],
    ) -> impl Iterator<Item = (u32, Rank, u32)> {
        (0..)
            .zip(&self.keys)
            .filter(move |(_, key)| !key.is_disabled(now_ms) && key.recovers_ms(model) <= now_ms)
            .map(move |(index, key)| {
                let rank = match (tried.contains(&index), key.weight) {
                    (false, 1..) => Rank::Fresh,
                    (false, 0) => Rank::FreshWithoutWeight,
                    (true, 1..) => Rank::Tried,
                    (true, 0) => Rank::TriedWithoutWeight,
                };
                (index, rank, key.weight)
            })
    }

    fn first_to_recover(&self, model: &str, now_ms: u64) -> KeyChoice {
        (0..)
            .zip(&self.keys)
            .filter(|(_, key)| !key.is_disabled(now_ms))
            .map(|(index, key)| (key.recovers_ms(model), index))
            .min()
            .map_or(KeyChoice::Dead, |(until_ms, index)| KeyChoice::Cooling { index, until_ms })
    }

    /// The provider throttled this key for this model. A moment before one that is known
    /// already changes nothing. While more than 256 models cool at the same time, the key cools
    /// for all models until the first of their moments; so names that clients choose must not
    /// come here.
    pub fn cool(&mut self, index: u32, model: &str, now_ms: u64, until_ms: u64) {
        if let Some(key) = self.key(index) {
            key.cool(model, now_ms, until_ms);
        }
    }

    /// The provider refused this key: it is left alone until `until_ms`.
    pub fn disable(&mut self, index: u32, until_ms: u64) {
        if let Some(key) = self.key(index) {
            key.disabled_until_ms = key.disabled_until_ms.max(until_ms);
        }
    }

    /// This key was used with success: it neither is refused nor has to cool for this model.
    pub fn succeeded(&mut self, index: u32, model: &str) {
        if let Some(key) = self.key(index) {
            key.disabled_until_ms = 0;
            key.cooling_until_ms = 0;
            key.cooling.remove(model);
        }
    }

    fn key(&mut self, index: u32) -> Option<&mut Key> {
        self.keys.get_mut(usize::try_from(index).ok()?)
    }

    /// The state of each key.
    #[must_use]
    pub fn states(&self, now_ms: u64) -> Vec<KeyState> {
        self.keys.iter().map(|key| key.state(now_ms)).collect()
    }
}

/// One of the keys by their shares. There must be one; the last one takes what rounding leaves.
fn drawn<I: Iterator<Item = (u32, u32)>>(shares: impl Fn() -> I, roll: f64) -> u32 {
    let total: f64 = shares().map(|(_, share)| f64::from(share)).sum();
    let mut rest = total * roll;
    let mut last = 0;
    for (index, share) in shares() {
        last = index;
        rest -= f64::from(share);
        if rest < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests;
