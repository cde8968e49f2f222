//! Evaluation: suites of cases, what is checked in an answer, and whether one run is as good as
//! another.
//!
//! A [`Case`](case::Case) is a request with checks. A run asks a target for each case, scores the
//! answers and appends one [`CaseResult`](results::CaseResult) a line to a file, so that a run
//! goes on where it was killed. A comparison reads two such files, pairs their cases, and says
//! `non_inferior`, `improved`, `regressed` or `inconclusive` for a stated margin, per slice and
//! overall, with intervals. The gate of promotions asks a comparison and nothing else.
//!
//! It does not open connections: what is asked goes through [`run::Target`], which the binary
//! lets go through the gateway's own public API, so that guard, quotas, data classes and the
//! audit log hold for evaluations too.
//!
//! Entry points: [`suite`] and [`read`] for data, [`run`] for runs, [`compare`] for two runs.

mod canonical;
pub mod case;
pub mod compare;
pub mod fault;
pub mod gate;
pub mod read;
pub mod report;
pub mod results;
pub mod run;
pub mod score;
pub mod stats;
pub mod suite;
mod template;
