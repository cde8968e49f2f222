//! Rows, medians and ratios.

use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};

use serde::Serialize;

use super::figures::median;
use super::peers::Kind;
use super::scenarios::{ALL, STARTS};
use crate::programs;

/// One measurement. What a scenario does not measure is null.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) peer: Kind,
    pub(crate) scenario: &'static str,
    pub(crate) round: u32,
    pub(crate) requests_per_second: Option<f64>,
    pub(crate) cpu_us_per_request: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) ttft_p50_us: Option<f64>,
    pub(crate) rss_mib: Option<f64>,
    pub(crate) cpu_us_per_chunk: Option<f64>,
    pub(crate) start_ms: Option<f64>,
    pub(crate) errors: u64,
}

impl Row {
    /// A row without figures.
    pub(crate) const fn new(peer: Kind, scenario: &'static str, round: u32) -> Self {
        Self {
            peer,
            scenario,
            round,
            requests_per_second: None,
            cpu_us_per_request: None,
            p50_us: None,
            p99_us: None,
            ttft_p50_us: None,
            rss_mib: None,
            cpu_us_per_chunk: None,
            start_ms: None,
            errors: 0,
        }
    }
}

/// A figure of a row.
pub(crate) struct Figure {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    value: fn(&Row) -> Option<f64>,
}

/// All figures, in the order of the table.
pub(crate) const FIGURES: &[Figure] = &[
    Figure { name: "requests_per_second", value: |row| row.requests_per_second },
    Figure { name: "cpu_us_per_request", value: |row| row.cpu_us_per_request },
    Figure { name: "cpu_us_per_chunk", value: |row| row.cpu_us_per_chunk },
    Figure { name: "p50_us", value: |row| row.p50_us },
    Figure { name: "p99_us", value: |row| row.p99_us },
    Figure { name: "ttft_p50_us", value: |row| row.ttft_p50_us },
    Figure { name: "rss_mib", value: |row| row.rss_mib },
    Figure { name: "start_ms", value: |row| row.start_ms },
];

/// A median over the rounds, and the median of the rounds' ratios to nginx.
#[derive(Serialize)]
pub(crate) struct Summary {
    pub(crate) peer: Kind,
    pub(crate) scenario: &'static str,
    pub(crate) figure: &'static str,
    pub(crate) median: f64,
    pub(crate) ratio_to_nginx: Option<f64>,
}

/// Where and when it was measured.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// The load averages before the run: how quiet the machine was.
    pub(crate) load_before: String,
    pub(crate) nginx: String,
}

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) summaries: Vec<Summary>,
}

impl Report {
    /// Puts the rows together.
    pub(crate) fn new(machine: Machine, rows: Vec<Row>) -> Self {
        let summaries = summarise(&rows);
        Self { schema_version: 1, machine, rows, summaries }
    }

    /// One summary.
    pub(crate) fn find(&self, peer: Kind, scenario: &str, figure: &str) -> Option<&Summary> {
        self.summaries.iter().find(|summary| {
            summary.peer == peer && summary.scenario == scenario && summary.figure == figure
        })
    }

    /// The medians as a table in Markdown, which also reads well on a terminal.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| scenario | figure | nginx | tollbar | × nginx |\n|---|---|---:|---:|---:|\n",
        );
        for scenario in scenarios() {
            for figure in FIGURES {
                let of = |peer| self.find(peer, scenario, figure.name);
                let shown = |peer| of(peer).map_or("–".into(), |summary| number(summary.median));
                if of(Kind::Nginx).is_none() && of(Kind::Tollbar).is_none() {
                    continue;
                }
                let ratio = of(Kind::Tollbar).and_then(|summary| summary.ratio_to_nginx);
                let ratio = ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
                let (name, nginx, ours) = (figure.name, shown(Kind::Nginx), shown(Kind::Tollbar));
                // Writing to a string does not fail.
                let _ = writeln!(text, "| {scenario} | {name} | {nginx} | {ours} | {ratio} |");
            }
        }
        text
    }
}

/// The names of all scenarios in the order of the table.
fn scenarios() -> impl Iterator<Item = &'static str> {
    let starts = STARTS.iter().map(|(name, _)| *name);
    ALL.iter().map(|scenario| scenario.name).chain(starts)
}

/// Three digits are all that such a measurement is good for.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn summarise(rows: &[Row]) -> Vec<Summary> {
    let mut summaries = Vec::new();
    for scenario in scenarios() {
        for peer in [Kind::Nginx, Kind::Tollbar] {
            for figure in FIGURES {
                let of = |peer: Kind| {
                    let rows = rows.iter();
                    rows.filter(move |row| row.peer == peer && row.scenario == scenario)
                };
                let values = of(peer).filter_map(figure.value).collect();
                let Some(median_value) = median(values) else { continue };
                let ratios = of(peer).filter_map(|row| {
                    let yardstick = of(Kind::Nginx).find(|other| other.round == row.round)?;
                    Some((figure.value)(row)? / (figure.value)(yardstick)?)
                });
                summaries.push(Summary {
                    peer,
                    scenario,
                    figure: figure.name,
                    median: median_value,
                    ratio_to_nginx: median(ratios.collect()),
                });
            }
        }
    }
    summaries
}

impl Machine {
    /// Looks around.
    pub(crate) fn observe() -> anyhow::Result<Self> {
        let line = |command: &str, arguments: &[&str]| {
            programs::output(Command::new(command).args(arguments)).map(|text| text.trim().into())
        };
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let processor = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok());
        let kib: f64 = kib.unwrap_or(0.0);
        // nginx prints its version as an error; who does not measure it need not have it.
        let version = Command::new("nginx").arg("-v").stdin(Stdio::null()).output();
        let version = version.map(|output| output.stderr).unwrap_or_default();
        let version = String::from_utf8_lossy(&version);
        Ok(Self {
            date: line("date", &["-u", "+%Y-%m-%d"])?,
            processor: processor.unwrap_or("unknown").trim_matches([' ', '\t', ':']).to_owned(),
            cores: processors.lines().filter(|line| line.starts_with("processor")).count(),
            memory_gib: (kib / 1024.0 / 1024.0).round(),
            kernel: line("uname", &["-sr"])?,
            load_before: fs::read_to_string("/proc/loadavg")?
                .split_whitespace()
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
            nginx: version.trim().rsplit('/').next().unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: Kind, round: u32, cpu: f64) -> Row {
        let mut row = Row::new(peer, "start", round);
        row.cpu_us_per_request = Some(cpu);
        row
    }

    #[test]
    fn ratios_compare_within_a_round() {
        let rows = [
            row(Kind::Nginx, 1, 10.0),
            row(Kind::Tollbar, 1, 15.0),
            // A busy moment that hit both.
            row(Kind::Nginx, 2, 20.0),
            row(Kind::Tollbar, 2, 30.0),
            row(Kind::Nginx, 3, 10.0),
            row(Kind::Tollbar, 3, 20.0),
        ];
        let summaries = summarise(&rows);
        let ours = summaries.iter().find(|summary| summary.peer == Kind::Tollbar).unwrap();
        assert_eq!((ours.median, ours.ratio_to_nginx), (20.0, Some(1.5)));
    }
}
