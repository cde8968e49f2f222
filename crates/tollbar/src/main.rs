//! The binary: composition root and command line.
//!
//! `cli` says what may be typed, `commands` has one file for each command, `compose` makes a
//! running gateway out of a configuration. What the gateway does lies in the other crates;
//! here concrete back ends are named and wired, and nothing else is decided.
//!
//! Data goes to standard output, messages to standard error, both through `output`. How a
//! command ends is an exit code of the contract, see `failure`.

mod cli;
mod client;
mod commands;
mod compose;
mod configuration;
mod demo;
mod failure;
mod logs;
mod output;
mod panics;
mod signals;
mod storage;

use std::process::ExitCode;

/// A request makes some eighty small allocations; this one makes and frees them in about half
/// the instructions of the C library's (docs/decisions/0007).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    panics::report_places();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::message(&failure::describe(&error));
            failure::exit_code(&error)
        }
    }
}
