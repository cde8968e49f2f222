//! The report of a comparison.

use super::{Page, Section, Tone};
use crate::compare::comparison::{Difference, Measured, Part, Rate, Side};
use crate::compare::{Change, Comparison, Flip, Verdict, percent, signed};

/// How many flips a short report lists.
const MOST_FLIPS: usize = 25;

/// What a comparison says.
#[must_use]
pub fn page(comparison: &Comparison) -> Page {
    let suite = comparison.suite.as_deref().unwrap_or("evaluation");
    let mut paragraphs = comparison.reasons.clone();
    paragraphs.extend(comparison.notes.iter().map(|note| format!("Note: {note}.")));
    let mut sections = vec![sides(comparison), numbers(comparison)];
    sections.extend(flips(comparison));
    sections.extend(parts("Slices", &comparison.slices));
    let labels = comparison.labels.iter().flat_map(|label| {
        [&label.recall, &label.precision].map(|part| {
            let name = format!("{}: {}", label.name, part.name);
            Part { name, ..part.clone() }
        })
    });
    sections.extend(parts("Labels", &labels.collect::<Vec<_>>()));
    sections.extend(measures(&comparison.measures));
    Page {
        title: format!("{suite}: candidate against baseline"),
        headline: words(comparison.verdict).to_owned(),
        tone: tone(comparison.verdict),
        paragraphs,
        sections,
    }
}

const fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NonInferior => "non-inferior",
        Verdict::Improved => "improved",
        Verdict::Regressed => "regressed",
        Verdict::Inconclusive => "inconclusive",
        Verdict::InfrastructureError => "infrastructure error",
    }
}

const fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::NonInferior | Verdict::Improved => Tone::Good,
        Verdict::Regressed => Tone::Bad,
        Verdict::Inconclusive | Verdict::InfrastructureError => Tone::Open,
    }
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
}

fn signed_interval([low, high]: [f64; 2]) -> String {
    format!("{:+.1} to {:+.1} pp", 100.0 * low, 100.0 * high)
}

fn sides(comparison: &Comparison) -> Section {
    let columns =
        vec!["run", "target", "passed", "rate", "95 % interval", "errors", "invalid", "served"];
    let mut section = Section::new("Runs", columns);
    for (name, side) in [("baseline", &comparison.baseline), ("candidate", &comparison.candidate)] {
        section.rows.push(side_row(name, side, comparison.n));
    }
    section
}

fn side_row(name: &str, side: &Side, n: u64) -> Vec<String> {
    let served: Vec<&str> = side.served_models.keys().map(String::as_str).collect();
    vec![
        side.run.as_ref().map_or_else(|| name.to_owned(), |run| format!("{name} {run}")),
        side.target.clone().unwrap_or_default(),
        format!("{} of {n}", side.passed),
        percent(side.rate),
        interval(side.interval),
        format!("{} of {}", side.errors, side.answers),
        format!("{} of {}", side.invalid, side.answers),
        served.join(" "),
    ]
}

fn numbers(comparison: &Comparison) -> Section {
    let mut section = Section::new("Difference", vec!["what", "value"]);
    let mut row = |what: &str, value: String| section.rows.push(vec![what.to_owned(), value]);
    let Difference { value, interval, lower_bound } = comparison.difference;
    row("candidate minus baseline", signed(value));
    row("95 % interval", signed_interval(interval));
    row("surely at least", signed(lower_bound));
    row("accepted loss (margin)", percent(comparison.margin));
    let mcnemar = comparison.mcnemar;
    row("only the baseline passed", mcnemar.b.to_string());
    row("only the candidate passed", mcnemar.c.to_string());
    row("McNemar, exact, two-sided", p(mcnemar.p));
    row("smallest loss so many cases show", percent(comparison.minimum_detectable_effect));
    if let Some(strict) = comparison.invalid_as_failed {
        row("with invalid answers as failed", signed(strict.value));
    }
    if let Some(validity) = &comparison.validity {
        let (before, now) = (percent(validity.baseline.rate), percent(validity.candidate.rate));
        row("answers that can be judged", format!("{before}, then {now}"));
    }
    if let Some(scores) = comparison.scores {
        let value = format!("{:.4}, then {:.4}", scores.baseline, scores.candidate);
        let reach = scores.interval.map(|[low, high]| format!(" ({low:+.4} to {high:+.4})"));
        row("mean score", value + &reach.unwrap_or_default());
    }
    if let Some(sequence) = comparison.sequential {
        let after = sequence.decided_after.map_or("not yet".to_owned(), |n| format!("after {n}"));
        row("certain at a look", format!("{after}: {}", words(sequence.verdict)));
    }
    section
}

fn p(value: f64) -> String {
    if value < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {value:.4}") }
}

fn flips(comparison: &Comparison) -> Option<Section> {
    let newly =
        |change: Change| comparison.flips.iter().filter(|flip| flip.change == change).count();
    let heading = format!(
        "Changed cases: {} newly failing, {} newly invalid, {} newly passing",
        newly(Change::NewlyFailing),
        newly(Change::NewlyInvalid),
        newly(Change::NewlyPassing)
    );
    let mut section =
        Section::new(&heading, vec!["case", "change", "before", "now", "slices", "why"]);
    section.most = MOST_FLIPS;
    section.rows = comparison.flips.iter().map(flip_row).collect();
    (!section.rows.is_empty()).then_some(section)
}

fn flip_row(flip: &Flip) -> Vec<String> {
    let change = match flip.change {
        Change::NewlyFailing => "newly failing",
        Change::NewlyInvalid => "newly invalid",
        Change::NoLongerJudged => "no longer judged",
        Change::NewlyPassing => "newly passing",
        Change::NowFailing => "now judged, failing",
    };
    let rate = |rate: Option<f64>| match rate {
        None => "invalid".to_owned(),
        Some(rate) if rate <= 0.0 => "fail".to_owned(),
        Some(rate) if rate >= 1.0 => "pass".to_owned(),
        Some(rate) => percent(rate),
    };
    vec![
        flip.id.clone(),
        change.to_owned(),
        rate(flip.baseline),
        rate(flip.candidate),
        flip.slices.join(" "),
        flip.reasons.join("; "),
    ]
}

/// Parts, the regressed ones first.
fn parts(heading: &str, parts: &[Part]) -> Option<Section> {
    let columns =
        vec!["part", "verdict", "before", "now", "difference", "95 % interval", "p (Holm)"];
    let mut section = Section::new(heading, columns);
    let mut sorted: Vec<&Part> = parts.iter().collect();
    sorted.sort_by_key(|part| match part.verdict {
        Verdict::Regressed => 0,
        Verdict::Improved => 1,
        _ => 2,
    });
    section.rows = sorted.into_iter().map(part_row).collect();
    (!section.rows.is_empty()).then_some(section)
}

fn part_row(part: &Part) -> Vec<String> {
    let rate = |rate: &Rate| match rate.of {
        0 => "none".to_owned(),
        of => format!("{} of {of}", percent(rate.rate)),
    };
    vec![
        part.name.clone(),
        words(part.verdict).to_owned(),
        rate(&part.baseline),
        rate(&part.candidate),
        part.difference.map_or_else(String::new, |difference| signed(difference.value)),
        part.difference.map_or_else(String::new, |found| signed_interval(found.interval)),
        p(part.p_worse_adjusted),
    ]
}

fn measures(measures: &[Measured]) -> Option<Section> {
    let columns = vec!["measure", "before", "now", "ratio", "95 % interval", "limit", "verdict"];
    let mut section = Section::new("Speed and cost", columns);
    section.rows = measures
        .iter()
        .map(|measured| {
            let [low, high] = measured.interval;
            vec![
                measured.name(),
                format!("{:.1}", measured.baseline),
                format!("{:.1}", measured.candidate),
                format!("{:.3}", measured.ratio),
                format!("{low:.3} to {high:.3}"),
                measured.limit.map_or_else(String::new, |limit| limit.to_string()),
                measured.verdict.map_or("", words).to_owned(),
            ]
        })
        .collect();
    (!section.rows.is_empty()).then_some(section)
}
