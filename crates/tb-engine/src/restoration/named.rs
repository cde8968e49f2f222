//! Events that tell by their type what they are: those of the Responses API and of transcripts.

use bytes::Bytes;
use tb_api::json::{Document, Step, Value};
use tb_api::sse::SseEvent;

use super::key::Ends;
use super::whole::quoted;

/// A text that streams in pieces: the type of its events and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct NamedField {
    /// The type without `.delta`; none where all texts of a place are meant.
    stem: Option<String>,
    item: Option<Item>,
    content: Option<u64>,
    summary: Option<u64>,
}

/// The item of the output; some servers tell only one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Index(u64),
    Id(String),
}

/// What an event says.
#[derive(Debug)]
pub(super) enum NamedEvent {
    /// A piece of a text.
    Piece(NamedField),
    /// Texts end.
    Done(NamedField),
    /// All texts end.
    End,
    /// Something else.
    Other,
}

impl NamedEvent {
    pub(super) fn read(kind: &str, document: &Document) -> Self {
        let number = |key| document.get(key).as_ref().and_then(Value::as_u64);
        let id = || Some(Item::Id(document.get("item_id")?.as_str()?.into_owned()));
        let mut field = NamedField {
            stem: None,
            item: number("output_index").map(Item::Index).or_else(id),
            content: number("content_index"),
            summary: number("summary_index"),
        };
        match kind {
            "response.output_item.done" => {
                (field.content, field.summary) = (None, None);
                Self::Done(field)
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                Self::Done(field)
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "error" => Self::End,
            _ => {
                if let Some(stem) = kind.strip_suffix(".delta") {
                    field.stem = Some(stem.to_owned());
                    Self::Piece(field)
                } else if let Some(stem) = kind.strip_suffix(".done") {
                    field.stem = Some(stem.to_owned());
                    Self::Done(field)
                } else {
                    Self::Other
                }
            }
        }
    }

    pub(super) fn key(&self, path: &[Step<'_>]) -> Option<NamedField> {
        match (self, path) {
            (Self::Piece(field), [Step::Key(name)]) if name == "delta" && !field.is_sound() => {
                Some(field.clone())
            }
            _ => None,
        }
    }

    pub(super) fn ends(&self) -> Ends {
        match self {
            Self::Piece(_) | Self::Other => Ends::None,
            Self::Done(field) => Ends::Named(field.clone()),
            Self::End => Ends::All,
        }
    }
}

impl NamedField {
    /// Whether it is one of those at the place: what the place does not tell is not compared.
    pub(super) fn is_at(&self, place: &Self) -> bool {
        fn fits<T: PartialEq>(have: Option<&T>, want: Option<&T>) -> bool {
            want.is_none() || have.is_none() || have == want
        }
        fits(self.stem.as_ref(), place.stem.as_ref())
            && fits(self.item.as_ref(), place.item.as_ref())
            && fits(self.content.as_ref(), place.content.as_ref())
            && fits(self.summary.as_ref(), place.summary.as_ref())
    }

    /// Whether its pieces are bytes of sound.
    fn is_sound(&self) -> bool {
        self.stem().ends_with("audio")
    }

    fn stem(&self) -> &str {
        self.stem.as_deref().unwrap_or_default()
    }

    pub(super) fn is_json(&self, wants_json: bool) -> bool {
        let stem = self.stem();
        stem.ends_with("arguments") || (wants_json && stem == "response.output_text")
    }

    /// An event like the last one, with only this piece.
    pub(super) fn event(&self, last: &Bytes, text: &str, number: Option<u64>) -> Option<SseEvent> {
        let document = Document::parse(last.clone()).ok()?;
        let mut edits = document.edit();
        edits.set(&["delta"], &quoted(text)).remove(&["obfuscation"]);
        if document.get("logprobs").is_some() {
            edits.set(&["logprobs"], "[]");
        }
        if let (Some(number), true) = (number, document.get("sequence_number").is_some()) {
            edits.set(&["sequence_number"], &number.to_string());
        }
        let name = Bytes::from(format!("{}.delta", self.stem()));
        Some(SseEvent { event: Some(name), data: edits.apply() })
    }
}
