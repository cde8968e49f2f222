//! The two HTTP servers of Tollbar.
//!
//! * [`public`]: OpenAI's and Anthropic's API on `server.listen`, on hyper directly, one
//!   single-threaded runtime for each worker.
//! * [`admin`]: the admin API, metrics and health on `server.admin_listen`, on axum.
//!
//! What is generic to HTTP stands in [`layers`], one commented rung each; what is about
//! language models is the engine's. `error.rs` is the one place that turns a refusal into a
//! status and a body.

pub mod admin;
pub mod compliance;
mod error;
pub mod layers;
mod own_host;
pub mod public;
