//! The events of Anthropic's message streams.

use bytes::Bytes;
use tb_api::json::{Document, Step, Value};
use tb_api::sse::SseEvent;

use super::key::Ends;
use super::leaf::STRUCTURAL;
use super::whole::quoted;

/// A text of a content block that streams in pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) index: u64,
    text: BlockText,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum BlockText {
    Text,
    Thinking,
    Input,
    /// Of deltas that are not known: their type and the member with the text.
    Unlisted(String, String),
}

/// What an event says.
#[derive(Debug)]
pub(super) enum BlockEvent {
    /// A block begins, which may hold text already, or a piece of it; the type of the piece.
    Piece(u64, String),
    /// A block ends.
    Stop(u64),
    /// The beginning, a sign of life, or what is not known.
    Other,
    /// The end of the message.
    End,
}

impl BlockEvent {
    pub(super) fn read(kind: &str, document: &Document) -> Self {
        let index = || document.get("index").as_ref().and_then(Value::as_u64).unwrap_or(0);
        match kind {
            "content_block_start" | "content_block_delta" => {
                let delta = document.get("delta").and_then(|delta| delta.get("type"));
                let kind = delta.and_then(|kind| kind.as_str()).unwrap_or_default();
                Self::Piece(index(), kind.into_owned())
            }
            "content_block_stop" => Self::Stop(index()),
            "message_delta" | "message_stop" | "error" => Self::End,
            _ => Self::Other,
        }
    }

    pub(super) fn key(&self, path: &[Step<'_>]) -> Option<Block> {
        let (Self::Piece(index, kind), [Step::Key(parent), Step::Key(name)]) = (self, path) else {
            return None;
        };
        let text = match (parent.as_ref(), name.as_ref()) {
            ("delta" | "content_block", "text") => BlockText::Text,
            ("delta" | "content_block", "thinking") => BlockText::Thinking,
            ("delta", "partial_json") => BlockText::Input,
            ("delta", name) if !STRUCTURAL.contains(&name) => {
                BlockText::Unlisted(kind.clone(), name.to_owned())
            }
            _ => return None,
        };
        Some(Block { index: *index, text })
    }

    pub(super) fn ends(&self) -> Ends {
        match self {
            Self::Piece(..) | Self::Other => Ends::None,
            Self::Stop(index) => Ends::Block(*index),
            Self::End => Ends::All,
        }
    }
}

impl Block {
    pub(super) fn is_json(&self, wants_json: bool) -> bool {
        match self.text {
            BlockText::Text => wants_json,
            BlockText::Thinking | BlockText::Unlisted(..) => false,
            BlockText::Input => true,
        }
    }

    /// An event with only this piece.
    pub(super) fn event(&self, text: &str) -> SseEvent {
        let (kind, name) = match &self.text {
            BlockText::Text => ("text_delta", "text"),
            BlockText::Thinking => ("thinking_delta", "thinking"),
            BlockText::Input => ("input_json_delta", "partial_json"),
            BlockText::Unlisted(kind, name) => (kind.as_str(), name.as_str()),
        };
        let (index, text) = (self.index, quoted(text));
        let (kind, name) = (quoted(kind), quoted(name));
        let data = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":{kind},{name}:{text}}}}}"#
        );
        SseEvent::named("content_block_delta", Bytes::from(data))
    }
}
