//! `prompts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `prompts`
#[derive(Debug, Subcommand)]
pub(crate) enum Prompts {
    /// List prompts with their versions and labels, and files that are no version yet
    List,
    /// Show a version, or the file as it stands
    #[command(
        before_help = "Examples:\n  tollbar prompts show translate               the file, or else the newest version\n  tollbar prompts show translate@3\n  tollbar prompts show translate@production -o json"
    )]
    Show {
        /// NAME, NAME@VERSION, NAME@LABEL, or a .prompt file
        prompt: String,
    },
    /// Show what changed from one version to another
    #[command(
        before_help = "Examples:\n  tollbar prompts diff translate@production translate   what a promotion would change\n  tollbar prompts diff translate@2 translate@3"
    )]
    Diff {
        /// NAME, NAME@VERSION, NAME@LABEL, or a .prompt file
        from: String,
        /// The same
        to: String,
    },
    /// Print the messages that a version makes of variables; nothing is sent
    #[command(
        before_help = "Examples:\n  tollbar prompts render translate --var text='Good day' --var target=German\n  tollbar prompts render drafts/translate.prompt --vars variables.json -o json"
    )]
    Render(PromptRender),
    /// Move a label to a version; a protected one with evidence, or with a reason
    #[command(
        before_help = "Examples:\n  tollbar prompts promote translate --to staging            the file, registered if it is new\n  tollbar prompts promote translate@3 --to production --evidence RUN\n  tollbar prompts promote translate@3 --to production --override 'ticket 4711'"
    )]
    Promote(PromptPromote),
    /// Move a label back to where it pointed before
    #[command(before_help = "Example:\n  tollbar prompts rollback translate --label production")]
    Rollback {
        /// The prompt
        name: String,
        /// The label
        #[arg(long, default_value = "production")]
        label: String,
        /// Only if it points to this version now
        #[arg(long, value_name = "VERSION")]
        expect: Option<u32>,
    },
    /// Write prompt files out of stored prompts that were saved as JSON
    #[command(
        before_help = "Examples:\n  tollbar prompts import saved.json --into prompts/\n  tollbar prompts import - < saved.json"
    )]
    Import {
        /// The JSON: one prompt object, a list, or {"data": [...]}; `-` for standard input
        file: PathBuf,
        /// Where the files go [default: `[prompts] path`, else prompts/]
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
}

/// `prompts render`
#[derive(Debug, Args)]
pub(crate) struct PromptRender {
    /// NAME, NAME@VERSION, NAME@LABEL, or a .prompt file
    pub(crate) prompt: String,
    /// A variable as text, or as JSON where it is no string; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) var: Vec<String>,
    /// A file with all variables, one JSON object
    #[arg(long, value_name = "FILE")]
    pub(crate) vars: Option<PathBuf>,
}

/// `prompts promote`
#[derive(Debug, Args)]
pub(crate) struct PromptPromote {
    /// NAME@VERSION, NAME@LABEL, or NAME: the file, or else the newest version
    pub(crate) prompt: String,
    /// The label
    #[arg(long, alias = "label", value_name = "LABEL", default_value = "production")]
    pub(crate) to: String,
    /// The comparison that shows that it may
    #[arg(long, value_name = "RUN", conflicts_with = "reason")]
    pub(crate) evidence: Option<String>,
    /// Move a protected label without evidence; the reason is recorded
    #[arg(long = "override", value_name = "REASON")]
    pub(crate) reason: Option<String>,
    /// Only if the label points to this version now; 0 = only if it does not exist
    #[arg(long, value_name = "VERSION")]
    pub(crate) expect: Option<u32>,
}
