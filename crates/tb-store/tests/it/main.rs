//! The stores and the journal from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its own functions"
)]

mod answers;
mod audit;
mod conformance;
mod content;
mod journal;
mod keys;
mod pepper;
mod prompts;
mod retention;
mod sqlite;
mod support;
