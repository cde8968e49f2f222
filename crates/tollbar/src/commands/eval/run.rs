//! `eval run`: asks every case of a suite through the gateway's public API.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tb_config::{Environment, SystemEnvironment};
use tb_core::Clock;
use tb_engine::SystemClock;
use tb_eval::run::{Ended, Pace, Plan, Progress, Stopped};
use tb_eval::suite::Suite;

use super::target::Gateway;
use crate::cli::{EvalRun, Global};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE, USAGE};
use crate::output::{self, Format, Rows};

/// The progress bar moves ten times a second.
const REDRAW: Duration = Duration::from_millis(100);

/// Makes a run, or goes on with one.
pub(super) fn run(
    options: &EvalRun,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let suite = Suite::load(&options.suite)?;
    let survey = suite.survey(options.limit)?;
    if !global.quiet {
        survey.notes.iter().for_each(|note| output::message(&format!("note: {note}")));
    }
    let folder = folder(options, &suite)?;
    let id = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let gateway = Gateway {
        address: match &options.url {
            Some(url) => crate::commands::status::resolve(url)?,
            None => configuration.load()?.snapshot.server.listen,
        },
        key: key(options)?,
        model: options.target.clone(),
        purpose: super::target::Purpose::of(options.purpose.clone()),
    };
    let plan = Plan {
        suite: &suite,
        survey: &survey,
        limit: options.limit,
        target: &options.target,
        folder,
        id: &id,
        resume: options.resume.is_some(),
        max_cost_micro_usd: options
            .max_cost
            .map(|dollars| dollars * 1e6)
            .or(suite.max_cost_micro_usd),
        streamed: options.stream || suite.measures_ttft(),
    };
    if !global.quiet && !plan.resume {
        output::message(&format!("run {id}: {} cases of {}", survey.cases, suite.name));
    }
    let bar = Bar::new(!global.quiet && output::has_viewer());
    let ended = tb_eval::run::run(&plan, &gateway, &Watch(Instant::now()), &|p| bar.show(p));
    bar.clear();
    finish(&plan, &ended?, global.output)
}

fn finish(plan: &Plan<'_>, ended: &Ended, format: Format) -> anyhow::Result<ExitCode> {
    let progress = &ended.progress;
    let why = ended.stopped.as_ref().map(|stopped| match stopped {
        Stopped::MaxCost => "the next answer might cost more than is left of --max-cost".to_owned(),
        Stopped::PriceUnknown => "the cost of answers is unknown, so --max-cost cannot be held: \
            add a price to the configuration, and do not stream"
            .to_owned(),
        Stopped::Hopeless(why) => why.clone(),
    });
    if let Some(why) = &why {
        let id = plan.id;
        output::message(&format!("stopped: {why}\ngo on with --resume {id}"));
    }
    print(plan, ended, why.as_deref(), format)?;
    let is_whole = progress.done >= progress.total && progress.errors == 0;
    Ok(match &ended.stopped {
        _ if is_whole => ExitCode::SUCCESS,
        Some(Stopped::Hopeless(_)) => ExitCode::from(USAGE),
        _ => ExitCode::from(NEGATIVE),
    })
}

fn print(
    plan: &Plan<'_>,
    ended: &Ended,
    stopped: Option<&str>,
    format: Format,
) -> anyhow::Result<()> {
    let Progress { total, done, passed, failed, errors, invalid, .. } = ended.progress;
    let members = json!({
        "run": plan.id,
        "folder": plan.folder,
        "suite": ended.header.suite,
        "target": ended.header.target,
        "answers": total,
        "done": done,
        "passed": passed,
        "failed": failed,
        "errors": errors,
        "invalid": invalid,
        "pass_rate": ended.progress.pass_rate(),
        "cost_micro_usd": ended.progress.spent_micro_usd.round(),
        "served_models": ended.header.served_models,
        "stopped": stopped,
    });
    if matches!(format, Format::Json | Format::Jsonl) {
        let mut line = json!({ "schema_version": 1 });
        if let (Some(line), Some(members)) = (line.as_object_mut(), members.as_object()) {
            line.extend(members.clone());
        }
        output::json_line(&line)?;
        return Ok(());
    }
    let mut rows = Rows::new(vec!["what", "value"]);
    for (name, value) in members.as_object().into_iter().flatten() {
        if !value.is_null() {
            rows.push(vec![Value::from(name.as_str()), value.clone()]);
        }
    }
    rows.print(format)?;
    Ok(())
}

/// Of a new run by the time and four digits of chance; of an old one as it was named.
fn folder(options: &EvalRun, suite: &Suite) -> anyhow::Result<PathBuf> {
    let runs = options.folder.evaluations.join(&suite.name);
    let Some(old) = &options.resume else {
        let mut chance = [0; 2];
        SystemRandom::new()
            .fill(&mut chance)
            .map_err(|_| anyhow::anyhow!("the system's random number generator failed"))?;
        let now = SystemClock.now().to_rfc3339();
        let time: String = now.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
        return Ok(runs.join(format!("run_{time}_{:04x}", u16::from_be_bytes(chance))));
    };
    let found = [runs.join(old), PathBuf::from(old)]
        .into_iter()
        .find(|folder| folder.join("run.json").is_file());
    found.ok_or_else(|| {
        Failed::usage(format!("there is no run `{old}` in {}", runs.display())).into()
    })
}

fn key(options: &EvalRun) -> anyhow::Result<String> {
    let text = match &options.key_file {
        Some(path) => read_key(path)?,
        None => SystemEnvironment.var("TOLLBAR_KEY").unwrap_or_default(),
    };
    let key = text.trim();
    if key.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(key.to_owned());
    }
    Err(Failed::usage("the key has characters that keys do not have").into())
}

fn read_key(path: &Path) -> anyhow::Result<String> {
    SystemEnvironment.read_file(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The clock of the system.
struct Watch(Instant);

impl Pace for Watch {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn date(&self) -> String {
        SystemClock.now().to_rfc3339()
    }
}

/// How far a run is, for people before a terminal.
struct Bar {
    shown: bool,
    last: Mutex<Option<Instant>>,
}

impl Bar {
    const fn new(shown: bool) -> Self {
        Self { shown, last: Mutex::new(None) }
    }

    fn show(&self, progress: &Progress) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !self.shown || last.is_some_and(|last| last.elapsed() < REDRAW) {
            return;
        }
        *last = Some(Instant::now());
        output::progress(&line(progress));
    }

    fn clear(&self) {
        if self.shown {
            output::progress("");
        }
    }
}

fn line(progress: &Progress) -> String {
    const WIDTH: u64 = 24;
    let Progress { total, done, errors, invalid, .. } = *progress;
    let filled = done.saturating_mul(WIDTH) / total.max(1);
    let bar: String = (0..WIDTH).map(|place| if place < filled { '#' } else { '.' }).collect();
    let rate =
        progress.pass_rate().map_or_else(String::new, |r| format!("  {:.1} % pass", r * 100.0));
    let faults = match errors.saturating_add(invalid) {
        0 => String::new(),
        _ => format!("  {errors} errors, {invalid} invalid"),
    };
    let money = progress.spent_micro_usd / 1e6;
    let left = progress.left().map_or_else(String::new, |left| {
        let seconds = left.as_secs();
        format!("  {}:{:02} left", seconds / 60, seconds % 60)
    });
    format!("[{bar}] {done}/{total}{rate}{faults}  ${money:.4}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_how_good_how_dear_and_how_long() {
        let progress = Progress {
            total: 120,
            done: 30,
            done_now: 30,
            passed: 20,
            failed: 5,
            errors: 5,
            invalid: 0,
            spent_micro_usd: 12_300.0,
            elapsed: Duration::from_secs(30),
        };
        let expected = "[######..................] 30/120  80.0 % pass  5 errors, 0 invalid  \
                        $0.0123  1:30 left";
        assert_eq!(line(&progress), expected);
    }
}
