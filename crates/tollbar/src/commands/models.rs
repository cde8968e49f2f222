//! `models`: which versions the configuration calls, and how long they are served.

mod diff;
mod lock;

use std::process::ExitCode;

use serde_json::{Value, json};
use tb_config::{Snapshot, Target};
use tb_core::versions::facts;
use tb_core::{Clock, Timestamp};
use tb_engine::SystemClock;
use tb_providers::Standing;
use tb_server::admin::period_ms;

use crate::cli::{Global, Models};
use crate::configuration::Configuration;
use crate::failure::{self, Failed};
use crate::output::{self, Rows};

/// Versions whose last day is nearer than this are outdated: the shortest notice that vendors
/// give of models in general use.
const OUTDATED_MS: i64 = 60 * 86_400_000;

/// Runs one of the commands.
pub(super) fn run(
    command: &Models,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    if let Models::Diff { from, to } = command {
        let loaded = configuration.load_loudly(global.quiet)?;
        return diff::run(&loaded.snapshot, (from, to), global.output);
    }
    if let Models::Lock(options) = command {
        return lock::run(options, configuration, global);
    }
    // What the warnings say is what the rows say.
    let snapshot = configuration.load()?.snapshot;
    let now = SystemClock.now();
    let called = called(&snapshot, now);
    match command {
        Models::Audit { fail_within } => audit(&called, fail_within, global),
        Models::Outdated => {
            print(called.iter().filter(|version| version.is_outdated(now)), global)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            print(&called, global)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One version that a model of the configuration calls.
struct Called {
    model: String,
    provider: String,
    version: String,
    /// The name in the configuration, where the lock file put another in its place.
    written: Option<String>,
    standing: &'static str,
    snapshot: Option<String>,
    ends: Option<Timestamp>,
    state: &'static str,
    replacement: Option<String>,
    successor: Option<String>,
}

impl Called {
    fn new(model: &str, target: &Target, now: Timestamp) -> Self {
        let version = &target.version;
        let (standing, snapshot) = match &version.standing {
            Standing::Pinned if version.written.is_some() => ("locked", None),
            Standing::Pinned => ("pinned", None),
            Standing::Floating { snapshot } => ("floating", snapshot.clone()),
            Standing::Unknown => ("unknown", None),
        };
        let state = match version.ends {
            Some(end) if end <= now => "retired",
            Some(_) => "retires",
            None if facts(&target.provider.vendor, target.model.as_str()).is_some() => "active",
            None => "unknown",
        };
        Self {
            model: model.to_owned(),
            provider: target.provider.name.to_string(),
            version: target.model.to_string(),
            written: version.written.as_ref().map(ToString::to_string),
            standing,
            snapshot,
            ends: version.ends,
            state,
            replacement: version.replacement.clone(),
            successor: version.successor.as_ref().map(ToString::to_string),
        }
    }

    fn ends_before(&self, moment: Timestamp) -> bool {
        self.ends.is_some_and(|end| end <= moment)
    }

    fn is_outdated(&self, now: Timestamp) -> bool {
        self.standing == "floating" || self.ends_before(now.plus_ms(OUTDATED_MS))
    }

    /// The last day; `gone` where nobody knows which it was.
    fn last_day(&self) -> Option<String> {
        self.ends.map(|end| match end.unix_ms() {
            0 => "gone".to_owned(),
            _ => end.plus_ms(-1).utc_day(),
        })
    }

    fn row(&self) -> Vec<Value> {
        vec![
            json!(self.model),
            json!(self.provider),
            json!(self.version),
            json!(self.standing),
            json!(self.snapshot),
            json!(self.written),
            json!(self.state),
            json!(self.last_day()),
            json!(self.replacement),
            json!(self.successor),
        ]
    }
}

fn called(snapshot: &Snapshot, now: Timestamp) -> Vec<Called> {
    let models = snapshot.models.iter();
    models
        .flat_map(|(name, model)| {
            model.targets.iter().map(move |target| Called::new(name.as_str(), target, now))
        })
        .collect()
}

fn print<'a>(called: impl IntoIterator<Item = &'a Called>, global: &Global) -> anyhow::Result<()> {
    let columns = vec![
        "model",
        "provider",
        "version",
        "standing",
        "snapshot",
        "written",
        "state",
        "last_day",
        "replacement",
        "successor",
    ];
    let mut rows = Rows::new(columns);
    for version in called {
        rows.push(version.row());
    }
    rows.print(global.output)?;
    Ok(())
}

fn audit(called: &[Called], fail_within: &str, global: &Global) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let within = period_ms(fail_within)
        .ok_or_else(|| Failed::usage(format!("`{fail_within}` is no period: write 30d or 12h")))?;
    let limit = now.plus_ms(within);
    let due: Vec<&Called> = called.iter().filter(|version| version.ends_before(limit)).collect();
    print(due.iter().copied(), global)?;
    if due.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !global.quiet {
        let (count, of) = (due.len(), called.len());
        output::message(&format!("{count} of {of} versions retire within {fail_within}"));
    }
    Ok(ExitCode::from(failure::NEGATIVE))
}
