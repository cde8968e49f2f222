//! The cases of two runs, side by side.

use std::collections::HashMap;

use super::arm::{Arm, CaseTally};

/// One case in both runs.
pub(super) struct Pair<'a> {
    pub(super) baseline: &'a CaseTally,
    pub(super) candidate: &'a CaseTally,
    /// The number of its group, or of itself.
    pub(super) unit: usize,
}

/// All cases that both runs have, in the order in which the candidate was asked.
pub(super) struct Pairs<'a> {
    pub(super) all: Vec<Pair<'a>>,
    /// How often each case was asked.
    pub(super) repeats: f64,
    /// Whether some cases share a group.
    pub(super) has_groups: bool,
}

/// What is compared of a pair: a rate of each run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) baseline: f64,
    pub(super) candidate: f64,
    pub(super) unit: usize,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(baseline: &'a Arm, candidate: &'a Arm) -> Self {
        let mut groups: HashMap<&str, usize> = HashMap::new();
        let mut next = 0;
        let mut all = Vec::with_capacity(candidate.cases().len());
        for after in candidate.cases() {
            let Some(before) = baseline.case(&after.id) else { continue };
            let group = after.group().or_else(|| before.group());
            let unit = match group {
                Some(group) => *groups.entry(group).or_insert(next),
                None => next,
            };
            next = next.max(unit + 1);
            all.push(Pair { baseline: before, candidate: after, unit });
        }
        let repeats = baseline.most_repeats().max(candidate.most_repeats()) as f64;
        Self { has_groups: next < all.len(), all, repeats }
    }

    /// Both rates of every pair that has both.
    pub(super) fn rates<'s>(
        &'s self,
        rate: impl Fn(&CaseTally) -> Option<f64> + 's,
    ) -> impl Iterator<Item = Rates> + 's {
        self.all.iter().filter_map(move |pair| {
            let (baseline, candidate) = (rate(pair.baseline)?, rate(pair.candidate)?);
            Some(Rates { baseline, candidate, unit: pair.unit })
        })
    }
}

impl Pair<'_> {
    pub(super) fn slices(&self) -> &[String] {
        match self.candidate.slices() {
            [] => self.baseline.slices(),
            slices => slices,
        }
    }
}

/// The share of answers that passed, those that cannot be judged counted as failed.
pub(super) fn strict(case: &CaseTally) -> Option<f64> {
    Some(case.judged()? * case.rate().unwrap_or(0.0))
}
