//! Payment cards: Luhn first, then the issuer's prefix, the grouping and the context decide.

use crate::Kind;

use super::chain::{Joint, Number};
use super::check::{luhn, value};
use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::before;

/// Prefixes of issuers: first and last prefix of a range, shortest and longest card. From the
/// schemes' published ranges (ISO/IEC 7812 issuer identification numbers).
const ISSUERS: &[(u64, u64, usize, usize)] = &[
    (4, 4, 13, 13),
    (4, 4, 16, 16),
    (4, 4, 19, 19),
    (51, 55, 16, 16),
    (2221, 2720, 16, 16),
    (34, 34, 15, 15),
    (37, 37, 15, 15),
    (300, 305, 14, 19),
    (3095, 3095, 14, 19),
    (36, 36, 14, 19),
    (38, 39, 14, 19),
    (6011, 6011, 16, 19),
    (622_126, 622_925, 16, 19),
    (644, 649, 16, 19),
    (65, 65, 16, 19),
    (3528, 3589, 16, 19),
    (2131, 2131, 15, 15),
    (1800, 1800, 15, 15),
    (62, 62, 16, 19),
    (81, 82, 16, 19),
    (60, 60, 16, 16),
    (5018, 5018, 12, 19),
    (5020, 5020, 12, 19),
    (5038, 5038, 12, 19),
    (5893, 5893, 12, 19),
    (6304, 6304, 12, 19),
    (6759, 6759, 12, 19),
    (6761, 6763, 12, 19),
    (50, 50, 16, 19),
    (56, 58, 16, 19),
    (63, 63, 16, 19),
    (67, 67, 16, 19),
    (2200, 2204, 16, 19),
    (9792, 9792, 16, 16),
];

/// Marks that people put between the groups of a card, besides space, dash and dot.
pub(super) const MARKS: &[u8] = b"-. _/,|:*~";

/// Looks whether a number is a card.
pub(super) fn find(bytes: &[u8], number: &Number, around: &Surroundings<'_>, hits: &mut Hits) {
    let digits = number.digits();
    if digits.len() < 12 || !luhn(digits) || before(bytes, number.start) == b'+' {
        return;
    }
    let grouping = Grouping::of(number);
    if grouping == Grouping::Wild || digits.iter().all(|digit| Some(digit) == digits.first()) {
        return;
    }
    let is_issued = is_issued(digits);
    let context = around.of(number.start, number.end);
    let is_announced = context.has(cues::CARD);
    let is_short = digits.len() < 15;
    let holds = match (is_issued, is_announced) {
        (true, true) => true,
        (true, false) => grouping != Grouping::Odd || number.is_whole() && !context.is_harmless(),
        (false, true) => context.is_about(cues::CARD) && number.is_whole(),
        (false, false) => false,
    };
    if !holds || (is_short && !is_announced && context.is_harmless()) {
        return;
    }
    let certainty = if is_announced { Certainty::CheckedAnnounced } else { Certainty::Checked };
    hits.add(Kind::CREDIT_CARD, number.start, number.end, certainty);
}

fn is_issued(digits: &[u8]) -> bool {
    ISSUERS.iter().any(|(first, last, shortest, longest)| {
        let length = usize::try_from(first.ilog10()).unwrap_or(0) + 1;
        (*shortest..=*longest).contains(&digits.len())
            && digits.get(..length).is_some_and(|head| (*first..=*last).contains(&value(head)))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    /// As cards are printed, or in one piece.
    Usual,
    /// Any other, or one digit at a time.
    Odd,
    /// So that it is rather several numbers, or a float.
    Wild,
}

impl Grouping {
    fn of(number: &Number) -> Self {
        let groups = number.groups();
        let mark = match number.joint {
            Joint::None => return Self::Usual,
            Joint::Uniform(mark) => mark,
            Joint::Mixed => b' ',
        };
        let is_usual = match groups {
            [4, 6, 4 | 5] | [6, 13] | [4, 3, 3, 3] => true,
            [fours @ .., last] => *last <= 4 && groups.len() >= 3 && fours.iter().all(|g| *g == 4),
            [] => false,
        };
        // Digits of a longer number in fours look like a short card now and then.
        let is_part = number.digits().len() < 16 && !number.is_whole();
        // `4111111111111111.0` of a data frame: the fraction is not part of it.
        let is_fraction = groups.len() == 2 && mark == b'.';
        match () {
            () if is_usual && is_part && groups.iter().all(|group| *group == 4) => Self::Wild,
            () if is_usual && MARKS.contains(&mark) => Self::Usual,
            () if !matches!(mark, b'-' | b' ' | b'.') || is_fraction => Self::Wild,
            () if number.is_spelled() => Self::Odd,
            () if !number.is_whole() || groups.iter().any(|group| *group > 8) => Self::Wild,
            () => Self::Odd,
        }
    }
}
