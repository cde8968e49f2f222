//! What was promised, and whether it is kept.

use super::figures::{Figures, SetUp};
use super::tally::{Tally, share};

/// One promise beside its figure.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) wanted: String,
    pub(crate) measured: String,
    pub(crate) is_kept: bool,
    pub(crate) is_about_speed: bool,
}

/// A figure, and the side of the limit on which it has to be.
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// All of them, in the order of the page.
pub(crate) fn all(figures: &Figures) -> Vec<Target> {
    let mut targets = quality(figures);
    targets.extend(speed(figures));
    targets
}

fn quality(figures: &Figures) -> Vec<Target> {
    use Limit::{AtLeast, AtMost};
    let quality = &figures.quality;
    let structured = quality.structured.of(|_| true).shares();
    let negatives = &quality.hard_negatives;
    let tier = |name| {
        let (spans, hidden) = figures.tier(name);
        share(hidden, spans)
    };
    let secrets = &quality.secrets;
    let mut sum = Tally::default();
    for tally in figures.sentences_apart().into_values() {
        sum += tally;
    }
    let apart = &figures.apart;
    [
        ("structured types, precision", AtLeast(0.99), structured.precision),
        ("structured types, recall", AtLeast(0.995), structured.recall),
        (
            "hard negatives, texts with a finding",
            AtMost(0.01),
            share(negatives.hit, negatives.texts),
        ),
        ("disguised identifiers that must be hidden", AtLeast(0.95), tier("must")),
        ("disguised identifiers, best effort", AtLeast(0.5), tier("best_effort")),
        ("secrets hidden", AtLeast(0.99), share(secrets.hidden, secrets.spans)),
        (
            "hard negatives, texts with a secret",
            AtMost(0.003),
            share(negatives.hit_with_secrets, negatives.texts),
        ),
        ("names and places, characters hidden", AtLeast(0.85), Some(apart.recall)),
        ("names and places, precision of characters", AtLeast(0.85), Some(apart.precision)),
        ("all types of the sentences, strict F1", AtLeast(0.6), sum.shares().f1),
    ]
    .into_iter()
    .map(|(what, limit, value)| limit.judge(what, value, 3, ""))
    .collect()
}

fn speed(figures: &Figures) -> Vec<Target> {
    use Limit::{AtLeast, AtMost};
    let rate = |name: &str, value: fn(&SetUp) -> f64| figures.set_up(name).map(value);
    let names = "with names";
    [
        (
            "structured types, 4 KB prompts",
            AtLeast(100.0),
            rate("structured", |s| s.prompts_mb_s),
            " MB/s",
        ),
        ("with secrets", AtLeast(15.0), rate("with secrets", |s| s.prompts_mb_s), " MB/s"),
        ("with names", AtLeast(3.0), rate(names, |s| s.prompts_mb_s), " MB/s"),
        (
            "all of it on a 4 KB prompt, p99",
            AtMost(1.5),
            rate(names, |s| s.prompt_4k_p99_us / 1e3),
            " ms",
        ),
        ("detectors ready at start", AtMost(150.0), Some(figures.compiled.compile_ms), " ms"),
    ]
    .into_iter()
    .map(|(what, limit, value, unit)| Target {
        is_about_speed: true,
        ..limit.judge(what, value, 1, unit)
    })
    .collect()
}

impl Limit {
    fn judge(&self, what: &'static str, value: Option<f64>, digits: usize, unit: &str) -> Target {
        let (sign, limit) = match self {
            Self::AtLeast(limit) => ("≥", limit),
            Self::AtMost(limit) => ("≤", limit),
        };
        let is_kept = value.is_some_and(|value| match self {
            Self::AtLeast(limit) => value >= *limit,
            Self::AtMost(limit) => value <= *limit,
        });
        let measured = value.map_or("–".to_owned(), |value| format!("{value:.digits$}{unit}"));
        let wanted = format!("{sign} {limit}{unit}");
        Target { what, wanted, measured, is_kept, is_about_speed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_kept() {
        assert!(Limit::AtLeast(0.5).judge("it", Some(0.5), 3, "").is_kept);
        assert!(!Limit::AtLeast(0.5).judge("it", Some(0.499), 3, "").is_kept);
        assert!(!Limit::AtMost(0.5).judge("it", Some(0.501), 3, "").is_kept);
        assert!(!Limit::AtMost(0.5).judge("it", None, 3, "").is_kept);
    }
}
