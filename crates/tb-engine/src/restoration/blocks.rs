//! The events of Anthropic's message streams.

use bytes::Bytes;
use tb_api::json::{Document, Step, Value};
use tb_api::sse::SseEvent;

use super::key::Ends;
use super::whole::quoted;

/// A text of a content block that streams in pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) index: u64,
    text: BlockText,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BlockText {
    Text,
    Thinking,
    Input,
}

/// What an event says.
#[derive(Debug)]
pub(super) enum BlockEvent {
    /// A block begins, which may hold text already, or a piece of it.
    Piece(u64),
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
            "content_block_start" | "content_block_delta" => Self::Piece(index()),
            "content_block_stop" => Self::Stop(index()),
            "message_delta" | "message_stop" | "error" => Self::End,
            _ => Self::Other,
        }
    }

    pub(super) fn key(&self, path: &[Step<'_>]) -> Option<Block> {
        let (Self::Piece(index), [Step::Key(parent), Step::Key(name)]) = (self, path) else {
            return None;
        };
        let text = match (parent.as_ref(), name.as_ref()) {
            ("delta" | "content_block", "text") => BlockText::Text,
            ("delta" | "content_block", "thinking") => BlockText::Thinking,
            ("delta", "partial_json") => BlockText::Input,
            _ => return None,
        };
        Some(Block { index: *index, text })
    }

    pub(super) fn ends(&self) -> Ends {
        match self {
            Self::Piece(_) | Self::Other => Ends::None,
            Self::Stop(index) => Ends::Block(*index),
            Self::End => Ends::All,
        }
    }
}

impl Block {
    pub(super) fn is_json(&self, wants_json: bool) -> bool {
        match self.text {
            BlockText::Text => wants_json,
            BlockText::Thinking => false,
            BlockText::Input => true,
        }
    }

    /// An event with only this piece.
    pub(super) fn event(&self, text: &str) -> SseEvent {
        let (kind, name) = match self.text {
            BlockText::Text => ("text_delta", "text"),
            BlockText::Thinking => ("thinking_delta", "thinking"),
            BlockText::Input => ("input_json_delta", "partial_json"),
        };
        let (index, text) = (self.index, quoted(text));
        let data = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{name}":{text}}}}}"#
        );
        SseEvent::named("content_block_delta", Bytes::from(data))
    }
}
