//! The one verdict, made of everything that was tested.

use std::collections::BTreeSet;

use super::arm::{Arm, CaseTally};
use super::comparison::{Comparison, Difference, Label, Mcnemar, Measured, Part, Side, Verdict};
use super::pairs::{Pairs, Rates, strict};
use super::part::{self, Adjusted, Plan, Tested, test};
use super::{Options, flips, labels, measures, refusal, scores, sequence};
use crate::results::Outcome;
use crate::stats::holm;

/// Everything that was tested, before it is corrected for its number.
struct Tests {
    whole: Option<Tested>,
    strict: Option<Tested>,
    validity: Option<Tested>,
    slices: Vec<(String, Tested)>,
    labels: Vec<labels::Tests>,
    measures: Vec<measures::Tested>,
}

/// The parts with their verdicts.
struct Judged {
    whole: Adjusted,
    validity: Option<Part>,
    slices: Vec<Part>,
    labels: Vec<Label>,
    measures: Vec<Measured>,
}

/// Judges the pairs.
pub(super) fn judge(
    pairs: &Pairs<'_>,
    (baseline, candidate): (&Arm, &Arm),
    options: &Options,
) -> Comparison {
    let plan = Plan::of(pairs, options);
    let rates: Vec<Rates> = pairs.rates(CaseTally::rate).collect();
    let tests = Tests::run(pairs, &rates, &plan, options);
    let not_asked = baseline.cases().len().saturating_sub(pairs.all.len()) as u64;
    let whole = tests.whole.clone();
    let strict = tests.strict.clone();
    let judged = tests.judge(options.alpha);
    let (verdict, reasons) = conclude(
        &judged,
        (whole.as_ref(), strict.as_ref()),
        &Faults::of(baseline, candidate, options),
        options,
    );
    let mut comparison = empty(baseline, candidate, options);
    (comparison.verdict, comparison.reasons) = (verdict, reasons);
    if let Some(whole) = whole {
        comparison.n = whole.n;
        comparison.difference = whole.difference;
        comparison.mcnemar = whole.mcnemar;
        comparison.minimum_detectable_effect = whole.smallest_effect;
        for (side, rate) in [
            (&mut comparison.baseline, whole.baseline),
            (&mut comparison.candidate, whole.candidate),
        ] {
            (side.passed, side.rate, side.interval) = (rate.passed, rate.rate, rate.interval);
        }
    }
    comparison.invalid_as_failed = strict.map(|strict| strict.difference);
    comparison.validity = judged.validity;
    comparison.slices = judged.slices;
    comparison.labels = judged.labels;
    comparison.measures = judged.measures;
    comparison.scores = scores::compare(pairs, options);
    comparison.flips = flips::list(pairs);
    if options.sequential {
        let settings = (options.margin, options.alpha);
        comparison.sequential = Some(sequence::watch(&rates, settings, not_asked));
    }
    comparison
}

impl Tests {
    fn run(pairs: &Pairs<'_>, rates: &[Rates], plan: &Plan, options: &Options) -> Self {
        let all = |rate: fn(&CaseTally) -> Option<f64>| pairs.rates(rate).collect::<Vec<_>>();
        let has_invalid =
            all(CaseTally::judged).iter().any(|pair| pair.baseline < 1.0 || pair.candidate < 1.0);
        let when_invalid = |rates: Vec<Rates>| match has_invalid {
            true => test(&rates, plan, options.margin),
            false => None,
        };
        Self {
            whole: test(rates, plan, options.margin),
            strict: when_invalid(all(strict)),
            validity: when_invalid(all(CaseTally::judged)),
            slices: slices(pairs, plan, options.part_margin),
            labels: labels::tests(pairs, plan, options.part_margin),
            measures: measures::compare(pairs, options),
        }
    }

    /// Corrects over everything that may raise an alarm. The whole weighs as much as all parts
    /// together, so that many slices do not blind it; without parts it has all of alpha.
    fn judge(self, alpha: f64) -> Judged {
        let worse = |tested: &Tested| tested.mcnemar.p_worse;
        let mut parts: Vec<f64> = self.validity.iter().map(worse).collect();
        parts.extend(self.slices.iter().map(|(_, slice)| worse(slice)));
        parts.extend(self.labels.iter().flat_map(labels::Tests::alarms));
        parts.extend(self.measures.iter().filter_map(|tested| Some(tested.p?.0)));
        let whole = (self.whole.as_ref().map_or(1.0, worse), parts.len().max(1) as f64);
        let family: Vec<(f64, f64)> =
            std::iter::once(whole).chain(parts.into_iter().map(|p| (p, 1.0))).collect();
        let mut alarms = holm::adjusted(&family).into_iter();
        let mut next = move || alarms.next().unwrap_or(1.0);
        let (better, non_inferior) = self.whole.as_ref().map_or((1.0, 1.0), Tested::claims);
        let whole = Adjusted { worse: next(), better, non_inferior };
        let validity = self.validity.map(|tested| {
            let (better, non_inferior) = tested.claims();
            tested.into_part("validity", &Adjusted { worse: next(), better, non_inferior }, alpha)
        });
        Judged {
            whole,
            validity,
            slices: judge_slices(self.slices, &mut next, alpha),
            labels: judge_labels(self.labels, &mut next, alpha),
            measures: judge_measures(self.measures, &mut next, alpha),
        }
    }
}

fn slices(pairs: &Pairs<'_>, plan: &Plan, margin: f64) -> Vec<(String, Tested)> {
    let names: BTreeSet<&str> =
        pairs.all.iter().flat_map(|pair| pair.slices().iter().map(String::as_str)).collect();
    let one = |name: &str| {
        let inside = pairs.all.iter().filter(|pair| pair.slices().iter().any(|of| of == name));
        let rates: Vec<Rates> = inside
            .filter_map(|pair| {
                let (baseline, candidate) = (pair.baseline.rate()?, pair.candidate.rate()?);
                Some(Rates { baseline, candidate, unit: pair.unit })
            })
            .collect();
        Some((name.to_owned(), test(&rates, plan, margin)?))
    };
    names.into_iter().filter_map(one).collect()
}

fn judge_slices(
    slices: Vec<(String, Tested)>,
    next: &mut impl FnMut() -> f64,
    alpha: f64,
) -> Vec<Part> {
    let alarms: Vec<f64> = slices.iter().map(|_| next()).collect();
    let claims: Vec<(f64, f64)> = slices.iter().map(|(_, slice)| slice.claims()).collect();
    let adjusted = part::adjusted(&claims, &alarms);
    let parts = slices.into_iter().zip(adjusted);
    parts.map(|((name, slice), adjusted)| slice.into_part(&name, &adjusted, alpha)).collect()
}

fn judge_labels(
    labels: Vec<labels::Tests>,
    next: &mut impl FnMut() -> f64,
    alpha: f64,
) -> Vec<Label> {
    let claims: Vec<(f64, f64)> = labels.iter().flat_map(labels::Tests::claims).collect();
    let alarms: Vec<f64> = claims.iter().map(|_| next()).collect();
    let mut adjusted = part::adjusted(&claims, &alarms).into_iter();
    let both = labels.into_iter().filter_map(|label| {
        let (recall, precision) = (adjusted.next()?, adjusted.next()?);
        Some(label.into_label(&recall, &precision, alpha))
    });
    both.collect()
}

fn judge_measures(
    measures: Vec<measures::Tested>,
    next: &mut impl FnMut() -> f64,
    alpha: f64,
) -> Vec<Measured> {
    let judged = measures.into_iter().map(|measures::Tested { mut measured, p }| {
        measured.verdict = p.map(|(_, kept)| match next() <= alpha {
            true => Verdict::Regressed,
            false if kept <= alpha => Verdict::NonInferior,
            false => Verdict::Inconclusive,
        });
        measured
    });
    judged.collect()
}

/// The shares of answers that say nothing of quality.
struct Faults {
    errors: Vec<String>,
    invalid: Vec<String>,
}

impl Faults {
    fn of(baseline: &Arm, candidate: &Arm, options: &Options) -> Self {
        let tolerated = options.tolerated_faults;
        let list = |outcome: Outcome, what: &str| {
            let mut faults = Vec::new();
            for (name, arm) in [("baseline", baseline), ("candidate", candidate)] {
                let (count, of) = (arm.count(outcome), arm.answers());
                if count as f64 > tolerated * of as f64 {
                    faults.push(format!(
                        "{count} of {of} answers of the {name} {what}, more than {}",
                        percent(tolerated)
                    ));
                }
            }
            faults
        };
        Self {
            errors: list(Outcome::Error, "did not come"),
            invalid: list(Outcome::Invalid, "cannot be judged"),
        }
    }
}

/// The verdict with its reasons.
fn conclude(
    judged: &Judged,
    (whole, strict): (Option<&Tested>, Option<&Tested>),
    faults: &Faults,
    options: &Options,
) -> (Verdict, Vec<String>) {
    if !faults.errors.is_empty() {
        return (Verdict::InfrastructureError, faults.errors.clone());
    }
    let alpha = options.alpha;
    let alarms = alarms(judged, whole, alpha);
    if !alarms.is_empty() {
        return (Verdict::Regressed, alarms);
    }
    if !faults.invalid.is_empty() {
        return (Verdict::InfrastructureError, faults.invalid.clone());
    }
    let Some(whole) = whole else {
        return (Verdict::InfrastructureError, vec!["no case was judged in both runs".to_owned()]);
    };
    let margin = percent(options.margin);
    let is_strict = strict.is_none_or(|strict| strict.p_non_inferior <= alpha);
    match judged.whole.verdict(alpha) {
        verdict if verdict.passes() && is_strict => {
            let bound = signed(whole.difference.lower_bound);
            let reason = format!(
                "the pass rate surely changes by no less than {bound}; {margin} of loss is accepted"
            );
            (verdict, vec![reason])
        }
        verdict if verdict.passes() => {
            let reason = "as good where both answers can be judged, but not when those that cannot \
                          count as failed";
            (Verdict::Inconclusive, vec![reason.to_owned()])
        }
        _ => {
            let effect = percent(whole.smallest_effect);
            let reason = format!(
                "{} cases show a loss of {effect} or more; that of {margin} needs more cases",
                whole.n
            );
            let uncertain = format!(
                "the pass rate may change by anything down to {}; {margin} of loss is accepted",
                signed(whole.difference.lower_bound)
            );
            let is_small = whole.smallest_effect > options.margin;
            (Verdict::Inconclusive, vec![if is_small { reason } else { uncertain }])
        }
    }
}

/// What is surely worse, a sentence each.
fn alarms(judged: &Judged, whole: Option<&Tested>, alpha: f64) -> Vec<String> {
    let mut alarms = Vec::new();
    let fall = |before: f64, now: f64| format!("from {} to {}", percent(before), percent(now));
    if let Some(whole) = whole
        && judged.whole.verdict(alpha) == Verdict::Regressed
    {
        let fall = fall(whole.baseline.rate, whole.candidate.rate);
        alarms.push(format!("the pass rate falls {fall}"));
    }
    let mut part = |what: &str, part: &Part| {
        if part.verdict == Verdict::Regressed {
            let fall = fall(part.baseline.rate, part.candidate.rate);
            alarms.push(format!("{what} falls {fall}"));
        }
    };
    if let Some(validity) = &judged.validity {
        part("the share of answers that can be judged", validity);
    }
    for slice in &judged.slices {
        part(&format!("slice {}: the pass rate", slice.name), slice);
    }
    for label in &judged.labels {
        part(&format!("label {}: recall", label.name), &label.recall);
        part(&format!("label {}: precision", label.name), &label.precision);
    }
    for measured in &judged.measures {
        if let (Some(Verdict::Regressed), Some(limit)) = (measured.verdict, measured.limit) {
            let (name, ratio) = (measured.name(), measured.ratio);
            alarms.push(format!("{name} is {ratio:.2} times the baseline's; {limit} is allowed"));
        }
    }
    alarms
}

impl Measured {
    /// The measure and its statistic, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let measure = serde_json::to_value(self.measure).unwrap_or_default();
        format!("{} {}", measure.as_str().unwrap_or_default(), self.statistic)
    }
}

/// A share for people.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A difference for people, in percentage points.
pub(crate) fn signed(difference: f64) -> String {
    format!("{:+.1} pp", 100.0 * difference)
}

/// A comparison with nothing judged yet.
fn empty(baseline: &Arm, candidate: &Arm, options: &Options) -> Comparison {
    Comparison {
        schema_version: 1,
        verdict: Verdict::Inconclusive,
        reasons: Vec::new(),
        notes: notes(baseline, candidate, options),
        suite: baseline.header.as_ref().map(|header| header.suite.clone()),
        margin: options.margin,
        part_margin: options.part_margin,
        alpha: options.alpha,
        confidence: 1.0 - options.alpha,
        n: 0,
        baseline: side(baseline),
        candidate: side(candidate),
        difference: Difference { value: 0.0, interval: [-1.0, 1.0], lower_bound: -1.0 },
        mcnemar: Mcnemar { b: 0, c: 0, p: 1.0, p_worse: 1.0, p_better: 1.0 },
        minimum_detectable_effect: 1.0,
        validity: None,
        invalid_as_failed: None,
        slices: Vec::new(),
        labels: Vec::new(),
        scores: None,
        measures: Vec::new(),
        sequential: None,
        flips: Vec::new(),
    }
}

fn side(arm: &Arm) -> Side {
    let header = arm.header.as_ref();
    Side {
        passed: 0,
        rate: 0.0,
        interval: [0.0, 1.0],
        run: header.map(|header| header.id.clone()),
        target: header.map(|header| header.target.clone()),
        prompt_hash: header.and_then(|header| header.prompt_hash.clone()),
        served_models: arm.served_models(),
        answers: arm.answers(),
        errors: arm.count(Outcome::Error),
        invalid: arm.count(Outcome::Invalid),
        results_hash: arm.results_hash.clone(),
        complete: refusal::is_complete(arm),
    }
}

fn notes(baseline: &Arm, candidate: &Arm, options: &Options) -> Vec<String> {
    let mut notes = Vec::new();
    if baseline.header.is_none() || candidate.header.is_none() {
        let note = "a run has no run.json: that data, checks and prompts are the same is not known";
        notes.push(note.to_owned());
    }
    if candidate.header.is_some() && !refusal::is_complete(candidate) {
        notes.push("the candidate's run is not complete".to_owned());
    }
    for (name, arm) in [("baseline", baseline), ("candidate", candidate)] {
        if arm.served_models().len() > 1 {
            notes.push(format!("the {name} was answered by more than one model"));
        }
    }
    if options.sequential {
        let note = "stopped early: the verdict holds at every look, the intervals do not";
        notes.push(note.to_owned());
    }
    notes
}
