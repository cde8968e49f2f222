//! The shape of a comparison: what `eval compare -o json` prints and what reports are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::Measure;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Surely not worse than the margin allows.
    NonInferior,
    /// That, and surely better than the baseline.
    Improved,
    /// Surely worse.
    Regressed,
    /// Too few cases to say either.
    Inconclusive,
    /// Too many answers did not come, or cannot be judged.
    InfrastructureError,
}

impl Verdict {
    /// Whether a candidate may be promoted on it.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::NonInferior | Self::Improved)
    }

    /// The word of the JSON shape.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NonInferior => "non_inferior",
            Self::Improved => "improved",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
            Self::InfrastructureError => "infrastructure_error",
        }
    }
}

/// Two runs, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// 1.
    pub schema_version: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why, a sentence each, the decisive ones first.
    pub reasons: Vec<String>,
    /// What the reader should know besides.
    pub notes: Vec<String>,
    /// The suite, where the runs say it.
    pub suite: Option<String>,
    /// The loss that was accepted.
    pub margin: f64,
    /// The same for slices and labels.
    pub part_margin: f64,
    /// The chance of a false alarm, one-sided.
    pub alpha: f64,
    /// What intervals are sure of, 0.95: both ends together leave out 0.05.
    pub confidence: f64,
    /// Cases that both runs passed or failed.
    pub n: u64,
    /// The baseline.
    pub baseline: Side,
    /// The candidate.
    pub candidate: Side,
    /// Candidate minus baseline.
    pub difference: Difference,
    /// The discordant pairs.
    pub mcnemar: Mcnemar,
    /// The smallest loss that so many cases show four times out of five.
    pub minimum_detectable_effect: f64,
    /// Answers that could not be judged (cut off, filtered), as a part of its own: its rate is
    /// that of answers that could be. Absent where all could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Part>,
    /// Every answer that could not be judged counted as failed, for both runs. Absent where all
    /// could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_as_failed: Option<Difference>,
    /// The parts of the suite.
    pub slices: Vec<Part>,
    /// The labels.
    pub labels: Vec<Label>,
    /// The graded scores, where both runs have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// What was measured.
    pub measures: Vec<Measured>,
    /// What an early stop would have said, with `--sequential`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<Sequence>,
    /// Cases whose outcome differs, the newly failing ones first.
    pub flips: Vec<Flip>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Cases of `n` that passed, each time they were asked.
    pub passed: u64,
    /// The mean pass rate.
    pub rate: f64,
    /// Where the pass rate lies (Wilson).
    pub interval: [f64; 2],
    /// The run's id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The hash of the prompt version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// The models that answered, with how many answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub served_models: BTreeMap<String, u64>,
    /// All answers that were asked for.
    pub answers: u64,
    /// Answers that did not come.
    pub errors: u64,
    /// Answers that cannot be judged.
    pub invalid: u64,
    /// SHA-256 of the results file.
    pub results_hash: String,
    /// Whether it is a whole run of the gateway, as its header says.
    pub complete: bool,
}

/// A difference of rates, candidate minus baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The estimate.
    pub value: f64,
    /// Where it lies.
    pub interval: [f64; 2],
    /// What it surely is at least, at one-sided `alpha`: above `-margin` is non-inferior.
    pub lower_bound: f64,
}

/// The discordant pairs and their exact test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mcnemar {
    /// Only the baseline passed (with repeats: passed more often).
    pub b: u64,
    /// Only the candidate passed.
    pub c: u64,
    /// Exact and two-sided.
    pub p: f64,
    /// The chance of such a loss when the candidate is as good, one-sided. Not McNemar's where
    /// cases hang together (groups, repeats): arms are swapped at random there.
    pub p_worse: f64,
    /// The chance of such a gain.
    pub p_better: f64,
}

/// A part of the cases, judged by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Its cases.
    pub n: u64,
    /// The baseline.
    pub baseline: Rate,
    /// The candidate.
    pub candidate: Rate,
    /// Candidate minus baseline; absent where nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// The discordant pairs; absent for a precision, whose denominators differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcnemar: Option<Mcnemar>,
    /// `p_worse` after Holm's correction over everything that may raise an alarm.
    pub p_worse_adjusted: f64,
    /// The smallest loss that so many cases show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_detectable_effect: Option<f64>,
}

/// A rate of a part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub passed: u64,
    /// Of how many; those of a precision differ between the runs.
    pub of: u64,
    /// Their share.
    pub rate: f64,
    /// Where it lies (Wilson).
    pub interval: [f64; 2],
}

/// One label. Cases where it is unknown do not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The label.
    pub name: String,
    /// The worse of both verdicts.
    pub verdict: Verdict,
    /// Of the cases where it is right, those where it was named.
    pub recall: Part,
    /// Of the cases where it was named, those where it is right.
    pub precision: Part,
    /// Cases where only one run named it.
    pub changed: u64,
}

/// Graded scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Cases with a score in both runs.
    pub n: u64,
    /// Mean of the baseline.
    pub baseline: f64,
    /// Mean of the candidate.
    pub candidate: f64,
    /// Candidate minus baseline.
    pub difference: f64,
    /// Where it lies (paired bootstrap, BCa; of whole groups where there are groups).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// A quantile of a measure, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was measured.
    pub measure: Measure,
    /// `p50`, `p95`, or `mean`.
    pub statistic: String,
    /// Cases with it in both runs.
    pub n: u64,
    /// Of the baseline.
    pub baseline: f64,
    /// Of the candidate.
    pub candidate: f64,
    /// Candidate by baseline.
    pub ratio: f64,
    /// Where the ratio lies (paired bootstrap).
    pub interval: [f64; 2],
    /// How large the ratio may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// `regressed` where the limit is surely exceeded, `non_inferior` where it surely is not;
    /// absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// The looks after each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The first case after which the verdict on the whole was certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_after: Option<u64>,
    /// That verdict.
    pub verdict: Verdict,
    /// Cases of the baseline that the candidate was not asked.
    pub not_asked: u64,
}

/// How a case changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It passed (more often), and fails.
    NewlyFailing,
    /// It passed, and can no longer be judged.
    NewlyInvalid,
    /// It failed, and can no longer be judged.
    NoLongerJudged,
    /// It failed (more often), and passes.
    NewlyPassing,
    /// It could not be judged, and now fails.
    NowFailing,
}

/// A case whose outcome differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// The case.
    pub id: String,
    /// How it changed.
    pub change: Change,
    /// The baseline's pass rate; absent where it could not be judged.
    pub baseline: Option<f64>,
    /// The candidate's.
    pub candidate: Option<f64>,
    /// The parts it belongs to.
    #[serde(default, rename = "slice", skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
    /// Why the candidate failed, without the text of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}
