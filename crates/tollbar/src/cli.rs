//! What may be typed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::failure;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  tollbar demo                                  see everything work, without key and network
  tollbar init && tollbar serve                 write a configuration, run the gateway
  tollbar check tollbar.toml                    say what is wrong with a configuration
  tollbar keys create --service my-service      make a key
  tollbar usage --by model,day --since 7d       what was used, and what it cost";

const ABOUT: &str =
    "Tollbar stands between your services and the providers of large language models.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "tollbar", version, about = ABOUT, long_about = ABOUT, before_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The configuration [default: $TOLLBAR_CONFIG, ./tollbar.toml, built-in defaults]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set a value of the configuration, such as server.listen=127.0.0.1:9000
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// How rows are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
    /// Print fewer messages
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print without colours (there are none)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway in the foreground; SIGTERM drains, SIGHUP reloads
    Serve,
    /// Run a gateway with simulated providers and sample traffic
    Demo(Demo),
    /// Write a commented tollbar.toml
    Init(Init),
    /// Check a configuration; exit code 78 when it is invalid
    Check {
        /// The file, in place of --config
        file: Option<PathBuf>,
    },
    /// Show the configuration or its schema
    #[command(subcommand)]
    Config(Config),
    /// Make, list and revoke virtual keys
    #[command(subcommand)]
    Keys(Keys),
    /// Show requests, tokens and cost
    Usage(Usage),
    /// Try the guard on a text
    #[command(subcommand)]
    Guard(Guard),
    /// Say why a request was routed, retried, cached and answered so
    Explain(Explain),
    /// Ask a running server how it is; exit code 69 when it cannot be reached
    Status(Status),
    /// Look into the storage
    #[command(subcommand)]
    Db(Db),
    /// Print a completion script
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// `demo`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollbar demo          serve until Ctrl-C\n  tollbar demo --once   exit after the summary"
)]
pub(crate) struct Demo {
    /// Exit after the summary; 0 only if every sample request ended as its script says
    #[arg(long)]
    pub(crate) once: bool,
}

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to write it
    #[arg(default_value = "tollbar.toml")]
    pub(crate) file: PathBuf,
}

/// `config`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print the values that hold; secrets are never printed
    Show {
        /// Include values that nobody wrote (the default shows those only that somebody did)
        #[arg(long)]
        effective: bool,
        /// Say where each value comes from
        #[arg(long)]
        sources: bool,
    },
    /// Print the JSON Schema of tollbar.toml
    Schema,
}

/// `keys`
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and show it, once
    #[command(
        before_help = "Examples:\n  tollbar keys create --service my-service --expires 90d\n  tollbar keys create --service my-service --models 'openai/*' --network 10.0.0.0/8"
    )]
    Create(KeyCreate),
    /// List all keys, revoked ones included
    List {
        /// Only of this service
        #[arg(long)]
        service: Option<String>,
    },
    /// Show one key, without its secret
    Show {
        /// The 8 characters after tb_live_
        id: String,
    },
    /// Revoke a key; a running server refuses it within a second
    Revoke {
        /// The 8 characters after tb_live_
        id: String,
    },
}

/// `keys create`
#[derive(Debug, Args)]
pub(crate) struct KeyCreate {
    /// The service that it belongs to
    #[arg(long)]
    pub(crate) service: String,
    /// A label for people
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The models it may call [default: those of its service]
    #[arg(long, value_delimiter = ',')]
    pub(crate) models: Option<Vec<String>>,
    /// How long it is good: 90d, 12h [default: for ever]
    #[arg(long)]
    pub(crate) expires: Option<String>,
    /// The purpose of calls that state none
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Where it may be used from, repeatable [default: where its service may]
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Vec<String>,
}

/// `usage`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollbar usage --by model --since 7d\n  tollbar usage --by service,day -o csv"
)]
pub(crate) struct Usage {
    /// Group by key, model, service, user, purpose, day
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) by: String,
    /// From when on: 7d, 2026-11-01, 2026-11-01T12:00:00Z
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Until when, in the same forms
    #[arg(long)]
    pub(crate) until: Option<String>,
}

/// `guard`
#[derive(Debug, Subcommand)]
pub(crate) enum Guard {
    /// Show what the guard finds in a text, and what would leave in its place
    #[command(
        before_help = "Examples:\n  echo 'mail jane@example.org' | tollbar guard test\n  tollbar guard test --service support-bot letter.txt\n  tollbar guard test --jsonl -o jsonl texts.jsonl\n  zcat labelled.jsonl.gz | tollbar guard test --stats -"
    )]
    Test(GuardTest),
}

/// `guard test`
#[derive(Debug, Args)]
pub(crate) struct GuardTest {
    /// The text, `-` for standard input
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// One {"text": ...} a line, one answer a line
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Under the rules of this service [default: those of `[guard]`]
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Measure: one {"text": ..., "spans": [{"start", "end", "type"}]} a line, in code points; `-`
    /// for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "jsonl"])]
    pub(crate) stats: Option<PathBuf>,
}

/// `explain`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollbar explain req_019a...   the request's way down the ladder\n  tollbar explain req_019a... -o json"
)]
pub(crate) struct Explain {
    /// The value of x-request-id
    pub(crate) request_id: String,
}

/// `status`
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The admin address [default: that of the configuration]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the admin token [default: $TOLLBAR_ADMIN_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// `db`
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Count what is stored
    Stats,
}

/// Reads the command line. Help goes to standard output and ends with 0, faults end with 2.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        let is_fault = error.use_stderr();
        // A closed output leaves nothing to say.
        let _ = error.print();
        if is_fault { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS }
    })
}

/// The command line as clap knows it, for completions and the manual.
pub(crate) fn description() -> clap::Command {
    Cli::command()
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "write KEY=VALUE".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        description().debug_assert();
    }

    #[test]
    fn help_begins_with_examples() {
        assert!(description().render_long_help().to_string().starts_with("Examples:"));
    }
}
