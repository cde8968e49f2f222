//! Digits that stand together: runs joined by single separators, read as one number.

use super::runs::{Gap, Run, at, before, gap};

/// The longest number that a detector reads.
pub(super) const LONGEST: usize = 19;

/// How the groups of a number are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// One group.
    None,
    /// The same mark everywhere, or spaces.
    Uniform(u8),
    /// Different ones.
    Mixed,
}

/// Digits in groups, as they stand in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    digits: [u8; LONGEST],
    length: usize,
    groups: [u8; LONGEST],
    group_count: usize,
    pub(super) joint: Joint,
    pub(super) start: usize,
    pub(super) end: usize,
    /// More digits stand before it, a space away.
    pub(super) follows_digits: bool,
    /// More digits stand after it, a space away.
    pub(super) precedes_digits: bool,
}

impl Number {
    fn starting_at(start: usize, follows_digits: bool) -> Self {
        Self {
            digits: [0; LONGEST],
            length: 0,
            groups: [0; LONGEST],
            group_count: 0,
            joint: Joint::None,
            start,
            end: start,
            follows_digits,
            precedes_digits: false,
        }
    }

    /// A number whose groups stand apart somehow, with no digits beside it; `place` is where it
    /// begins and ends. None if it is too long.
    pub(super) fn scattered(
        digits: &[u8],
        sizes: impl Iterator<Item = usize>,
        place: (usize, usize),
    ) -> Option<Self> {
        let mut number = Self::starting_at(place.0, false);
        number.digits.get_mut(..digits.len())?.copy_from_slice(digits);
        number.length = digits.len();
        for size in sizes {
            *number.groups.get_mut(number.group_count)? = u8::try_from(size).ok()?;
            number.group_count += 1;
        }
        number.joint = Joint::Mixed;
        number.end = place.1;
        Some(number)
    }

    /// Its digits as values.
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    /// How many digits each group has.
    pub(super) fn groups(&self) -> &[u8] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// No digits stand beside it.
    pub(super) const fn is_whole(&self) -> bool {
        !self.follows_digits && !self.precedes_digits
    }

    /// Each digit stands alone.
    pub(super) fn is_spelled(&self) -> bool {
        self.group_count > 5 && self.groups().iter().all(|group| *group == 1)
    }

    fn push(&mut self, bytes: &[u8], run: Run) -> Option<()> {
        let group = bytes.get(run.start..run.end)?;
        let room = self.digits.get_mut(self.length..self.length + group.len())?;
        for (digit, character) in room.iter_mut().zip(group) {
            *digit = character.wrapping_sub(b'0');
        }
        *self.groups.get_mut(self.group_count)? = u8::try_from(group.len()).ok()?;
        self.length += group.len();
        self.group_count += 1;
        self.end = run.end;
        Some(())
    }

    const fn join(&mut self, gap: Gap) {
        let mark = match gap {
            Gap::Mark(mark) => Joint::Uniform(mark),
            Gap::Space => Joint::Uniform(b' '),
            Gap::Loose | Gap::Far => Joint::Mixed,
        };
        self.joint = match (self.joint, mark) {
            (Joint::None, mark) => mark,
            (Joint::Uniform(a), Joint::Uniform(b)) if a == b => mark,
            _ => Joint::Mixed,
        };
    }
}

/// Calls back for every number of 6 to 19 digits that begins with a run and stands on its own.
pub(super) fn each(bytes: &[u8], runs: &[Run], mut found: impl FnMut(&Number)) {
    for (index, first) in runs.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(|index| runs.get(index));
        let Some(follows) = follows_digits(bytes, previous.copied(), *first) else { continue };
        if follows && first.len() <= 2 {
            // In the middle of a row of short groups no number begins.
            continue;
        }
        let mut number = Number::starting_at(first.start, follows);
        let rest = runs.get(index..).unwrap_or_default();
        for (step, run) in rest.iter().enumerate() {
            if !run.is_number || number.push(bytes, *run).is_none() {
                break;
            }
            let next = rest.get(step + 1);
            let gap_after = next.map_or(Gap::Far, |next| gap(bytes, *run, *next));
            if number.length >= 6
                && let Some(precedes) = precedes_digits(bytes, *run, next.copied(), gap_after)
            {
                number.precedes_digits = precedes;
                found(&number);
            }
            if gap_after == Gap::Far {
                break;
            }
            number.join(gap_after);
        }
    }
}

/// Whether digits stand a space before a run; None if the run is part of something longer.
fn follows_digits(bytes: &[u8], previous: Option<Run>, run: Run) -> Option<bool> {
    if !run.is_number || run.len() > LONGEST {
        return None;
    }
    let previous_gap = previous.map_or(Gap::Far, |previous| gap(bytes, previous, run));
    let is_number = previous.is_some_and(|previous| previous.is_number);
    match (previous_gap, before(bytes, run.start)) {
        (_, b'@') => None,
        (Gap::Space, _) => Some(is_number),
        (Gap::Mark(b'-' | b'.' | b'_' | b'+'), _) => None,
        (Gap::Loose, _) => (!is_number).then_some(false),
        // `dead-123456789012`: the last part of a UUID.
        (_, b'-') => (!ends_hex_group(bytes, run.start - 1)).then_some(false),
        (_, b'.') => (!before(bytes, run.start - 1).is_ascii_alphanumeric()).then_some(false),
        _ => Some(false),
    }
}

fn ends_hex_group(bytes: &[u8], end: usize) -> bool {
    let head = bytes.get(..end).unwrap_or_default();
    let word = head.iter().rev().take(5).take_while(|byte| byte.is_ascii_alphanumeric());
    let (length, is_hex) =
        word.fold((0, true), |(length, hex), byte| (length + 1, hex && byte.is_ascii_hexdigit()));
    length == 4 && is_hex
}

/// Whether digits stand a space after a run; None if the number goes on.
fn precedes_digits(bytes: &[u8], run: Run, next: Option<Run>, gap_after: Gap) -> Option<bool> {
    let is_number = next.is_some_and(|next| next.is_number);
    match gap_after {
        _ if at(bytes, run.end) == b'@' => None,
        Gap::Space => Some(is_number),
        // `4111111111111111.0`: how spreadsheets and data frames print a whole number.
        Gap::Mark(b'.') => next
            .and_then(|next| bytes.get(next.start..next.end))
            .is_some_and(|fraction| matches!(fraction, b"0" | b"00"))
            .then_some(false),
        Gap::Mark(b'-' | b'_' | b'+') => None,
        Gap::Loose => (!is_number).then_some(false),
        Gap::Mark(_) | Gap::Far => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::runs::runs;

    fn numbers(text: &str) -> Vec<&str> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        each(bytes, &runs(bytes), |number| found.push(text.get(number.start..number.end).unwrap()));
        found
    }

    #[test]
    fn reads_groups_as_one_number() {
        assert_eq!(numbers("a 123-456-789 b"), ["123-456-789"]);
        assert_eq!(numbers("602- 86-4 994"), ["602- 86-4", "602- 86-4 994"]);
        assert!(numbers("123 456 7").contains(&"123 456 7"));
    }

    #[test]
    fn parts_of_uuids_floats_and_hashes_are_no_numbers() {
        for text in [
            "0a7e-596601923491",
            "abcd-123456789012",
            "3.14159265358979x",
            "1234567890123456e5",
            "0.123456789012",
        ] {
            assert!(numbers(text).iter().all(|found| found.contains('.')), "{text}");
        }
        assert_eq!(numbers("41111111.0"), ["41111111", "41111111.0"]);
    }
}
