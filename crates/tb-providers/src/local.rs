//! Answers that the gateway gives by itself, in the public shapes: made of a text, replayed as
//! streams, marked.

use bytes::Bytes;
use serde_json::Value;
use tb_api::sse::SseEvent;
use tb_core::Surface;

mod chat;
mod ending;
mod mark;
mod messages;
mod responses;
mod speech;
mod tools;

pub use ending::{EndingWatch, is_whole};
pub use mark::{mark, mark_stream};
pub use speech::{Spoken, answer};
pub use tools::calls_tools;

/// The longest piece of text in one replayed event, in bytes: some clients read lines of at
/// most 64 KiB, and JSON's escapes can make a text six times as long.
const MAX_PIECE_BYTES: usize = 4_096;

/// A whole answer as the events of a stream, the terminal one included; `stream_usage` says
/// whether the client asked for usage. `None` where the route has no streams or the body is not
/// of its shape.
#[must_use]
pub fn replay(surface: Surface, body: &Bytes, stream_usage: bool) -> Option<Vec<SseEvent>> {
    let answer: Value = serde_json::from_slice(body).ok().filter(Value::is_object)?;
    match surface {
        Surface::ChatCompletions => chat::chat_events(&answer, stream_usage),
        Surface::Completions => chat::completion_events(&answer, stream_usage),
        Surface::Responses => responses::events(answer),
        Surface::Messages => messages::events(&answer, body),
        _ => None,
    }
}

/// A text cut into pieces of at most [`MAX_PIECE_BYTES`]; none when it is empty.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at_checked(rest.floor_char_boundary(MAX_PIECE_BYTES))?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The object without these members.
fn without(object: &Value, names: &[&str]) -> serde_json::Map<String, Value> {
    let members = object.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| !names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_and_lose_nothing() {
        let text = "aé漢🙂".repeat(2_000);
        let cut: Vec<&str> = pieces(&text).collect();
        assert!(cut.len() > 4 && cut.iter().all(|piece| piece.len() <= MAX_PIECE_BYTES));
        assert_eq!(cut.concat(), text);
        assert_eq!(pieces("").count(), 0);
    }
}
