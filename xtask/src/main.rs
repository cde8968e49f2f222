//! Tollbar's own chores, run as `cargo xtask …`.
//!
//! `test` is what CI runs and what a contributor runs before a commit: every check that the
//! project has, one after another. `tidy` holds the house rules that no compiler knows.
//! `prices` derives the built-in tables of prices and versions. `bench` measures the gateway beside a plain
//! proxy on one machine. `chaos` sends requests into a scripted outage. `guard-report` measures
//! what the guard finds and how fast, `train-names` makes the weights of its tagger. `simulate`
//! counts how often the verdict of an evaluation is wrong.
//!
//! This program is never shipped. It may print, and it reads the workspace from outside: it
//! depends on none of our crates, so that it still runs when one of them does not compile.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod bench;
mod chaos;
mod guard_report;
mod prices;
mod programs;
mod simulate;
mod test;
mod tidy;
mod train;
mod versions;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Tollbar workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check, as CI does.
    Test(test::TestArguments),
    /// Check the house rules.
    Tidy,
    /// Derive prices.json and versions.json of crates/tb-core/data from a list of models.
    Prices {
        /// The list: dollars per million tokens.
        models: PathBuf,
    },
    /// Measure the gateway beside nginx.
    Bench(bench::BenchArguments),
    /// Send requests into a scripted outage, and check which rung of the ladder answers.
    Chaos(chaos::ChaosArguments),
    /// Measure what the guard finds, and write docs/guard.md.
    GuardReport(guard_report::GuardReportArguments),
    /// Learn the weights of the guard's tagger of names and places.
    TrainNames(train::TrainArguments),
    /// Count how often the verdict of `eval compare` is wrong, on runs whose truth is known.
    Simulate(simulate::SimulateArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Tidy => tidy::run(),
        Chore::Prices { models } => prices::run(&models),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Chaos(arguments) => chaos::run(&arguments),
        Chore::GuardReport(arguments) => guard_report::run(&arguments),
        Chore::TrainNames(arguments) => train::run(&arguments),
        Chore::Simulate(arguments) => simulate::run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
