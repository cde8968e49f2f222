//! Values that are cut into neighbouring texts: the ends are looked at together.

use std::ops::Range;

use tb_api::json::Step;
use tb_guard::Finding;

use super::item::{Holds, Item};

/// So much of each of two neighbours is looked at, in bytes; no value that is looked for without
/// its context is longer.
const REACH_BYTES: usize = 256;
/// So far from the border its groups of digits are looked for, in bytes.
const NEAR_BYTES: usize = 24;
/// A word over the border that has neither digit nor `@` is worth a look from this length on.
const LEAST_WORD_BYTES: usize = 20;

/// The texts before the present one: of all, and of those by the same side of a conversation, so
/// that what the other side says between two texts does not part them.
#[derive(Default)]
pub(super) struct Neighbours<'d> {
    all: Neighbour<'d>,
    /// Of texts that do not come from outside, and of those that do.
    sides: [Neighbour<'d>; 2],
    was_outside: bool,
}

impl<'d> Neighbours<'d> {
    /// The borders with the texts before, where there may be a value over them.
    pub(super) fn borders(
        &self,
        (path, is_outside): (&[Step<'d>], bool),
        text: &str,
    ) -> [Option<Border>; 2] {
        let all = self.all.border(path, text);
        let [ours, outside] = &self.sides;
        let side = if is_outside { outside } else { ours };
        // Where the same side spoke before, both are one.
        let is_other = self.was_outside != is_outside;
        [all, is_other.then(|| side.border(path, text)).flatten()]
    }

    /// The present text is the next one's neighbour.
    pub(super) fn set(&mut self, (path, is_outside): (&[Step<'d>], bool), text: &str, item: usize) {
        self.all.set(path, text, item);
        if !matches!(path, [Step::Key(turns), Step::Index(_), ..] if is_of_turns(turns)) {
            return;
        }
        let [ours, outside] = &mut self.sides;
        if is_outside { outside } else { ours }.set(path, text, item);
        self.was_outside = is_outside;
    }
}

/// The texts before the present one, as far as a value may reach.
#[derive(Default)]
struct Neighbour<'d> {
    path: Vec<Step<'d>>,
    tail: String,
    /// What the tail is made of, in order.
    pieces: Vec<Piece>,
    is_set: bool,
}

/// The end of one text.
#[derive(Clone, Copy)]
struct Piece {
    /// Its number among the items.
    item: usize,
    /// Where it begins in that text, and how long it is, in bytes.
    start: usize,
    length: usize,
}

/// Ends that belong together.
pub(super) struct Border {
    /// The ends, one behind the other.
    pub(super) text: String,
    /// Where the present text begins.
    at: usize,
    pieces: Vec<Piece>,
}

impl<'d> Neighbour<'d> {
    fn border(&self, path: &[Step<'d>], text: &str) -> Option<Border> {
        if !self.is_set || !are_neighbours(&self.path, path) {
            return None;
        }
        let head = beginning(text, REACH_BYTES);
        if !may_hold(&self.tail, head) {
            return None;
        }
        let (at, pieces) = (self.tail.len(), self.pieces.clone());
        Some(Border { text: [&self.tail, head].concat(), at, pieces })
    }

    /// The present text is the next one's neighbour; what came before a short one is too.
    fn set(&mut self, path: &[Step<'d>], text: &str, item: usize) {
        if !self.is_set || !are_neighbours(&self.path, path) {
            self.tail.clear();
            self.pieces.clear();
        }
        self.is_set = true;
        if self.is_set {
            self.path.clear();
            self.path.extend_from_slice(path);
            let own = end(text, REACH_BYTES);
            let before = self.tail.len() - end(&self.tail, REACH_BYTES - own.len()).len();
            self.drop_first(before);
            self.tail.push_str(own);
            self.pieces.push(Piece { item, start: text.len() - own.len(), length: own.len() });
        }
    }

    fn drop_first(&mut self, bytes: usize) {
        self.tail.drain(..bytes);
        let mut left = bytes;
        self.pieces.retain_mut(|piece| {
            let dropped = left.min(piece.length);
            left -= dropped;
            (piece.start, piece.length) = (piece.start + dropped, piece.length - dropped);
            piece.length > 0
        });
    }
}

impl Border {
    /// Whether a finding lies over the border and is more than what was found on one side of it.
    /// What goes on with nothing but letters is the next word.
    pub(super) fn is_new(&self, found: &Finding, text: &str, items: &[Item]) -> bool {
        if found.start >= self.at || found.end <= self.at {
            return false;
        }
        let of = |item: Option<&Item>| match item.map(|item| &item.holds) {
            Some(Holds::Text { findings, .. }) => findings.clone(),
            _ => Vec::new(),
        };
        let is_word = |range: Range<usize>| {
            self.text.get(range).is_some_and(|more| more.chars().all(char::is_alphabetic))
        };
        let before = self.pieces.last().is_some_and(|piece| {
            let (begin, end) = (self.at - piece.length, piece.start + piece.length);
            of(items.get(piece.item)).iter().filter(|one| one.end >= end).any(|one| {
                let start = (begin + one.start).saturating_sub(piece.start);
                found.start > start
                    || (found.start == start
                        && found.kind == one.kind
                        && is_word(self.at..found.end))
            })
        });
        let behind = of(items.last()).iter().filter(|one| one.start == 0).any(|one| {
            let end = self.at + one.end.min(text.len());
            found.end < end
                || (found.end == end && found.kind == one.kind && is_word(found.start..self.at))
        });
        !before && !behind
    }
}

/// Whether two texts lie in elements of one array that follow each other, with nothing but words
/// and attachments between them, or in members whose keys count on. Messages are neighbours
/// whatever their parts.
fn are_neighbours(one: &[Step<'_>], other: &[Step<'_>]) -> bool {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let rests = (one.get(same..).unwrap_or_default(), other.get(same..).unwrap_or_default());
    let (rest, others) = match rests {
        ([Step::Index(first), rest @ ..], [Step::Index(second), others @ ..]) if first < second => {
            (rest, others)
        }
        ([Step::Key(first)], [Step::Key(second)]) => return is_serial(first, second),
        _ => return false,
    };
    let is_turn = matches!(one, [Step::Key(turns), Step::Index(_), ..]
        if same == 1 && is_of_turns(turns));
    if is_turn && rest.first() == others.first() {
        return true;
    }
    let same_sort = |(one, other): (&Step<'_>, &Step<'_>)| match (one, other) {
        (Step::Key(one), Step::Key(other)) => one == other,
        (Step::Index(_), Step::Index(_)) => true,
        _ => false,
    };
    rest.len() == others.len() && rest.iter().zip(others).all(same_sort)
}

/// The members with the turns of a conversation.
fn is_of_turns(key: &str) -> bool {
    matches!(key, "messages" | "input")
}

/// Keys that differ in their last sign only, or in the number at their end: `a` and `b`, `part1`
/// and `part2`.
fn is_serial(one: &str, other: &str) -> bool {
    let stem = |key: &str| {
        let digits = key.trim_end_matches(|symbol: char| symbol.is_ascii_digit()).len();
        digits.min(key.char_indices().next_back().map_or(0, |(at, _)| at))
    };
    one != other && one.get(..stem(one)) == other.get(..stem(other))
}

/// Whether a value may lie over the border: groups of digits on both sides, or a word that goes
/// on and looks like more than a word.
fn may_hold(tail: &str, head: &str) -> bool {
    let has_digit = |text: &str| text.chars().any(char::is_numeric);
    if has_digit(end(tail, NEAR_BYTES)) && has_digit(beginning(head, NEAR_BYTES)) {
        return true;
    }
    let last = tail.rsplit(char::is_whitespace).next().unwrap_or_default();
    let first = head.split(char::is_whitespace).next().unwrap_or_default();
    if last.is_empty() || first.is_empty() {
        return false;
    }
    let is_marked = |text: &str| text.chars().any(|symbol| symbol.is_numeric() || symbol == '@');
    is_marked(last) || is_marked(first) || last.len() + first.len() >= LEAST_WORD_BYTES
}

/// The first bytes of a text, up to a character's border.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The last bytes of a text, from a character's border on.
fn end(text: &str, bytes: usize) -> &str {
    let start = (text.len().saturating_sub(bytes)..=text.len())
        .find(|start| text.is_char_boundary(*start))
        .unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// Hides in all texts what was found over their borders.
pub(super) fn split(border: &Border, found: &[Finding], items: &mut [Item]) {
    for finding in found {
        let mut at = 0;
        for piece in &border.pieces {
            let start = finding.start.max(at);
            let end = finding.end.min(at + piece.length);
            if start < end {
                let range = piece.start + start - at..piece.start + end - at;
                add(items.get_mut(piece.item), finding, range);
            }
            at += piece.length;
        }
        add(items.last_mut(), finding, 0..finding.end - border.at);
    }
}

fn add(item: Option<&mut Item>, finding: &Finding, range: Range<usize>) {
    if let Some(findings) = item.and_then(Item::findings) {
        findings.push(Finding { start: range.start, end: range.end, ..finding.clone() });
        findings.sort_by_key(|finding| finding.start);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn path<'p>(parts: &[&'p str]) -> Vec<Step<'p>> {
        let step =
            |part: &&'p str| part.parse().map_or(Step::Key(Cow::Borrowed(*part)), Step::Index);
        parts.iter().map(step).collect()
    }

    #[test]
    fn parts_of_one_array_are_neighbours() {
        let parts = |n| path(&["messages", "0", "content", n, "text"]);
        assert!(are_neighbours(&parts("0"), &parts("1")));
        assert!(are_neighbours(&parts("0"), &parts("2")));
        assert!(!are_neighbours(&parts("2"), &parts("0")));
        assert!(!are_neighbours(&parts("1"), &parts("1")));
        assert!(are_neighbours(
            &path(&["messages", "0", "content"]),
            &path(&["messages", "1", "content"])
        ));
        let next = path(&["messages", "1", "content", "0", "text"]);
        assert!(are_neighbours(&parts("1"), &next));
        assert!(!are_neighbours(&path(&["instructions"]), &path(&["input"])));
    }

    #[test]
    fn members_whose_keys_count_on_are_neighbours() {
        for (one, other) in [("a", "b"), ("card1", "card2"), ("part_9", "part_10")] {
            assert!(are_neighbours(&path(&["x", one]), &path(&["x", other])), "{one} {other}");
        }
        for (one, other) in [("zip", "phone"), ("a", "a"), ("card", "cart2")] {
            assert!(!are_neighbours(&path(&["x", one]), &path(&["x", other])), "{one} {other}");
        }
        assert!(!are_neighbours(&path(&["x", "a"]), &path(&["y", "b"])));
    }

    #[test]
    fn prose_over_a_border_is_no_value() {
        assert!(may_hold("my card is 4111 1111 ", " 1111 1111"));
        assert!(may_hold("mail jo@exam", "ple.com"));
        assert!(!may_hold("How are you?", "Fine, and you?"));
        assert!(!may_hold("We met in 2024. ", "Then we left."));
    }
}
