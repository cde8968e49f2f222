//! SIGHUP, or a renewed file: the configuration is read again.

use std::net::SocketAddr;

use serde_json::json;
use tb_config::{Diagnostic, EffectiveValue, Loaded, Severity, Snapshot, effective};
use tb_core::{Actor, AdminAct, Timestamp};
use tb_server::public::Tls;

use crate::configuration::Configuration;

/// Keys that hold from start to end of the process, by how they begin.
const NEEDS_RESTART: [&str; 5] = ["server.", "storage.", "journal.", "telemetry.", "cache."];

/// The keys among them that a reload changes.
const RELOADED: [&str; 10] = [
    "server.drain_timeout",
    "server.authentication",
    "server.max_body",
    "server.max_concurrent",
    "server.max_queued",
    "server.queue_timeout",
    "server.memory_budget",
    "server.tls.certificate",
    "server.tls.key",
    "server.tls.client_ca",
];

/// Reads it, with what the public address is to speak; `None` when the old one stays, which is
/// logged with every reason.
pub(super) fn read(
    configuration: &Configuration,
    running: &Loaded,
    addresses: [SocketAddr; 2],
) -> Option<(Loaded, Option<Tls>)> {
    let loaded = match configuration.load() {
        Ok(loaded) => loaded,
        Err(report) => {
            for diagnostic in &report.diagnostics {
                log(diagnostic);
            }
            tracing::error!("the configuration was not reloaded; the old one stays");
            return None;
        }
    };
    // The file was checked against the addresses that it names, and these are others until
    // the next start.
    let is_open = addresses.iter().any(|address| !address.ip().is_loopback());
    if is_open && !loaded.snapshot.server.authentication {
        tracing::error!(
            "the configuration was not reloaded: authentication cannot be switched off while \
             the process listens on an address that other machines can reach"
        );
        return None;
    }
    if loaded.snapshot.environment != running.snapshot.environment {
        tracing::error!(
            "the configuration was not reloaded: another `[environment] name` needs a restart, \
             and a database and a journal of its own"
        );
        return None;
    }
    let tls = match loaded.snapshot.server.tls.as_ref().map(Tls::new).transpose() {
        Ok(tls) => tls,
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old one stays");
            return None;
        }
    };
    for warning in &loaded.warnings {
        log(warning);
    }
    for key in waiting_for_restart(&effective(running), &effective(&loaded)) {
        tracing::warn!(key, "this change needs a restart");
    }
    Some((loaded, tls))
}

/// What is written down of a reload.
pub(super) fn act((before, after): (&Snapshot, &Snapshot), at: Timestamp) -> AdminAct {
    let hash = |snapshot: &Snapshot| json!({ "hash": format!("{:016x}", snapshot.hash) });
    AdminAct::new(at, Actor::Gateway, "config.reload", "configuration")
        .with(Some(hash(before)), Some(hash(after)))
}

/// One line for each fault, with its place.
fn log(diagnostic: &Diagnostic) {
    let position = diagnostic.position.as_ref();
    let (code, message) = (diagnostic.code.as_str(), &diagnostic.message);
    let (line, column) = (position.map(|place| place.line), position.map(|place| place.column));
    let Diagnostic { file, help, .. } = diagnostic;
    match diagnostic.severity() {
        Severity::Error => tracing::error!(code, file, line, column, help, "{message}"),
        Severity::Warning => tracing::warn!(code, file, line, column, help, "{message}"),
    }
}

fn waiting_for_restart(old: &[EffectiveValue], new: &[EffectiveValue]) -> Vec<String> {
    let fixed = |values: &[EffectiveValue]| -> Vec<(String, String)> {
        let is_fixed = |key: &str| {
            NEEDS_RESTART.iter().any(|start| key.starts_with(start)) && !RELOADED.contains(&key)
        };
        let pairs = values.iter().filter(|value| is_fixed(&value.key));
        pairs.map(|value| (value.key.clone(), value.value.clone())).collect()
    };
    let (old, new) = (fixed(old), fixed(new));
    let mut keys: Vec<String> = old
        .iter()
        .filter(|pair| !new.contains(pair))
        .chain(new.iter().filter(|pair| !old.contains(pair)))
        .map(|(key, _)| key.clone())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_change_that_waits_once() {
        let value = |key: &str, value: &str| EffectiveValue {
            key: key.to_owned(),
            value: value.to_owned(),
            source: "default".to_owned(),
        };
        let old = [
            value("server.listen", "a"),
            value("server.drain_timeout", "1s"),
            value("models.x.deadline", "1s"),
            value("storage.url", "same"),
        ];
        let new = [
            value("server.listen", "b"),
            value("server.drain_timeout", "2s"),
            value("models.x.deadline", "2s"),
            value("storage.url", "same"),
        ];
        assert_eq!(waiting_for_restart(&old, &new), ["server.listen"]);
    }
}
