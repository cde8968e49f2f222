//! Whole suites, runs and comparisons.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod results;
