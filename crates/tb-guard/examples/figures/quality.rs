//! What is found, and what is found wrongly.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use serde::Serialize;
use tb_guard::score::{
    self, Characters, Covered, Score, Tally, covered, is_structured, kind_of_label, places,
};
use tb_guard::{Guard, GuardSettings, Kind, injection};

use super::labelled::{Line, read};

/// A text that reaches this score counts as an attempt at injection, as by default.
const INJECTION: f32 = 0.5;

/// All figures about what is found.
#[derive(Serialize)]
pub(crate) struct Quality {
    pub(crate) structured: Scored,
    pub(crate) hard_negatives: Negatives,
    pub(crate) disguises: Vec<Disguise>,
    pub(crate) secrets: Secrets,
    pub(crate) sentences: Scored,
    pub(crate) injection: Injections,
}

/// A labelled set.
#[derive(Serialize)]
pub(crate) struct Scored {
    pub(crate) texts: u32,
    pub(crate) by_kind: BTreeMap<String, Counts>,
    pub(crate) characters: Characters,
    /// Of names, places and what else has no form.
    pub(crate) names_characters: Characters,
    pub(crate) covered: Covered,
}

/// [`Tally`], for JSON.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) gold: u32,
    pub(crate) found: u32,
    pub(crate) right: u32,
    pub(crate) structured: bool,
}

/// Texts with nothing to find.
#[derive(Serialize)]
pub(crate) struct Negatives {
    pub(crate) texts: u32,
    pub(crate) hit: u32,
    pub(crate) hit_with_secrets: u32,
    pub(crate) by_kind: BTreeMap<String, u32>,
}

/// One way of writing identifiers so that they are hard to see.
#[derive(Serialize)]
pub(crate) struct Disguise {
    pub(crate) tier: String,
    pub(crate) technique: String,
    pub(crate) spans: u32,
    /// At least nine tenths of the span were found.
    pub(crate) hidden: u32,
}

/// The set of credentials.
#[derive(Serialize)]
pub(crate) struct Secrets {
    pub(crate) spans: u32,
    /// At least nine tenths of the span were found, as whatever.
    pub(crate) hidden: u32,
    /// The same, as secrets.
    pub(crate) as_secret: u32,
    /// Findings of secrets that touch no labelled one.
    pub(crate) elsewhere: u32,
    pub(crate) missed: BTreeMap<String, u32>,
}

/// Sentences of our own; every second was held out from the choice of signals.
const ATTACKS: &str = include_str!("../../tests/fixtures/injection/attacks.txt");
const BENIGN: &str = include_str!("../../tests/fixtures/injection/benign.txt");

/// The signals of prompt injection: on texts of the sets, which hold none, and on our own.
#[derive(Serialize)]
pub(crate) struct Injections {
    pub(crate) texts: u32,
    pub(crate) signalled: u32,
    pub(crate) attempts: u32,
    pub(crate) noticed: u32,
    pub(crate) harmless: u32,
    pub(crate) harmless_signalled: u32,
}

/// Measures on the files of a folder.
pub(crate) fn measure(folder: &Path) -> Result<Quality, Box<dyn Error>> {
    let guard = Guard::new(&GuardSettings::default())?;
    let structured = read(folder, "pii_structured_synth")?;
    let negatives = read(folder, "pii_hard_negatives")?;
    let disguised = read(folder, "pii_evasion")?;
    let secrets = read(folder, "secrets_synth")?;
    let sentences = read(folder, "synth_v2")?;
    let clean = [&structured, &negatives, &secrets, &sentences];
    let clean = clean.into_iter().flatten().map(|line| line.text.clone());
    Ok(Quality {
        structured: scored(&guard, &structured),
        hard_negatives: hit(&guard, &negatives),
        disguises: disguises(&guard, &disguised),
        secrets: credentials(&guard, &secrets),
        sentences: scored(&guard, &sentences),
        injection: injections(clean),
    })
}

fn injections(clean: impl Iterator<Item = String>) -> Injections {
    let (texts, signalled) = signalled(clean);
    let (attempts, noticed) = self::signalled(held_out(ATTACKS));
    let (harmless, harmless_signalled) = self::signalled(held_out(BENIGN));
    Injections { texts, signalled, attempts, noticed, harmless, harmless_signalled }
}

/// The sentences that were not looked at when words and weights were chosen.
fn held_out(sentences: &str) -> impl Iterator<Item = String> {
    let held_out = sentences.lines().skip(1).step_by(2);
    held_out.map(|line| line.replace("\\n", "\n").replace("\\\\", "\\"))
}

/// How many texts there are, and how many have a signal.
fn signalled(texts: impl Iterator<Item = String>) -> (u32, u32) {
    texts.fold((0, 0), |(all, signalled), text| {
        (all + 1, signalled + u32::from(injection(&text).score >= INJECTION))
    })
}

fn scored(guard: &Guard, lines: &[Line]) -> Scored {
    let (mut all, mut names) = (Score::default(), Score::default());
    for line in lines {
        let mut labelled = line.labelled();
        let mut findings = guard.scan(&line.text).findings;
        all.add(&labelled, &findings);
        labelled.spans.retain(|span| kind_of_label(&span.label).is_some_and(of_language));
        findings.retain(|finding| !is_structured(&finding.kind));
        names.add(&labelled, &findings);
    }
    Scored {
        texts: all.texts,
        by_kind: all.by_kind.iter().map(counted).collect(),
        characters: all.characters(),
        names_characters: names.characters(),
        covered: all.covered(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `is_some_and` asks for")]
fn of_language(kind: Kind) -> bool {
    !is_structured(&kind)
}

fn counted((kind, tally): (&Kind, &Tally)) -> (String, Counts) {
    let counts = Counts {
        gold: tally.gold,
        found: tally.found,
        right: tally.right,
        structured: is_structured(kind),
    };
    (kind.to_string(), counts)
}

fn hit(guard: &Guard, lines: &[Line]) -> Negatives {
    let mut negatives =
        Negatives { texts: 0, hit: 0, hit_with_secrets: 0, by_kind: BTreeMap::new() };
    for line in lines {
        let findings = guard.scan(&line.text).findings;
        negatives.texts += 1;
        negatives.hit += u32::from(!findings.is_empty());
        let has_secret = findings.iter().any(|finding| finding.kind == Kind::SECRET);
        negatives.hit_with_secrets += u32::from(has_secret);
        for finding in findings {
            *negatives.by_kind.entry(finding.kind.to_string()).or_default() += 1;
        }
    }
    negatives
}

fn disguises(guard: &Guard, lines: &[Line]) -> Vec<Disguise> {
    let mut counts: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    for line in lines {
        let found = places(&line.text, &guard.scan(&line.text).findings);
        let (spans, hidden) = counts.entry((&line.tier, &line.evasion)).or_default();
        for span in &line.spans {
            *spans += 1;
            *hidden += u32::from(is_hidden(span, &found));
        }
    }
    let disguise = |((tier, technique), (spans, hidden)): ((&str, &str), (u32, u32))| Disguise {
        tier: tier.to_owned(),
        technique: technique.to_owned(),
        spans,
        hidden,
    };
    counts.into_iter().map(disguise).collect()
}

/// Nine tenths of it were found.
fn is_hidden(span: &score::LabelledSpan, found: &[score::Place]) -> bool {
    10 * covered(span.start, span.end, found) >= 9 * (span.end - span.start)
}

fn credentials(guard: &Guard, lines: &[Line]) -> Secrets {
    let mut seen =
        Secrets { spans: 0, hidden: 0, as_secret: 0, elsewhere: 0, missed: BTreeMap::new() };
    for line in lines {
        let mut found = places(&line.text, &guard.scan(&line.text).findings);
        for span in &line.spans {
            seen.spans += 1;
            let is_hidden = is_value_hidden(&line.text, span, &found);
            seen.hidden += u32::from(is_hidden);
            if !is_hidden {
                *seen.missed.entry(span.label.clone()).or_default() += 1;
            }
        }
        found.retain(|place| place.kind == Kind::SECRET);
        for span in &line.spans {
            seen.as_secret += u32::from(is_value_hidden(&line.text, span, &found));
        }
        let touches = |place: &score::Place| {
            line.spans.iter().any(|span| span.start < place.end && place.start < span.end)
        };
        let elsewhere = found.iter().filter(|place| !touches(place)).count();
        seen.elsewhere += u32::try_from(elsewhere).unwrap_or(u32::MAX);
    }
    seen
}

/// Labels of credentials cover what announces them too: `password = …`. Hidden is one whose value
/// was found: all of the span but a beginning that ends with a separator, and closing marks.
fn is_value_hidden(text: &str, span: &score::LabelledSpan, found: &[score::Place]) -> bool {
    let is_found = |at: usize| covered(at, at + 1, found) == 1;
    let symbols: Vec<(usize, char)> =
        text.chars().enumerate().skip(span.start).take(span.end - span.start).collect();
    let closing = |(at, symbol): &&(usize, char)| !is_found(*at) && !symbol.is_alphanumeric();
    let open = symbols.iter().take_while(|(at, _)| !is_found(*at)).count();
    let closed = symbols.iter().rev().take_while(closing).count();
    let value = symbols.get(open..symbols.len().saturating_sub(closed)).unwrap_or_default();
    let announces = open.checked_sub(1).and_then(|last| symbols.get(last));
    let is_separated = announces.is_none_or(|(_, symbol)| !symbol.is_alphanumeric());
    !value.is_empty() && is_separated && value.iter().all(|(at, _)| is_found(*at))
}
