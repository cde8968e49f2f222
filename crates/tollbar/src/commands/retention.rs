//! `retention`: what is kept and what is deleted, asked of a running server.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::status::{resolve, token};
use crate::cli::{Holds, Retention, Status};
use crate::client::{Request, send_patiently};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE, NOT_PERMITTED, UNREACHABLE};
use crate::output::{self, Format, Rows};

/// Runs and erasures go through all files.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// The columns of a report.
const COLUMNS: [&str; 8] = ["kind", "class", "keep_ms", "files", "bytes", "oldest", "due", "held"];

/// The columns of holds.
const HOLD_COLUMNS: [&str; 7] = ["id", "kind", "service", "from", "until", "reason", "placed_at"];

/// Runs one of them.
pub(super) fn run(
    command: &Retention,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    match command {
        Retention::Run { dry_run, server } => {
            let body = json!({ "dry_run": dry_run });
            let call = ("POST", "/admin/v1/retention/run", Some(&body));
            print_report(&ask(server, configuration, call)?, format)
        }
        Retention::Report { server } => {
            let call = ("GET", "/admin/v1/retention", None);
            print_report(&ask(server, configuration, call)?, format)
        }
        Retention::Holds(command) => holds(command, configuration, format),
    }
}

fn holds(
    command: &Holds,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    const PATH: &str = "/admin/v1/holds";
    let answer = match command {
        Holds::List { server } => ask(server, configuration, ("GET", PATH, None))?,
        Holds::Place { from, to, reason, kind, service, server } => {
            let body = json!({
                "kind": kind, "service": service, "from": from, "to": to, "reason": reason,
            });
            let hold = ask(server, configuration, ("POST", PATH, Some(&body)))?;
            json!({ "rows": [hold] })
        }
        Holds::Lift { id, server } => {
            if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(Failed::usage("a hold's id is like hold_0123456789abcdef").into());
            }
            let path = format!("{PATH}/{id}");
            ask(server, configuration, ("DELETE", &path, None))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    print_rows(&answer, &HOLD_COLUMNS, format)
}

/// The report as rows; as it came, with its signature, where JSON is asked for.
fn print_report(report: &Value, format: Format) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        output::data(&format!("{report}\n"))?;
    } else {
        print_rows(report, &COLUMNS, format)?;
    }
    let faults = report.get("faults").and_then(Value::as_array).map_or(0, Vec::len);
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::from(NEGATIVE) })
}

fn print_rows(
    answer: &Value,
    columns: &'static [&'static str],
    format: Format,
) -> anyhow::Result<ExitCode> {
    let mut rows = Rows::new(columns.to_vec());
    for row in answer.get("rows").and_then(Value::as_array).into_iter().flatten() {
        rows.push(columns.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect());
    }
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the admin API of a running server and gives its answer.
pub(super) fn ask(
    server: &Status,
    configuration: &Configuration,
    (method, path, body): (&str, &str, Option<&Value>),
) -> anyhow::Result<Value> {
    let address = match &server.url {
        Some(url) => resolve(url)?,
        None => configuration.load()?.snapshot.server.admin_listen,
    };
    let token = token(server)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request { method, path, key: &token, body: &body };
    let answer = send_patiently(address, &request, PATIENCE)
        .map_err(|error| Failed::new(UNREACHABLE, format!("no answer from {address}: {error}")))?;
    let told: Value =
        serde_json::from_str(&answer.body).context("the answer is not an admin API's")?;
    let code = match answer.status {
        200 | 201 => return Ok(told),
        401 | 403 => NOT_PERMITTED,
        _ => NEGATIVE,
    };
    let message = told.pointer("/error/message").and_then(Value::as_str).unwrap_or("it refuses");
    Err(Failed::new(code, format!("{address} answers: {message}")).into())
}
