//! The little arithmetic of a benchmark.

use std::time::Duration;

/// A duration as microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// `total` for each of `count`.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn ratio(total: f64, count: u64) -> f64 {
    total / count as f64
}

/// The smallest duration, in microseconds, that `percent` percent do not exceed.
pub(crate) fn percentile(durations: &mut [Duration], percent: usize) -> Option<f64> {
    let rank = (durations.len() * percent).div_ceil(100).checked_sub(1)?;
    let (_, found, _) = durations.select_nth_unstable(rank);
    Some(micros(*found))
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut durations: Vec<_> = (1..=200).rev().map(Duration::from_micros).collect();
        let whole = |value: Option<f64>| value.map(f64::round);
        assert_eq!(whole(percentile(&mut durations, 50)), Some(100.0));
        assert_eq!(whole(percentile(&mut durations, 99)), Some(198.0));
        assert_eq!(whole(percentile(&mut [Duration::from_micros(7)], 99)), Some(7.0));
        assert_eq!(percentile(&mut [], 50), None);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
