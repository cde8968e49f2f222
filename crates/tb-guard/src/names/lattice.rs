//! The likeliest labels of a run of tokens (Viterbi), and how sure each is (forward-backward).

use super::label::COUNT;
use super::model::Row;

/// Buffers that are used again for each segment.
#[derive(Debug, Default)]
pub(crate) struct Lattice {
    /// How well each label fits each token; filled by the caller.
    pub(crate) emissions: Vec<Row>,
    /// The likeliest label of each token.
    pub(crate) labels: Vec<usize>,
    /// The probability of each label at each token.
    pub(crate) posteriors: Vec<Row>,
    back: Vec<[u8; COUNT]>,
    /// The probability of each label given what stands before, at each token.
    pub(crate) forward: Vec<Row>,
}

impl Lattice {
    /// Finds the labels.
    pub(crate) fn solve(&mut self, transitions: &[Row; COUNT]) {
        self.decode(transitions);
        self.weigh(transitions);
    }

    fn decode(&mut self, transitions: &[Row; COUNT]) {
        self.back.clear();
        let mut scores = [0.0; COUNT];
        for (place, emission) in self.emissions.iter().enumerate() {
            let mut best = [f32::NEG_INFINITY; COUNT];
            let mut from = [0u8; COUNT];
            for ((weights, score), label) in transitions.iter().zip(scores).zip(0u8..) {
                for ((best, from), weight) in best.iter_mut().zip(&mut from).zip(weights) {
                    let sum = if place == 0 { 0.0 } else { score + weight };
                    if sum > *best {
                        *best = sum;
                        *from = label;
                    }
                }
            }
            for ((score, best), fit) in scores.iter_mut().zip(best).zip(emission) {
                *score = best + fit;
            }
            self.back.push(from);
        }
        let mut label = largest(&scores);
        self.labels.clear();
        for from in self.back.iter().rev() {
            self.labels.push(label);
            label = from.get(label).copied().map_or(0, usize::from);
        }
        self.labels.reverse();
    }

    fn weigh(&mut self, transitions: &[Row; COUNT]) {
        let odds = transitions.map(|row| row.map(f32::exp));
        self.forward.clear();
        self.posteriors.clear();
        self.posteriors.resize(self.emissions.len(), [0.0; COUNT]);
        let mut before = [1.0; COUNT];
        for (place, emission) in self.emissions.iter().enumerate() {
            let fits = relative(emission);
            let mut row = if place == 0 { before } else { times(&before, &odds) };
            for (value, fit) in row.iter_mut().zip(fits) {
                *value *= fit;
            }
            scale(&mut row);
            self.forward.push(row);
            before = row;
        }
        let mut after = [1.0; COUNT];
        let places = self.posteriors.iter_mut().zip(&self.forward).zip(&self.emissions).rev();
        for ((posterior, forward), emission) in places {
            for ((value, ahead), behind) in posterior.iter_mut().zip(forward).zip(after) {
                *value = ahead * behind;
            }
            scale(posterior);
            let mut fits = relative(emission);
            for (fit, behind) in fits.iter_mut().zip(after) {
                *fit *= behind;
            }
            for (value, row) in after.iter_mut().zip(&odds) {
                *value = row.iter().zip(fits).map(|(weight, fit)| weight * fit).sum();
            }
            scale(&mut after);
        }
    }
}

/// `e` to the power of each, the largest one being 1.
fn relative(row: &Row) -> Row {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.map(|value| (value - most).exp())
}

fn times(row: &Row, matrix: &[Row; COUNT]) -> Row {
    let mut product = [0.0; COUNT];
    for (weights, value) in matrix.iter().zip(row) {
        for (sum, weight) in product.iter_mut().zip(weights) {
            *sum += value * weight;
        }
    }
    product
}

/// Scales a row to the sum 1.
fn scale(row: &mut Row) {
    let sum: f32 = row.iter().sum();
    if sum > 0.0 {
        for value in row {
            *value /= sum;
        }
    }
}

fn largest(row: &Row) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (label, value) in row.iter().copied().enumerate() {
        if value > best.1 {
            best = (label, value);
        }
    }
    best.0
}
