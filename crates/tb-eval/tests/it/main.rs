//! Whole suites, runs and comparisons.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod comparison;
mod gate;
mod moderation;
mod reports;
mod results;
mod runs;
mod statistics;
mod suites;
