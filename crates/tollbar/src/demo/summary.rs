//! What the demo has to show for itself: how the samples ended, and what was accounted.

use serde_json::json;
use tb_core::ports::{GroupBy, UsageQuery, UsageStore};
use tb_core::{NanoUsd, UsageRow};

use super::sample::Sample;
use crate::output::Rows;

/// More rows than the sample traffic leaves.
const ALL_ROWS: u32 = 10_000;

/// How many of a kind were sent, and what went wrong with which.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The kind.
    pub(crate) sample: Sample,
    /// How many were sent.
    pub(crate) sent: usize,
    /// How those ended that did not end as their script says.
    pub(crate) faults: Vec<String>,
}

/// One line for each kind of sample.
pub(crate) fn samples(outcomes: &[Outcome]) -> String {
    let mut rows = Rows::new(vec!["sample", "sent", "as scripted", "script"]);
    for outcome in outcomes {
        rows.push(vec![
            json!(outcome.sample.title()),
            json!(outcome.sent),
            json!(outcome.sent.saturating_sub(outcome.faults.len())),
            json!(outcome.sample.ending()),
        ]);
    }
    rows.table()
}

/// One line for each model, out of the usage store.
pub(crate) fn usage(store: &dyn UsageStore) -> anyhow::Result<String> {
    let rows = store.recent(None, ALL_ROWS)?;
    let sums = store.sum(&UsageQuery { by: vec![GroupBy::Model], since: None, until: None })?;
    let mut table = Rows::new(vec![
        "model",
        "requests",
        "ok",
        "failed over",
        "input tokens",
        "output tokens",
        "cost usd",
        "p50 ms",
        "p95 ms",
    ]);
    for sum in sums {
        let model = sum.group.first().map(String::as_str).unwrap_or_default();
        let of_model = |row: &&UsageRow| row.model_requested.as_str() == model;
        let finals = rows.iter().filter(of_model).filter(|row| row.is_final);
        let durations: Vec<u32> =
            finals.clone().filter(|row| row.attempt > 0).map(|row| row.duration_ms).collect();
        let failed_over = finals.filter(|row| row.attempt > 1 && row.status < 400).count();
        table.push(vec![
            json!(model),
            json!(sum.requests),
            json!(sum.requests.saturating_sub(sum.errors)),
            json!(failed_over),
            json!(sum.input_tokens),
            json!(sum.output_tokens),
            json!(cost(sum.cost, sum.estimated_cost)),
            json!(percentile(durations.clone(), 50)),
            json!(percentile(durations, 95)),
        ]);
    }
    Ok(table.table())
}

fn cost(measured: NanoUsd, estimated: NanoUsd) -> String {
    if estimated.0 == 0 {
        return measured.to_string();
    }
    format!("{measured} + {estimated} estimated")
}

/// The smallest value that at least `percent` of the values do not exceed.
fn percentile(mut values: Vec<u32>, percent: usize) -> Option<u32> {
    values.sort_unstable();
    let place = values.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
    values.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=20).rev().collect();
        assert_eq!(percentile(values.clone(), 50), Some(10));
        assert_eq!(percentile(values, 95), Some(19));
        assert_eq!(percentile(vec![7], 95), Some(7));
        assert_eq!(percentile(Vec::new(), 50), None);
    }
}
