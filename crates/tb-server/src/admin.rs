//! The admin API, metrics and health on `server.admin_listen`.
//!
//! Everything that it needs stands in [`AdminState`] as ports and plain values; it knows no
//! back end. What it answers is described by `openapi.json`, and a test holds the two together.

mod audit;
mod budgets;
mod cache;
mod caller;
mod compliance;
mod content;
mod erasure;
mod explain;
mod fault;
mod gate;
mod health;
mod holds;
mod json_body;
mod key_ages;
mod key_desk;
mod key_directory;
mod key_report;
mod key_request;
mod keys;
mod last_uses;
mod live;
mod openapi;
mod operations;
mod overview;
mod prompt_directory;
mod prompts;
mod requests;
mod retention;
mod router;
mod server;
mod tokens;
mod usage;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use tb_config::Loaded;
use tb_core::Timestamp;
use tb_core::audit::AuditTrail;
use tb_core::content::ContentTrail;
use tb_core::ports::{ActStore, RecordKeeping, UsageStore};
use tb_engine::Engine;

pub use compliance::last_uses;
pub use content::{content_line, content_view};
pub use explain::{LadderStep, ladder};
pub use key_desk::{DeskFault, KeyDesk, NewToken, Repeat};
pub use key_directory::KeyDirectory;
pub use key_report::KeyReport;
pub use key_request::{KeyFault, KeyRequest, period_ms};
pub use keys::{USUAL_GRACE, grace_ms};
pub use live::Live;
pub use prompt_directory::PromptDirectory;
pub use prompts::{label_view, version_view};
pub use router::{Access, Route, router, routes};
pub use server::AdminServer;
pub use views::{
    AttemptView, EffectiveView, KeyView, NewKeyView, NewTokenView, TokenView, group_by_name,
    parse_group_by, usage_columns, usage_values,
};

/// What the admin API works with.
pub struct AdminState {
    /// The engine: its metrics, its journal's lag, its clock, its tasks.
    pub engine: Engine,
    /// Keys and admin tokens, in memory and in the store.
    pub keys: Arc<KeyDirectory>,
    /// Prompts, in memory and in the store.
    pub prompts: Arc<PromptDirectory>,
    /// Retention, legal holds and erasure.
    pub records: Arc<dyn RecordKeeping>,
    /// Where admin acts are written down.
    pub acts: Arc<dyn ActStore>,
    /// Usage rows.
    pub usage: Arc<dyn UsageStore>,
    /// The audit log, for reading.
    pub audit: Arc<dyn AuditTrail>,
    /// The content log, for reading; none where the configuration has none.
    pub content: Option<Arc<dyn ContentTrail>>,
    /// The configuration that holds.
    pub config: Arc<Live<Loaded>>,
    /// The address that the admin API is bound to.
    pub address: SocketAddr,
    /// The address that the public API is bound to.
    pub public_address: SocketAddr,
    /// When the process started.
    pub started_at: Timestamp,
    /// The version that runs.
    pub version: &'static str,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminState").field("address", &self.address).finish_non_exhaustive()
    }
}
