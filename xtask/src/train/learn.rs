//! Learns the weights: a linear-chain conditional random field, by stochastic gradient descent
//! with a step of its own for each weight (AdaGrad) and a pull of all weights to zero.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::dice::Dice;
use super::features::{self, Writing};
use super::gazetteer::{COMMON, Gazetteer};
use super::label::COUNT;
use super::lattice::Lattice;
use super::sample::Sample;
use super::token::Token;

type Row = [f32; COUNT];

/// How much a step moves at most.
const RATE: f32 = 0.08;

/// How strongly weights are pulled to zero.
const PULL: f32 = 2e-5;

/// A word that is dropped, so that unseen ones are learned too.
const UNKNOWN: u32 = 0x7a11_0001;

/// Weights and the squares of their past gradients.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) weights: HashMap<u32, Row>,
    pub(super) transitions: [Row; COUNT],
    squares: HashMap<u32, Row>,
    transition_squares: [Row; COUNT],
}

/// How the learning goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) epochs: usize,
    /// A feature must occur in this many templates.
    pub(super) least_groups: usize,
}

/// Learns from samples.
pub(super) fn learn(samples: &[Sample], gazetteer: &Gazetteer, plan: Plan) -> Field {
    let mut dice = Dice::new(plan.seed);
    let mut field = Field::default();
    for hash in frequent(samples, gazetteer, plan.least_groups) {
        field.weights.insert(hash, [0.0; COUNT]);
        field.squares.insert(hash, [0.0; COUNT]);
    }
    let mut order: Vec<usize> = (0..samples.len()).collect();
    let mut lattice = Lattice::default();
    for epoch in 0..plan.epochs {
        dice.shuffle(&mut order);
        #[expect(clippy::cast_precision_loss, reason = "a few epochs")]
        let rate = RATE / (1.0 + epoch as f32 * 0.4);
        for sample in order.iter().filter_map(|at| samples.get(*at)) {
            let changed = in_another_case(sample, &mut dice);
            let (mut tokens, labels) = changed.as_ref().unwrap_or(sample).labelled(gazetteer);
            forget(&mut tokens, &labels, &mut dice);
            field.step(&tokens, &labels, &mut lattice, rate);
        }
    }
    field
}

/// The features that occur in enough templates.
fn frequent(samples: &[Sample], gazetteer: &Gazetteer, least: usize) -> BTreeSet<u32> {
    let mut groups: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for sample in samples {
        let (tokens, _) = sample.labelled(gazetteer);
        let writing = Writing::of(&tokens);
        for at in 0..tokens.len() {
            for hash in features::of(&tokens, at, writing).into_iter().filter(|hash| *hash != 0) {
                let groups = groups.entry(hash).or_default();
                if groups.len() < least {
                    groups.insert(sample.group);
                }
            }
        }
    }
    groups.into_iter().filter(|(_, groups)| groups.len() >= least).map(|(hash, _)| hash).collect()
}

fn in_another_case(sample: &Sample, dice: &mut Dice) -> Option<Sample> {
    match dice.below(100) {
        0..=6 => Some(sample.with_case(str::to_lowercase)),
        7..=8 => Some(sample.with_case(str::to_uppercase)),
        _ => None,
    }
}

/// Takes away what unseen names would not have: their lists, and the word itself.
fn forget(tokens: &mut [Token], labels: &[usize], dice: &mut Dice) {
    let without_lists = dice.percent(25);
    for (token, label) in tokens.iter_mut().zip(labels) {
        if *label > 0 && (without_lists || dice.percent(20)) {
            token.classes &= COMMON;
        }
        if (*label > 0 && dice.percent(35)) || dice.percent(4) {
            token.word = UNKNOWN;
        }
    }
}

impl Field {
    fn step(&mut self, tokens: &[Token], labels: &[usize], lattice: &mut Lattice, rate: f32) {
        let writing = Writing::of(tokens);
        let seen: Vec<_> = (0..tokens.len()).map(|at| features::of(tokens, at, writing)).collect();
        lattice.emissions.clear();
        lattice.emissions.extend(seen.iter().map(|hashes| self.emission(hashes)));
        lattice.weigh(&self.transitions);
        for ((hashes, label), posterior) in seen.iter().zip(labels).zip(&lattice.posteriors) {
            let mut gradient = *posterior;
            if let Some(true_one) = gradient.get_mut(*label) {
                *true_one -= 1.0;
            }
            if gradient.iter().all(|value| value.abs() < 1e-3) {
                continue;
            }
            for hash in hashes {
                if let (Some(weights), Some(squares)) =
                    (self.weights.get_mut(hash), self.squares.get_mut(hash))
                {
                    descend(weights, squares, &gradient, rate);
                }
            }
        }
        self.step_transitions(labels, lattice, rate);
    }

    fn step_transitions(&mut self, labels: &[usize], lattice: &Lattice, rate: f32) {
        let mut gradients = lattice.expected_transitions(&self.transitions);
        for pair in labels.windows(2) {
            if let [before, label] = pair
                && let Some(value) = gradients.get_mut(*before).and_then(|row| row.get_mut(*label))
            {
                *value -= 1.0;
            }
        }
        let rows = self.transitions.iter_mut().zip(&mut self.transition_squares);
        for ((weights, squares), gradient) in rows.zip(&gradients) {
            descend(weights, squares, gradient, rate);
        }
    }

    fn emission(&self, hashes: &[u32; features::COUNT]) -> Row {
        let mut sums = [0.0; COUNT];
        for row in hashes.iter().filter_map(|hash| self.weights.get(hash)) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += weight;
            }
        }
        sums
    }
}

fn descend(weights: &mut Row, squares: &mut Row, gradient: &Row, rate: f32) {
    for ((weight, square), value) in weights.iter_mut().zip(squares).zip(gradient) {
        *square += value * value;
        *weight -= rate * value / (square.sqrt() + 1e-3);
        *weight -= weight.signum() * (rate * PULL * 10.0).min(weight.abs());
    }
}
