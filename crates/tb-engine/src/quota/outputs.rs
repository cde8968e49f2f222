//! How long answers are, model by model, for requests that do not say how long theirs may be.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tb_core::ModelName;

/// No bound is below this.
const LEAST_TOKENS: u64 = 256;

/// The bound of a model that nothing is known of.
const FIRST_TOKENS: u64 = 1_024;

/// So many models are told apart. Callers may name models of a provider freely; those beyond
/// share one bound.
const MOST_MODELS: usize = 1_024;

/// The name under which they share it.
const OTHER: &str = "";

/// A bound follows a longer answer at once for half the way, and falls by this part after each
/// one that is shorter: some two percent of answers are longer than a bound that stands still.
const FALL: u64 = 64;

/// The bounds by the model that is asked, as the provider calls it.
#[derive(Debug, Default)]
pub(super) struct Outputs(Mutex<HashMap<ModelName, u64>>);

impl Outputs {
    /// As many tokens as an answer of `model` hardly exceeds.
    pub(super) fn bound(&self, model: &ModelName) -> u64 {
        let bounds = self.lock();
        let known = bounds.get(model).or_else(|| bounds.get(OTHER));
        known.copied().unwrap_or(FIRST_TOKENS)
    }

    /// An answer of `model` had so many tokens.
    pub(super) fn note(&self, model: &ModelName, tokens: u64) {
        let mut bounds = self.lock();
        let name = if bounds.contains_key(model) || bounds.len() < MOST_MODELS {
            model.clone()
        } else {
            ModelName::from(OTHER)
        };
        let bound = bounds.entry(name).or_insert(FIRST_TOKENS);
        *bound = if tokens > *bound {
            *bound + (tokens - *bound).div_ceil(2)
        } else {
            let above = *bound - tokens.max(LEAST_TOKENS).min(*bound);
            *bound - above.div_ceil(FALL)
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ModelName, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_follows_long_answers_at_once_and_short_ones_slowly() {
        let (outputs, model) = (Outputs::default(), ModelName::from("m"));
        assert_eq!(outputs.bound(&model), FIRST_TOKENS);
        (0..10).for_each(|_| outputs.note(&model, 9_000));
        assert!((8_900..=9_000).contains(&outputs.bound(&model)));
        outputs.note(&model, 10);
        assert!(outputs.bound(&model) > 8_800);
        (0..2_000).for_each(|_| outputs.note(&model, 10));
        assert_eq!(outputs.bound(&model), LEAST_TOKENS);
        outputs.note(&model, u64::MAX);
        assert_eq!(outputs.bound(&ModelName::from("n")), FIRST_TOKENS);
    }

    #[test]
    fn names_that_callers_make_up_share_one_bound() {
        let outputs = Outputs::default();
        for number in 0..MOST_MODELS * 2 {
            outputs.note(&ModelName::from(number.to_string()), 256);
        }
        assert!(outputs.lock().len() <= MOST_MODELS + 1);
        assert!(outputs.bound(&ModelName::from("new")) < FIRST_TOKENS);
    }
}
