//! US social security and taxpayer numbers: no checksum, so areas, groups and form decide.

use crate::Kind;

use super::chain::{Joint, Number};
use super::check::part;
use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};

/// Numbers printed on sample cards and in advertisements (Social Security Administration).
const SAMPLES: &[u64] = &[78_051_120, 219_099_999, 457_555_462];

/// Looks whether a number is one of them.
pub(super) fn find(number: &Number, around: &Surroundings<'_>, hits: &mut Hits) {
    let digits = number.digits();
    if digits.len() != 9 {
        return;
    }
    let (area, group, serial) = (part(digits, 0, 3), part(digits, 3, 5), part(digits, 5, 9));
    let (kind, cue) = match (area, group, serial) {
        (0 | 666, ..) | (_, 0, _) | (.., 0) => return,
        (900.., 50..=65 | 70..=88 | 90..=92 | 94..=99, _) => (Kind::US_ITIN, cues::ITIN),
        (900.., ..) => return,
        _ => (Kind::US_SSN, cues::SSN),
    };
    if SAMPLES.contains(&part(digits, 0, 9)) {
        return;
    }
    let is_usual = number.groups() == [3, 2, 4]
        && matches!(number.joint, Joint::Uniform(b'-' | b' ' | b'.'))
        && number.is_whole();
    let is_plain = match number.joint {
        Joint::None => true,
        Joint::Uniform(mark) => matches!(mark, b'-' | b' ' | b'.') && number.is_whole(),
        Joint::Mixed => number.is_whole(),
    };
    let context = around.of(number.start, number.end);
    let is_announced =
        if number.groups() == [3, 2, 4] { context.has(cue) } else { context.is_about(cue) };
    let certainty = match (is_usual, is_announced) {
        (true, true) => Certainty::CheckedAnnounced,
        (true, false) if !context.is_harmless() => Certainty::FormAnnounced,
        (false, true) if is_plain => Certainty::FormAnnounced,
        _ => return,
    };
    hits.add(kind, number.start, number.end, certainty);
}
