//! What is not compared.

use std::collections::BTreeMap;

use super::arm::Arm;
use super::{Options, Vary};
use crate::results::RunHeader;

/// Why two runs are not compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They were made of something else.
    #[error("the runs differ in {what}: {baseline} and {candidate}; {advice}")]
    Differ {
        /// In what.
        what: &'static str,
        /// That of the baseline.
        baseline: String,
        /// That of the candidate.
        candidate: String,
        /// What to do.
        advice: &'static str,
    },
    /// A run did not come to its end.
    #[error("the {which} run {run} is not complete; resume it with `eval run --resume {run}`")]
    Partial {
        /// `baseline` or `candidate`.
        which: &'static str,
        /// Its id.
        run: String,
    },
    /// Cases stand in one run only.
    #[error("{count} cases are in only one of the runs, such as {examples}")]
    Cases {
        /// How many.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// A case was asked more often in one run.
    #[error(
        "case {id} was asked {baseline} times in the baseline and {candidate} in the candidate"
    )]
    Repeats {
        /// The case.
        id: String,
        /// How often in the baseline.
        baseline: usize,
        /// How often in the candidate.
        candidate: usize,
    },
    /// The runs disagree on what is right.
    #[error("case {id}: the runs disagree on whether label {label} is right")]
    Labels {
        /// The case.
        id: String,
        /// The label.
        label: String,
    },
    /// An option has no meaning.
    #[error("{0}")]
    Option(&'static str),
}

/// Checks that both answer the same question, and whole.
pub(super) fn check(baseline: &Arm, candidate: &Arm, options: &Options) -> Result<(), Refusal> {
    check_options(options)?;
    if let (Some(before), Some(after)) = (&baseline.header, &candidate.header) {
        check_headers(before, after, options.vary)?;
    }
    check_complete("baseline", baseline)?;
    if !options.sequential {
        check_complete("candidate", candidate)?;
    }
    check_cases(baseline, candidate, options.sequential)?;
    check_labels(baseline, candidate)
}

fn check_options(options: &Options) -> Result<(), Refusal> {
    let is_share = |value: f64| value > 0.0 && value < 1.0;
    if !is_share(options.margin) || !is_share(options.part_margin) {
        return Err(Refusal::Option("a margin is a share above 0 and below 1"));
    }
    if !(options.alpha > 0.0 && options.alpha <= 0.5) {
        return Err(Refusal::Option("alpha is a share above 0 and at most 0.5"));
    }
    if !(0.0..=1.0).contains(&options.tolerated_faults) {
        return Err(Refusal::Option("the share of faults is from 0 to 1"));
    }
    if options.limits.values().any(|limit| !(limit.is_finite() && *limit > 0.0)) {
        return Err(Refusal::Option("a limit is a number above 0, such as 1.2"));
    }
    Ok(())
}

const OTHER_RUN: &str = "run both on the same version of the suite";

fn check_headers(before: &RunHeader, after: &RunHeader, vary: Vary) -> Result<(), Refusal> {
    same("suite", (&before.suite, &after.suite), OTHER_RUN)?;
    same("data", (&before.data_hash, &after.data_hash), OTHER_RUN)?;
    same("checks", (&before.checks_hash, &after.checks_hash), OTHER_RUN)?;
    let repeats = (before.repeats.to_string(), after.repeats.to_string());
    same("repeats", (&repeats.0, &repeats.1), OTHER_RUN)?;
    let none = || "none".to_owned();
    let prompts = (
        before.prompt_hash.clone().unwrap_or_else(none),
        after.prompt_hash.clone().unwrap_or_else(none),
    );
    match vary {
        Vary::Model => same(
            "prompt",
            (&prompts.0, &prompts.1),
            "to compare two versions of a prompt on one model, say --vary prompt",
        ),
        Vary::Prompt => same(
            "target",
            (&before.target, &after.target),
            "to compare two models with one prompt, say --vary model",
        ),
    }
}

fn same(
    what: &'static str,
    (baseline, candidate): (&String, &String),
    advice: &'static str,
) -> Result<(), Refusal> {
    if baseline == candidate {
        return Ok(());
    }
    let (baseline, candidate) = (baseline.clone(), candidate.clone());
    Err(Refusal::Differ { what, baseline, candidate, advice })
}

fn check_complete(which: &'static str, arm: &Arm) -> Result<(), Refusal> {
    match &arm.header {
        Some(header) if !is_complete(arm) => {
            Err(Refusal::Partial { which, run: header.id.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether a run came to its end and holds every repetition of its cases.
pub(crate) fn is_complete(arm: &Arm) -> bool {
    arm.header.as_ref().is_some_and(|header| {
        let repeats = usize::try_from(header.repeats.max(1)).unwrap_or(usize::MAX);
        header.ended_at.is_some() && arm.cases().iter().all(|case| case.repeats() >= repeats)
    })
}

fn check_cases(baseline: &Arm, candidate: &Arm, may_stop_early: bool) -> Result<(), Refusal> {
    let missing = |from: &Arm, of: &Arm| -> Vec<String> {
        let ids = of.cases().iter().map(|case| case.id.clone());
        ids.filter(|id| from.case(id).is_none()).collect()
    };
    let mut alone = missing(baseline, candidate);
    if !may_stop_early {
        alone.extend(missing(candidate, baseline));
    }
    if !alone.is_empty() {
        let shown: Vec<&str> = alone.iter().take(5).map(String::as_str).collect();
        return Err(Refusal::Cases { count: alone.len(), examples: shown.join(", ") });
    }
    for case in candidate.cases() {
        let before = baseline.case(&case.id).map_or(0, |case| case.repeats());
        if before != case.repeats() && !may_stop_early {
            let (id, candidate) = (case.id.clone(), case.repeats());
            return Err(Refusal::Repeats { id, baseline: before, candidate });
        }
    }
    Ok(())
}

fn check_labels(baseline: &Arm, candidate: &Arm) -> Result<(), Refusal> {
    for after in candidate.cases() {
        let Some(before) = baseline.case(&after.id) else { continue };
        let names: BTreeMap<&str, ()> = after.labels().map(|name| (name, ())).collect();
        for name in names.keys() {
            let (one, other) = (before.label(name), after.label(name));
            if let (Some((before, _)), Some((now, _))) = (one, other)
                && before != now
            {
                return Err(Refusal::Labels { id: after.id.clone(), label: (*name).to_owned() });
            }
        }
    }
    Ok(())
}
