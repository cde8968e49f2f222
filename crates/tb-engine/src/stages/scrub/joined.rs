//! Values that are cut into neighbouring texts: the ends are looked at together.

use tb_api::json::Step;
use tb_guard::Finding;

use super::item::Item;

/// So much of each of two neighbours is looked at, in bytes; no value that is looked for without
/// its context is longer.
const REACH_BYTES: usize = 256;
/// So far from the border its groups of digits are looked for, in bytes.
const NEAR_BYTES: usize = 24;
/// A word over the border that has neither digit nor `@` is worth a look from this length on.
const LEAST_WORD_BYTES: usize = 20;

/// The text before the present one.
#[derive(Default)]
pub(super) struct Neighbour<'d> {
    path: Vec<Step<'d>>,
    tail: String,
    /// Its length in bytes, and its number among the items.
    length: usize,
    item: usize,
    is_set: bool,
}

/// Two ends that belong together.
pub(super) struct Border {
    /// The ends, one behind the other.
    pub(super) text: String,
    /// Where the second one begins.
    pub(super) at: usize,
    /// Where the first one begins in its own text, whose number among the items this is.
    pub(super) tail_start: usize,
    pub(super) item: usize,
    /// Where the first text ends.
    pub(super) length: usize,
}

impl<'d> Neighbour<'d> {
    /// The border with the text before, where there may be a value over it.
    pub(super) fn border(&self, path: &[Step<'d>], text: &str) -> Option<Border> {
        if !self.is_set || !are_neighbours(&self.path, path) {
            return None;
        }
        let head = beginning(text, REACH_BYTES);
        if !may_hold(&self.tail, head) {
            return None;
        }
        let (at, length) = (self.tail.len(), self.length);
        let text = [&self.tail, head].concat();
        Some(Border { text, at, tail_start: length - at, item: self.item, length })
    }

    /// The present text is the next one's neighbour.
    pub(super) fn set(&mut self, path: &[Step<'d>], text: &str, item: usize) {
        self.is_set = path.iter().any(|step| matches!(step, Step::Index(_)));
        if self.is_set {
            self.path.clear();
            self.path.extend_from_slice(path);
            self.tail.clear();
            self.tail.push_str(end(text, REACH_BYTES));
            (self.length, self.item) = (text.len(), item);
        }
    }

    /// The next text has no neighbour.
    pub(super) fn forget(&mut self) {
        self.is_set = false;
    }
}

/// Whether two texts lie in neighbouring elements of one array: the ways to them have the same
/// keys, and the first numbers that differ follow each other.
fn are_neighbours(one: &[Step<'_>], other: &[Step<'_>]) -> bool {
    let mut pairs = one.iter().zip(other).skip_while(|(one, other)| one == other);
    let Some((Step::Index(first), Step::Index(second))) = pairs.next() else { return false };
    let same_sort = |(one, other): (&Step<'_>, &Step<'_>)| match (one, other) {
        (Step::Key(one), Step::Key(other)) => one == other,
        (Step::Index(_), Step::Index(_)) => true,
        _ => false,
    };
    *second == first + 1 && one.len() == other.len() && pairs.all(same_sort)
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

/// Hides in both texts what was found over their border.
pub(super) fn split(border: &Border, found: Vec<Finding>, items: &mut [Item]) {
    for finding in found {
        let mut left = finding.clone();
        (left.start, left.end) = (border.tail_start + finding.start, border.length);
        let mut right = finding;
        (right.start, right.end) = (0, right.end - border.at);
        add(items.get_mut(border.item), left);
        add(items.last_mut(), right);
    }
}

fn add(item: Option<&mut Item>, finding: Finding) {
    if let Some(findings) = item.and_then(Item::findings) {
        findings.push(finding);
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
        assert!(!are_neighbours(&parts("0"), &parts("2")));
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
    fn prose_over_a_border_is_no_value() {
        assert!(may_hold("my card is 4111 1111 ", " 1111 1111"));
        assert!(may_hold("mail jo@exam", "ple.com"));
        assert!(!may_hold("How are you?", "Fine, and you?"));
        assert!(!may_hold("We met in 2024. ", "Then we left."));
    }
}
