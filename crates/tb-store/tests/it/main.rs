//! The stores and the journal from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its own functions"
)]

mod answers;
mod conformance;
mod journal;
mod pepper;
mod sqlite;
mod support;
