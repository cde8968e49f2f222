//! The engine without a web server: simulated providers, an account in memory, paused time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its own functions"
)]

mod attempts;
mod audit;
mod breakers;
mod data_classes;
mod gateway;
mod guard;
mod histories;
mod identity;
mod keys;
mod moderation;
mod quotas;
mod restoration;
mod rungs;
mod streams;
mod time_outs;
