//! The admin API, metrics and health on `server.admin_listen`.
//!
//! Everything that it needs stands in [`AdminState`] as ports and plain values; it knows no
//! back end. What it answers is described by `openapi.json`, and a test holds the two together.

mod cache;
mod explain;
mod fault;
mod gate;
mod health;
mod json_body;
mod key_directory;
mod key_request;
mod keys;
mod live;
mod openapi;
mod operations;
mod overview;
mod requests;
mod router;
mod server;
mod usage;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use tb_config::Loaded;
use tb_core::ports::UsageStore;
use tb_core::{KeyScope, NewKey, NoRandomness, Timestamp};
use tb_engine::Engine;

pub use explain::{LadderStep, ladder};
pub use key_directory::KeyDirectory;
pub use key_request::{KeyFault, KeyRequest, period_ms};
pub use live::Live;
pub use router::{Route, router, routes};
pub use server::AdminServer;
pub use views::{
    AttemptView, EffectiveView, KeyView, NewKeyView, group_by_name, parse_group_by, usage_columns,
    usage_values,
};

/// Makes a key for a scope: the random numbers and the pepper are the binary's.
pub type KeyMaker = dyn Fn(KeyScope) -> Result<NewKey, NoRandomness> + Send + Sync;

/// What the admin API works with.
pub struct AdminState {
    /// The engine: its metrics, its journal's lag, its clock, its tasks.
    pub engine: Engine,
    /// Keys and admin tokens, in memory and in the store.
    pub keys: Arc<KeyDirectory>,
    /// Makes keys.
    pub make_key: Box<KeyMaker>,
    /// Usage rows.
    pub usage: Arc<dyn UsageStore>,
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
