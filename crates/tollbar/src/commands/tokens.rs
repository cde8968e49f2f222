//! `tokens`: admin tokens, directly in the storage of the configuration. Whoever may write there
//! is an owner anyway, so this is also the way back in when every token is lost.

use std::process::ExitCode;

use serde_json::json;
use tb_core::{Clock, KeyId};
use tb_engine::SystemClock;
use tb_server::admin::{NewToken, NewTokenView, TokenView};

use super::keys::{desk, desk_fault, unknown};
use crate::cli::{Global, Tokens};
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::{self, Format, Rows};
use crate::storage;

/// Runs one of the token commands.
pub(super) fn run(
    command: &Tokens,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load_loudly(global.quiet)?;
    let snapshot = &loaded.snapshot;
    match command {
        Tokens::Create(options) => {
            let (name, expires) = (options.name.clone(), options.expires.as_deref());
            let wanted = NewToken::checked(&options.role, name, expires).map_err(Failed::usage)?;
            let stores = storage::open_lasting(snapshot)?;
            let made = desk(&stores).create_token(&wanted, None).map_err(desk_fault)?;
            show_new(&NewTokenView::new(&made), global)?;
        }
        Tokens::List => {
            let stores = storage::open_existing(snapshot)?;
            let now = SystemClock.now();
            let tokens = stores.keys.admin_tokens()?;
            print(tokens.iter().map(|token| TokenView::new(token, now)), global.output)?;
        }
        Tokens::Revoke { id } => {
            let id = KeyId::parse(id).ok_or_else(|| {
                Failed::usage("a token is named by its id, the 8 characters after `tb_admin_`")
            })?;
            let stores = storage::open_existing(snapshot)?;
            let revoked = match desk(&stores).revoke_token(id) {
                Err(tb_server::admin::DeskFault::Unknown(_)) => return Err(unknown("token", id)),
                other => other.map_err(desk_fault)?,
            };
            print([TokenView::new(&revoked, SystemClock.now())], global.output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_new(view: &NewTokenView, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Format::Json | Format::Jsonl => output::json_line(view)?,
        Format::Table => {
            output::data(&format!("{}\n", view.token))?;
            if !global.quiet {
                let end = view.expires_at.as_deref().unwrap_or("never");
                output::message(&format!(
                    "admin token {} with the role {}, expires: {end}. It is shown this once.",
                    view.id, view.role
                ));
            }
        }
        Format::Csv => {
            let mut rows = Rows::new(vec!["id", "token", "role", "expires_at"]);
            rows.push(vec![
                json!(view.id),
                json!(view.token),
                json!(view.role),
                json!(view.expires_at),
            ]);
            rows.print(Format::Csv)?;
        }
    }
    Ok(())
}

fn print(views: impl IntoIterator<Item = TokenView>, format: Format) -> anyhow::Result<()> {
    let columns = vec!["id", "role", "name", "state", "created_at", "expires_at", "revoked_at"];
    let mut rows = Rows::new(columns);
    for view in views {
        rows.push(vec![
            json!(view.id),
            json!(view.role),
            json!(view.name),
            json!(view.state),
            json!(view.created_at),
            json!(view.expires_at),
            json!(view.revoked_at),
        ]);
    }
    Ok(rows.print(format)?)
}
