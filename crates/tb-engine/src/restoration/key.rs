//! Which field of an answer a piece belongs to, and when fields end, in each of the public
//! stream shapes.

use std::borrow::Cow;

use bytes::Bytes;
use tb_api::json::{Document, Step, Value};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::blocks::{Block, BlockEvent};
use super::chunks::{Chunk, InChoice};
use super::named::{NamedEvent, NamedField};
use super::rules::Writing;

/// One field of one choice, block or item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FieldKey {
    /// Of a chunk: the index of the choice and the field in it.
    Choice(u64, InChoice),
    /// Of a message of Anthropic's shape.
    Block(Block),
    /// Of an event with a name (responses, transcripts).
    Named(NamedField),
}

/// What an event says of its pieces.
#[derive(Debug)]
pub(super) enum Shape {
    /// Chat and text completions.
    Chunk(Chunk),
    /// Anthropic's shape.
    Block(BlockEvent),
    /// Responses, transcripts.
    Named(NamedEvent),
}

/// Which fields end with an event.
#[derive(Debug)]
pub(super) enum Ends {
    /// All.
    All,
    /// None.
    None,
    /// Those of these choices.
    Choices(Vec<u64>),
    /// Those of one block.
    Block(u64),
    /// Those that are told apart by less than all of this.
    Named(NamedField),
}

impl Shape {
    pub(super) fn read(surface: Surface, event: &SseEvent, document: &Document) -> Self {
        let kind = document.get("type").as_ref().and_then(Value::as_str);
        let name = || event.event.as_deref().map(String::from_utf8_lossy);
        let kind = kind.or_else(name).unwrap_or(Cow::Borrowed(""));
        match surface {
            Surface::ChatCompletions | Surface::Completions => Self::Chunk(Chunk::read(document)),
            Surface::Messages => Self::Block(BlockEvent::read(&kind, document)),
            _ => Self::Named(NamedEvent::read(&kind, document)),
        }
    }

    /// The field that the string at this path is a piece of, if it is one.
    pub(super) fn key(&self, path: &[Step<'_>]) -> Option<FieldKey> {
        match self {
            Self::Chunk(chunk) => chunk.key(path),
            Self::Block(event) => event.key(path).map(FieldKey::Block),
            Self::Named(event) => event.key(path).map(FieldKey::Named),
        }
    }

    /// Which fields end with the event.
    pub(super) fn ends(&self) -> Ends {
        match self {
            Self::Chunk(chunk) => chunk.ends(),
            Self::Block(event) => event.ends(),
            Self::Named(event) => event.ends(),
        }
    }
}

impl Ends {
    pub(super) fn end(&self, key: &FieldKey) -> bool {
        match (self, key) {
            (Self::All, _) => true,
            (Self::Choices(ended), FieldKey::Choice(choice, _)) => ended.contains(choice),
            (Self::Block(index), FieldKey::Block(block)) => block.index == *index,
            (Self::Named(place), FieldKey::Named(field)) => field.is_at(place),
            _ => false,
        }
    }
}

impl FieldKey {
    pub(super) fn writing(&self, wants_json: bool) -> Writing {
        let is_json = match self {
            Self::Choice(_, field) => field.is_json(wants_json),
            Self::Block(block) => block.is_json(wants_json),
            Self::Named(field) => field.is_json(wants_json),
        };
        if is_json { Writing::Json } else { Writing::Text }
    }

    /// An event with only this piece of the field, like the last one that had a piece of it.
    pub(super) fn event(&self, last: &Bytes, text: &str, number: Option<u64>) -> Option<SseEvent> {
        match self {
            Self::Choice(choice, field) => field.event(*choice, last, text),
            Self::Block(block) => Some(block.event(text)),
            Self::Named(field) => field.event(last, text, number),
        }
    }
}
