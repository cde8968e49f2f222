//! From labels to spans.

use super::gazetteer::{CALENDAR, HONORIFIC, ORGANISATION, STREET};
use super::label::{ADDRESS, AGE, DATE, LOCATION, ZIP_CODE};
use super::lattice::Lattice;
use super::token::{Make, Token};

/// A run of tokens with one label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// Its label, 1 and up.
    pub(crate) label: usize,
    /// First byte.
    pub(crate) start: usize,
    /// Byte after the last one.
    pub(crate) end: usize,
    /// The mean probability of its label.
    pub(crate) score: f32,
}

/// Gives the spans of a segment to `emit`.
pub(crate) fn each(text: &str, tokens: &[Token], lattice: &Lattice, mut emit: impl FnMut(Span)) {
    let mut run = 0usize;
    let mut last_place: Option<usize> = None;
    let labelled: Vec<(usize, f32)> = lattice
        .labels
        .iter()
        .zip(&lattice.posteriors)
        .map(|(label, row)| (*label, row.get(*label).copied().unwrap_or_default()))
        .collect();
    for same in labelled.chunk_by(|a, b| a.0 == b.0) {
        let first = run;
        run = run.saturating_add(same.len());
        let Some((label, _)) = same.first().filter(|one| one.0 > 0) else { continue };
        let Some(inside) = tokens.get(first..run).and_then(|inside| trim(text, inside)) else {
            continue;
        };
        let follows_place = last_place.is_some_and(|end| first.saturating_sub(end) <= 3);
        let is_rest_of_address = follows_place && is_postcode(*label, inside);
        if !is_rest_of_address && !is_plausible(text, *label, inside) {
            continue;
        }
        if matches!(*label, LOCATION | ADDRESS) {
            last_place = Some(run);
        }
        let [start, end] =
            [inside.first(), inside.last()].map(|token| token.copied().unwrap_or_default());
        #[expect(clippy::cast_precision_loss, reason = "a segment has a few hundred tokens")]
        let score = same.iter().map(|one| one.1).sum::<f32>() / same.len() as f32;
        emit(Span { label: *label, start: start.start, end: end.end, score });
    }
}

/// A single number of 4 to 6 digits, labelled as part of an address.
fn is_postcode(label: usize, tokens: &[Token]) -> bool {
    let [token] = tokens else { return false };
    label == ADDRESS
        && token.make == Make::Number
        && (4..=6).contains(&token.end.saturating_sub(token.start))
}

/// Whether the words can be what the label says at all: the tagger sees shapes, not values.
fn is_plausible(text: &str, label: usize, tokens: &[Token]) -> bool {
    let words = || tokens.iter().filter_map(|token| text.get(token.start..token.end));
    let is_coded = |word: &str| {
        word.len() > 24
            || word.contains('_')
            || (word.len() > 9 && word.bytes().filter(u8::is_ascii_digit).count() > 1)
    };
    if words().any(|word| word.chars().any(char::is_alphabetic) && is_coded(word)) {
        return false;
    }
    let has_letters = tokens.iter().any(|token| matches!(token.make, Make::Capital | Make::Small));
    let numbers = || words().filter_map(|word| word.parse::<u32>().ok());
    match label {
        AGE => numbers().all(|years| years < 130),
        ZIP_CODE => words().any(|word| word.bytes().any(|byte| byte.is_ascii_digit())),
        DATE => {
            numbers().any(|year| (1800..2200).contains(&year))
                || tokens.iter().any(|token| token.classes & CALENDAR != 0)
                || (numbers().count() > 2 && numbers().all(|number| number < 100))
        }
        _ => has_letters,
    }
}

/// Leaves out punctuation and line ends around a span; `None` if no word is in it.
fn trim<'t>(text: &str, mut tokens: &'t [Token]) -> Option<&'t [Token]> {
    let is_outer = |token: &Token| matches!(token.make, Make::Mark | Make::Line);
    while let [first, rest @ ..] = tokens
        && is_outer(first)
    {
        tokens = rest;
    }
    while let [rest @ .., before, last] = tokens
        && is_outer(last)
    {
        if ends_abbreviation(text, before, last) || closes(text, tokens, last) {
            break;
        }
        let _ = rest;
        tokens = tokens.split_last().map(|(_, rest)| rest)?;
    }
    (!tokens.is_empty()).then_some(tokens)
}

/// The full stop of `Dr.`, `Inc.`, `St.` or an initial.
fn ends_abbreviation(text: &str, word: &Token, mark: &Token) -> bool {
    let is_short = word.make == Make::Capital && word.end.saturating_sub(word.start) <= 2;
    text.get(mark.start..mark.end) == Some(".")
        && (is_short || word.classes & (HONORIFIC | ORGANISATION | STREET) != 0)
}

/// The bracket that closes one inside the span.
fn closes(text: &str, tokens: &[Token], mark: &Token) -> bool {
    text.get(mark.start..mark.end) == Some(")")
        && tokens.iter().any(|token| text.get(token.start..token.end) == Some("("))
}
