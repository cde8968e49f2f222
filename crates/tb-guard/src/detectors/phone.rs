//! Telephone numbers: international ones by country code and length, national ones by form or
//! with a context word.

mod countries;
mod dialled;

use crate::Kind;

use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::{Run, at, before, is_in_row};
use dialled::Dialled;

/// Finds all numbers of a text.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    let mut cursor = 0;
    for (index, run) in runs.iter().enumerate() {
        if run.start < cursor || !dialled::may_begin(bytes, *run) || is_in_row(bytes, runs, index) {
            continue;
        }
        let rest = runs.get(index..).unwrap_or_default();
        let Some(number) = Dialled::read(bytes, rest) else { continue };
        let found = international(bytes, &number)
            .or_else(|| national(bytes, &number, around))
            .or_else(|| announced(bytes, &number, around));
        if let Some((end, certainty)) = found {
            let end = dialled::with_extension(bytes, end);
            hits.add(Kind::PHONE, number.start, end, certainty);
            cursor = end;
        }
    }
}

/// `+49 30 …`, `0049 30 …`, `001-253-…`.
fn international(bytes: &[u8], number: &Dialled) -> Option<(usize, Certainty)> {
    let skip = match number.digits() {
        _ if number.has_plus => 0,
        [0, 0, ..] if number.groups().len() > 1 => 2,
        _ => return None,
    };
    // `+` inside base64 or an expression.
    let plus = number.start;
    let is_inside = match before(bytes, plus) {
        b'/' => !dialled::follows_segment(bytes, plus),
        left => left.is_ascii_alphanumeric(),
    };
    if number.has_plus && is_inside {
        return None;
    }
    let country = countries::of(number.digits().get(skip..)?)?;
    let trunk = usize::from(number.has_trunk_zero);
    let shortest = skip + country.code_length + country.shortest;
    let longest = skip + country.code_length + country.longest + trunk;
    let end = number.longest_end(shortest, longest)?;
    Some((end, Certainty::FormAnnounced))
}

/// Forms that hardly anything else has.
fn national(
    bytes: &[u8],
    number: &Dialled,
    around: &Surroundings<'_>,
) -> Option<(usize, Certainty)> {
    let is_mark = |mark: u8| number.joint() == Some(mark);
    let groups = number.groups();
    let (country, rest) = match groups {
        [1, rest @ ..] if number.digits().first() == Some(&1) => (1, rest),
        all => (0, all),
    };
    let begins = |place: usize| matches!(number.digits().get(country + place), Some(2..=9));
    let is_american = rest == [3, 3, 4]
        && begins(0)
        && (number.has_parentheses || is_mark(b'-') || is_mark(b'.'));
    let total: u8 = groups.iter().sum();
    let has_trunk = matches!(number.digits(), [0, 1..=9, ..]) && groups.len() > 1;
    let is_european = has_trunk
        && matches!(total, 10 | 11)
        && groups.iter().all(|group| *group >= 2)
        && !number.is_date()
        && (number.joint() != Some(b'.') || groups == [2, 2, 2, 2, 2]);
    if !is_american && !is_european || before(bytes, number.start) == b'+' || !number.is_whole {
        return None;
    }
    let context = around.of(number.start, number.end());
    let is_harmless = context.is_harmless() || context.is_about(cues::VERSION);
    match (context.has(cues::PHONE), is_harmless) {
        (true, _) => Some((number.end(), Certainty::FormAnnounced)),
        (false, false) => Some((number.end(), Certainty::Form)),
        (false, true) => None,
    }
}

/// Anything of 7 to 15 digits that the closest word calls a telephone number.
fn announced(
    bytes: &[u8],
    number: &Dialled,
    around: &Surroundings<'_>,
) -> Option<(usize, Certainty)> {
    let total = number.digits().len();
    if !(7..=15).contains(&total) || number.is_date() || number.is_number_list() {
        return None;
    }
    let is_joined = matches!(at(bytes, number.end()), b'@' | b':')
        && at(bytes, number.end() + 1).is_ascii_alphanumeric();
    let context = around.of(number.start, number.end());
    let is_other = context
        .is_about(cues::SSN | cues::CARD | cues::BIRTH | cues::ACCOUNT | cues::IP & !cues::PHONE)
        && !context.is_about(cues::PHONE);
    (context.is_about(cues::PHONE) && !is_joined && !is_other)
        .then_some((number.end(), Certainty::Announced))
}

#[cfg(test)]
mod tests;
