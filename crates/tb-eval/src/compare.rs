//! Whether one run is as good as another.
//!
//! [`compare`] pairs two runs case by case. What may be compared is checked first ([`Refusal`]);
//! then the pairs are judged as a whole, by slice, by label and by what was measured, and one
//! [`Verdict`] is made of it. `docs/evaluation.md` says how, for people.

pub mod arm;
pub mod comparison;
mod flips;
mod labels;
mod measures;
mod pairs;
mod part;
mod refusal;
mod scores;
mod sequence;
mod verdict;

use std::collections::BTreeMap;

pub use self::arm::{Arm, UnreadableRun};
pub use self::comparison::{Change, Comparison, Flip, Verdict};
use self::pairs::Pairs;
pub(crate) use self::part::rate_of;
pub use self::refusal::Refusal;
pub(crate) use self::refusal::is_complete;
pub(crate) use self::verdict::{percent, signed};
use crate::case::Measure;

/// What may differ between the two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vary {
    /// The target; the prompt is the same.
    #[default]
    Model,
    /// The prompt's version; the target is the same.
    Prompt,
}

/// What is held to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The loss of pass rate that is accepted, as a share.
    pub margin: f64,
    /// The same for a slice, and for a label's recall and precision, of which there are fewer
    /// cases.
    pub part_margin: f64,
    /// The chance of a false alarm, and of a false pass; one-sided.
    pub alpha: f64,
    /// What may differ.
    pub vary: Vary,
    /// The share of a run's answers that may be errors, or cannot be judged, before nothing is
    /// said of quality.
    pub tolerated_faults: f64,
    /// Whether the candidate may have stopped early: every test stays valid then.
    pub sequential: bool,
    /// How many times the baseline's 95th percentile (of the cost: mean) the candidate's may be.
    pub limits: BTreeMap<Measure, f64>,
    /// How often the bootstrap draws.
    pub draws: u32,
    /// The seed of everything random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            margin: 0.02,
            part_margin: 0.05,
            alpha: 0.05,
            vary: Vary::default(),
            tolerated_faults: 0.02,
            sequential: false,
            limits: BTreeMap::new(),
            draws: 2_000,
            seed: 1,
        }
    }
}

/// Compares a candidate with its baseline.
///
/// # Errors
/// A [`Refusal`] where the two do not answer the same question, or one is not whole.
pub fn compare(baseline: &Arm, candidate: &Arm, options: &Options) -> Result<Comparison, Refusal> {
    refusal::check(baseline, candidate, options)?;
    let pairs = Pairs::of(baseline, candidate);
    Ok(verdict::judge(&pairs, (baseline, candidate), options))
}
