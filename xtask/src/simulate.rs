//! `cargo xtask simulate`: how often the verdict of a comparison is wrong, on runs whose truth is
//! known.
//!
//! The example `simulate` of `tb-eval` makes the runs and compares them as `eval compare` does.
//! The table goes into `docs/evaluation.md`.

use std::fs;
use std::process::Command;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use crate::bench::report::Machine;
use crate::programs;
use crate::workspace::Workspace;

/// What `simulate` may be told.
#[derive(Args)]
pub(crate) struct SimulateArguments {
    /// How many pairs of runs for each row.
    #[arg(long, default_value_t = 2_000)]
    runs: u32,
    /// Write the table into docs/evaluation.md.
    #[arg(long)]
    write_docs: bool,
}

const PAGE: &str = "docs/evaluation.md";
const BEGIN: &str =
    "<!-- simulate: written by `cargo xtask simulate --write-docs`, do not edit -->";
const END: &str = "<!-- simulate: end -->";

/// How far a simulated power may be from its theory.
const TOLERATED: f64 = 0.02;

#[derive(Deserialize)]
struct Simulated {
    simulations: u32,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    what: String,
    cases: u32,
    discordance: f64,
    loss: f64,
    kind: String,
    expected: f64,
    observed: f64,
}

impl Row {
    /// Twice the standard error of what was counted is granted to chance.
    fn is_kept(&self, simulations: u32) -> bool {
        let spread = self.expected * (1.0 - self.expected) / f64::from(simulations);
        let chance = 2.0 * spread.sqrt();
        match self.kind.as_str() {
            "at most" => self.observed <= self.expected + chance,
            _ => (self.observed - self.expected).abs() <= TOLERATED.max(chance),
        }
    }
}

/// Simulates and prints; false when an error is more frequent than stated.
pub(crate) fn run(arguments: &SimulateArguments) -> anyhow::Result<bool> {
    let workspace = Workspace::load()?;
    let machine = Machine::observe()?;
    let simulated = simulate(&workspace, arguments.runs)?;
    let text = table(&simulated, &machine);
    println!("{text}");
    if arguments.write_docs {
        write(&workspace, &text)?;
    }
    Ok(simulated.rows.iter().all(|row| row.is_kept(simulated.simulations)))
}

fn simulate(workspace: &Workspace, runs: u32) -> anyhow::Result<Simulated> {
    let build = ["build", "--quiet", "--release", "--locked", "--package", "tb-eval"];
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root).args(build).args(["--example", "simulate"]);
    programs::run(&mut cargo)?;
    let program = workspace.target.join("release/examples/simulate");
    let answer = programs::output(Command::new(program).arg(runs.to_string()))?;
    serde_json::from_str(&answer).context("the simulation says odd things")
}

fn table(simulated: &Simulated, machine: &Machine) -> String {
    let Simulated { simulations, rows } = simulated;
    let mut text = format!(
        "Measured by `cargo xtask simulate --write-docs` on {}, on a machine of {} cores ({}, {} \
         GiB): {simulations} pairs of runs a row. Twice the standard error is granted to chance.\n\n\
         | what | cases | discordant | true loss | expected | seen | |\n\
         |---|---:|---:|---:|---:|---:|---|\n",
        machine.date, machine.cores, machine.processor, machine.memory_gib
    );
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    for row in rows {
        let expected = match row.kind.as_str() {
            "at most" => format!("≤ {}", percent(row.expected)),
            _ => percent(row.expected),
        };
        let kept = if row.is_kept(*simulations) { "kept" } else { "not kept" };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {expected} | {} | {kept} |\n",
            row.what,
            row.cases,
            percent(row.discordance),
            percent(row.loss),
            percent(row.observed)
        ));
    }
    text
}

fn write(workspace: &Workspace, text: &str) -> anyhow::Result<()> {
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no marker for the table")?;
    let (_, after) = rest.split_once(END).context("the page has no marker for its end")?;
    fs::write(path, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
        .with_context(|| format!("cannot write {PAGE}"))
}
