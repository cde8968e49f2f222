//! `explain`: the way of one request down the ladder, read from the storage, also while a server
//! runs.

use std::process::ExitCode;

use serde_json::{Value, json};
use tb_core::RequestId;
use tb_server::admin::{LadderStep, ladder};

use crate::cli::Explain;
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{self, Format, Rows};
use crate::storage;

/// The columns of the machines' formats.
const COLUMNS: [&str; 15] = [
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
    "guard",
    "characters",
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
    let stores = storage::open_existing(&loaded.snapshot)?;
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
    if format == Format::Table {
        output::data(&guarded(steps))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for what the guard did with the request, and one for its unseen characters. All steps
/// of a request tell the same; one that the process did not live to end may tell nothing.
fn guarded(steps: &[LadderStep]) -> String {
    let line = |what: &str, of: fn(&LadderStep) -> &[String]| {
        let told = steps.iter().rev().map(of).find(|words| !words.is_empty());
        told.map_or_else(String::new, |words| format!("{what}: {}\n", words.join(" ")))
    };
    line("guard", |step| &step.guard) + &line("unseen characters", |step| &step.characters)
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
        json!(step.guard),
        json!(step.characters),
        json!(step.sentence),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(guard: &[&str], characters: &[&str]) -> LadderStep {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        LadderStep {
            attempt: 1,
            rung: "target",
            target: None,
            cause: "first",
            waited_ms: 0,
            key_index: None,
            passed_over: Vec::new(),
            passed_over_after: Vec::new(),
            outcome: "ok".to_owned(),
            status: 200,
            duration_ms: 1,
            is_final: true,
            guard: owned(guard),
            characters: owned(characters),
            sentence: String::new(),
        }
    }

    #[test]
    fn tells_once_what_the_guard_did() {
        let told = step(&["email=2:tokenize", "credit_card=1:mask"], &[]);
        let steps = [told.clone(), told, step(&[], &["tags=1"])];
        let expected = "guard: email=2:tokenize credit_card=1:mask\nunseen characters: tags=1\n";
        assert_eq!(guarded(&steps), expected);
        assert_eq!(guarded(&[step(&[], &[])]), "");
    }
}
