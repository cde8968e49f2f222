//! The report of one run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Page, Section, Tone};
use crate::compare::arm::Arm;
use crate::compare::comparison::Rate;
use crate::compare::{percent, rate_of};
use crate::results::Outcome;

/// How many failing cases a short report lists.
const MOST_CASES: usize = 25;

/// One run in numbers: what `eval report -o json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// 1.
    pub schema_version: u32,
    /// The run's id, where it has one.
    pub run: Option<String>,
    /// The suite.
    pub suite: Option<String>,
    /// What was asked.
    pub target: Option<String>,
    /// Whether it came to its end.
    pub complete: bool,
    /// Answers by outcome.
    pub answers: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that did not come.
    pub errors: u64,
    /// Those that cannot be judged.
    pub invalid: u64,
    /// The mean pass rate of the cases.
    pub rate: f64,
    /// Where it lies (Wilson, 95 %).
    pub interval: [f64; 2],
    /// The pass rates of the slices.
    pub slices: BTreeMap<String, f64>,
    /// The models that answered.
    pub served_models: BTreeMap<String, u64>,
}

/// One run in numbers.
#[must_use]
pub fn summary(run: &Arm) -> Summary {
    let header = run.header.as_ref();
    let Rate { rate, interval, .. } = rate_of(run, None);
    let mut slices = BTreeMap::new();
    for slice in run.slice_names() {
        slices.insert(slice.to_owned(), rate_of(run, Some(slice)).rate);
    }
    Summary {
        schema_version: 1,
        run: header.map(|header| header.id.clone()),
        suite: header.map(|header| header.suite.clone()),
        target: header.map(|header| header.target.clone()),
        complete: crate::compare::is_complete(run),
        answers: run.answers(),
        passed: run.count(Outcome::Pass),
        failed: run.count(Outcome::Fail),
        errors: run.count(Outcome::Error),
        invalid: run.count(Outcome::Invalid),
        rate,
        interval,
        slices,
        served_models: run.served_models(),
    }
}

/// What one run says.
#[must_use]
pub fn page(run: &Arm) -> Page {
    let summary = summary(run);
    let [low, high] = summary.interval;
    let name = summary.suite.as_deref().unwrap_or("evaluation");
    let mut outcomes = Section::new("Answers", vec!["outcome", "answers"]);
    for (outcome, count) in [
        ("pass", summary.passed),
        ("fail", summary.failed),
        ("error: no answer", summary.errors),
        ("invalid: cannot be judged", summary.invalid),
    ] {
        outcomes.rows.push(vec![outcome.to_owned(), count.to_string()]);
    }
    let mut sections = vec![outcomes];
    let mut slices = Section::new("Slices", vec!["slice", "pass rate"]);
    slices.rows =
        summary.slices.iter().map(|(name, rate)| vec![name.clone(), percent(*rate)]).collect();
    let mut cases = Section::new("Cases that did not pass", vec!["case", "outcome", "why"]);
    cases.most = MOST_CASES;
    cases.rows = run
        .stated_cases()
        .filter(|case| case.outcome != Outcome::Pass)
        .map(|case| {
            vec![case.id.to_owned(), word(case.outcome).to_owned(), case.reasons.join("; ")]
        })
        .collect();
    sections.extend([slices, cases].into_iter().filter(|section| !section.rows.is_empty()));
    let asked = summary.target.as_deref().unwrap_or("a program");
    let mut paragraphs = vec![format!(
        "Asked: {asked}. Pass rate 95 % between {} and {}.",
        percent(low),
        percent(high)
    )];
    if !summary.complete {
        paragraphs.push("The run is not complete.".to_owned());
    }
    Page {
        title: format!("{name}: run {}", summary.run.as_deref().unwrap_or("without a header")),
        headline: format!("{} passed", percent(summary.rate)),
        tone: if summary.errors > 0 || !summary.complete { Tone::Open } else { Tone::Good },
        paragraphs,
        sections,
    }
}

pub(super) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Error => "error",
        Outcome::Invalid => "invalid",
    }
}
