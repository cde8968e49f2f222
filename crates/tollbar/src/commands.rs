//! The commands, one file each.

mod check;
mod config;
mod db;
mod demo;
mod explain;
mod guard;
mod init;
mod keys;
mod manual;
mod serve;
mod status;
mod usage;

use std::process::ExitCode;

use crate::cli::{Cli, Command, Global, Guard};
use crate::configuration::Configuration;

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = cli.global;
    match cli.command {
        Command::Serve => serve::run(&find(&global), global.quiet),
        Command::Demo(options) => demo::run(&options, global.quiet),
        Command::Init(options) => init::run(&options, &global),
        Command::Check { file } => check::run(file.as_deref(), &global),
        Command::Config(command) => config::run(&command, &find(&global), global.output),
        Command::Keys(command) => keys::run(&command, &find(&global), &global),
        Command::Usage(options) => usage::run(&options, &find(&global), global.output),
        Command::Guard(Guard::Test(options)) => guard::test(&options, &find(&global), &global),
        Command::Explain(options) => explain::run(&options, &find(&global), global.output),
        Command::Status(options) => status::run(&options, &find(&global), global.output),
        Command::Db(command) => db::run(&command, &find(&global), global.output),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::page(),
    }
}

fn find(global: &Global) -> Configuration {
    Configuration::find(global.config.as_deref(), &global.set)
}
