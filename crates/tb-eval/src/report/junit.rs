//! JUnit XML: a case a test case. What did not come, or cannot be judged, is an `<error>`; what
//! is wrong is a `<failure>`.

use super::run::word;
use crate::case::Measure;
use crate::compare::Comparison;
use crate::compare::arm::{Arm, StatedCase};
use crate::results::Outcome;

/// The run's cases; with a comparison, its verdict as one test case more.
#[must_use]
pub fn render(run: &Arm, comparison: Option<&Comparison>) -> String {
    let suite = run.header.as_ref().map_or("evaluation", |header| header.suite.as_str());
    let suite = escaped(suite);
    let cases: Vec<StatedCase<'_>> = run.stated_cases().collect();
    let count = |is: fn(Outcome) -> bool| cases.iter().filter(|case| is(case.outcome)).count();
    let mut failures = count(|outcome| outcome == Outcome::Fail);
    let mut errors = count(|outcome| matches!(outcome, Outcome::Error | Outcome::Invalid));
    let mut tests = cases.len();
    let mut body: String = cases.iter().map(|case| test_case(&suite, case)).collect();
    if let Some(comparison) = comparison {
        tests += 1;
        let (verdict, reasons) = (comparison.verdict, comparison.reasons.join("; "));
        let child = match verdict {
            verdict if verdict.passes() => String::new(),
            crate::compare::Verdict::Regressed => {
                failures += 1;
                child("failure", verdict.as_str(), &reasons)
            }
            _ => {
                errors += 1;
                child("error", verdict.as_str(), &reasons)
            }
        };
        body.push_str(&format!(
            "    <testcase classname=\"{suite}\" name=\"verdict against the baseline\">{child}</testcase>\n"
        ));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  \
         <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">\n\
         {body}  </testsuite>\n</testsuites>\n"
    )
}

fn test_case(suite: &str, case: &StatedCase<'_>) -> String {
    let id = escaped(case.id);
    let time = case
        .measure(Measure::LatencyMs)
        .map_or(String::new(), |milliseconds| format!(" time=\"{:.3}\"", milliseconds / 1000.0));
    let reasons = case.reasons.join("; ");
    let inner = match case.outcome {
        Outcome::Pass => String::new(),
        Outcome::Fail => child("failure", word(case.outcome), &reasons),
        Outcome::Error | Outcome::Invalid => child("error", word(case.outcome), &reasons),
    };
    format!("    <testcase classname=\"{suite}\" name=\"{id}\"{time}>{inner}</testcase>\n")
}

fn child(element: &str, kind: &str, reasons: &str) -> String {
    let reasons = escaped(reasons);
    format!("<{element} type=\"{kind}\" message=\"{reasons}\"></{element}>")
}

/// Safe in an attribute. XML 1.0 has no way to write most control characters at all.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
