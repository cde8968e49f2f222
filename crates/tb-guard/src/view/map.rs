//! From places in a view back to places in the text that it was made of.

use std::ops::Range;

/// Bytes around a change that a sparse view shows, so that context words are seen too.
const BEFORE: usize = 160;
const AFTER: usize = 64;

/// One place of the parent text with what stands there in the view.
#[derive(Clone, Copy)]
struct Edit {
    start: usize,
    end: usize,
    /// Where its replacement ends in [`Edits::text`]; it begins where the one before ends.
    text_end: usize,
}

/// Changes to a text, in its order, without overlaps.
#[derive(Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
    text: String,
}

impl Edits {
    /// Replaces `place` by `with`; a place that begins before the end of the last one is left out.
    pub(super) fn push(&mut self, place: Range<usize>, with: &str) {
        if self.list.last().is_some_and(|last| place.start < last.end) {
            return;
        }
        self.text.push_str(with);
        self.list.push(Edit { start: place.start, end: place.end, text_end: self.text.len() });
    }

    /// The same with one character.
    pub(super) fn push_char(&mut self, place: Range<usize>, with: char) {
        self.push(place, with.encode_utf8(&mut [0; 4]));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Both lists as one; where they overlap, the one that begins first stays.
    pub(super) fn merged(self, other: &Self) -> Self {
        if other.is_empty() {
            return self;
        }
        let mut out = Self::default();
        let (mut left, mut right) = (self.pieces().peekable(), other.pieces().peekable());
        loop {
            let takes_left = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.0.start <= b.0.start,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return out,
            };
            if let Some((place, with)) = if takes_left { left.next() } else { right.next() } {
                out.push(place, with);
            }
        }
    }

    fn pieces(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        let mut from = 0;
        self.list.iter().map(move |edit| {
            let with = self.text.get(from..edit.text_end).unwrap_or_default();
            from = edit.text_end;
            (edit.start..edit.end, with)
        })
    }

    /// The whole text with the changes.
    pub(super) fn whole(&self, parent: &str) -> (String, OffsetMap) {
        let mut building = Building::new(self.text.len() + parent.len());
        let mut at = 0;
        for (place, with) in self.pieces() {
            building.copy(parent, at..place.start);
            at = place.end;
            building.edited(place, with);
        }
        building.copy(parent, at..parent.len());
        building.map.whole = Some(parent.len());
        building.map.length = building.text.len();
        (building.text, building.map)
    }

    /// Only the changes with some text around each: what lies elsewhere was seen in the parent.
    pub(super) fn sparse(&self, parent: &str) -> (String, OffsetMap) {
        let mut building = Building::new(self.text.len());
        let mut at = 0;
        let mut until = 0;
        for (place, with) in self.pieces() {
            let from = floor(parent, place.start.saturating_sub(BEFORE)).max(at);
            if from > until {
                building.copy(parent, at..until);
                building.cut();
                at = from;
            }
            building.copy(parent, at..place.start);
            at = place.end;
            until = floor(parent, place.end.saturating_add(AFTER)).max(place.end);
            building.edited(place, with);
        }
        building.copy(parent, at..until);
        (building.text, building.map)
    }
}

/// The nearest character boundary at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The nearest character boundary at or after `at`.
pub(crate) fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[derive(Clone, Copy)]
struct Segment {
    /// Where it begins in the view.
    at: usize,
    /// Where it came from.
    start: usize,
    end: usize,
    is_copy: bool,
    /// Which piece of a sparse view it belongs to; nothing is found across pieces.
    piece: usize,
}

/// The way back of one step.
#[derive(Default)]
pub(super) struct OffsetMap {
    segments: Vec<Segment>,
    /// The length of the parent, where the view shows all of it but what was taken out.
    whole: Option<usize>,
    /// The length of the view, where it is whole.
    length: usize,
}

impl OffsetMap {
    /// Where a place came from, and whether anything of it changed. `None` for an empty place and
    /// one that goes over the edge of a piece.
    pub(super) fn original(&self, place: &Range<usize>) -> Option<(Range<usize>, bool)> {
        let (first, first_index) = self.segment(place.start)?;
        let (last, last_index) = self.segment(place.end.checked_sub(1)?)?;
        let is_changed = first_index != last_index || !first.is_copy;
        let start =
            if first.is_copy { first.start + (place.start - first.at) } else { first.start };
        let end = if last.is_copy { last.start + (place.end - last.at) } else { last.end };
        let end = self.with_unseen(last_index, place.end).unwrap_or(end).max(end);
        (first.piece == last.piece).then_some((start..end, is_changed))
    }

    /// What was taken out just after a place belongs to it: where invisible characters stand
    /// between the digits, one may stand after the last one. `None` if nothing was.
    fn with_unseen(&self, last_index: usize, end: usize) -> Option<usize> {
        let parent_length = self.whole?;
        match self.segments.get(last_index + 1) {
            Some(next) => (next.at == end).then_some(next.start),
            None => (end == self.length).then_some(parent_length),
        }
    }

    fn segment(&self, at: usize) -> Option<(Segment, usize)> {
        let index = self.segments.partition_point(|one| one.at <= at).checked_sub(1)?;
        Some((*self.segments.get(index)?, index))
    }
}

#[derive(Default)]
struct Building {
    text: String,
    map: OffsetMap,
    piece: usize,
}

impl Building {
    fn new(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), ..Self::default() }
    }

    fn copy(&mut self, parent: &str, place: Range<usize>) {
        if let Some(text) = parent.get(place.clone()).filter(|text| !text.is_empty()) {
            self.segment(place, true);
            self.text.push_str(text);
        }
    }

    fn edited(&mut self, place: Range<usize>, with: &str) {
        if !with.is_empty() {
            self.segment(place, false);
            self.text.push_str(with);
        }
    }

    /// A line break that stands for nothing.
    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.piece += 1;
            self.segment(0..0, false);
            self.text.push('\n');
            self.piece += 1;
        }
    }

    fn segment(&mut self, place: Range<usize>, is_copy: bool) {
        self.map.segments.push(Segment {
            at: self.text.len(),
            start: place.start,
            end: place.end,
            is_copy,
            piece: self.piece,
        });
    }
}
