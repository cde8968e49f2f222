//! Groups of digits in neighbouring elements or members: `["4111", "1111", "1111", "1111"]`.

use tb_api::json::Step;
use tb_guard::{Finding, Kind};

use super::item::{Holds, Item};

/// The shortest and the longest group of digits, in bytes with its blanks.
const GROUP_BYTES: std::ops::RangeInclusive<usize> = 2..=24;
/// More groups than these are a series of figures.
const MOST_GROUPS: usize = 8;

/// Neighbouring groups under way.
#[derive(Default)]
pub(super) struct Run<'d> {
    parent: Vec<Step<'d>>,
    is_of_array: bool,
    /// Numbers are among them.
    has_numbers: bool,
    text: String,
    pieces: Vec<Piece>,
}

/// One group.
struct Piece {
    /// Its number among the items.
    item: usize,
    /// Where it lies in the text of the run.
    start: usize,
    end: usize,
}

/// Groups that nothing follows.
pub(super) struct Ended {
    is_strict: bool,
    text: String,
    pieces: Vec<Piece>,
}

impl<'d> Run<'d> {
    /// The next value; gives the groups before it when it does not go on from them.
    pub(super) fn add(
        &mut self,
        path: &[Step<'d>],
        text: &str,
        item: usize,
        is_number: bool,
    ) -> Option<Ended> {
        let (last, parent) = path.split_last()?;
        let is_group = is_group(text);
        let is_of_array = matches!(last, Step::Index(_));
        let goes_on = is_group && self.parent == parent && self.is_of_array == is_of_array;
        let ended = if goes_on { None } else { self.end() };
        if is_group {
            if self.pieces.is_empty() {
                (self.parent, self.is_of_array) = (parent.to_vec(), is_of_array);
            } else {
                self.text.push(' ');
            }
            self.has_numbers |= is_number;
            // What is a series of figures is not collected.
            if self.pieces.len() <= MOST_GROUPS {
                let start = self.text.len();
                self.text.push_str(text);
                self.pieces.push(Piece { item, start, end: self.text.len() });
            }
        }
        ended
    }

    /// The groups so far.
    pub(super) fn end(&mut self) -> Option<Ended> {
        let is_strict = !self.is_of_array || self.has_numbers;
        let run = std::mem::take(self);
        let ended = Ended { is_strict, text: run.text, pieces: run.pieces };
        let is_run = (2..=MOST_GROUPS).contains(&ended.pieces.len());
        (is_run && (!is_strict || ended.is_of_cards())).then_some(ended)
    }
}

impl Ended {
    /// All groups, with blanks between them.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a finding lies in more than one group and was not known in any of them.
    pub(super) fn is_new(&self, found: &Finding, items: &[Item]) -> bool {
        let known = |piece: &Piece| {
            let holds = items.get(piece.item).map(|item| &item.holds);
            !matches!(holds, Some(Holds::Text { findings, .. }) if findings.is_empty())
        };
        let mut touched =
            self.pieces.iter().filter(|one| found.start < one.end && found.end > one.start);
        let count = touched.clone().count();
        // Of members and numbers by chance, only what has a check digit is more than that.
        (!self.is_strict || found.kind == Kind::CREDIT_CARD) && count > 1 && !touched.any(known)
    }

    /// Hides what was found in each of the groups.
    pub(super) fn hide(&self, found: &[Finding], items: &mut [Item]) {
        for finding in found {
            for piece in &self.pieces {
                let (start, end) = (finding.start.max(piece.start), finding.end.min(piece.end));
                let item = items.get_mut(piece.item).filter(|_| start < end);
                if let Some(findings) = item.and_then(Item::findings) {
                    let (start, end) = (start - piece.start, end - piece.start);
                    findings.push(Finding { start, end, ..finding.clone() });
                }
            }
        }
    }

    /// Whether the groups are as people write cards: by four, or 4-6-5.
    fn is_of_cards(&self) -> bool {
        let group = |piece: &Piece| {
            let text = self.text.get(piece.start..piece.end).unwrap_or_default();
            text.bytes().filter(u8::is_ascii_digit).count()
        };
        let groups: Vec<usize> = self.pieces.iter().map(group).collect();
        groups == [4, 6, 5] || groups.iter().all(|digits| digits % 4 == 0)
    }
}

/// Digits, with blanks and dashes between them.
fn is_group(text: &str) -> bool {
    GROUP_BYTES.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
        && text.bytes().any(|byte| byte.is_ascii_digit())
}
