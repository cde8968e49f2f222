//! `erase`: one person leaves everything that a running server keeps.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::retention::ask;
use crate::cli::Erase;
use crate::configuration::Configuration;
use crate::failure::NEGATIVE;
use crate::output::{self, Format, Rows};

/// Prints the receipt; the exit code is 1 where a legal hold kept something.
pub(super) fn run(
    options: &Erase,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let body = json!({ "subject": options.subject, "service": options.service });
    let call = ("POST", "/admin/v1/erasure", Some(&body));
    let receipt = ask(&options.server, configuration, call)?;
    match format {
        Format::Table | Format::Csv => print_stores(&receipt, format)?,
        Format::Json | Format::Jsonl => output::data(&format!("{receipt}\n"))?,
    }
    let is_complete = receipt.get("complete") == Some(&Value::Bool(true));
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(NEGATIVE) })
}

fn print_stores(receipt: &Value, format: Format) -> anyhow::Result<()> {
    let columns = ["store", "action", "count", "held"];
    let mut rows = Rows::new(columns.to_vec());
    for store in receipt.get("stores").and_then(Value::as_array).into_iter().flatten() {
        rows.push(
            columns.iter().map(|name| store.get(*name).cloned().unwrap_or_default()).collect(),
        );
    }
    rows.print(format)?;
    Ok(())
}
