//! `docs/benchmarks.md`, written by `cargo xtask bench --write-docs`.

use std::fmt::Write;

use super::peers::Kind;
use super::report::{Report, Summary, number};

/// What was promised of one figure.
struct Target {
    what: &'static str,
    scenario: &'static str,
    figure: &'static str,
    limit: Limit,
}

enum Limit {
    /// At most so many times nginx's figure of the same round.
    TimesNginx(f64),
    /// At most so much, in the unit of the figure.
    AtMost(f64, &'static str),
}

const TARGETS: &[Target] = &[
    Target {
        what: "CPU per request at 1 KB",
        scenario: "plain_1kb",
        figure: "cpu_us_per_request",
        limit: Limit::TimesNginx(1.8),
    },
    Target {
        what: "CPU per request at 1 KB, scanned by the guard",
        scenario: "chat_1k_guard",
        figure: "cpu_us_per_request",
        limit: Limit::TimesNginx(2.5),
    },
    Target {
        what: "CPU per request with a prompt of 37 KB",
        scenario: "prompt_37kb",
        figure: "cpu_us_per_request",
        limit: Limit::TimesNginx(3.0),
    },
    Target {
        what: "CPU per chunk of a stream without pauses",
        scenario: "stream_burst",
        figure: "cpu_us_per_chunk",
        limit: Limit::AtMost(6.0, "µs"),
    },
    Target {
        what: "time to the first token, median",
        scenario: "stream_paced",
        figure: "ttft_p50_us",
        limit: Limit::TimesNginx(1.5),
    },
    Target {
        what: "memory at rest",
        scenario: "start",
        figure: "rss_mib",
        limit: Limit::AtMost(20.0, "MiB"),
    },
    Target {
        what: "from starting the process to its first answer",
        scenario: "start",
        figure: "start_ms",
        limit: Limit::AtMost(50.0, "ms"),
    },
];

const HOW: &str = "\
The gateway under test runs on one core, the load generator and the fake provider share another.
nginx is configured as a plain proxy: one worker, connections kept open on both sides, no log of
requests, streams not collected. Tollbar has one worker and everything on that a small production
set-up has: keys, SQLite, the journal, metrics, usage accounting. Both run all the time and are
driven in turns, each scenario once a round; a ratio compares the two figures of one round, and
the tables show the medians over the rounds. CPU is user and system time of the gateway's
processes. Requests are 628 bytes (37 KB in `prompt_37kb`), answers 1.1 KB, streams 51 events.

* `plain_1kb`: 64 connections, each sends as soon as it has its answer.
* `rate_1000`: 1,000 requests a second, whatever the answers take; latency counts from the moment
  at which a request was due.
* `prompt_37kb`: a conversation of 37 KB on 32 connections.
* `stream_burst`: 16 connections, events written back to back, each as a chunk of its own.
* `stream_paced`: 100 streams a second with pauses of 2 to 4 ms; time to the first byte of the body.
* `chat_1k`, `chat_1k_guard`, `chat_1k_guard_names`: a request of 1,000 bytes with a mail address
  and a name, on 64 connections: without the guard, with structured identifiers and secrets
  (`names = false`), with everything. In the latter two the address (and the name) becomes a
  placeholder, and the answer is looked through for it.
* `start`, `start_guard`: a new process with its keys made before, until its first answer; memory
  after a second of rest; with the guard off and on.

In the other scenarios the guard is off (`[guard] enabled = false`), so that they can be compared
with earlier versions. Each setting of the guard is a process of its own.
";

/// Written by hand from a profile; to be renewed when the request path changes.
const WHERE: &str = "\
Counted with `valgrind --tool=callgrind` on 2026-11-23, requests of `plain_1kb`: about 120,000
instructions of a request are Tollbar's own and its libraries', besides the kernel's work. Of
them the storer (journal to SQLite) takes 21 %, the check and index of both bodies 12 %, reading
the answer's usage another 6 %, the key 6 %, writing the journal 4 %; the rest is HTTP on both
sides (hyper), headers, allocation and copies, none of them above 5 %. The system calls are the
least there can be: two receives and two sends. A proxy that neither checks a key nor reads a
body nor accounts for it (nginx here) does about a quarter of the work in user space. The kernel's
share grows with it: a slower gateway leaves the other side idle more often, and each send then
has to wake it.

So a bare comparison of CPU pays for accounting, not for forwarding. What would help most, in
this order: fewer columns for the storer to write, one pass over the answer instead of two, and
fewer moves of large values between the stages.
";

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let machine = &report.machine;
    let rounds = report.rows.iter().map(|row| row.round).max().unwrap_or(0);
    format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench --write-docs` on {date}; do not edit by hand.\n\n\
         Machine: {cores} cores, {processor}, {memory} GiB, {kernel}; load before the run \
         {load}. nginx {nginx}, {rounds} rounds. Other machines give other microseconds; the \
         ratios are what to compare.\n\n\
         ## Targets\n\n{targets}\n## Figures\n\n{table}\n## How it is measured\n\n{HOW}\n\
         ## Where the CPU of a request goes\n\n{WHERE}",
        date = machine.date,
        cores = machine.cores,
        processor = machine.processor,
        memory = machine.memory_gib,
        kernel = machine.kernel,
        load = machine.load_before,
        nginx = machine.nginx,
        targets = targets(report),
        table = report.table(),
    )
}

fn targets(report: &Report) -> String {
    let mut text = String::from("| what | target | measured | verdict |\n|---|---|---:|---|\n");
    for target in TARGETS {
        let found = report.find(Kind::Tollbar, target.scenario, target.figure);
        let (wanted, measured, kept) = target.limit.judge(found);
        let verdict = match kept {
            Some(true) => "kept",
            Some(false) => "**falls short**",
            None => "not measured",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} | {wanted} | {measured} | {verdict} |", target.what);
    }
    text
}

impl Limit {
    /// The target, the measured figure and whether the target is kept.
    fn judge(&self, found: Option<&Summary>) -> (String, String, Option<bool>) {
        let (limit, value, unit) = match self {
            Self::TimesNginx(limit) => {
                (limit, found.and_then(|summary| summary.ratio_to_nginx), "× nginx")
            }
            Self::AtMost(limit, unit) => (limit, found.map(|summary| summary.median), *unit),
        };
        let measured = value.map_or("–".to_owned(), |value| format!("{} {unit}", number(value)));
        (format!("≤ {limit} {unit}"), measured, value.map(|value| value <= *limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_targets_fall_short() {
        let summary = |median, ratio| Summary {
            peer: Kind::Tollbar,
            scenario: "start",
            figure: "rss_mib",
            median,
            ratio_to_nginx: Some(ratio),
        };
        let limit = Limit::AtMost(20.0, "MiB");
        assert_eq!(limit.judge(Some(&summary(19.0, 9.0))).2, Some(true));
        assert_eq!(limit.judge(Some(&summary(20.5, 0.1))).2, Some(false));
        assert_eq!(Limit::TimesNginx(1.8).judge(Some(&summary(99.0, 1.9))).2, Some(false));
        assert_eq!(limit.judge(None).2, None);
    }
}
