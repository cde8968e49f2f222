//! `content`: the content log, read from its folder, also while a server runs. Every reading is
//! written down for the audit log first.

use std::process::ExitCode;

use serde_json::{Value, json};
use tb_config::Loaded;
use tb_core::content::{ContentEntry, ContentFilter, ContentTrail};
use tb_core::ports::StoreError;
use tb_core::{Actor, AdminAct, Clock, RequestId};
use tb_engine::SystemClock;
use tb_server::admin::{content_line, content_view};
use tb_store::ContentReader;

use super::usage::moment;
use crate::cli::{Content, ContentExport, ContentList};
use crate::compose::master_key;
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{self, Format, Rows};
use crate::storage;

/// The columns of a list.
const COLUMNS: [&str; 11] = [
    "request_id",
    "at",
    "service",
    "user",
    "purpose",
    "data_class",
    "route",
    "model",
    "request_bytes",
    "answer_bytes",
    "is_cut",
];

/// Runs one of them.
pub(super) fn run(
    command: &Content,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    match command {
        Content::Show { request_id } => show(request_id, configuration, format),
        Content::List(options) => list(options, configuration, format),
        Content::Export(options) => export(options, configuration, format),
    }
}

/// The log of the configuration, for a reading that is written down first.
fn reader(
    loaded: &Loaded,
    (object, asked): (&str, Option<Value>),
) -> anyhow::Result<ContentReader> {
    let Some(settings) = &loaded.snapshot.content_log else {
        let message = "the configuration has no content log: add [content_log] with a master_key, \
                       and content_log = true to a service";
        return Err(Failed::usage(message).into());
    };
    let stores = storage::open_existing(&loaded.snapshot)?;
    let reader = ContentReader::open(&settings.path, &master_key(settings)?)?;
    let name = format!("uid {}", rustix::process::getuid().as_raw());
    let act = AdminAct::new(SystemClock.now(), Actor::CommandLine(name), "content.read", object);
    stores.acts.note_act(&act.with(None, asked))?;
    Ok(reader)
}

fn show(text: &str, configuration: &Configuration, format: Format) -> anyhow::Result<ExitCode> {
    let id = RequestId::parse(text).ok_or_else(|| {
        Failed::usage(format!("`{text}` is not a request id, req_ and 32 digits"))
    })?;
    let loaded = configuration.load_loudly(true)?;
    let reader = reader(&loaded, (&id.to_string(), None))?;
    let Some(entry) = reader.read(id)? else {
        let message = format!(
            "the content log has nothing of {id}: its service has no content_log = true, the guard \
             refused it, its time is over, or it was erased"
        );
        return Err(Failed::new(NEGATIVE, message).into());
    };
    let view = content_view(&entry);
    if format == Format::Table {
        output::data(&(serde_json::to_string_pretty(&view)? + "\n"))?;
    } else {
        output::json_line(&view)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(
    options: &ContentList,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let filter = ContentFilter {
        since: options.since.as_deref().map(moment).transpose()?,
        until: None,
        service: options.service.as_deref().map(Into::into),
    };
    let asked = json!({
        "since": options.since, "service": options.service, "limit": options.limit,
    });
    let loaded = configuration.load_loudly(true)?;
    let entries = reader(&loaded, ("list", Some(asked)))?.list(&filter, options.limit)?;
    let mut rows = Rows::new(COLUMNS.to_vec());
    for entry in &entries {
        let line = content_line(entry);
        rows.push(COLUMNS.iter().map(|name| line.get(name).cloned().unwrap_or_default()).collect());
    }
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}

fn export(
    options: &ContentExport,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    if !matches!(format, Format::Table | Format::Jsonl) {
        return Err(Failed::usage("an export is `-o jsonl`").into());
    }
    let filter = ContentFilter {
        since: options.since.as_deref().map(moment).transpose()?,
        until: options.until.as_deref().map(moment).transpose()?,
        service: options.service.as_deref().map(Into::into),
    };
    let asked = json!({
        "since": options.since, "until": options.until, "service": options.service,
    });
    let loaded = configuration.load_loudly(true)?;
    let reader = reader(&loaded, ("export", Some(asked)))?;
    reader.export(&filter, &mut |entry: ContentEntry| {
        output::json_line(&content_view(&entry))
            .map_err(|error| StoreError::Failed(format!("cannot write the export: {error}")))
    })?;
    Ok(ExitCode::SUCCESS)
}
