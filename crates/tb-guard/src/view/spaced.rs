//! Numbers whose digits are pulled apart or oddly grouped. Best effort.

use super::map::Edits;
use super::runs::ByteClass;

static DIGITS_AND_GAPS: ByteClass = ByteClass::of(b"0123456789 .-/_,:;|*~+\\'()[]");

const LEAST_RUN: usize = 11;
const LEAST_DIGITS: usize = 9;
const MOST_DIGITS: usize = 24;

/// A group of digits: where it begins and ends.
type Group = (usize, usize);

/// Numbers with their digits joined.
pub(super) fn joined(text: &str) -> Edits {
    let bytes = text.as_bytes();
    let mut edits = Edits::default();
    let mut groups: Vec<Group> = Vec::new();
    for run in DIGITS_AND_GAPS.runs(bytes, LEAST_RUN) {
        groups.clear();
        let mut at = run.start;
        while at < run.end {
            let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
            let start = at;
            while at < run.end && is_digit(at) {
                at += 1;
            }
            if at > start {
                // Four bytes of gap or more end a number.
                if groups.last().is_some_and(|last| start > last.1 + 3) {
                    join(bytes, &groups, &mut edits);
                    groups.clear();
                }
                groups.push((start, at));
            } else {
                at += 1;
            }
        }
        join(bytes, &groups, &mut edits);
    }
    edits
}

fn join(bytes: &[u8], groups: &[Group], edits: &mut Edits) {
    let digits: usize = groups.iter().map(|(start, end)| end - start).sum();
    if !(LEAST_DIGITS..=MOST_DIGITS).contains(&digits) {
        return;
    }
    let single = groups.iter().filter(|(start, end)| end - start == 1).count();
    let is_pulled_apart = single >= 7 && single * 10 >= groups.len() * 7;
    if !is_pulled_apart && !is_oddly_grouped(bytes, groups) {
        return;
    }
    for (before, after) in groups.iter().zip(groups.iter().skip(1)) {
        let gap = bytes.get(before.1..after.0).unwrap_or_default();
        // Between digits pulled apart by dashes, a dash says nothing.
        let keeps_dash = gap.contains(&b'-') && !(is_pulled_apart && gap == b"-");
        edits.push(before.1..after.0, if keeps_dash { "-" } else { "" });
    }
}

/// A gap that no usual way of writing has: more than one sign, or one that does not group digits.
fn is_oddly_grouped(bytes: &[u8], groups: &[Group]) -> bool {
    let mut has_odd_gap = false;
    for (before, after) in groups.iter().zip(groups.iter().skip(1)) {
        let gap = bytes.get(before.1..after.0).unwrap_or_default();
        has_odd_gap |= match gap {
            [b' ' | b'-' | b'.' | b'/' | b',' | b':'] => false,
            // Lists, ends of sentences, telephone numbers.
            [b',' | b';' | b'.' | b':', ..] | [.., b'(' | b')'] | [b')' | b'(', ..] => {
                return false;
            }
            [.., b'+' | b'['] | [b'+' | b']' | b'[', ..] => return false,
            _ => true,
        };
    }
    has_odd_gap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_what_was_pulled_apart() {
        let read = |text: &str| joined(text).whole(text).0;
        assert_eq!(read("x 0 0 2 - 8 1 - 1 4 2 7 y"), "x 002-81-1427 y");
        assert_eq!(read("0.1.9.-.7.6.-.0.3.8.5"), "019-76-0385");
        assert_eq!(read("4-1-1-1-1-1-1-1-1-1-1-1"), "411111111111");
        assert_eq!(read("3 4 9 7   3 5 7 1 1 1   0 5 2 2 2"), "349735711105222");
        assert_eq!(read("235- 61-4 526"), "235-61-4526");
        for usual in
            ["4111 1111 1111 1111", "+1 (555) 010-0199", "2024-01-02 10:11:12", "1, 22, 333, 4444"]
        {
            assert_eq!(read(usual), usual);
        }
    }
}
