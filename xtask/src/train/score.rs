//! Measures a model on texts that it has not seen.

use std::fmt::Write as _;

use super::gazetteer::Gazetteer;
use super::label::{COUNT, NAMES};
use super::lattice::Lattice;
use super::model::Model;
use super::sample::Sample;
use super::token;
use super::{LEAST_SCORE, segment, span, tag};

/// What was there, what was found, and what was found rightly.
pub(crate) type Counts = [usize; 3];

/// Counts by label, and of characters whatever their label.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    gold: [usize; COUNT],
    found: [usize; COUNT],
    right: [usize; COUNT],
    gold_bytes: usize,
    found_bytes: usize,
    right_bytes: usize,
}

impl Score {
    /// Adds what a model finds in a sample.
    pub(super) fn add(&mut self, sample: &Sample, model: &Model, gazetteer: &Gazetteer) {
        let found = find(&sample.text, model, gazetteer);
        let count = |counts: &mut [usize; COUNT], label: usize| {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        };
        for one in &found {
            count(&mut self.found, one.0);
            if sample.spans.contains(one) {
                count(&mut self.right, one.0);
            }
        }
        for one in &sample.spans {
            count(&mut self.gold, one.0);
        }
        let bytes = |spans: &[(usize, usize, usize)]| -> usize {
            spans.iter().map(|one| one.2 - one.1).sum()
        };
        self.gold_bytes += bytes(&sample.spans);
        self.found_bytes += bytes(&found);
        for one in &found {
            let shared =
                sample.spans.iter().map(|gold| gold.2.min(one.2).saturating_sub(gold.1.max(one.1)));
            self.right_bytes += shared.sum::<usize>();
        }
    }

    /// Each label with what was there, what was found and what was found rightly; then the
    /// same of bytes, whatever the label.
    pub(super) fn counts(&self) -> (Vec<(&'static str, Counts)>, Counts) {
        let counts = self.gold.iter().zip(&self.found).zip(&self.right).skip(1);
        let labels = NAMES.iter().zip(counts);
        let labels = labels.map(|(name, ((gold, found), right))| (*name, [*gold, *found, *right]));
        (labels.collect(), [self.gold_bytes, self.found_bytes, self.right_bytes])
    }

    /// A table.
    pub(super) fn table(&self) -> String {
        let mut table = String::from("label            gold  found  right     P     R    F1\n");
        let mut row = |name: &str, gold: usize, found: usize, right: usize| {
            let (p, r) = (share(right, found), share(right, gold));
            let f1 = share(2 * right, found + gold);
            let _ =
                writeln!(table, "{name:14} {gold:6} {found:6} {right:6}  {p:.3} {r:.3} {f1:.3}");
        };
        let counts = self.gold.iter().zip(&self.found).zip(&self.right).skip(1);
        for (name, ((gold, found), right)) in NAMES.iter().zip(counts) {
            row(name, *gold, *found, *right);
        }
        let sum = |counts: &[usize; COUNT]| counts.iter().sum::<usize>();
        row("all", sum(&self.gold), sum(&self.found), sum(&self.right));
        row("bytes", self.gold_bytes, self.found_bytes, self.right_bytes);
        table
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// Label, first byte, byte after the last one.
fn find(text: &str, model: &Model, gazetteer: &Gazetteer) -> Vec<(usize, usize, usize)> {
    let mut tokens = Vec::new();
    token::cut(text, gazetteer, &mut tokens);
    let mut lattice = Lattice::default();
    let mut found = Vec::new();
    for part in segment::cut(text, &tokens).filter(|part| part.iter().any(tag::is_bright)) {
        tag::tag(part, model, &mut lattice);
        span::each(text, part, &lattice, |one| {
            if one.score >= LEAST_SCORE {
                found.push((one.label, one.start, one.end));
            }
        });
    }
    found
}
