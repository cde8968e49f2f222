//! The last event of a stream that fails after its head went out: both official SDKs raise
//! it. A `[DONE]` never follows.

use bytes::Bytes;
use tb_api::error::ApiError;
use tb_api::json::write_string;
use tb_api::sse::SseEvent;
use tb_core::Surface;

pub(super) fn error_event(surface: Surface, error: &ApiError, request_id: &str) -> SseEvent {
    match surface {
        Surface::Messages => SseEvent::named("error", Bytes::from(error.anthropic(request_id))),
        Surface::Responses => SseEvent::named("error", Bytes::from(responses(error, request_id))),
        _ => SseEvent::data(Bytes::from(error.openai(request_id))),
    }
}

/// The Responses API's `error` event has its fields at the top; the SDKs raise only what has
/// an `error` member, so both are there.
fn responses(error: &ApiError, request_id: &str) -> String {
    let envelope = error.openai(request_id);
    let mut text = String::from(r#"{"type":"error","sequence_number":0,"code":"#);
    match &error.code {
        Some(code) => write_string(code, &mut text),
        None => text.push_str("null"),
    }
    text.push_str(r#","message":"#);
    write_string(&error.message, &mut text);
    text.push_str(r#","param":null,"#);
    text.push_str(envelope.strip_prefix('{').unwrap_or(&envelope));
    text
}
