//! National numbers made of digits: length, grouping, check digits and context words as a table.

mod america;
mod asia;
mod europe;
mod north;

use std::sync::LazyLock;

use crate::Kind;

use super::chain::{Joint, LONGEST, Number};
use super::context::Surroundings;
use super::cues::Cues;
use super::hits::{Certainty, Hits};
use super::runs::before;

pub(super) use asia::{cn_remainder, is_cn_form};

/// When a number is believed without a context word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    /// Never: too many other numbers pass its check.
    Never,
    /// In one of its usual groupings.
    Grouped,
    /// Always: two check digits, or one and a date.
    Always,
}

/// One kind of number.
struct National {
    kind: Kind,
    cue: Cues,
    /// How it is usually written: the sizes of its groups, and the mark between them (0: any of
    /// space, dash and dot).
    groupings: &'static [(&'static [u8], u8)],
    alone: Alone,
    check: fn(&[u8]) -> bool,
}

const TABLES: &[&[(usize, National)]] = &[america::TABLE, asia::TABLE, europe::TABLE, north::TABLE];

static BY_LENGTH: LazyLock<Vec<Vec<&National>>> = LazyLock::new(|| {
    let mut by_length = vec![Vec::new(); LONGEST + 1];
    for (length, national) in TABLES.iter().flat_map(|table| table.iter()) {
        if let Some(same_length) = by_length.get_mut(*length) {
            same_length.push(national);
        }
    }
    by_length
});

/// Sorts the table, if it is not yet.
pub(super) fn warm() {
    LazyLock::force(&BY_LENGTH);
}

/// Looks which national numbers a number may be.
pub(super) fn find(bytes: &[u8], number: &Number, around: &Surroundings<'_>, hits: &mut Hits) {
    let digits = number.digits();
    if before(bytes, number.start) == b'+' {
        return;
    }
    let Some(known) = BY_LENGTH.get(digits.len()) else { return };
    for national in known {
        let is_usual = national.is_usual(number);
        if !is_usual && !is_joined_plainly(number) || !(national.check)(digits) {
            continue;
        }
        let context = around.of(number.start, number.end);
        let is_announced = context.has(national.cue);
        let holds = match national.alone {
            Alone::Never => false,
            Alone::Grouped => is_usual && number.joint != Joint::None && number.is_whole(),
            Alone::Always => {
                is_usual || number.joint == Joint::None && (is_announced || number.is_whole())
            }
        };
        let certainty = match (is_announced, holds && !context.is_harmless()) {
            (true, _) if context.is_about(national.cue) => Certainty::CheckedAnnounced,
            (true, _) | (false, true) => Certainty::Checked,
            (false, false) => continue,
        };
        hits.add(national.kind.clone(), number.start, number.end, certainty);
    }
}

impl National {
    fn is_usual(&self, number: &Number) -> bool {
        self.groupings.iter().any(|(groups, mark)| {
            let is_joined = match number.joint {
                Joint::None => true,
                Joint::Uniform(joint) if *mark == 0 => matches!(joint, b' ' | b'-' | b'.'),
                Joint::Uniform(joint) => joint == *mark,
                Joint::Mixed => *mark == b'*',
            };
            is_joined && number.groups() == *groups
        })
    }
}

/// One piece, or groups with spaces, dashes and dots only.
fn is_joined_plainly(number: &Number) -> bool {
    match number.joint {
        Joint::None => true,
        Joint::Uniform(mark) => matches!(mark, b' ' | b'-' | b'.') && number.is_whole(),
        Joint::Mixed => number.is_whole(),
    }
}
