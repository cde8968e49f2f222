//! What the back ends share about sums.

use tb_core::NanoUsd;
use tb_core::ports::{GroupBy, UsageSum};

/// Orders sums as the port says: by day where days are asked for, then by cost, largest
/// first, then by name, so that the order never depends on the back end.
pub(crate) fn rank(sums: &mut [UsageSum], by: &[GroupBy]) {
    let day_at = by.iter().position(|column| *column == GroupBy::Day);
    let day = |sum: &UsageSum| day_at.and_then(|at| sum.group.get(at).cloned());
    sums.sort_by(|left, right| {
        day(left)
            .cmp(&day(right))
            .then_with(|| whole_cost(right).cmp(&whole_cost(left)))
            .then_with(|| left.group.cmp(&right.group))
    });
}

fn whole_cost(sum: &UsageSum) -> NanoUsd {
    sum.cost + sum.estimated_cost
}
