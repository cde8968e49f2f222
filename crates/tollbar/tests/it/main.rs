//! Runs of the whole binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking; lint exceptions for tests do not reach helper functions"
)]

mod canary;
mod commands;
mod gateway;
mod guard_test;
mod serve;
mod storage;
