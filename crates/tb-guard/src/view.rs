//! Views of a text: normalised and decoded, with the way back to the original.
//!
//! The first view is the text, normalised where it must be. The others are sparse: they show only
//! what a step changed, with some text around, because the rest was seen before; so what is found
//! in them counts only where it touches a change.

mod base;
mod coded;
mod letters;
mod map;
mod normal;
mod reversed;
mod runs;
mod spaced;
mod spelled;
mod spoken;
mod symbols;

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use map::{Edits, OffsetMap};
pub(crate) use map::{ceil, floor};

/// Compiles what is compiled once.
pub(crate) fn warm() {
    spelled::warm();
    letters::warm();
}

/// How often what was decoded is decoded again.
const DEPTH: usize = 3;
/// All views together have at most so many bytes for each of the input …
const BYTES_PER_BYTE: usize = 4;
/// … and so many for short texts.
const BYTES_AT_LEAST: usize = 4096;

/// The text as it is seen, for lists of words: compatibility forms, digits and blanks as the usual
/// ones, nothing invisible, no lines through letters.
pub(crate) fn normal(text: &str) -> Cow<'_, str> {
    if normal::is_plain(text) {
        return Cow::Borrowed(text);
    }
    let edits = normal::normalise(text);
    let text = if edits.is_empty() { Cow::Borrowed(text) } else { edits.whole(text).0.into() };
    if text.contains(normal::is_stray_mark) {
        return text.chars().filter(|symbol| !normal::is_stray_mark(*symbol)).collect();
    }
    text
}

/// The text with letters of other scripts replaced by the ASCII ones that they look like, where
/// they stand among such; `None` where there are none.
pub(crate) fn without_look_alikes(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let edits = letters::of_other_scripts(text);
    (!edits.is_empty()).then(|| edits.whole(text).0)
}

/// What the text decodes to, step by step, each with some of the text around; normal.
pub(crate) fn decoded(text: &str) -> Vec<String> {
    let mut bytes_left = text.len().saturating_mul(BYTES_PER_BYTE).max(BYTES_AT_LEAST);
    let mut steps: Vec<String> = Vec::new();
    for _ in 0..DEPTH {
        let last = steps.last().map_or(text, String::as_str);
        let edits = coded::characters(last).merged(&base::runs(last).edits);
        if edits.is_empty() {
            break;
        }
        let next = normal(&edits.sparse(last).0).into_owned();
        let Some(left) = bytes_left.checked_sub(next.len()) else { break };
        bytes_left = left;
        steps.push(next);
    }
    steps
}

/// What a view is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The text itself: everything is looked for.
    Plain,
    /// Letters replaced by the ASCII ones that they look like: mail and keys only.
    LookAlikes,
    /// Anything but names.
    Disguise,
}

/// A text as detectors see it.
#[derive(Clone)]
pub(crate) struct View<'t> {
    /// What they see.
    pub(crate) text: Cow<'t, str>,
    /// Whether it was decoded, not only normalised.
    pub(crate) is_decoded: bool,
    /// What is looked for in it.
    pub(crate) purpose: Purpose,
    /// The steps back, the last one first.
    steps: Vec<Rc<OffsetMap>>,
    /// So many of the first steps are new; 0: the view is the first of all.
    new_steps: usize,
}

impl View<'_> {
    /// The place in the original of a place in this view; `None` where it shows nothing that the
    /// views before did not show.
    pub(crate) fn original(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let mut place = place.clone();
        let mut is_new = self.new_steps == 0;
        for (index, step) in self.steps.iter().enumerate() {
            let (next, is_changed) = step.original(&place)?;
            is_new |= is_changed && index < self.new_steps;
            place = next;
        }
        (is_new && place.start < place.end).then_some(place)
    }
}

/// All views of one text.
pub(crate) struct Views<'t> {
    /// The plain one first.
    pub(crate) views: Vec<View<'t>>,
    /// The budget was not enough: part of the text was not looked at.
    pub(crate) is_opaque: bool,
    /// Something in it is compressed, or encoded too often.
    has_packed: bool,
    bytes_left: usize,
}

impl<'t> Views<'t> {
    /// The views of a text: the normalised one first.
    pub(crate) fn of(text: &'t str) -> Self {
        let bytes_left = text.len().saturating_mul(BYTES_PER_BYTE).max(BYTES_AT_LEAST);
        let mut views = Self { views: Vec::new(), is_opaque: false, has_packed: false, bytes_left };
        let plain = View {
            text: Cow::Borrowed(text),
            is_decoded: false,
            purpose: Purpose::Plain,
            steps: Vec::new(),
            new_steps: 0,
        };
        let tags = if text.is_ascii() { Edits::default() } else { normal::tags(text) };
        let tagged = views.changed(&plain, &tags, Purpose::Disguise);
        let plain = views.normalised(plain);
        views.expand(plain, 0);
        if let Some(tagged) = tagged {
            let tagged = View { is_decoded: true, ..views.normalised(tagged) };
            views.expand(tagged, 1);
        }
        views.is_opaque |= views.has_packed;
        views
    }

    /// The view with its text normalised, or itself where there is nothing to do or no budget.
    fn normalised(&mut self, view: View<'t>) -> View<'t> {
        if normal::is_plain(&view.text) {
            return view;
        }
        let edits = normal::normalise(&view.text);
        if edits.is_empty() {
            return view;
        }
        let (text, map) = edits.whole(&view.text);
        if !self.pay(text.len()) {
            return view;
        }
        let mut steps = vec![Rc::new(map)];
        steps.extend(view.steps.iter().cloned());
        let new_steps = if view.new_steps == 0 { 0 } else { view.new_steps + 1 };
        View { text: Cow::Owned(text), steps, new_steps, ..view }
    }

    fn pay(&mut self, bytes: usize) -> bool {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.is_opaque = true,
        }
        !self.is_opaque
    }

    /// Keeps a view and makes the ones that follow from it.
    fn expand(&mut self, view: View<'t>, depth: usize) {
        let index = self.views.len();
        if !view.text.is_ascii() {
            self.keep_changed(&view, &letters::look_alikes(&view.text), Purpose::LookAlikes);
        }
        for step in [spoken::digits, spelled::addresses, spaced::joined, reversed::turned] {
            self.keep_changed(&view, &step(&view.text), Purpose::Disguise);
        }
        let base = base::runs(&view.text);
        self.has_packed |= base.is_packed || depth == DEPTH && !base.edits.is_empty();
        if depth < DEPTH {
            let decoded = coded::characters(&view.text).merged(&base.edits);
            if let Some(mut next) = self.changed(&view, &decoded, Purpose::Disguise) {
                next.is_decoded = true;
                let next = self.normalised(next);
                self.expand(next, depth + 1);
            }
        }
        self.views.insert(index, view);
    }

    fn keep_changed(&mut self, view: &View<'t>, edits: &Edits, purpose: Purpose) {
        if let Some(next) = self.changed(view, edits, purpose) {
            self.views.push(next);
        }
    }

    fn changed(&mut self, view: &View<'t>, edits: &Edits, purpose: Purpose) -> Option<View<'t>> {
        if edits.is_empty() {
            return None;
        }
        let (text, map) = edits.sparse(&view.text);
        if !self.pay(text.len()) {
            return None;
        }
        let mut steps = vec![Rc::new(map)];
        steps.extend(view.steps.iter().cloned());
        let is_decoded = view.is_decoded;
        Some(View { text: Cow::Owned(text), is_decoded, purpose, steps, new_steps: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_one_borrowed_view() {
        let text = "Dear Jo, call 555-0199 on 2024-01-02 or write to jo@example.com at once.";
        let views = Views::of(text);
        assert_eq!(views.views.len(), 1);
        assert!(matches!(views.views[0].text, Cow::Borrowed(_)));
    }

    #[test]
    fn the_same_place_is_not_shown_twice() {
        let text = "jo@example.com %41 and x";
        let views = Views::of(text);
        let decoded = &views.views[1];
        assert!(decoded.is_decoded);
        let plain = decoded.text.find("jo@").unwrap();
        assert_eq!(decoded.original(&(plain..plain + 14)), None);
        let letter = decoded.text.find("A and").unwrap();
        assert_eq!(decoded.original(&(letter..letter + 1)), Some(15..18));
    }

    #[test]
    fn an_unseen_character_after_the_last_digit_belongs_to_the_number() {
        let text = "no 4\u{ad}1\u{ad}2\u{200b}\u{ad} then 7\u{ad}";
        let views = Views::of(text);
        let plain = &views.views[0];
        assert_eq!(plain.text, "no 412 then 7");
        assert_eq!(plain.original(&(3..6)), Some(3..15));
        assert_eq!(plain.original(&(3..5)), Some(3..9));
        assert_eq!(plain.original(&(12..13)), Some(text.len() - 3..text.len()));
    }

    #[test]
    fn views_grow_with_the_text() {
        let shown = |count: usize| -> usize {
            let text =
                "４１１１ %34%31 a&#64;b QUJDREVGR0hJSktMTU5P 4 1 1 1 1 1 1 1 1 four one \\u0034 "
                    .repeat(count);
            let views = Views::of(&text);
            assert!(!views.is_opaque);
            let all: usize = views.views.iter().map(|view| view.text.len()).sum();
            assert!(all <= 5 * text.len());
            all
        };
        assert!(shown(2_000) * 2 < shown(1_000) * 5);
    }
}
