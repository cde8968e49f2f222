//! `explain`: the way of one request down the ladder, read from the storage, also while a server
//! runs.

use std::process::ExitCode;

use serde_json::{Value, json};
use tb_core::RequestId;
use tb_server::admin::{LadderStep, ladder};

use crate::cli::Explain;
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{Format, Rows};
use crate::storage;

/// The columns of the machines' formats.
const COLUMNS: [&str; 13] = [
    "attempt",
    "rung",
    "target",
    "cause",
    "waited_ms",
    "key_index",
    "passed_over",
    "passed_over_after",
    "outcome",
    "status",
    "duration_ms",
    "is_final",
    "sentence",
];

/// Prints the steps.
pub(super) fn run(
    options: &Explain,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let id = RequestId::parse(&options.request_id).ok_or_else(|| {
        Failed::usage(format!(
            "`{}` is not a request id; they are like req_ and 32 hexadecimal digits, the value of \
             x-request-id",
            options.request_id
        ))
    })?;
    let loaded = configuration.load_loudly(true)?;
    let stores = storage::open_existing(&loaded.snapshot.storage)?;
    let rows = stores.usage.request(id)?;
    if rows.is_empty() {
        let message = format!(
            "there is no request {id} in the storage; requests that were turned away at the door \
             (401, 403, 429, 503) leave no rows"
        );
        return Err(Failed::new(NEGATIVE, message).into());
    }
    print(&ladder(&rows), format)
}

fn print(steps: &[LadderStep], format: Format) -> anyhow::Result<ExitCode> {
    let mut table = Rows::new(COLUMNS.to_vec());
    if format == Format::Table {
        table = Rows::new(vec!["step", "rung", "what happened", "passed over", "then"]);
    }
    for (step, number) in steps.iter().zip(1..) {
        table.push(if format == Format::Table { people(step, number) } else { machines(step) });
    }
    table.print(format)?;
    Ok(ExitCode::SUCCESS)
}

fn people(step: &LadderStep, number: u32) -> Vec<Value> {
    vec![
        json!(number),
        json!(step.rung),
        json!(step.sentence),
        json!(step.passed_over),
        json!(step.passed_over_after),
    ]
}

fn machines(step: &LadderStep) -> Vec<Value> {
    vec![
        json!(step.attempt),
        json!(step.rung),
        json!(step.target),
        json!(step.cause),
        json!(step.waited_ms),
        json!(step.key_index),
        json!(step.passed_over),
        json!(step.passed_over_after),
        json!(step.outcome),
        json!(step.status),
        json!(step.duration_ms),
        json!(step.is_final),
        json!(step.sentence),
    ]
}
