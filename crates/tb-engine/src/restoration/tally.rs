//! What came of an answer, for the metrics.

use std::collections::BTreeMap;

use tb_guard::Kind;

use crate::metrics::Metrics;

/// Counts of one answer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Placeholders that became what they stand for.
    pub(crate) restored: u64,
    /// Placeholders of this request's form that nobody gave out.
    pub(crate) unknown: u64,
    /// What the model wrote of the listed kinds, with the word for what was done.
    pub(crate) found: BTreeMap<(Kind, &'static str), u64>,
}

impl Tally {
    /// Counts it for the operator. Kinds have their names from the configuration, never from a
    /// caller.
    pub(crate) fn count(&self, metrics: &Metrics) {
        for ((kind, action), count) in &self.found {
            let labels = vec![("type", kind.to_string()), ("action", (*action).to_owned())];
            metrics.guard_findings.get_or_create(&labels).inc_by(*count);
        }
        for (outcome, count) in [("restored", self.restored), ("unknown", self.unknown)] {
            if count > 0 {
                let labels = vec![("outcome", outcome.to_owned())];
                metrics.placeholders.get_or_create(&labels).inc_by(count);
            }
        }
    }
}
