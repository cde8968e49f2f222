//! The header of a run.

use super::{Plan, RunFault};
use crate::results::{RunHeader, SCHEMA_VERSION};

pub(super) fn of(plan: &Plan<'_>, started_at: String) -> RunHeader {
    RunHeader {
        schema_version: SCHEMA_VERSION,
        id: plan.id.to_owned(),
        suite: plan.suite.name.clone(),
        target: plan.target.to_owned(),
        data_hash: plan.survey.data_hash.clone(),
        checks_hash: plan.survey.checks_hash.clone(),
        prompt_hash: None,
        repeats: plan.suite.repeats,
        limit: plan.limit,
        started_at,
        ended_at: None,
        served_models: std::collections::BTreeMap::new(),
    }
}

/// A run goes on only as it was begun.
pub(super) fn same(old: &RunHeader, new: &RunHeader) -> Result<(), RunFault> {
    let parts = [
        ("the suite", old.suite == new.suite),
        ("the target", old.target == new.target),
        ("the limit of cases", old.limit == new.limit),
        ("the data", old.data_hash == new.data_hash),
        ("the checks", old.checks_hash == new.checks_hash),
        ("the number of repeats", old.repeats == new.repeats),
    ];
    match parts.iter().find(|(_, is_same)| !is_same) {
        None => Ok(()),
        Some((what, _)) => Err(RunFault::Mismatch(format!(
            "{} cannot go on: {what} changed since it began; begin a new run",
            old.id
        ))),
    }
}
