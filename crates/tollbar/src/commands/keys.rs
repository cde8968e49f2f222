//! `keys`: virtual keys, directly in the storage of the configuration. A running server
//! notices within a second.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tb_config::Snapshot;
use tb_core::{Actor, Clock, KeyId, KeyRecord, NewKey, Secret};
use tb_engine::SystemClock;
use tb_server::admin::{DeskFault, KeyDesk, KeyReport, KeyRequest, KeyView, NewKeyView, grace_ms};

use crate::cli::{Global, KeyCreate, Keys};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{self, Format, Rows};
use crate::storage::{self, Stores};

/// Runs one of the key commands.
pub(super) fn run(
    command: &Keys,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load_loudly(global.quiet)?;
    let snapshot = &*loaded.snapshot;
    match command {
        Keys::Create(options) => create(options, snapshot, global)?,
        Keys::List { service } => {
            let stores = storage::open_existing(snapshot)?;
            let wanted = |view: &KeyView| service.as_ref().is_none_or(|name| *name == view.service);
            print(views(&stores, snapshot)?.into_iter().filter(wanted), global.output)?;
        }
        Keys::Show { id } => {
            let id = parse_id(id)?;
            let stores = storage::open_existing(snapshot)?;
            show_one(&stores, snapshot, (id, global.output))?;
        }
        Keys::Rotate { id, grace } => {
            let id = parse_id(id)?;
            let grace_ms = grace_ms(Some(grace)).map_err(Failed::usage)?;
            let stores = storage::open_existing(snapshot)?;
            let made = desk(&stores).rotate_key(id, grace_ms, None);
            show_new(&known(made, id)?, global)?;
        }
        Keys::Revoke { id } => {
            let id = parse_id(id)?;
            let stores = storage::open_existing(snapshot)?;
            known(desk(&stores).revoke_key(id, "key.revoke"), id)?;
            show_one(&stores, snapshot, (id, global.output))?;
        }
        Keys::Report { file } => report(file, snapshot, global.output)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where this command changes keys and tokens.
pub(super) fn desk(stores: &Stores) -> KeyDesk<'_> {
    KeyDesk {
        store: &*stores.keys,
        pepper: &stores.pepper,
        actor: command_line(),
        now: SystemClock.now(),
    }
}

/// Who acts on the command line.
pub(super) fn command_line() -> Actor {
    Actor::CommandLine(system_user())
}

/// The owner of this process, by number: the name is not worth a dependency.
pub(super) fn system_user() -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if let Ok(own) = std::fs::metadata("/proc/self") {
            return format!("uid {}", own.uid());
        }
    }
    "unknown".to_owned()
}

/// Why a change failed, with the exit code that says what to do next.
pub(super) fn desk_fault(fault: DeskFault) -> anyhow::Error {
    match fault {
        DeskFault::Store(error) => error.into(),
        DeskFault::Invalid(message) => Failed::usage(message).into(),
        other => Failed::new(NEGATIVE, other.to_string()).into(),
    }
}

fn known<T>(changed: Result<T, DeskFault>, id: KeyId) -> anyhow::Result<T> {
    match changed {
        Err(DeskFault::Unknown(_)) => Err(unknown("key", id)),
        other => other.map_err(desk_fault),
    }
}

fn create(options: &KeyCreate, snapshot: &Snapshot, global: &Global) -> anyhow::Result<()> {
    let request = request(options)?;
    let scope =
        |at| request.checked(snapshot, at).map_err(|fault| DeskFault::Invalid(fault.to_string()));
    // Before anything is opened: a faulty request makes no database.
    scope(SystemClock.now()).map_err(desk_fault)?;
    let stores = storage::open_lasting(snapshot)?;
    let made = desk(&stores).create_key(&scope, None).map_err(desk_fault)?;
    show_new(&made, global)
}

fn request(options: &KeyCreate) -> anyhow::Result<KeyRequest> {
    let mut limits = Map::new();
    for limit in &options.limits {
        let number = limit.split_once('=').and_then(|(name, number)| {
            Some((name.trim().to_owned(), json!(number.trim().parse::<u64>().ok()?)))
        });
        let (name, number) = number.ok_or_else(|| {
            Failed::usage(format!("`{limit}` is no limit; write one like requests_per_minute=60"))
        })?;
        if limits.insert(name, number).is_some() {
            return Err(Failed::usage(format!("the limit of `{limit}` stands twice")).into());
        }
    }
    let limits = serde_json::from_value(Value::Object(limits))
        .map_err(|error| Failed::usage(format!("`--limits`: {error}")))?;
    Ok(KeyRequest {
        service: options.service.clone(),
        name: options.name.clone(),
        models: options.models.clone(),
        routes: options.routes.clone(),
        purposes: options.purposes.clone(),
        purpose: options.purpose.clone(),
        data_classes: options.data_classes.clone(),
        networks: options.network.clone(),
        limits,
        budget: options.budget.clone(),
        not_before: options.not_before.clone(),
        expires: options.expires.clone(),
    })
}

/// The longest text in which a key is looked for: more is no key.
const MAX_REPORT_BYTES: u64 = 4_096;

fn report(file: &Path, snapshot: &Snapshot, format: Format) -> anyhow::Result<()> {
    let mut text = String::new();
    let source: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).context("cannot read the key")?)
    };
    source.take(MAX_REPORT_BYTES).read_to_string(&mut text).context("cannot read the key")?;
    let presented = Secret::new(text);
    let stores = storage::open_existing(snapshot)?;
    let made = KeyReport::make(&desk(&stores), &*stores.usage, presented.expose());
    let report = match made {
        Err(DeskFault::Unknown(_)) => {
            let message = "that is no key of this gateway, or not its secret";
            return Err(Failed::new(NEGATIVE, message).into());
        }
        other => other.map_err(desk_fault)?,
    };
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(output::json_line(&report)?);
    }
    output::message(&format!(
        "key {} of the service `{}` is revoked; {} requests since {}, {} tokens in, {} out, {} \
         micro-dollars",
        report.key.id,
        report.key.service,
        report.requests,
        report.key.created_at,
        report.input_tokens,
        report.output_tokens,
        report.cost_micro_usd
    ));
    let columns = ["started_at", "request_id", "peer", "purpose", "user", "model_requested"];
    let mut rows = Rows::new(columns.into_iter().chain(["status", "end_reason"]).collect());
    for call in &report.calls {
        let attempt = &call.attempt;
        rows.push(vec![
            json!(attempt.started_at),
            json!(attempt.request_id),
            json!(call.peer),
            json!(attempt.purpose),
            json!(attempt.user),
            json!(attempt.model_requested),
            json!(attempt.status),
            json!(attempt.end_reason),
        ]);
    }
    Ok(rows.print(format)?)
}

fn show_new(made: &NewKey, global: &Global) -> anyhow::Result<()> {
    let view = NewKeyView::new(made);
    match global.output {
        Format::Json | Format::Jsonl => output::json_line(&view)?,
        Format::Table => {
            output::data(&format!("{}\n", view.key))?;
            if !global.quiet {
                let end = view.expires_at.as_deref().unwrap_or("never");
                output::message(&format!(
                    "key {} of the service `{}`, expires: {end}. It is shown this once.",
                    view.id, view.service
                ));
            }
        }
        Format::Csv => {
            let mut rows = Rows::new(vec!["id", "key", "service", "expires_at"]);
            rows.push(vec![
                json!(view.id),
                json!(view.key),
                json!(view.service),
                json!(view.expires_at),
            ]);
            rows.print(Format::Csv)?;
        }
    }
    Ok(())
}

fn views(stores: &Stores, snapshot: &Snapshot) -> anyhow::Result<Vec<KeyView>> {
    let (now, uses) = (SystemClock.now(), stores.key_uses.key_uses()?);
    let mut by_key: HashMap<KeyId, Vec<_>> = HashMap::new();
    for used in uses {
        by_key.entry(used.id).or_default().push(used);
    }
    let view = |key: &KeyRecord| {
        let uses = by_key.get(&key.id).map(Vec::as_slice).unwrap_or_default();
        KeyView::new(key, now).with_max_age(key, snapshot.keys.max_age).with_uses(uses)
    };
    Ok(stores.keys.keys()?.iter().map(view).collect())
}

fn show_one(
    stores: &Stores,
    snapshot: &Snapshot,
    (id, format): (KeyId, Format),
) -> anyhow::Result<()> {
    let view = views(stores, snapshot)?.into_iter().find(|view| view.id == id.as_str());
    let view = view.ok_or_else(|| unknown("key", id))?;
    if format == Format::Table {
        for secret in &view.secrets {
            let used = secret.last_used_at.as_deref().unwrap_or("never, or not known");
            let end = secret.valid_until.as_deref().unwrap_or("the key ends");
            output::message(&format!(
                "secret {}: made {}, valid until {end}, last used: {used}",
                secret.version, secret.created_at
            ));
        }
    }
    print([view], format)
}

/// What a table has no room for; `keys show` names the secrets beside it.
const NOT_IN_TABLES: [&str; 7] =
    ["routes", "purposes", "data_classes", "limits", "budget", "not_before", "secrets"];

fn print(views: impl IntoIterator<Item = KeyView>, format: Format) -> anyhow::Result<()> {
    let is_shown = |name: &str| format != Format::Table || !NOT_IN_TABLES.contains(&name);
    let mut columns = COLUMNS.to_vec();
    columns.retain(|name| is_shown(name));
    let mut rows = Rows::new(columns);
    for view in views {
        let values = COLUMNS.into_iter().zip(row(&view));
        rows.push(values.filter(|(name, _)| is_shown(name)).map(|(_, value)| value).collect());
    }
    Ok(rows.print(format)?)
}

const COLUMNS: [&str; 18] = [
    "id",
    "service",
    "name",
    "state",
    "models",
    "routes",
    "purposes",
    "purpose",
    "data_classes",
    "networks",
    "limits",
    "budget",
    "created_at",
    "not_before",
    "expires_at",
    "rotate_by",
    "revoked_at",
    "secrets",
];

fn row(view: &KeyView) -> [Value; 18] {
    [
        json!(view.id),
        json!(view.service),
        json!(view.name),
        json!(view.state),
        json!(view.models),
        json!(view.routes),
        json!(view.purposes),
        json!(view.purpose),
        json!(view.data_classes),
        json!(view.networks),
        view.limits.clone(),
        json!(view.budget),
        json!(view.created_at),
        json!(view.not_before),
        json!(view.expires_at),
        json!(view.rotate_by),
        json!(view.revoked_at),
        json!(view.secrets),
    ]
}

fn parse_id(text: &str) -> anyhow::Result<KeyId> {
    KeyId::parse(text).ok_or_else(|| {
        // The text may be a whole key, pasted by mistake, so it is not repeated.
        Failed::usage("a key is named by its id, the 8 characters after `tb_live_`").into()
    })
}

/// There is no such key or token.
pub(super) fn unknown(what: &str, id: KeyId) -> anyhow::Error {
    Failed::new(NEGATIVE, format!("there is no {what} {id}")).into()
}
