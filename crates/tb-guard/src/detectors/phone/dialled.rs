//! Reads digits as they are dialled: groups with spaces, dashes, dots, slashes and parentheses.

use crate::detectors::runs::{Run, at, before};

/// The most digits: 15 of E.164, `00` and a trunk zero in parentheses.
const LONGEST: usize = 18;

/// A number as it stands in the text.
pub(super) struct Dialled {
    digits: [u8; LONGEST],
    groups: [u8; LONGEST],
    ends: [usize; LONGEST],
    marks: [u8; LONGEST],
    group_count: usize,
    length: usize,
    /// First byte, with `+` and parenthesis.
    pub(super) start: usize,
    /// A `+` stands before it.
    pub(super) has_plus: bool,
    /// Its first group stands in parentheses.
    pub(super) has_parentheses: bool,
    /// `(0)` stands after the country code.
    pub(super) has_trunk_zero: bool,
    /// No further digits are joined to it.
    pub(super) is_whole: bool,
}

/// Whether a number may begin with a run.
pub(super) fn may_begin(bytes: &[u8], run: Run) -> bool {
    let is_digits = run.is_number || digits_before_extension(bytes, run) >= 4;
    let left = before(bytes, run.start);
    let is_inside = match left {
        b'/' if follows_verb(bytes, run.start) => false,
        b'-' | b'.' | b'/' | b'_' => before(bytes, run.start - 1).is_ascii_alphanumeric(),
        b',' => before(bytes, run.start - 1).is_ascii_digit() && run.len() == 3,
        b'@' | b'$' | b'\\' | b'#' => true,
        _ => false,
    };
    is_digits && run.len() <= 15 && !is_inside
}

/// Parts of a path that say that a telephone number is the next one.
const VERBS: &[&str] = &[
    "call", "calls", "dial", "phone", "phones", "tel", "sms", "msisdn", "mobile", "whatsapp",
    "fax", "wa.me",
];

/// The last part of a path before a slash: what stands between it and the blank, quote or slash
/// before.
fn segment(bytes: &[u8], slash: usize) -> (&[u8], bool) {
    let head = bytes.get(..slash).unwrap_or_default();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let length = head.iter().rev().take(24).take_while(is_part).count();
    (head.get(slash - length..).unwrap_or_default(), before(bytes, slash - length) == b'/')
}

/// Whether the part of a path before a slash says that a number follows.
fn follows_verb(bytes: &[u8], place: usize) -> bool {
    let (part, _) = segment(bytes, place.saturating_sub(1));
    VERBS.iter().any(|verb| part.eq_ignore_ascii_case(verb.as_bytes()))
}

/// Whether a slash before a place ends a part of a path, as in `/call/+1…`, and is no digit of
/// base64.
pub(super) fn follows_segment(bytes: &[u8], place: usize) -> bool {
    let (part, is_in_path) = segment(bytes, place.saturating_sub(1));
    let is_word = part.len() > 1
        && part.iter().all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(byte));
    is_word && is_in_path || follows_verb(bytes, place)
}

/// In `3560x4587`: how many digits stand before the extension.
fn digits_before_extension(bytes: &[u8], run: Run) -> usize {
    let word = bytes.get(run.start..run.end).unwrap_or_default();
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let extension = word.get(digits + 1..).unwrap_or_default();
    let is_extension = matches!(word.get(digits), Some(b'x' | b'X'))
        && (1..=6).contains(&extension.len())
        && extension.iter().all(u8::is_ascii_digit);
    if is_extension { digits } else { 0 }
}

impl Dialled {
    /// The longest reading that begins with the first run.
    pub(super) fn read(bytes: &[u8], runs: &[Run]) -> Option<Self> {
        let first = *runs.first()?;
        let (start, has_plus, has_parentheses) = opening(bytes, first);
        let mut number = Self {
            digits: [0; LONGEST],
            groups: [0; LONGEST],
            ends: [0; LONGEST],
            marks: [0; LONGEST],
            group_count: 0,
            length: 0,
            start,
            has_plus,
            has_parentheses,
            has_trunk_zero: false,
            is_whole: true,
        };
        let mut last = first;
        for (step, run) in runs.iter().enumerate() {
            let gap = bytes.get(last.end..run.start).unwrap_or_default();
            let mark = match (step, mark_of(gap)) {
                (0, _) => 0,
                (_, Some(mark)) => mark,
                (_, None) => break,
            };
            if (gap == b"(" || gap.ends_with(b"(")) && step > 0 {
                number.has_trunk_zero |= bytes.get(run.start..=run.end) == Some(b"0)");
            }
            let digits =
                if run.is_number { run.len() } else { digits_before_extension(bytes, *run) };
            if digits == 0 || number.push(bytes, *run, digits, mark).is_none() {
                number.is_whole = gap == b" " || !run.is_number && gap != b"-";
                break;
            }
            if !run.is_number {
                break;
            }
            last = *run;
        }
        (number.length >= 6).then_some(number)
    }

    fn push(&mut self, bytes: &[u8], run: Run, digits: usize, mark: u8) -> Option<()> {
        let end = run.start + digits;
        let room = self.digits.get_mut(self.length..self.length + digits)?;
        for (digit, character) in room.iter_mut().zip(bytes.get(run.start..end)?) {
            *digit = character - b'0';
        }
        *self.groups.get_mut(self.group_count)? = u8::try_from(digits).ok()?;
        *self.ends.get_mut(self.group_count)? = end;
        *self.marks.get_mut(self.group_count)? = mark;
        self.length += digits;
        self.group_count += 1;
        Some(())
    }

    /// Its digits as values.
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    /// How many digits each group has.
    pub(super) fn groups(&self) -> &[u8] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// The place after its last digit.
    pub(super) fn end(&self) -> usize {
        let last = self.group_count.checked_sub(1).and_then(|last| self.ends.get(last));
        last.copied().unwrap_or(self.start)
    }

    /// The end of the longest reading with so many digits.
    pub(super) fn longest_end(&self, shortest: usize, longest: usize) -> Option<usize> {
        let mut total = 0;
        let mut end = None;
        for (group, place) in self.groups().iter().zip(self.ends) {
            total += usize::from(*group);
            if (shortest..=longest).contains(&total) {
                end = Some(place);
            }
        }
        end
    }

    /// The mark between all groups, if it is the same everywhere.
    pub(super) fn joint(&self) -> Option<u8> {
        let marks = self.marks.get(1..self.group_count)?;
        let first = marks.first()?;
        marks.iter().all(|mark| mark == first).then_some(*first)
    }

    /// It may be a date: three groups with a year at one end, or eight digits of one.
    pub(super) fn is_date(&self) -> bool {
        let is_year = |digits: Option<&[u8]>| matches!(digits, Some([1, 9, ..] | [2, 0, ..]));
        let digits = self.digits();
        match self.groups() {
            [4, 1 | 2, 1 | 2, ..] => is_year(Some(digits)),
            [1 | 2, 1 | 2, 4, ..] => {
                let skipped = self.groups().iter().take(2).map(|group| usize::from(*group)).sum();
                is_year(digits.get(skipped..))
            }
            _ => false,
        }
    }

    /// Many groups of one or two digits, or long ones: a list of numbers, not one.
    pub(super) fn is_number_list(&self) -> bool {
        let small = self.groups().iter().filter(|group| **group == 1).count();
        small > 2 && small < self.group_count
    }
}

/// Where a number begins: its `+` and its parenthesis belong to it.
fn opening(bytes: &[u8], run: Run) -> (usize, bool, bool) {
    let left = before(bytes, run.start);
    let is_open = left == b'(' && has_close(bytes, run.end);
    let inner = if is_open { run.start - 1 } else { run.start };
    match (left, before(bytes, inner)) {
        (b'+', _) if before(bytes, run.start - 1) == b'(' && has_close(bytes, run.end) => {
            (run.start - 2, true, false)
        }
        (b'+', _) => (run.start - 1, true, false),
        (b'(', b'+') => (inner - 1, true, is_open),
        _ => (inner, false, is_open),
    }
}

fn has_close(bytes: &[u8], end: usize) -> bool {
    at(bytes, end) == b')'
}

/// The mark that a gap stands for; None if the groups do not belong together.
fn mark_of(gap: &[u8]) -> Option<u8> {
    match gap {
        [mark @ (b' ' | b'-' | b'.' | b'/')] => Some(*mark),
        b") " | b")" | b" (" | b"(" | b")-" | b"-(" | b" - " | b"  " | b") - " | b")." => {
            Some(b'(')
        }
        b"-." | b".-" | b" -" | b"- " | b".-." => Some(b'-'),
        _ => None,
    }
}

/// The end of a number with its extension: `x4587`, ` ext. 12`, ` extension 12`.
pub(super) fn with_extension(bytes: &[u8], end: usize) -> usize {
    let tail = bytes.get(end..end.saturating_add(20).min(bytes.len())).unwrap_or_default();
    let spaces = tail.iter().take_while(|byte| matches!(byte, b' ' | b',' | b'(')).take(2).count();
    let word = tail.get(spaces..).unwrap_or_default();
    let names: [&[u8]; 5] = [b"extension", b"ext.", b"ext", b"x", b"durchwahl"];
    let is_name =
        |name: &&&[u8]| word.get(..name.len()).is_some_and(|w| w.eq_ignore_ascii_case(name));
    let Some(name) = names.iter().find(is_name) else { return end };
    let rest = word.get(name.len()..).unwrap_or_default();
    let gap = rest.iter().take_while(|byte| matches!(byte, b' ' | b':' | b'#')).take(2).count();
    let digits = rest.iter().skip(gap).take_while(|byte| byte.is_ascii_digit()).count();
    let stop = end + spaces + name.len() + gap + digits;
    let is_extension = (1..=6).contains(&digits) && !at(bytes, stop).is_ascii_alphanumeric();
    if is_extension { stop } else { end }
}
