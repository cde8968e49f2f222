//! What may be typed.

mod eval;
mod keys;
mod models;
mod prompts;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub(crate) use self::eval::{
    Eval, EvalBless, EvalCompare, EvalReport, EvalRun, ReportForm, Varied,
};
pub(crate) use self::keys::{KeyCreate, Keys, Tokens};
pub(crate) use self::models::{Models, ModelsLock};
pub(crate) use self::prompts::{PromptPromote, PromptRender, Prompts};
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
    /// Make, rotate, list and revoke virtual keys
    #[command(subcommand)]
    Keys(Keys),
    /// Make, list and revoke admin tokens
    #[command(subcommand)]
    Tokens(Tokens),
    /// Show requests, tokens and cost
    Usage(Usage),
    /// Say which data goes to whom, for what, and how long it is kept
    #[command(subcommand)]
    Compliance(Compliance),
    /// List, compare, render and promote prompt versions
    #[command(subcommand)]
    Prompts(Prompts),
    /// List, audit and lock the versions of models
    #[command(subcommand)]
    Models(Models),
    /// Say whether one model or prompt is as good as another
    #[command(subcommand)]
    Eval(Eval),
    /// Try the guard on a text
    #[command(subcommand)]
    Guard(Guard),
    /// Say why a request was routed, retried, cached and answered so
    Explain(Explain),
    /// Read, verify and prove the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Read masked requests and answers of the content log; every reading is recorded
    #[command(subcommand)]
    Content(Content),
    /// Delete what is due, or say what is kept and until when; a running server does it by itself
    #[command(subcommand)]
    Retention(Retention),
    /// Erase a person from everything that a running server keeps, and print the receipt
    Erase(Erase),
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

/// `compliance`
#[derive(Debug, Subcommand)]
pub(crate) enum Compliance {
    /// Print the record of processing that a data-protection officer asks for
    #[command(
        before_help = "Examples:\n  tollbar compliance report > processing.md\n  tollbar compliance report -o json"
    )]
    Report,
}

/// `usage`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollbar usage --by model --since 7d\n  tollbar usage --by service,day -o csv"
)]
pub(crate) struct Usage {
    /// Group by key, model, service, user, purpose, day, provider, data_class
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

/// `audit`
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List records, the newest first; the reading is itself recorded
    #[command(
        before_help = "Examples:\n  tollbar audit list --since 7d --kind act\n  tollbar audit list --request req_019a... -o json"
    )]
    List(AuditList),
    /// Hold the log against its hashes and signed checkpoints; exit code 1 when it does not fit
    #[command(
        before_help = "Examples:\n  tollbar audit verify\n  tollbar audit verify ./copy --checkpoints witness.txt --public-key tollbar-audit/...\n  tollbar audit verify --proof proof.json"
    )]
    Verify(AuditVerify),
    /// Print the proof that a record is in the log
    #[command(before_help = "Example:\n  tollbar audit prove --seq 4711 > proof.json")]
    Prove {
        /// The number of the record
        #[arg(long)]
        seq: u64,
    },
    /// Print records, the oldest first, as they stand in the log (-o jsonl) or as a table (-o csv)
    #[command(
        before_help = "Example:\n  tollbar audit export --since 2026-11-01 -o csv > audit.csv"
    )]
    Export {
        /// From when on: 7d, 2026-11-01, 2026-11-01T12:00:00Z [default: all]
        #[arg(long)]
        since: Option<String>,
    },
}

/// `audit list`
#[derive(Debug, Args)]
pub(crate) struct AuditList {
    /// From when on: 7d, 2026-11-01, 2026-11-01T12:00:00Z
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only accesses of this service
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// access, act, or the kind of an act such as key.create
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only accesses of this request
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

/// `audit verify`
#[derive(Debug, Args)]
pub(crate) struct AuditVerify {
    /// A copy of the log's folder [default: that of the configuration]
    pub(crate) path: Option<PathBuf>,
    /// Checkpoints of a second place [default: the files of audit.checkpoint_to]
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// The public key, or a file with it [default: that of the configuration, or of the copy]
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Option<String>,
    /// Verify a proof in place of the log
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "checkpoints"])]
    pub(crate) proof: Option<PathBuf>,
}

/// `content`
#[derive(Debug, Subcommand)]
pub(crate) enum Content {
    /// Show what was asked and answered, masked
    #[command(before_help = "Example:\n  tollbar content show req_019a...")]
    Show {
        /// The value of x-request-id
        request_id: String,
    },
    /// List what is there, the newest first, without its text
    #[command(before_help = "Example:\n  tollbar content list --service support-bot --since 1d")]
    List(ContentList),
    /// Print requests with their answers, the oldest first, one JSON object a line (-o jsonl)
    #[command(before_help = "Example:\n  tollbar content export --since 7d -o jsonl > cases.jsonl")]
    Export(ContentExport),
}

/// `content list`
#[derive(Debug, Args)]
pub(crate) struct ContentList {
    /// Only of this service
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// From when on: 7d, 2026-11-01, 2026-11-01T12:00:00Z
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

/// `content export`
#[derive(Debug, Args)]
pub(crate) struct ContentExport {
    /// Only of this service
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// From when on: 7d, 2026-11-01, 2026-11-01T12:00:00Z [default: all]
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Until when, in the same forms
    #[arg(long)]
    pub(crate) until: Option<String>,
}

/// `retention`
#[derive(Debug, Subcommand)]
pub(crate) enum Retention {
    /// Delete now what is due, and print the signed report
    #[command(
        before_help = "Examples:\n  tollbar retention run --dry-run   what would be deleted\n  tollbar retention run -o json     delete it, keep the report"
    )]
    Run {
        /// Only say what would be deleted
        #[arg(long)]
        dry_run: bool,
        /// The server
        #[command(flatten)]
        server: Status,
    },
    /// Print what is kept, how old it is, and what would be deleted now
    Report {
        /// The server
        #[command(flatten)]
        server: Status,
    },
    /// List, place or lift legal holds
    #[command(subcommand)]
    Holds(Holds),
}

/// `retention holds`
#[derive(Debug, Subcommand)]
pub(crate) enum Holds {
    /// List the legal holds
    List {
        /// The server
        #[command(flatten)]
        server: Status,
    },
    /// Keep records of some days although their time is over
    #[command(
        before_help = "Example:\n  tollbar retention holds place --from 2026-11-01 --to 2026-11-07 --reason 'case 7'"
    )]
    Place {
        /// The first day, in UTC
        #[arg(long)]
        from: String,
        /// The last day, in UTC
        #[arg(long)]
        to: String,
        /// The reference of the case
        #[arg(long)]
        reason: String,
        /// requests, audit, content, responses or answers [default: all]
        #[arg(long)]
        kind: Option<String>,
        /// Where records go one by one: only those of this service
        #[arg(long)]
        service: Option<String>,
        /// The server
        #[command(flatten)]
        server: Status,
    },
    /// Lift a legal hold
    Lift {
        /// Its id, hold_…
        id: String,
        /// The server
        #[command(flatten)]
        server: Status,
    },
}

/// `erase`
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollbar erase --subject user-4711 > receipt.json\n  tollbar erase --subject user-4711 --service support-bot"
)]
pub(crate) struct Erase {
    /// The person, as callers name them in x-tollbar-user or in `user`
    #[arg(long)]
    pub(crate) subject: String,
    /// Only what this service keeps
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The server
    #[command(flatten)]
    pub(crate) server: Status,
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
