//! `cargo xtask test`: every check of the project, in the order of their price.

mod examples;
mod python;
mod steps;

use std::time::{Duration, Instant};

use clap::Args;

use crate::workspace::Workspace;

/// What `test` may be told.
#[derive(Args)]
pub(crate) struct TestArguments {
    /// Only format, clippy, tidy and the tests of cargo.
    #[arg(long)]
    fast: bool,
    /// Run the remaining steps after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Run only the steps of these names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// How a step ended without failing.
pub(crate) enum Passed {
    /// It ran.
    Ran,
    /// It could not run here; the line says why.
    Skipped(&'static str),
}

/// One check.
pub(crate) struct Step {
    /// The word for `--only` and the table.
    pub(crate) name: &'static str,
    /// Whether `--fast` runs it too.
    pub(crate) fast: bool,
    /// What it does.
    pub(crate) check: fn(&Workspace) -> anyhow::Result<Passed>,
}

/// One line of the closing table.
struct Line {
    name: &'static str,
    result: &'static str,
    took: Duration,
}

/// Runs the steps; false when one failed.
pub(crate) fn run(arguments: &TestArguments) -> anyhow::Result<bool> {
    if let Some(unknown) =
        arguments.only.iter().find(|name| steps::ALL.iter().all(|step| step.name != **name))
    {
        let names: Vec<_> = steps::ALL.iter().map(|step| step.name).collect();
        anyhow::bail!("no step `{unknown}`; there are: {}", names.join(", "));
    }
    let workspace = Workspace::load()?;
    let mut lines = Vec::new();
    for step in steps::ALL.iter().filter(|step| selected(step, arguments)) {
        println!("\n== {}", step.name);
        let line = perform(step, &workspace);
        println!("-- {}: {} in {}", line.name, line.result, seconds(line.took));
        let failed = line.result == "failed";
        lines.push(line);
        if failed && !arguments.keep_going {
            break;
        }
    }
    Ok(summarise(&lines))
}

fn selected(step: &Step, arguments: &TestArguments) -> bool {
    let named = arguments.only.is_empty() || arguments.only.iter().any(|name| name == step.name);
    named && (step.fast || !arguments.fast)
}

fn perform(step: &Step, workspace: &Workspace) -> Line {
    let start = Instant::now();
    let result = match (step.check)(workspace) {
        Ok(Passed::Ran) => "passed",
        Ok(Passed::Skipped(reason)) => {
            println!("{reason}");
            "skipped"
        }
        Err(error) => {
            eprintln!("{}: {error:#}", step.name);
            "failed"
        }
    };
    Line { name: step.name, result, took: start.elapsed() }
}

/// Prints the table and the closing line; true when nothing failed.
fn summarise(lines: &[Line]) -> bool {
    println!();
    for line in lines {
        println!("{:<12} {:<8} {:>9}", line.name, line.result, seconds(line.took));
    }
    let count = |result| lines.iter().filter(|line| line.result == result).count();
    let (passed, failed, skipped) = (count("passed"), count("failed"), count("skipped"));
    if skipped > 0 {
        println!("{skipped} skipped");
    }
    println!("{passed} passed, {failed} failed");
    failed == 0 && passed > 0
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
