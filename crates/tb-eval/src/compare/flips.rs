//! The cases whose outcome differs.

use super::comparison::{Change, Flip};
use super::pairs::{Pair, Pairs};

/// All of them, the newly failing first, otherwise in the order of the run.
pub(super) fn list(pairs: &Pairs<'_>) -> Vec<Flip> {
    let mut flips: Vec<Flip> = pairs.all.iter().filter_map(flip).collect();
    flips.sort_by_key(|flip| flip.change);
    flips
}

fn flip(pair: &Pair<'_>) -> Option<Flip> {
    let (baseline, candidate) = (pair.baseline.rate(), pair.candidate.rate());
    let was_invalid = pair.baseline.judged() == Some(0.0);
    let is_invalid = pair.candidate.judged() == Some(0.0);
    let change = match (baseline, candidate) {
        (Some(before), Some(now)) if now < before => Change::NewlyFailing,
        (Some(before), Some(now)) if now > before => Change::NewlyPassing,
        (Some(before), None) if is_invalid && before > 0.0 => Change::NewlyInvalid,
        (Some(_), None) if is_invalid => Change::NoLongerJudged,
        (None, Some(now)) if was_invalid && now >= 1.0 => Change::NewlyPassing,
        (None, Some(_)) if was_invalid => Change::NowFailing,
        _ => return None,
    };
    Some(Flip {
        id: pair.candidate.id.clone(),
        change,
        baseline,
        candidate,
        slices: pair.slices().to_vec(),
        reasons: pair.candidate.reasons(),
    })
}
