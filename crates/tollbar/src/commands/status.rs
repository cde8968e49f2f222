//! `status`: asks a running server through its admin API.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;
use tb_config::{Environment, SystemEnvironment};

use crate::cli::Status;
use crate::client::{Request, send};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE, NOT_PERMITTED, UNREACHABLE};
use crate::output::{Format, Rows};

/// The columns, which are members of the answer.
const COLUMNS: [&str; 13] = [
    "version",
    "started_at",
    "uptime_seconds",
    "draining",
    "inflight_requests",
    "journal_lag_ms",
    "config_hash",
    "config_file",
    "environment",
    "listen",
    "admin_listen",
    "targets",
    "provider_keys",
];

/// Prints what the server says of itself.
pub(super) fn run(
    options: &Status,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let address = match &options.url {
        Some(url) => resolve(url)?,
        None => configuration.load()?.snapshot.server.admin_listen,
    };
    let token = token(options)?;
    let request = Request { method: "GET", path: "/admin/v1/status", key: &token, body: "" };
    let answer = send(address, &request)
        .map_err(|error| Failed::new(UNREACHABLE, format!("no answer from {address}: {error}")))?;
    match answer.status {
        200 => {}
        401 => {
            let message = "the server wants an admin token: --token-file, or TOLLBAR_ADMIN_TOKEN";
            return Err(Failed::new(NOT_PERMITTED, message).into());
        }
        status => {
            let message = format!("{address} answers with status {status}");
            return Err(Failed::new(NEGATIVE, message).into());
        }
    }
    let status: Value =
        serde_json::from_str(&answer.body).context("the answer is not an admin API's")?;
    print(&status, format)
}

fn print(status: &Value, format: Format) -> anyhow::Result<ExitCode> {
    let value = |name: &str| status.get(name).cloned().unwrap_or_default();
    let rows = if format == Format::Table {
        let mut rows = Rows::new(vec!["what", "value"]);
        for name in COLUMNS {
            match value(name) {
                Value::Array(items) => items.iter().for_each(|item| rows.push(health(item))),
                value => rows.push(vec![Value::from(name), value]),
            }
        }
        rows
    } else {
        let mut rows = Rows::new(COLUMNS.to_vec());
        rows.push(COLUMNS.iter().map(|name| value(name)).collect());
        rows
    };
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}

/// A target with its breaker, or a key at a provider, as one line for people.
fn health(item: &Value) -> Vec<Value> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| item.get(name).and_then(Value::as_u64).unwrap_or_default();
    if item.get("breaker").is_some() {
        let (failures, attempts) = (number("failure_permille"), number("attempts_in_window"));
        return vec![
            format!("target {}/{}", text("provider"), text("model")).into(),
            format!("{}, {failures} of 1000 of {attempts} attempts failed", text("breaker")).into(),
        ];
    }
    let name = format!("key {} of {}", number("index"), text("provider"));
    vec![name.into(), text("state").into()]
}

pub(super) fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    let wrong = || Failed::usage(format!("`{url}` is not like http://127.0.0.1:8788"));
    let host = url.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
    let mut found = host.to_socket_addrs().map_err(|_| wrong())?;
    Ok(found.next().ok_or_else(wrong)?)
}

/// The token; empty when there is none, which a server without authentication accepts.
pub(super) fn token(options: &Status) -> anyhow::Result<String> {
    let text = match &options.token_file {
        Some(path) => SystemEnvironment
            .read_file(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => SystemEnvironment.var("TOLLBAR_ADMIN_TOKEN").unwrap_or_default(),
    };
    let token = text.trim();
    if token.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(token.to_owned());
    }
    Err(Failed::usage("the admin token has characters that tokens do not have").into())
}
