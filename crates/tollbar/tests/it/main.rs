//! Runs of the whole binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; lint exceptions for tests do not reach helper functions"
)]

mod audit;
mod canary;
mod commands;
mod content;
mod eval;
mod eval_run;
mod gateway;
mod guard_test;
mod models;
mod prompts;
mod provider_keys;
mod serve;
mod storage;
