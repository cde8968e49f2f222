//! The looks after each case, for runs that may stop early.

use super::comparison::{Sequence, Verdict};
use super::pairs::Rates;
use crate::stats::sequential::{Look, Watch};

/// When the whole was first certain, in the order in which the candidate was asked.
pub(super) fn watch(rates: &[Rates], (margin, alpha): (f64, f64), not_asked: u64) -> Sequence {
    let mut watch = Watch::new(margin, alpha);
    let mut decided_after = None;
    for (place, pair) in rates.iter().enumerate() {
        let look = watch.push(pair.candidate - pair.baseline);
        if look != Look::Open && decided_after.is_none() {
            decided_after = Some(place as u64 + 1);
        }
    }
    let verdict = match watch.look() {
        Look::Open => Verdict::Inconclusive,
        Look::NonInferior => Verdict::NonInferior,
        Look::Improved => Verdict::Improved,
        Look::Regressed => Verdict::Regressed,
    };
    Sequence { decided_after, verdict, not_asked }
}
