//! `eval`: suites, runs, and whether one run is as good as another.

mod bless;
mod compare;
pub(crate) mod evidence;
mod report;
mod run;
pub(crate) mod runs;
mod target;

use std::process::ExitCode;

use crate::cli::{Eval, Global};
use crate::configuration::Configuration;
use crate::failure::{self, USAGE};
use crate::output;

/// Runs one of them.
pub(super) fn run(
    command: &Eval,
    configuration: &Configuration,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let format = global.output;
    match command {
        Eval::Run(options) => {
            run::run(options, configuration, global).or_else(|error| Ok(ended(&error)))
        }
        // 1 means a regression here, so whatever else goes wrong ends with 2.
        Eval::Compare(options) => compare::run(options, format).or_else(|error| Ok(ended(&error))),
        Eval::Bless(options) => bless::run(options),
        Eval::Report(options) => report::run(options, format),
    }
}

fn ended(error: &anyhow::Error) -> ExitCode {
    output::message(&failure::describe(error));
    ExitCode::from(USAGE)
}
