//! Scorers: one file a kind of check. None holds an answer against a model for what is not the
//! model's: a failed judge is an error, a cut answer is invalid.

mod at_most;
mod contains;
pub(crate) mod edit_distance;
mod equals;
pub(crate) mod json;
mod json_path;
mod judge;
mod label;
mod number;
mod refusal;
mod rouge;
mod similar;
mod tool_call;

use std::collections::BTreeMap;

use crate::case::{Case, Check, CheckKind};
use crate::results::{LabelResult, Outcome};
use crate::run::{Answer, Target};

/// What a scorer says of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// 0 to 1, and what to say where that is too little.
    Score(f64, String),
    /// It is not known what would be right.
    Unknown,
    /// It cannot be judged.
    Invalid(String),
    /// The judging failed.
    Error(String),
}

impl Finding {
    /// All or nothing.
    fn holds(holds: bool, otherwise: impl FnOnce() -> String) -> Self {
        if holds { Self::Score(1.0, String::new()) } else { Self::Score(0.0, otherwise()) }
    }
}

/// What came of the checks of one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Of the case.
    pub outcome: Outcome,
    /// The weighted mean of the checks that could be judged.
    pub score: Option<f64>,
    /// Of label checks.
    pub labels: BTreeMap<String, LabelResult>,
    /// Why checks did not hold, without the text of the answer.
    pub reasons: Vec<String>,
    /// What judges and embeddings cost, in millionths of a dollar; absent when none was asked.
    pub cost_micro_usd: Option<f64>,
}

/// What scorers need beside the answer, and what they leave.
pub(crate) struct Desk<'a> {
    pub(crate) target: &'a dyn Target,
    pub(crate) case: &'a Case,
    pub(crate) labels: BTreeMap<String, LabelResult>,
    pub(crate) cost_micro_usd: Option<f64>,
}

impl Desk<'_> {
    /// Something was asked and paid.
    fn paid(&mut self, micro_usd: Option<f64>) {
        if let Some(more) = micro_usd {
            self.cost_micro_usd = Some(self.cost_micro_usd.unwrap_or_default() + more);
        }
    }
}

/// Holds an answer against the checks of its case.
#[must_use]
pub fn score(case: &Case, answer: &Answer, target: &dyn Target) -> Scored {
    let mut desk = Desk { target, case, labels: BTreeMap::new(), cost_micro_usd: None };
    let mut tally = Tally::default();
    for check in &case.checks {
        let found = finding(check, answer, &mut desk);
        tally.add(check, found, answer);
    }
    let (outcome, score) = tally.outcome();
    let judged = matches!(outcome, Outcome::Pass | Outcome::Fail);
    Scored {
        outcome,
        score,
        labels: if judged { desk.labels } else { BTreeMap::new() },
        reasons: tally.reasons,
        cost_micro_usd: desk.cost_micro_usd,
    }
}

#[derive(Default)]
struct Tally {
    weight: f64,
    sum: f64,
    failed: bool,
    invalid: bool,
    broken: bool,
    reasons: Vec<String>,
}

impl Tally {
    fn add(&mut self, check: &Check, found: Finding, answer: &Answer) {
        let (raw, why) = match found {
            Finding::Score(raw, why) => (raw, why),
            Finding::Unknown => return,
            Finding::Invalid(why) => {
                self.invalid = true;
                return self.reasons.push(why);
            }
            Finding::Error(why) => {
                self.broken = true;
                return self.reasons.push(why);
            }
        };
        let raw_holds = raw >= threshold(check);
        if let Some(reason) = answer.cut()
            && !raw_holds
            && reads_the_end(&check.kind)
        {
            // What is missing could be what was looked for.
            self.invalid = true;
            return self.reasons.push(format!("{why}; the answer was cut ({reason})"));
        }
        let score = if check.not { 1.0 - raw } else { raw };
        self.weight += check.weight;
        self.sum += check.weight * score;
        if raw_holds == check.not {
            self.failed = true;
            let name = name(&check.kind);
            self.reasons.push(if check.not { format!("not {name}: it is so") } else { why });
        }
    }

    fn outcome(&mut self) -> (Outcome, Option<f64>) {
        let score = (self.weight > 0.0).then(|| self.sum / self.weight);
        match (self.broken, self.invalid, score) {
            (true, ..) => (Outcome::Error, None),
            (false, true, _) => (Outcome::Invalid, None),
            (false, false, None) => {
                self.reasons.push("nobody knows what is right".to_owned());
                (Outcome::Invalid, None)
            }
            (false, false, score) if self.failed => (Outcome::Fail, score),
            (false, false, score) => (Outcome::Pass, score),
        }
    }
}

fn finding(check: &Check, answer: &Answer, desk: &mut Desk<'_>) -> Finding {
    let text = answer.text.trim();
    match &check.kind {
        CheckKind::Equals { any, lenient } => equals::find(text, any, *lenient),
        CheckKind::Contains { texts, all, ignore_case } => {
            contains::find(text, texts, *all, *ignore_case)
        }
        CheckKind::StartsWith { text: wanted } => {
            Finding::holds(text.starts_with(wanted.trim()), || "starts_with: it does not".into())
        }
        CheckKind::Regex { pattern } => match regex::Regex::new(pattern) {
            Ok(regex) => Finding::holds(regex.is_match(text), || "regex: no match".into()),
            Err(error) => Finding::Error(format!("regex: {error}")),
        },
        CheckKind::Json { schema } => json::find(answer, schema.as_ref()),
        CheckKind::JsonPath { path, equals } => json_path::find(text, path, equals.as_ref()),
        CheckKind::Number { value, absolute, relative } => {
            number::find(text, *value, absolute.max(relative * value.abs()))
        }
        CheckKind::EditDistance { text: wanted } => {
            graded("edit_distance", edit_distance::similarity(text, wanted.trim()))
        }
        CheckKind::RougeL { text: wanted } => graded("rouge_l", rouge::f1(text, wanted)),
        CheckKind::Label { labels, expected } => {
            label::find(text, labels, expected.as_deref(), &mut desk.labels)
        }
        CheckKind::Similar { text: wanted, model } => similar::find(text, wanted, model, desk),
        CheckKind::Refusal => Finding::holds(refusal::refuses(answer), || "no refusal".into()),
        CheckKind::FinishReason { reason } => {
            let found = answer.finish_reason.as_deref().unwrap_or("nothing");
            Finding::holds(found == reason, || format!("finish_reason: {found}"))
        }
        CheckKind::ToolCall { name, arguments } => {
            tool_call::find(&answer.tool_calls, name, arguments.as_ref())
        }
        CheckKind::Judge { model, rubric, reference, votes } => {
            let question = judge::Question { model, rubric, reference: reference.as_deref() };
            judge::find(text, &question, *votes, desk)
        }
        CheckKind::AtMost { measure, limit } => at_most::find(answer, *measure, *limit),
    }
}

fn graded(name: &str, score: f64) -> Finding {
    Finding::Score(score, format!("{name}: {score:.3}"))
}

/// The least score with which a check holds, where it does not say itself. Those of similarity
/// and ROUGE are promptfoo's.
fn threshold(check: &Check) -> f64 {
    check.threshold.unwrap_or(match check.kind {
        CheckKind::EditDistance { .. } => 0.8,
        CheckKind::RougeL { .. } | CheckKind::Similar { .. } => 0.75,
        _ => 1.0,
    })
}

/// Whether more of a cut answer could change what is found.
const fn reads_the_end(kind: &CheckKind) -> bool {
    !matches!(kind, CheckKind::FinishReason { .. } | CheckKind::AtMost { .. })
}

const fn name(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Equals { .. } => "equals",
        CheckKind::Contains { .. } => "contains",
        CheckKind::StartsWith { .. } => "starts_with",
        CheckKind::Regex { .. } => "regex",
        CheckKind::Json { .. } => "json",
        CheckKind::JsonPath { .. } => "json_path",
        CheckKind::Number { .. } => "number",
        CheckKind::EditDistance { .. } => "edit_distance",
        CheckKind::RougeL { .. } => "rouge_l",
        CheckKind::Label { .. } => "label",
        CheckKind::Similar { .. } => "similar",
        CheckKind::Refusal => "refusal",
        CheckKind::FinishReason { .. } => "finish_reason",
        CheckKind::ToolCall { .. } => "tool_call",
        CheckKind::Judge { .. } => "judge",
        CheckKind::AtMost { .. } => "at_most",
    }
}

/// A share of counts.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    // Lengths of texts are far below 2^32.
    let exact = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    exact(part) / exact(whole)
}
