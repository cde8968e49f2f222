//! Postal codes: after a word that announces one, or after a state of the USA in an address.

use crate::Kind;
use crate::detectors::context::Surroundings;
use crate::detectors::cues;
use crate::detectors::hits::{Certainty, Hits};
use crate::detectors::runs::{Gap, Run, at, before, gap};

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO \
    MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR VI GU AE AP AA";

/// Finds all of them.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    let mut cursor = 0;
    for (index, run) in runs.iter().enumerate() {
        if run.start < cursor || !(2..=7).contains(&run.len()) || is_part(bytes, *run) {
            continue;
        }
        let next = runs.get(index + 1).copied();
        let end = end_of(bytes, *run, next);
        let is_american = run.is_number && run.len() == 5 && follows_state(bytes, run.start);
        let is_announced =
            is_code(bytes, run.start, end) && around.of(run.start, end).is_about(cues::ZIP);
        if is_american || is_announced {
            hits.add(Kind::ZIP_CODE, run.start, end, Certainty::Announced);
            cursor = end;
        }
    }
}

fn is_part(bytes: &[u8], run: Run) -> bool {
    matches!(before(bytes, run.start), b'-' | b'.' | b'$' | b'/' | b'+' | b'@' | b'_')
}

/// `80202-1234`, `840 24`, `SW1A 1AA`, `3610-114`.
fn end_of(bytes: &[u8], run: Run, next: Option<Run>) -> usize {
    let Some(next) = next else { return run.end };
    let is_second = match (gap(bytes, run, next), run.is_number, next.is_number) {
        (Gap::Mark(b'-'), true, true) => matches!((run.len(), next.len()), (5, 4) | (4, 3)),
        (Gap::Space, true, true) => matches!((run.len(), next.len()), (3, 2)),
        (Gap::Space, false, false) => run.len() <= 4 && next.len() == 3,
        _ => false,
    };
    if is_second { next.end } else { run.end }
}

fn is_code(bytes: &[u8], start: usize, end: usize) -> bool {
    let word = bytes.get(start..end).unwrap_or_default();
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_digits = digits == word.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    // Years are the most frequent numbers of four digits.
    let is_year = word.len() == 4 && matches!(word, [b'1', b'9', ..] | [b'2', b'0', ..]);
    if is_digits {
        !is_year && (4..=9).contains(&digits)
    } else {
        word.len() >= 5 && word.len() <= 8
    }
}

/// `, CO 80202` or a line that begins so.
fn follows_state(bytes: &[u8], start: usize) -> bool {
    let Some(state_start) = start.checked_sub(3) else { return false };
    let state = bytes.get(state_start..start - 1).unwrap_or_default();
    let is_state = STATES.split(' ').any(|known| known.as_bytes() == state);
    let left = match before(bytes, state_start) {
        b' ' => before(bytes, state_start - 1),
        other => other,
    };
    at(bytes, start - 1) == b' ' && is_state && matches!(left, b',' | b'\n')
}
