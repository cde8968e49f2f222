//! The public server over real sockets, with a fake provider or the simulated one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; lint exceptions for tests do not reach helper functions"
)]

mod accounting;
mod admin;
mod admission;
mod bad_input;
mod cache;
mod chat;
mod connections;
mod data_classes;
mod faults;
mod guard_contract;
mod key_changes;
mod key_directory;
mod key_scopes;
mod keys;
mod last_rungs;
mod pins;
mod prompt_desk;
mod prompts;
mod quotas;
mod responses;
mod roles;
mod settlement;
mod stream_ends;
mod streams;
mod strict;
mod tls;
mod tokens;
mod upstream_faults;
