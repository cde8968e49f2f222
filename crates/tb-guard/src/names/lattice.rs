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
    /// The score of the best path to each label, at each token.
    scores: Vec<Row>,
    /// The probability of each label given what stands before, at each token.
    pub(crate) forward: Vec<Row>,
    /// The emissions as odds, the likeliest label's being 1.
    fits: Vec<Row>,
}

impl Lattice {
    /// Finds the labels, and how sure each is where some token has one: most segments are plain
    /// prose, and nobody asks how sure that is.
    pub(crate) fn solve(&mut self, transitions: &[Row; COUNT]) {
        self.decode(transitions);
        self.posteriors.clear();
        if self.labels.iter().any(|label| *label > 0) {
            self.weigh(transitions);
        }
    }

    fn decode(&mut self, transitions: &[Row; COUNT]) {
        let floors = floors(transitions);
        self.scores.clear();
        let mut last = [0.0; COUNT];
        let mut is_plain = false;
        for (place, emission) in self.emissions.iter().enumerate() {
            let was_plain = is_plain;
            is_plain = is_nothing(emission, &floors);
            let mut best = match transitions {
                _ if place == 0 => [0.0; COUNT],
                [[stay, ..], ..] if was_plain && is_plain => [last[0] + stay; COUNT],
                _ => best_step(transitions, &last),
            };
            for (score, fit) in best.iter_mut().zip(emission) {
                *score += fit;
            }
            if is_plain {
                let [_, others @ ..] = &mut best;
                *others = [f32::NEG_INFINITY; COUNT - 1];
            }
            self.scores.push(best);
            last = best;
        }
        self.trace_back(transitions);
    }

    /// Follows the best path from its end.
    fn trace_back(&mut self, transitions: &[Row; COUNT]) {
        self.labels.clear();
        let mut rows = self.scores.iter().rev();
        let Some(last) = rows.next() else { return };
        let mut label = largest(last);
        self.labels.push(label);
        for row in rows {
            let mut ways = *row;
            for (way, weights) in ways.iter_mut().zip(transitions) {
                *way += weights.get(label).copied().unwrap_or_default();
            }
            label = largest(&ways);
            self.labels.push(label);
        }
        self.labels.reverse();
    }

    /// Finds the probability of each label at each token.
    pub(crate) fn weigh(&mut self, transitions: &[Row; COUNT]) {
        let odds = transitions.map(|row| row.map(f32::exp));
        let mut turned = [[0.0; COUNT]; COUNT];
        for (label, column) in turned.iter_mut().enumerate() {
            for (odds, row) in column.iter_mut().zip(&odds) {
                *odds = row.get(label).copied().unwrap_or_default();
            }
        }
        self.forward.clear();
        self.posteriors.clear();
        self.posteriors.resize(self.emissions.len(), [0.0; COUNT]);
        self.fits.clear();
        self.fits.extend(self.emissions.iter().map(relative));
        let mut before = [1.0; COUNT];
        for (place, fits) in self.fits.iter().enumerate() {
            let mut row = if place == 0 { before } else { times(&before, &odds) };
            for (value, fit) in row.iter_mut().zip(fits) {
                *value *= fit;
            }
            scale(&mut row);
            self.forward.push(row);
            before = row;
        }
        let mut after = [1.0; COUNT];
        let places = self.posteriors.iter_mut().zip(&self.forward).zip(&self.fits).rev();
        for ((posterior, forward), fits) in places {
            for ((value, ahead), behind) in posterior.iter_mut().zip(forward).zip(after) {
                *value = ahead * behind;
            }
            scale(posterior);
            let mut fits = *fits;
            for (fit, behind) in fits.iter_mut().zip(after) {
                *fit *= behind;
            }
            after = times(&fits, &turned);
            scale(&mut after);
        }
    }
}

/// For each label but the first how much worse than the first it must fit a token so that no
/// neighbours make it part of the best path: exchanged for the first it would only win.
fn floors(transitions: &[Row; COUNT]) -> Row {
    let mut floors = [f32::NEG_INFINITY; COUNT];
    let Some((nothing, _)) = transitions.split_first() else { return floors };
    for (label, (floor, row)) in floors.iter_mut().zip(transitions).enumerate().skip(1) {
        let into = transitions.iter().map(|before| {
            let to_nothing = before.first().copied().unwrap_or_default();
            to_nothing - before.get(label).copied().unwrap_or_default()
        });
        let out = nothing.iter().zip(row).map(|(of_nothing, weight)| of_nothing - weight);
        // A path may also begin or end here, without a transition.
        *floor = into.fold(0.0, f32::min) + out.fold(0.0, f32::min);
    }
    floors
}

/// Whether a token is surely nothing, whatever stands around it.
fn is_nothing(emission: &Row, floors: &Row) -> bool {
    /// More than what rounding may do.
    const MARGIN: f32 = 0.01;
    let [nothing, ..] = emission;
    emission.iter().zip(floors).skip(1).all(|(fit, floor)| fit - nothing < floor - MARGIN)
}

/// One step of Viterbi's algorithm: for each label the score of the best way to it.
fn best_step(transitions: &[Row; COUNT], scores: &Row) -> Row {
    let mut best = [f32::NEG_INFINITY; COUNT];
    for (weights, score) in transitions.iter().zip(scores) {
        for (best, weight) in best.iter_mut().zip(weights) {
            let sum = score + weight;
            *best = if sum > *best { sum } else { *best };
        }
    }
    best
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
