//! Dialects from the outside: encoded requests, decoded answers, streams cut everywhere.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod errors;
mod golden;
mod local;
mod openai;
mod simulated;
mod stream;
mod support;
