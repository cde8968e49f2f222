//! Dates of birth: a date that the closest word calls one.

use crate::Kind;

use super::check::is_day;
use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::{Gap, Run, at, gap};

/// The beginnings of the months' names in English, German, French and Spanish.
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär",
    "mai", "okt", "dez", "fév", "fev", "avr", "juin", "juil", "août", "aout", "déc", "ene", "abr",
    "ago", "dic",
];

/// How many bytes a month's name and what stands around it may have.
const LONGEST_MONTH: usize = 20;

/// Finds all dates of birth.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    let mut cursor = 0;
    for (index, run) in runs.iter().enumerate() {
        let rest = runs.get(index..).unwrap_or_default();
        if run.start < cursor || run.len() > 8 {
            continue;
        }
        let Some((start, end)) = numeric(bytes, rest).or_else(|| worded(bytes, rest, cursor))
        else {
            continue;
        };
        if around.of(start, end).is_about(cues::BIRTH) {
            hits.add(Kind::DATE_OF_BIRTH, start, end, Certainty::FormAnnounced);
            cursor = end;
        }
    }
}

fn number(bytes: &[u8], run: Run) -> Option<u64> {
    let word = bytes.get(run.start..run.end).filter(|_| run.is_number && run.len() <= 8)?;
    Some(word.iter().fold(0, |value, byte| value * 10 + u64::from(byte - b'0')))
}

/// `1984-03-12`, `12/03/84`, `12.3.1984`, `19840312`.
fn numeric(bytes: &[u8], runs: &[Run]) -> Option<(usize, usize)> {
    let (first, others) = runs.split_first()?;
    let a = number(bytes, *first)?;
    if first.len() == 8 {
        let is_iso = is_year(a / 10_000) && is_day(a / 100 % 100, a % 100);
        let is_european = is_year(a % 10_000) && is_date(a / 1_000_000, a / 10_000 % 100);
        return (is_iso || is_european).then_some((first.start, first.end));
    }
    let [second, third, ..] = others else { return None };
    let gaps = (gap(bytes, *first, *second), gap(bytes, *second, *third));
    if gaps.0 != gaps.1 && gaps.0 != Gap::Far || !is_date_gap(bytes, *first, *second, gaps.0) {
        return None;
    }
    let (b, c) =
        (number(bytes, *second)?, number(bytes, *third).or_else(|| iso_day(bytes, *third))?);
    let end = third.end.min(third.start + if first.len() == 4 { 2 } else { 4 });
    let is_form = match (first.len(), second.len(), end - third.start) {
        (4, 1 | 2, 1 | 2) => is_year(a) && is_day(b, c),
        (1 | 2, 1 | 2, 4) => is_date(a, b) && is_year(c),
        (1 | 2, 1 | 2, 2) => is_date(a, b),
        _ => false,
    };
    is_form.then_some((first.start, end))
}

/// The day of `1984-03-12T00:00:00`.
fn iso_day(bytes: &[u8], run: Run) -> Option<u64> {
    match bytes.get(run.start..run.end) {
        Some(&[tens, ones, b'T', ..]) if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            Some(u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
        }
        _ => None,
    }
}

fn is_date_gap(bytes: &[u8], left: Run, right: Run, between: Gap) -> bool {
    matches!(between, Gap::Mark(b'-' | b'.' | b'/') | Gap::Space | Gap::Loose)
        || bytes.get(left.end..right.start) == Some(b". ")
}

const fn is_year(year: u64) -> bool {
    year >= 1880 && year <= 2035
}

/// Day and month in either order.
const fn is_date(a: u64, b: u64) -> bool {
    is_day(a, b) || is_day(b, a)
}

/// `12 March 1984`, `12. März 1984`, `March 12th, 1984`, `12-Mar-84`.
fn worded(bytes: &[u8], runs: &[Run], cursor: usize) -> Option<(usize, usize)> {
    let (first, others) = runs.split_first()?;
    let day_text = bytes.get(first.start..first.end)?;
    let digits = day_text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_ordinal = matches!(day_text.get(digits..)?, b"" | b"st" | b"nd" | b"rd" | b"th" | b"er");
    let second = others.first()?;
    let year = number(bytes, *second)?;
    if !(1..=2).contains(&digits) || !is_ordinal || !(is_year(year) || second.len() == 2) {
        return None;
    }
    let between = bytes.get(first.end..second.start).filter(|b| b.len() <= LONGEST_MONTH)?;
    if has_month(between) {
        return Some((first.start, second.end));
    }
    let is_comma = matches!(between, b", " | b" " | b"," | b". ");
    let start = month_before(bytes, first.start, cursor).filter(|_| is_comma)?;
    Some((start, second.end))
}

fn has_month(between: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(between) else { return false };
    let word = text.trim_matches(|c: char| c.is_ascii_punctuation() || c == ' ');
    let word = word.strip_prefix("de ").unwrap_or(word);
    let word = word.strip_suffix(" de").or_else(|| word.strip_suffix(" del")).unwrap_or(word);
    is_month(word)
}

fn is_month(word: &str) -> bool {
    let word = word.to_lowercase();
    word.chars().all(char::is_alphabetic) && MONTHS.iter().any(|month| word.starts_with(month))
}

/// The place of the month's name just before a day.
fn month_before(bytes: &[u8], day: usize, cursor: usize) -> Option<usize> {
    let from = day.saturating_sub(LONGEST_MONTH).max(cursor);
    let head = bytes.get(from..day)?;
    let spaces = head.iter().rev().take_while(|byte| matches!(byte, b' ' | b'.')).count();
    let word = head.get(..head.len() - spaces)?;
    let length = word.iter().rev().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let start = word.len() - length;
    let month = std::str::from_utf8(word.get(start..)?).ok()?;
    let is_start = at(bytes, from + start) < 0x80 || at(bytes, from + start) >= 0xc0;
    (spaces > 0 && is_start && is_month(month)).then_some(from + start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<&str> {
        hits_of(text, find).into_iter().map(|(_, hit)| hit).collect()
    }

    #[test]
    fn finds_dates_after_a_word_of_birth() {
        for date in [
            "1984-03-12",
            "12/03/1984",
            "3/12/84",
            "12.3.1984",
            "19840312",
            "12 March 1984",
            "March 12, 1984",
            "Mar 12th, 1984",
            "12-Mar-1984",
            "12. März 1984",
            "12 de marzo de 1984",
        ] {
            assert_eq!(found(&format!("DOB: {date}, male")), [date]);
            assert_eq!(found(&format!("She was born on {date}.")), [date]);
        }
        assert_eq!(found("\"birthDate\":\"1984-03-12T00:00:00Z\""), ["1984-03-12"]);
    }

    #[test]
    fn other_dates_and_other_numbers_are_none() {
        for text in
            ["due 1984-03-12", "born 99/99/1984", "birthday 12", "born in 1984", "DOB 12-34-5678"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
