//! `models lock`: which version a name means, with the evidence that it may.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tb_config::{Provider, Snapshot};
use tb_core::{Actor, AdminAct, Clock};
use tb_engine::SystemClock;
use tb_eval::gate::Wanted;
use tb_providers::{Standing, standing};

use crate::cli::{Global, ModelsLock};
use crate::commands::eval::evidence;
use crate::commands::keys::system_user;
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::{output, storage};

/// What the file begins with.
const HEADER: &str = "# Which versions the names of models mean. Written by `tollbar models lock`; keep it with\n# tollbar.toml and review its changes.\n";

/// The whole file.
#[derive(Debug, Default, Deserialize)]
struct LockFile {
    #[serde(default)]
    models: BTreeMap<String, Entry>,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    snapshot: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_sha256: Option<String>,
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Asks the gate, writes the act down, then the file.
pub(super) fn run(
    options: &ModelsLock,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load()?;
    let path = &loaded.snapshot.pinning.lock_file;
    check_names(&loaded.snapshot, options)?;
    let mut file = read(path)?;
    let entry = entry(options)?;
    let before = file.models.insert(options.name.clone(), entry.clone());
    let stores = storage::open_lasting(&loaded.snapshot)?;
    let act = AdminAct::new(
        SystemClock.now(),
        Actor::CommandLine(system_user()),
        "models.lock",
        options.name.as_str(),
    );
    let before = before.map(|entry| json!(entry));
    stores.acts.note_act(&act.with(before, Some(json!(entry))))?;
    write(path, &file).with_context(|| format!("cannot write {}", path.display()))?;
    if !global.quiet {
        let (name, to) = (&options.name, &options.to);
        output::message(&format!("{name} means {to} now: {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A name of a provider's model, and a version of the same vendor that does not float itself.
fn check_names(snapshot: &Snapshot, options: &ModelsLock) -> anyhow::Result<()> {
    let provider = provider(snapshot, &options.name)?;
    if let Standing::Floating { snapshot } = standing(&provider.vendor, &options.to) {
        let remedy = snapshot.map_or_else(
            || "name a version".to_owned(),
            |snapshot| format!("at present it is `{snapshot}`"),
        );
        let message = format!("`{}` floats itself; {remedy}", options.to);
        return Err(Failed::usage(message).into());
    }
    Ok(())
}

fn provider<'a>(snapshot: &'a Snapshot, name: &str) -> anyhow::Result<&'a Provider> {
    let (provider, _) = name
        .split_once('/')
        .ok_or_else(|| Failed::usage(format!("`{name}` is not PROVIDER/MODEL")))?;
    let found = snapshot.providers.get(provider).ok_or_else(|| {
        let known: Vec<&str> = snapshot.providers.keys().map(|name| name.as_str()).collect();
        let known = known.join(", ");
        Failed::usage(format!("there is no provider `{provider}`; there are: {known}"))
    })?;
    Ok(found)
}

fn entry(options: &ModelsLock) -> anyhow::Result<Entry> {
    let found = match &options.evidence {
        Some(run) => {
            let wanted = Wanted::Target(&options.to);
            Some(evidence::of_run(run, &options.folder.evaluations, wanted)?)
        }
        None => None,
    };
    let (evidence, evidence_sha256) = found.map(|found| (found.run, found.hash)).unzip();
    Ok(Entry {
        snapshot: options.to.clone(),
        evidence,
        evidence_sha256,
        date: Some(SystemClock.now().utc_day()),
        reason: options.reason.clone(),
    })
}

fn read(path: &Path) -> anyhow::Result<LockFile> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("{} is damaged", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LockFile::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whole or not at all.
fn write(path: &Path, file: &LockFile) -> anyhow::Result<()> {
    let folder = path.parent().context("it has no folder")?;
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(text(file).as_bytes())?;
    written.as_file().sync_all()?;
    written.persist(path)?;
    Ok(())
}

/// Sorted by name, so that a change is a change of one place.
fn text(file: &LockFile) -> String {
    let mut text = HEADER.to_owned();
    for (name, entry) in &file.models {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "\n[models.{}]", quoted(name));
        let lines = [
            ("snapshot", Some(&entry.snapshot)),
            ("evidence", entry.evidence.as_ref()),
            ("evidence_sha256", entry.evidence_sha256.as_ref()),
            ("date", entry.date.as_ref()),
            ("reason", entry.reason.as_ref()),
        ];
        for (key, value) in lines {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {}", quoted(value));
            }
        }
    }
    text
}

/// A basic string of TOML, which is a string of JSON.
fn quoted(text: &str) -> String {
    json!(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let entry = Entry {
            snapshot: "m-1".to_owned(),
            evidence: None,
            evidence_sha256: None,
            date: Some("2026-11-24".to_owned()),
            reason: Some("a \"first\" pin\n\\ \u{7f} ü".to_owned()),
        };
        let models = BTreeMap::from([("acme/m".to_owned(), entry)]);
        let read: LockFile = toml::from_str(&text(&LockFile { models: models.clone() })).unwrap();
        assert_eq!(read.models, models);
    }
}
