//! The commands, one file each.

mod audit;
mod check;
mod compliance;
mod config;
mod content;
mod db;
mod demo;
mod erase;
mod eval;
mod explain;
mod guard;
mod init;
mod keys;
mod manual;
mod models;
mod prompts;
mod retention;
mod serve;
mod status;
mod tokens;
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
        Command::Tokens(command) => tokens::run(&command, &find(&global), &global),
        Command::Compliance(command) => compliance::run(&command, &find(&global), global.output),
        Command::Usage(options) => usage::run(&options, &find(&global), global.output),
        Command::Guard(Guard::Test(options)) => guard::test(&options, &find(&global), &global),
        Command::Prompts(command) => prompts::run(&command, &find(&global), &global),
        Command::Models(command) => models::run(&command, &find(&global), &global),
        Command::Eval(command) => eval::run(&command, &find(&global), &global),
        Command::Explain(options) => explain::run(&options, &find(&global), global.output),
        Command::Audit(command) => audit::run(&command, &find(&global), global.output),
        Command::Content(command) => content::run(&command, &find(&global), global.output),
        Command::Retention(command) => retention::run(&command, &find(&global), global.output),
        Command::Erase(options) => erase::run(&options, &find(&global), global.output),
        Command::Status(options) => status::run(&options, &find(&global), global.output),
        Command::Db(command) => db::run(&command, &find(&global), global.output),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::page(),
    }
}

fn find(global: &Global) -> Configuration {
    Configuration::find(global.config.as_deref(), &global.set)
}
