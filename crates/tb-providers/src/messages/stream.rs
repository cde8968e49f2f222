//! Chat chunks as the events of the Messages API.

use bytes::Bytes;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::TokenCounts;

use super::answer::{reasoning, stop_reason, usage};
use crate::error::malformed_stream;
use crate::pivot::{count_at, list_at, text_at, usage_from_chat};
use crate::{AnswerFacts, StreamDecoder, UpstreamError};

mod writer;

use writer::Writer;

/// Wraps a chat decoder. The closing events wait for the end of the chat stream, because the
/// usage comes after the finish reason there.
pub(super) struct MessagesStream {
    chat: Box<dyn StreamDecoder>,
    chunks: Vec<SseEvent>,
    writer: Writer,
    model: String,
    started: bool,
    finish: Option<String>,
    refused: bool,
    tokens: Option<TokenCounts>,
    ended: bool,
}

impl MessagesStream {
    /// A decoder at the start of a stream.
    pub(super) fn new(chat: Box<dyn StreamDecoder>, model: &str) -> Self {
        Self {
            chat,
            chunks: Vec::new(),
            writer: Writer::default(),
            model: model.to_owned(),
            started: false,
            finish: None,
            refused: false,
            tokens: None,
            ended: false,
        }
    }

    fn translate(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        for chunk in std::mem::take(&mut self.chunks) {
            if chunk.data.as_ref() == b"[DONE]" {
                self.end(out);
                continue;
            }
            let chunk: Value = serde_json::from_slice(&chunk.data)
                .map_err(|_| malformed_stream("a chunk is not JSON"))?;
            if let Some(tokens) = chunk.get("usage").and_then(usage_from_chat) {
                self.tokens = Some(tokens);
            }
            let choices = list_at(&chunk, "choices").iter();
            for choice in choices.filter(|choice| count_at(choice, "index").unwrap_or(0) == 0) {
                self.start(&chunk, out);
                self.choice(choice, out)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, chunk: &Value, out: &mut Vec<SseEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let model = text_at(chunk, "model").filter(|model| !model.is_empty());
        let message = json!({
            "id": text_at(chunk, "id").filter(|id| !id.is_empty()).unwrap_or("msg_unnamed"),
            "type": "message",
            "role": "assistant",
            "model": model.unwrap_or(&self.model),
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            // Chat providers tell the counts at the end; the message_delta has them.
            "usage": usage(&TokenCounts::default()),
        });
        out.push(event("message_start", &json!({"type": "message_start", "message": message})));
    }

    fn choice(&mut self, choice: &Value, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        if let Some(text) = reasoning(delta) {
            self.writer.thinking(text, out)?;
        }
        for detail in list_at(delta, "reasoning_details") {
            if let Some(signature) = text_at(detail, "signature") {
                self.writer.signature(signature, out);
            }
        }
        for key in ["content", "refusal"] {
            if let Some(text) = text_at(delta, key).filter(|text| !text.is_empty()) {
                self.writer.text(text, out)?;
                self.refused |= key == "refusal";
            }
        }
        for call in list_at(delta, "tool_calls") {
            self.writer.tool(call, out)?;
        }
        if let Some(finish) = text_at(choice, "finish_reason") {
            self.finish = Some(finish.to_owned());
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<SseEvent>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(&Value::Null, out);
        self.writer.end(out);
        let finish = self.finish.as_deref().filter(|_| !self.refused);
        let finish = finish.unwrap_or(if self.refused { "content_filter" } else { "stop" });
        let tokens = self.tokens.or(self.chat.facts().tokens).unwrap_or_default();
        out.push(event(
            "message_delta",
            &json!({
                "type": "message_delta",
                "delta": {
                    "stop_reason": stop_reason(finish, self.writer.called()),
                    "stop_sequence": null,
                },
                "usage": usage(&tokens),
            }),
        ));
        out.push(event("message_stop", &json!({"type": "message_stop"})));
    }
}

impl StreamDecoder for MessagesStream {
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let decoded = self.chat.push(bytes, &mut self.chunks);
        self.translate(out)?;
        decoded
    }

    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let decoded = self.chat.finish(&mut self.chunks);
        self.translate(out)?;
        decoded?;
        self.end(out);
        Ok(())
    }

    fn facts(&self) -> &AnswerFacts {
        self.chat.facts()
    }
}

/// An event of the Messages API: clients ignore those without a name.
fn event(name: &'static str, content: &Value) -> SseEvent {
    SseEvent::named(name, Bytes::from(content.to_string()))
}
