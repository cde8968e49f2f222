//! `models`.

use clap::{Args, Subcommand};

use super::eval::EvalFolder;

/// `models`
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List the versions that the configuration calls, and what is known of them
    #[command(before_help = "Examples:\n  tollbar models list\n  tollbar models list -o json")]
    List,
    /// List what floats, what is about to retire and what is retired, with what to name instead
    #[command(before_help = "Example:\n  tollbar models outdated")]
    Outdated,
    /// Fail when a version retires soon; exit code 1
    #[command(before_help = "Example:\n  tollbar models audit --fail-within 30d")]
    Audit {
        /// How soon
        #[arg(long, value_name = "PERIOD", default_value = "30d")]
        fail_within: String,
    },
    /// Show how two versions differ in abilities, limits, refused parameters and price
    #[command(
        before_help = "Example:\n  tollbar models diff openai/gpt-4o-2024-08-06 openai/gpt-6-luna"
    )]
    Diff {
        /// PROVIDER/MODEL, or VENDOR/MODEL
        from: String,
        /// The same
        to: String,
    },
    /// Write into the lock file which version a name means
    #[command(
        before_help = "Examples:\n  tollbar models lock openai/gpt-4o --to gpt-4o-2024-08-06 --evidence RUN\n  tollbar models lock openai/gpt-4o --to gpt-4o-2024-08-06 --override 'first pin'"
    )]
    Lock(ModelsLock),
}

/// `models lock`
#[derive(Debug, Args)]
pub(crate) struct ModelsLock {
    /// PROVIDER/MODEL as a target names it
    pub(crate) name: String,
    /// The version that is to be called
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) to: String,
    /// The evaluation run that it passed
    #[arg(long, value_name = "RUN", required_unless_present = "override")]
    pub(crate) evidence: Option<String>,
    /// Lock it without a comparison that passed, for this reason
    #[arg(long = "override", id = "override", value_name = "REASON", conflicts_with = "evidence")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) folder: EvalFolder,
}
