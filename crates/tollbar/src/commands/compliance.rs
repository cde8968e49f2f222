//! `compliance report`: the record of processing, made of the configuration and the storage, also
//! while a server runs.

use std::process::ExitCode;

use tb_core::Clock;
use tb_engine::SystemClock;
use tb_server::admin::last_uses;
use tb_server::compliance::{Records, markdown, report, usage_query};

use crate::cli::Compliance;
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::{self, Format};
use crate::storage;

/// Prints it: Markdown for people, JSON for programs.
pub(super) fn run(
    command: &Compliance,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let Compliance::Report = command;
    if !matches!(format, Format::Table | Format::Json) {
        return Err(Failed::usage("the report is Markdown (-o table) or JSON (-o json)").into());
    }
    let loaded = configuration.load_loudly(true)?;
    let stores = storage::open_existing(&loaded.snapshot)?;
    let now = SystemClock.now();
    let (keys, tokens) = (stores.keys.keys()?, stores.keys.admin_tokens()?);
    let last_used = last_uses(stores.key_uses.key_uses()?);
    let usage = stores.usage.sum(&usage_query(now))?;
    let records =
        Records { now, keys: &keys, tokens: &tokens, last_used: &last_used, usage: &usage };
    let made = report(&loaded.snapshot, &records);
    let text = match format {
        Format::Json => serde_json::to_string(&made)? + "\n",
        _ => markdown(&made),
    };
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}
