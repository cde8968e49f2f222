//! `db stats`: what the storage holds.

use std::process::ExitCode;

use serde_json::json;
use tb_config::StorageSettings;
use tb_core::ports::UsageQuery;

use crate::cli::Db;
use crate::configuration::Configuration;
use crate::output::{Format, Rows};
use crate::storage;

/// Counts.
pub(super) fn run(
    command: &Db,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let Db::Stats = command;
    let loaded = configuration.load_loudly(true)?;
    let snapshot = &loaded.snapshot;
    let stores = storage::open_existing(snapshot)?;
    let usage = stores.usage.sum(&UsageQuery::default())?;
    let (requests, attempts) = usage.first().map_or((0, 0), |sum| (sum.requests, sum.attempts));
    let mut rows = Rows::new(vec!["what", "value"]);
    if let StorageSettings::Sqlite(path) = &snapshot.storage {
        rows.push(vec![json!("file"), json!(path.display().to_string())]);
        rows.push(vec![json!("bytes"), json!(std::fs::metadata(path)?.len())]);
    }
    rows.push(vec![json!("keys"), json!(stores.keys.keys()?.len())]);
    rows.push(vec![json!("admin_tokens"), json!(stores.keys.admin_tokens()?.len())]);
    rows.push(vec![json!("requests"), json!(requests)]);
    rows.push(vec![json!("attempts"), json!(attempts)]);
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}
