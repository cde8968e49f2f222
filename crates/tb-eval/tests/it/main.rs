//! Whole suites, runs and comparisons.

mod results;
