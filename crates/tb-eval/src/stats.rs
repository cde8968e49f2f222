//! The statistics of a comparison, written here so that every number of a report can be read up:
//! exact tests on discordant pairs, score intervals, the bootstrap, tests that may be looked at
//! after every case. Everything is `f64`, deterministic and free of input and output.
//!
//! The pairs are counted as in McNemar's table: `b` cases that only the baseline passed, `c`
//! cases that only the candidate passed, of `n` in all. A difference is candidate minus baseline,
//! so that a negative one is a loss.

pub mod binomial;
pub mod bootstrap;
pub mod clusters;
pub mod holm;
pub mod power;
pub mod precision;
pub mod proportion;
pub mod quantile;
pub mod random;
pub mod sequential;
pub mod special;
