//! Streams: each event's pieces are looked at and restored by the field that they belong to,
//! and what was held back of a field goes out before the field's end.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use tb_api::json::{Document, Leaf, LeafKind};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::AnswerBlocked;
use super::field::Field;
use super::key::{Ends, FieldKey, Shape};
use super::leaf::key_of;
use super::numbers::Numbers;
use super::odds::are_at;
use super::rules::{Duty, Rules, Splices};
use super::signs::may_hold_placeholder;
use super::whole::{change as change_of, quoted, unread};

/// So many fields are remembered at once, where each of them is held back. Answers have a few.
const MAX_FIELDS: usize = 1_024;

/// The fields of a stream under way.
#[derive(Debug)]
pub(super) struct Events {
    surface: Surface,
    /// Those that remember something.
    open: BTreeMap<FieldKey, Field>,
    numbers: Numbers,
    /// Some field came in pieces, so that whole texts repeat them.
    has_pieces: bool,
}

/// What becomes of one event.
#[derive(Default)]
struct Change {
    splices: Splices,
    pieces: Vec<Piece>,
}

/// A piece of a field in an event.
struct Piece {
    key: FieldKey,
    range: Range<usize>,
    /// What came.
    came: String,
    /// What goes on.
    goes: String,
}

impl Events {
    pub(super) fn new(surface: Surface) -> Self {
        let (open, numbers) = (BTreeMap::new(), Numbers::default());
        Self { surface, open, numbers, has_pieces: false }
    }

    /// The next event: adds what may go out now.
    pub(super) fn event(
        &mut self,
        event: SseEvent,
        rules: &mut Rules,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), AnswerBlocked> {
        if self.passes(&event, rules) {
            self.numbers.pass();
            out.push(event);
            return Ok(());
        }
        if event.data.trim_ascii() == b"[DONE]" {
            self.finish(rules, out)?;
            out.push(event);
            return Ok(());
        }
        let Ok(document) = Document::parse(event.data.clone()) else {
            self.finish(rules, out)?;
            let data = unread(event.data, rules)?;
            out.push(SseEvent { event: event.event, data });
            return Ok(());
        };
        if self.open.len() > MAX_FIELDS {
            self.finish(rules, out)?;
        }
        let shape = Shape::read(self.surface, &event, &document);
        let mut change = self.change(&document, &shape, rules)?;
        self.numbers.see(&document);
        self.end_fields(&shape.ends(), &mut change, rules, out)?;
        let Change { mut splices, pieces } = change;
        for piece in pieces {
            self.forget_idle(&piece.key);
            if piece.goes != piece.came {
                splices.push((piece.range, quoted(&piece.goes)));
            }
        }
        splices.extend(self.numbers.renumbered(&document));
        splices.sort_by_key(|(range, _)| range.start);
        out.push(SseEvent { event: event.event, data: document.spliced(&splices) });
        Ok(())
    }

    /// The stream is over, or breaks off: adds what was held back.
    pub(super) fn finish(
        &mut self,
        rules: &mut Rules,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), AnswerBlocked> {
        self.end_fields(&Ends::All, &mut Change::default(), rules, out)
    }

    /// Whether an event goes on untouched and unread.
    fn passes(&self, event: &SseEvent, rules: &Rules) -> bool {
        rules.duty() == Duty::Off
            && self.open.is_empty()
            && !self.numbers.are_shifted()
            && !may_hold_placeholder(&event.data)
    }

    /// Takes in the strings of an event.
    fn change(
        &mut self,
        document: &Document,
        shape: &Shape,
        rules: &mut Rules,
    ) -> Result<Change, AnswerBlocked> {
        let odds = rules.odds(self.surface, document);
        let mut change = Change { splices: odds.clone(), pieces: Vec::new() };
        let mut outcome = Ok(());
        let mut part = String::new();
        document.leaves(|leaf| {
            if outcome.is_err() || leaf.kind == LeafKind::Key || are_at(&odds, &leaf.range) {
                return;
            }
            if key_of(leaf.path) == "type" {
                part = leaf.text.to_string();
            }
            let key = shape.key(leaf.path).filter(|_| leaf.kind == LeafKind::String);
            outcome = match key {
                Some(key) => self.piece((key, document.bytes()), leaf, rules, &mut change),
                None => self.whole(leaf, &part, rules, &mut change),
            };
        });
        outcome.map(|()| change)
    }

    /// A piece of a field, in an event with these bytes.
    fn piece(
        &mut self,
        (key, data): (FieldKey, &Bytes),
        leaf: &Leaf<'_, '_>,
        rules: &mut Rules,
        change: &mut Change,
    ) -> Result<(), AnswerBlocked> {
        self.has_pieces = true;
        let writing = key.writing(rules.wants_json());
        let field = self.open.entry(key.clone()).or_insert_with(|| Field::new(writing, rules));
        field.last = data.clone();
        let goes = field.push(&leaf.text, rules)?;
        let (range, came) = (leaf.range.clone(), leaf.text.to_string());
        change.pieces.push(Piece { key, range, came, goes });
        Ok(())
    }

    /// A string that is whole.
    fn whole(
        &mut self,
        leaf: &Leaf<'_, '_>,
        part: &str,
        rules: &mut Rules,
        change: &mut Change,
    ) -> Result<(), AnswerBlocked> {
        rules.is_repeated = self.has_pieces;
        let treated = change_of(leaf, part, self.surface, rules);
        rules.is_repeated = false;
        if let Some(text) = treated? {
            change.splices.push((leaf.range.clone(), quoted(&text)));
        }
        Ok(())
    }

    /// Gives out what is held back of the fields that end: in the event itself where it has a
    /// piece of the field, else in an event of its own before it.
    fn end_fields(
        &mut self,
        ends: &Ends,
        change: &mut Change,
        rules: &mut Rules,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), AnswerBlocked> {
        let ended: Vec<FieldKey> = self.open.keys().filter(|key| ends.end(key)).cloned().collect();
        for key in ended {
            let Some(mut field) = self.open.remove(&key) else { continue };
            let rest = field.finish(rules)?;
            if rest.is_empty() {
                continue;
            }
            match change.pieces.iter_mut().rev().find(|piece| piece.key == key) {
                Some(piece) => piece.goes.push_str(&rest),
                None => {
                    let number = self.numbers.insert();
                    out.extend(key.event(&field.last, &rest, number));
                }
            }
        }
        Ok(())
    }

    fn forget_idle(&mut self, key: &FieldKey) {
        if self.open.get(key).is_some_and(Field::is_idle) {
            self.open.remove(key);
        }
    }
}
