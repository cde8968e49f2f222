//! Answers that begin well and go wrong.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tb_core::Surface;

use super::ask::{Ask, Route};
use super::{Ending, Script};
use crate::openai::OpenAi;
use crate::{AnswerShape, Dialect};

/// Keeps the first half of the pieces, or of the only piece.
pub(super) fn halve(script: &mut Script, ending: Ending) {
    script.ending = ending;
    if let [(_, only)] = script.pieces.as_mut_slice() {
        only.truncate(only.len() / 2);
    } else {
        script.pieces.truncate(script.pieces.len() / 2);
    }
}

/// Keeps what comes before the first output: nothing of a plain answer. An empty piece stands
/// for the head that was sent.
pub(super) fn keep_startup(script: &mut Script, ask: &Ask, ending: Ending) {
    script.ending = ending;
    let kept = if ask.stream { startup_pieces(script, ask) } else { 0 };
    script.pieces.truncate(kept);
    if script.pieces.is_empty() {
        script.pieces.push((Duration::ZERO, Bytes::new()));
    }
}

/// How many pieces the decoder of this stream takes without seeing output.
fn startup_pieces(script: &Script, ask: &Ask) -> usize {
    let surface = match ask.route {
        Route::Chat => Surface::ChatCompletions,
        Route::Completions => Surface::Completions,
        Route::Responses => Surface::Responses,
        Route::Images => Surface::ImagesGenerations,
        _ => return 0,
    };
    let shape = AnswerShape { surface, stream_usage: false, base64_embeddings: false, created: 0 };
    let mut decoder = OpenAi.stream(shape, &ask.model);
    let mut events = Vec::new();
    let silent = script.pieces.iter().take_while(|(_, piece)| {
        let taken = decoder.push(piece, &mut events);
        let facts = decoder.facts();
        taken.is_ok() && !facts.output_seen && !facts.finished
    });
    silent.count()
}

/// What no parser takes, instead of the answer.
pub(super) fn garbage(script: &mut Script) {
    let streamed = script.pieces.len() > 1;
    let body: &'static [u8] =
        if streamed { b"data: {\"choices\": [}{\n\n" } else { b"{\"choices\": [}{" };
    script.pieces = vec![(Duration::ZERO, Bytes::from_static(body))];
}

/// Ends the stream with the route's error event.
pub(super) fn error_event(script: &mut Script, ask: &Ask) {
    let message = "The simulated provider fails in the middle of the stream.";
    let event = if ask.route == Route::Responses {
        let error = json!({
            "type": "error", "code": "server_error", "message": message, "param": null,
            "sequence_number": script.pieces.len(),
        });
        format!("event: error\ndata: {error}\n\n")
    } else {
        let error = json!({"error": {
            "message": message, "type": "server_error", "param": null, "code": "server_error",
        }});
        format!("data: {error}\n\n")
    };
    script.pieces.push((Duration::ZERO, Bytes::from(event)));
}
