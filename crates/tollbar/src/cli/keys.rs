//! `keys` and `tokens`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `keys`
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and show it, once
    #[command(
        before_help = "Examples:\n  tollbar keys create --service my-service --expires 90d\n  tollbar keys create --service my-service --models 'openai/*' --network 10.0.0.0/8\n  tollbar keys create --service my-service --limits requests_per_minute=60 --budget '25 usd/month'"
    )]
    Create(Box<KeyCreate>),
    /// List all keys, revoked ones included
    List {
        /// Only of this service
        #[arg(long)]
        service: Option<String>,
    },
    /// Show one key with the last uses of its secrets, but without the secrets
    Show {
        /// The 8 characters after tb_live_
        id: String,
    },
    /// Give a key another secret and show it, once; the old one stays valid for a while
    #[command(
        before_help = "Examples:\n  tollbar keys rotate 4vJ9kQ2x\n  tollbar keys rotate 4vJ9kQ2x --grace 0s   the old secret is refused within a second"
    )]
    Rotate {
        /// The 8 characters after tb_live_
        id: String,
        /// For how long the old secret stays valid
        #[arg(long, default_value = tb_server::admin::USUAL_GRACE)]
        grace: String,
    },
    /// Revoke a key; a running server refuses it within a second
    Revoke {
        /// The 8 characters after tb_live_
        id: String,
    },
    /// Revoke a key that leaked and say what was done with it
    #[command(
        before_help = "Examples:\n  tollbar keys report < found-in-a-repository.txt\n  tollbar keys report leaked.txt -o json"
    )]
    Report {
        /// A file with the whole key, `-` for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
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
    /// The routes it may use: chat_completions,embeddings [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) routes: Option<Vec<String>>,
    /// How long it is good: 90d, 12h [default: for ever]
    #[arg(long)]
    pub(crate) expires: Option<String>,
    /// From when on: 2026-12-01T00:00:00Z, or 12h from now [default: at once]
    #[arg(long, value_name = "WHEN")]
    pub(crate) not_before: Option<String>,
    /// The purpose of calls that state none
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// The purposes it may declare [default: those of its service]
    #[arg(long, value_delimiter = ',')]
    pub(crate) purposes: Option<Vec<String>>,
    /// The classes of data it may send [default: those of its service]
    #[arg(long, value_delimiter = ',')]
    pub(crate) data_classes: Option<Vec<String>>,
    /// Where it may be used from, repeatable [default: where its service may]
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Vec<String>,
    /// What it may use: requests_per_minute=60,tokens_per_day=10000,concurrent=4
    #[arg(long, value_delimiter = ',', value_name = "NAME=NUMBER")]
    pub(crate) limits: Vec<String>,
    /// What it may cost: '25 usd/month', or '25 usd/month Europe/Berlin'
    #[arg(long, value_name = "AMOUNT/PERIOD")]
    pub(crate) budget: Option<String>,
}

/// `tokens`
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make an admin token and show it, once; the way back in when all are lost
    #[command(
        before_help = "Examples:\n  tollbar tokens create --role owner\n  tollbar tokens create --role viewer --name wallboard --expires 90d"
    )]
    Create(TokenCreate),
    /// List all admin tokens, revoked ones included
    List,
    /// Revoke an admin token; a running server refuses it within a second
    Revoke {
        /// The 8 characters after tb_admin_
        id: String,
    },
}

/// `tokens create`
#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// viewer (sees usage and health), operator (also keys and cache), auditor (also the audit
    /// log, changes nothing) or owner (all)
    #[arg(long)]
    pub(crate) role: String,
    /// A label for people
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How long it is good: 90d, 12h [default: for ever]
    #[arg(long)]
    pub(crate) expires: Option<String>,
}
