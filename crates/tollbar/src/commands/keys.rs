//! `keys`: virtual keys, directly in the storage of the configuration. A running server
//! notices within a second.

use std::process::ExitCode;

use anyhow::anyhow;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tb_core::{Clock, KeyId, NewKey};
use tb_engine::SystemClock;
use tb_server::admin::{KeyRequest, KeyView, NewKeyView};

use crate::cli::{Global, KeyCreate, Keys};
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::{self, Format, Rows};
use crate::storage::{self, Stores};

/// Runs one of the key commands.
pub(super) fn run(
    command: &Keys,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load_loudly(global.quiet)?;
    let snapshot = &loaded.snapshot;
    match command {
        Keys::Create(options) => {
            let scope = request(options)
                .checked(snapshot, SystemClock.now())
                .map_err(|fault| Failed::usage(fault.to_string()))?;
            let stores = storage::open_lasting(&snapshot.storage)?;
            let made = NewKey::generate(&SystemRandom::new(), &stores.pepper, scope)
                .map_err(|error| anyhow!(error))?;
            stores.keys.insert_key(&made.record)?;
            show_new(&made, global)?;
        }
        Keys::List { service } => {
            let stores = storage::open_existing(&snapshot.storage)?;
            let wanted = |view: &KeyView| service.as_ref().is_none_or(|name| *name == view.service);
            let views = views(&stores)?.into_iter().filter(wanted);
            print(views, global.output)?;
        }
        Keys::Show { id } => {
            let id = parse_id(id)?;
            let stores = storage::open_existing(&snapshot.storage)?;
            show_one(&stores, id, global.output)?;
        }
        Keys::Revoke { id } => {
            let id = parse_id(id)?;
            let stores = storage::open_existing(&snapshot.storage)?;
            if !stores.keys.revoke_key(id, SystemClock.now())? {
                return Err(unknown(id));
            }
            show_one(&stores, id, global.output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn request(options: &KeyCreate) -> KeyRequest {
    KeyRequest {
        service: options.service.clone(),
        name: options.name.clone(),
        models: options.models.clone(),
        purpose: options.purpose.clone(),
        networks: options.network.clone(),
        expires: options.expires.clone(),
    }
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

fn views(stores: &Stores) -> anyhow::Result<Vec<KeyView>> {
    let now = SystemClock.now();
    Ok(stores.keys.keys()?.iter().map(|key| KeyView::new(key, now)).collect())
}

fn show_one(stores: &Stores, id: KeyId, format: Format) -> anyhow::Result<()> {
    let view = views(stores)?.into_iter().find(|view| view.id == id.as_str());
    print([view.ok_or_else(|| unknown(id))?], format)
}

fn print(views: impl IntoIterator<Item = KeyView>, format: Format) -> anyhow::Result<()> {
    let mut rows = Rows::new(vec![
        "id",
        "service",
        "name",
        "state",
        "models",
        "purpose",
        "networks",
        "created_at",
        "expires_at",
        "revoked_at",
    ]);
    for view in views {
        rows.push(row(&view));
    }
    Ok(rows.print(format)?)
}

fn row(view: &KeyView) -> Vec<Value> {
    vec![
        json!(view.id),
        json!(view.service),
        json!(view.name),
        json!(view.state),
        json!(view.models),
        json!(view.purpose),
        json!(view.networks),
        json!(view.created_at),
        json!(view.expires_at),
        json!(view.revoked_at),
    ]
}

fn parse_id(text: &str) -> anyhow::Result<KeyId> {
    KeyId::parse(text).ok_or_else(|| {
        // The text may be a whole key, pasted by mistake, so it is not repeated.
        Failed::usage("a key is named by its id, the 8 characters after `tb_live_`").into()
    })
}

fn unknown(id: KeyId) -> anyhow::Error {
    Failed::new(crate::failure::NEGATIVE, format!("there is no key {id}")).into()
}
