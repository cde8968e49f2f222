//! `prompts`: versions and labels directly in the storage of the configuration, and files beside
//! it. A running server notices a moved label within a second.

mod difference;
mod files;
mod gate;
mod reference;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tb_config::Snapshot;
use tb_core::Clock;
use tb_core::prompt::{
    Filling, LabelRecord, Move, MoveFault, PromptDesk, PromptRecord, PromptSource, Template,
    Warrant,
};
use tb_engine::{SystemClock, clean_variable, estimate_tokens};
use tb_server::admin::{label_view, version_view};

use self::gate::EvaluationGate;
use self::reference::{Found, Shelf};
use super::keys::command_line;
use crate::cli::{Global, PromptPromote, PromptRender, Prompts};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{self, Format, Rows};
use crate::storage::{self, Stores};

/// Runs one of the prompt commands.
pub(super) fn run(
    command: &Prompts,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let format = global.output;
    match command {
        Prompts::List => list(snapshot(configuration, global)?.as_ref(), format)?,
        Prompts::Show { prompt } => {
            show(&Shelf::open(prompt, configuration, global)?.find(prompt)?, format)?;
        }
        Prompts::Diff { from, to } => {
            let found = |text: &str| Shelf::open(text, configuration, global)?.find(text);
            difference::print((&found(from)?, &found(to)?), format)?;
        }
        Prompts::Render(options) => render(options, configuration, global)?,
        Prompts::Promote(options) => {
            promote(options, snapshot(configuration, global)?.as_ref(), format)?;
        }
        Prompts::Rollback { name, label, expect } => {
            let snapshot = snapshot(configuration, global)?;
            let stores = storage::open_existing(&snapshot)?;
            let back = at_desk(&stores, &snapshot, |desk| desk.rollback((name, label), *expect));
            print_label(&back.map_err(|fault| told(&fault))?, format)?;
        }
        Prompts::Import { file, into } => files::import(file, into.as_deref(), configuration)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn snapshot(configuration: &Configuration, global: &Global) -> anyhow::Result<Arc<Snapshot>> {
    Ok(configuration.load_loudly(global.quiet)?.snapshot)
}

fn at_desk<T>(stores: &Stores, snapshot: &Snapshot, work: impl FnOnce(&PromptDesk<'_>) -> T) -> T {
    work(&PromptDesk {
        store: &*stores.prompts,
        protected: &snapshot.prompts.protected,
        gate: &EvaluationGate,
        actor: command_line(),
        now: SystemClock.now(),
    })
}

/// Why a label was not moved, with the exit code that says what to do next.
fn told(fault: &MoveFault) -> anyhow::Error {
    match fault {
        MoveFault::Invalid(message) => Failed::usage(message.clone()).into(),
        other => Failed::new(NEGATIVE, other.to_string()).into(),
    }
}

/// What is stored; nothing where there is no database yet.
fn stored(snapshot: &Snapshot) -> anyhow::Result<(Vec<PromptRecord>, Vec<LabelRecord>)> {
    match &snapshot.storage {
        tb_config::StorageSettings::Sqlite(path) if path.exists() => {
            let stores = storage::open_existing(snapshot)?;
            Ok((stores.prompts.prompts()?, stores.prompts.prompt_labels()?))
        }
        _ => Ok(Default::default()),
    }
}

fn list(snapshot: &Snapshot, format: Format) -> anyhow::Result<()> {
    let (versions, labels) = stored(snapshot)?;
    let mut rows =
        Rows::new(vec!["name", "version", "labels", "hash", "created_at", "description"]);
    let mut push = |name: &str, number: Option<u32>, (hash, made, about): (&str, Value, &Value)| {
        let own = labels.iter().filter(|label| label.name == name && Some(label.number) == number);
        let own: Vec<&str> = own.map(|label| label.label.as_str()).collect();
        let hash = hash.get(..12).unwrap_or(hash);
        rows.push(vec![json!(name), json!(number), json!(own), json!(hash), made, about.clone()]);
    };
    for version in &versions {
        let made = json!(version.created_at.to_rfc3339());
        let about = json!(version.content.description);
        push(&version.name, Some(version.number), (&version.hash, made, &about));
    }
    for source in &snapshot.prompts.sources {
        let hash = source.content.hash();
        if !versions.iter().any(|known| known.name == source.name && known.hash == hash) {
            let about = json!(source.content.description);
            push(&source.name, None, (&hash, Value::Null, &about));
        }
    }
    Ok(rows.print(format)?)
}

fn show(found: &Found, format: Format) -> anyhow::Result<()> {
    if format == Format::Table {
        return Ok(output::data(&difference::readable(found))?);
    }
    let view = match &found.record {
        Some(record) => version_view(record),
        None => json!({ "version": null, "hash": found.hash(), "content": found.content }),
    };
    let Value::Object(mut view) = view else { return Ok(()) };
    view.insert("schema_version".to_owned(), 1.into());
    view.insert("name".to_owned(), found.name.as_str().into());
    Ok(output::json_line(&view)?)
}

fn render(
    options: &PromptRender,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<()> {
    let shelf = Shelf::open(&options.prompt, configuration, global)?;
    let found = shelf.find(&options.prompt)?;
    let template = Template::compile(&found.content)
        .map_err(|fault| Failed::new(NEGATIVE, fault.to_string()))?;
    let values = variables(options, &found)?;
    let policy = shelf.policy();
    let clean = &mut |text: &str| clean_variable(&policy, text);
    let filling = Filling { values, clean, tokens: &estimate_tokens };
    let messages = template.fill(filling).map_err(|fault| {
        Failed::new(NEGATIVE, format!("the variables do not fit: {}", fault.message))
    })?;
    if global.output == Format::Table {
        for message in &messages {
            output::data(&format!("--- {}\n{}\n", message.role.as_str(), message.content))?;
        }
        return Ok(());
    }
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| json!({ "role": message.role.as_str(), "content": message.content }))
        .collect();
    let number = found.record.as_ref().map(|record| record.number);
    Ok(output::json_line(&json!({
        "schema_version": 1,
        "name": found.name,
        "version": number,
        "hash": found.hash(),
        "model": found.content.model,
        "messages": messages,
    }))?)
}

/// The variables of the command line over those of the file.
fn variables(options: &PromptRender, found: &Found) -> anyhow::Result<Map<String, Value>> {
    let mut values = match &options.vars {
        None => Map::new(),
        Some(path) => {
            let wrong = |why: String| Failed::usage(format!("{}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
        }
    };
    let kinds = found.content.variables.as_ref().and_then(|schema| schema.get("properties"));
    for pair in &options.var {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| Failed::usage(format!("`{pair}` is no variable; write NAME=VALUE")))?;
        let kind = kinds.and_then(|kinds| kinds.get(name)?.get("type")?.as_str());
        let value = match kind {
            Some("string") | None => Value::from(text),
            Some(_) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn promote(options: &PromptPromote, snapshot: &Snapshot, format: Format) -> anyhow::Result<()> {
    let stores = storage::open_lasting(snapshot)?;
    let number = registered(options, &stores, snapshot)?;
    let warrant = match (&options.evidence, &options.reason) {
        (Some(evidence), _) => Warrant::Evidence(evidence.clone()),
        (None, Some(reason)) => Warrant::Override(reason.clone()),
        (None, None) => Warrant::None,
    };
    let (name, _) = reference::parts(&options.prompt);
    let asked = Move {
        name: name.to_owned(),
        label: options.to.clone(),
        number,
        expect: options.expect,
        warrant,
    };
    let moved = at_desk(&stores, snapshot, |desk| desk.promote(&asked));
    print_label(&moved.map_err(|fault| told(&fault))?, format)
}

/// The number of the version that is meant; a file that is none yet becomes one.
fn registered(
    options: &PromptPromote,
    stores: &Stores,
    snapshot: &Snapshot,
) -> anyhow::Result<u32> {
    let (name, version) = reference::parts(&options.prompt);
    let file = snapshot.prompts.sources.iter().find(|source| source.name == name);
    if let (None, Some(source)) = (version, file) {
        let (record, is_new) = at_desk(stores, snapshot, |desk| desk.register(source))?;
        if is_new {
            output::message(&format!("{name}@{} is a new version", record.number));
        }
        return Ok(record.number);
    }
    let (versions, labels) = (stores.prompts.prompts()?, stores.prompts.prompt_labels()?);
    let found = reference::stored(&versions, &labels, (name, version))?;
    Ok(found.number)
}

fn print_label(label: &LabelRecord, format: Format) -> anyhow::Result<()> {
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(output::json_line(&label_view(label))?);
    }
    let mut rows = Rows::new(vec!["name", "label", "version", "previous", "moved_at"]);
    rows.push(vec![
        json!(label.name),
        json!(label.label),
        json!(label.number),
        json!(label.earlier.last()),
        json!(label.moved_at.to_rfc3339()),
    ]);
    Ok(rows.print(format)?)
}

/// A prompt file that stands alone, with the partials beside it.
fn parse(
    name: &str,
    text: &str,
    partials: &BTreeMap<String, String>,
) -> anyhow::Result<PromptSource> {
    PromptSource::parse(name, text, partials).map_err(|fault| {
        let line = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Failed::new(NEGATIVE, format!("{name}.prompt: {line}{fault}")).into()
    })
}
