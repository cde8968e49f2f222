//! What the trainer needs of a lattice beyond what the tagger does.

use super::label::COUNT;
use super::lattice::Lattice;

type Row = [f32; COUNT];

impl Lattice {
    /// How often each transition is expected in the segment that was solved last.
    pub(super) fn expected_transitions(&self, transitions: &[Row; COUNT]) -> [Row; COUNT] {
        let mut sums = [[0.0; COUNT]; COUNT];
        let odds = transitions.map(|row| row.map(f32::exp));
        let places = self.forward.iter().zip(self.forward.iter().skip(1));
        let reached = self.posteriors.iter().skip(1);
        for ((before, _), after) in places.zip(reached) {
            // P(before, after) = P(after) * forward(before) * odds / sum over all before.
            let mut totals = [0.0; COUNT];
            for (row, value) in odds.iter().zip(before) {
                for (total, weight) in totals.iter_mut().zip(row) {
                    *total += value * weight;
                }
            }
            for ((sums, row), value) in sums.iter_mut().zip(&odds).zip(before) {
                for (((sum, weight), total), chance) in
                    sums.iter_mut().zip(row).zip(totals).zip(after)
                {
                    if total > 0.0 {
                        *sum += chance * value * weight / total;
                    }
                }
            }
        }
        sums
    }
}
