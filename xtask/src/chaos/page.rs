//! The figures of a run, as a table and in `docs/reliability.md`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::data_class::Outcome;
use super::drive::CONNECTIONS;
use super::oracle::{Judged, Rung};
use crate::bench::figures::percentile;
use crate::bench::report::Machine;

/// What was measured at one level.
pub(crate) struct Level {
    /// Failures at every provider, in percent of the requests there.
    pub(crate) percent: u32,
    pub(crate) requests: usize,
    /// How many answers came from each of [`Rung::ALL`].
    counts: [usize; 7],
    /// Answers that are not what had to come.
    pub(crate) wrong: usize,
    /// Attempts at providers for each request that needed one.
    pub(crate) amplification: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Attempts for each request that needed a provider, at 50 % failures, are at most so many.
pub(crate) const MOST_AMPLIFICATION: f64 = 1.2;

const BEGIN: &str = "<!-- chaos: written by `cargo xtask chaos --write-docs`, do not edit -->";
const END: &str = "<!-- chaos: end -->";

impl Level {
    /// The figures of a level at whose providers so many attempts were counted.
    pub(crate) fn new(percent: u32, judged: &[Judged], attempts: u64) -> Self {
        let of = |rung| judged.iter().filter(|seen| seen.rung == rung).count();
        let mut took: Vec<Duration> = judged.iter().map(|seen| seen.took).collect();
        let asked = judged.len() - of(Rung::Cache);
        Self {
            percent,
            requests: judged.len(),
            counts: Rung::ALL.map(of),
            wrong: judged.iter().filter(|seen| seen.wrong.is_some()).count(),
            amplification: number(attempts) / number(asked.max(1)),
            p50_us: percentile(&mut took, 50).unwrap_or_default(),
            p99_us: percentile(&mut took, 99).unwrap_or_default(),
        }
    }

    /// The promises that it breaks.
    pub(crate) fn broken(&self) -> Option<String> {
        if self.wrong > 0 {
            return Some(format!("{} % failures: {} wrong answers", self.percent, self.wrong));
        }
        let amplified = self.percent == 50 && self.amplification > MOST_AMPLIFICATION;
        amplified.then(|| format!("50 % failures: {:.2} attempts a request", self.amplification))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// The table in Markdown, which also reads well on a terminal.
pub(crate) fn table(levels: &[Level]) -> String {
    let mut text = String::from(
        "| failures | target | fallback model | cache | stale cache | rules | error | cut stream \
         | wrong | attempts/request | p50 | p99 | added p99 |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let calm_us = levels.iter().find(|level| level.percent == 0).map(|level| level.p99_us);
    for level in levels {
        let _ = write!(text, "| {} % |", level.percent);
        for count in level.counts {
            let share = 100.0 * number(count) / number(level.requests.max(1));
            let _ = write!(text, " {share:.1} % |");
        }
        let added = calm_us.map(|calm_us| level.p99_us - calm_us);
        let _ = writeln!(
            text,
            " {} | {:.2} | {} | {} | {} |",
            level.wrong,
            level.amplification,
            millis(level.p50_us),
            millis(level.p99_us),
            added.map_or("–".to_owned(), millis),
        );
    }
    text
}

fn millis(us: f64) -> String {
    format!("{:.0} ms", us / 1_000.0)
}

/// Puts the table between the markers of the page.
pub(crate) fn write_docs(path: &Path, levels: &[Level], machine: &Machine) -> anyhow::Result<()> {
    let requests = levels.iter().map(|level| level.requests).max().unwrap_or(0);
    let text = format!(
        "{date}, {requests} requests a level on {CONNECTIONS} connections, on {shape}. The times \
         are those of this one run on this machine, with gateway and clients on the same cores.\
         \n\n{table}",
        date = machine.date,
        shape = shape(machine),
        table = table(levels),
    );
    write_between(path, (BEGIN, END), &text)
}

/// What the figures were made on.
fn shape(machine: &Machine) -> String {
    let Machine { cores, processor, memory_gib, kernel, load_before, .. } = machine;
    format!(
        "a machine of {cores} cores ({processor}, {memory_gib} GiB, {kernel}; load before the run \
         {load_before})"
    )
}

const CLASS_BEGIN: &str =
    "<!-- chaos data-class: written by `cargo xtask chaos --write-docs`, do not edit -->";
const CLASS_END: &str = "<!-- chaos data-class: end -->";

/// What became of health data, in a sentence.
pub(crate) fn data_class(outcome: &Outcome) -> String {
    let Outcome { requests, answered, connections, took } = outcome;
    format!(
        "{requests} requests of the class `health` into an outage of 50 %: {answered} were \
         answered, {connections} connections to the provider without an agreement, in {:.1} s.",
        took.as_secs_f64()
    )
}

/// Writes that into the page.
pub(crate) fn write_data_class(
    path: &Path,
    outcome: &Outcome,
    machine: &Machine,
) -> anyhow::Result<()> {
    let text = format!("{}, on {}: {}\n", machine.date, shape(machine), data_class(outcome));
    write_between(path, (CLASS_BEGIN, CLASS_END), &text)
}

/// Puts text between two marks of a page.
fn write_between(path: &Path, (begin, end): (&str, &str), text: &str) -> anyhow::Result<()> {
    let page =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = page.split_once(begin).context("the page has no mark for this")?;
    let (_, after) = rest.split_once(end).context("the page has no mark for its end")?;
    let page = format!("{before}{begin}\n\n{text}\n{end}{after}");
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn seen(rung: Rung, wrong: bool) -> Judged {
        Judged {
            id: String::new(),
            rung,
            asked: Vec::new(),
            at: Instant::now(),
            took: Duration::from_millis(4),
            wrong: wrong.then(String::new),
        }
    }

    #[test]
    fn says_which_promise_is_broken() {
        let calm = [seen(Rung::Target, false), seen(Rung::Cache, false)];
        assert_eq!(Level::new(50, &calm, 1).broken(), None);
        assert!(Level::new(50, &calm, 2).broken().is_some());
        assert_eq!(Level::new(30, &calm, 2).broken(), None);
        assert!(Level::new(0, &[seen(Rung::Rules, true)], 1).broken().is_some());
        let table = table(&[Level::new(0, &calm, 1)]);
        assert!(table.contains("| 0 % | 50.0 % | 0.0 % | 50.0 % |"), "{table}");
        assert!(table.ends_with("| 0 | 1.00 | 4 ms | 4 ms | 0 ms |\n"), "{table}");
    }
}
