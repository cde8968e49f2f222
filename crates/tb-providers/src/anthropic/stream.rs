//! Streams of the Messages API: passed on as they are, or as chat chunks.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tb_api::sse::{SseEvent, SseParser};
use tb_core::TokenCounts;

use super::answer::{finish_reason, reasoning_detail};
use super::facts::Observer;
use crate::error::{cut_stream, malformed_stream};
use crate::pivot::{ChatChunks, MAX_EVENT_BYTES, count_at, text_at};
use crate::{AnswerFacts, AnswerShape, StreamDecoder, UpstreamError};

/// Reads the events of a Messages stream and hands them to a [`Sink`].
#[derive(Debug)]
struct Reader {
    parser: SseParser,
    events: Vec<SseEvent>,
    observer: Observer,
}

/// One event of the stream.
#[derive(Debug)]
struct Event<'a> {
    kind: &'a str,
    content: &'a Value,
    /// As it came.
    raw: SseEvent,
    /// The token counts so far, this event included.
    tokens: Option<&'a TokenCounts>,
}

/// What becomes of an event.
trait Sink {
    /// Takes `event`; adds the client's events to `out`.
    fn event(&mut self, event: Event<'_>, out: &mut Vec<SseEvent>);
}

impl Reader {
    fn new() -> Self {
        let parser = SseParser::new(MAX_EVENT_BYTES);
        Self { parser, events: Vec::new(), observer: Observer::default() }
    }

    fn push(
        &mut self,
        bytes: &Bytes,
        sink: &mut impl Sink,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        let parsed = self.parser.push(bytes, &mut self.events);
        self.drain(sink, out)?;
        parsed.map_err(|error| malformed_stream(&error.to_string()))
    }

    fn finish(
        &mut self,
        sink: &mut impl Sink,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        let parsed = self.parser.finish(&mut self.events);
        self.drain(sink, out)?;
        parsed.map_err(|error| malformed_stream(&error.to_string()))?;
        if self.observer.facts.finished { Ok(()) } else { Err(cut_stream()) }
    }

    fn drain(
        &mut self,
        sink: &mut impl Sink,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        for raw in self.events.drain(..) {
            if self.observer.facts.finished {
                continue;
            }
            let content: Value = serde_json::from_slice(&raw.data)
                .map_err(|_| malformed_stream("an event is not JSON"))?;
            let kind = text_at(&content, "type")
                .ok_or_else(|| malformed_stream("an event without type"))?;
            match kind {
                "ping" => {}
                "error" => return Err(super::stream_error(&raw.data)),
                _ => {
                    self.observer.observe(kind, &content);
                    let tokens = self.observer.facts.tokens.as_ref();
                    sink.event(Event { kind, content: &content, raw, tokens }, out);
                }
            }
        }
        Ok(())
    }
}

/// Gives the events on as they came, pings apart (the gateway keeps connections alive with
/// comments). Clients ignore events without a name, so a missing one is added.
#[derive(Debug)]
pub(super) struct Passthrough {
    reader: Reader,
}

#[derive(Debug)]
struct AsIs;

impl Sink for AsIs {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<SseEvent>) {
        let name = event.raw.event.unwrap_or_else(|| Bytes::copy_from_slice(event.kind.as_bytes()));
        out.push(SseEvent { event: Some(name), data: event.raw.data });
    }
}

impl Passthrough {
    /// A decoder at the start of a stream.
    pub(super) fn new() -> Self {
        Self { reader: Reader::new() }
    }
}

impl StreamDecoder for Passthrough {
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        self.reader.push(bytes, &mut AsIs, out)
    }

    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        self.reader.finish(&mut AsIs, out)
    }

    fn facts(&self) -> &AnswerFacts {
        &self.reader.observer.facts
    }
}

/// Gives chat chunks.
#[derive(Debug)]
pub(super) struct ToChat {
    reader: Reader,
    chat: ChatSink,
}

impl ToChat {
    /// A decoder at the start of a stream; `model` until the provider names its own.
    pub(super) fn new(model: &str, shape: AnswerShape) -> Self {
        let AnswerShape { stream_usage: with_usage, created, .. } = shape;
        let chunks = ChatChunks { id: String::new(), model: model.to_owned(), with_usage, created };
        let chat = ChatSink { chunks, blocks: HashMap::new(), tools: 0, details: 0 };
        Self { reader: Reader::new(), chat }
    }
}

impl StreamDecoder for ToChat {
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        self.reader.push(bytes, &mut self.chat, out)
    }

    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        self.reader.finish(&mut self.chat, out)
    }

    fn facts(&self) -> &AnswerFacts {
        &self.reader.observer.facts
    }
}

/// What a content block became in the chat shape.
#[derive(Debug)]
enum Block {
    /// `tool_calls[index]`; whether it has arguments yet.
    Tool { index: u64, has_arguments: bool },
    /// `reasoning_details[index]`.
    Thinking { index: usize },
}

#[derive(Debug)]
struct ChatSink {
    chunks: ChatChunks,
    /// By content block index: only blocks that later deltas refer to.
    blocks: HashMap<u64, Block>,
    tools: u64,
    details: usize,
}

impl Sink for ChatSink {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<SseEvent>) {
        let content = event.content;
        let at = count_at(content, "index").unwrap_or(0);
        let delta = match event.kind {
            "message_start" => self.start(content.get("message").unwrap_or(&Value::Null)),
            "content_block_start" => {
                content.get("content_block").and_then(|block| self.block_start(at, block))
            }
            "content_block_delta" => {
                content.get("delta").and_then(|delta| self.block_delta(at, delta))
            }
            "content_block_stop" => self.block_stop(at),
            "message_delta" => {
                let reason = content.get("delta").and_then(|delta| text_at(delta, "stop_reason"));
                if let Some(reason) = reason {
                    out.push(self.chunks.chunk(0, &json!({}), Some(finish_reason(reason))));
                }
                None
            }
            "message_stop" => {
                out.extend(self.chunks.usage(event.tokens));
                out.push(ChatChunks::done());
                None
            }
            _ => None,
        };
        out.extend(delta.map(|delta| self.chunks.chunk(0, &delta, None)));
    }
}

impl ChatSink {
    fn start(&mut self, message: &Value) -> Option<Value> {
        text_at(message, "id").unwrap_or_default().clone_into(&mut self.chunks.id);
        if let Some(model) = text_at(message, "model") {
            model.clone_into(&mut self.chunks.model);
        }
        Some(json!({"role": "assistant", "content": ""}))
    }

    fn block_start(&mut self, at: u64, block: &Value) -> Option<Value> {
        match text_at(block, "type")? {
            "text" => {
                text_at(block, "text").filter(|t| !t.is_empty()).map(|t| json!({"content": t}))
            }
            "tool_use" => {
                let index = self.tools;
                self.tools = self.tools.saturating_add(1);
                let input = block.get("input").and_then(Value::as_object).filter(|i| !i.is_empty());
                let arguments = input.and_then(|input| serde_json::to_string(input).ok());
                let has_arguments = arguments.is_some();
                self.blocks.insert(at, Block::Tool { index, has_arguments });
                let function = json!({
                    "name": text_at(block, "name").unwrap_or_default(),
                    "arguments": arguments.unwrap_or_default(),
                });
                Some(json!({"tool_calls": [{
                    "index": index, "id": text_at(block, "id").unwrap_or_default(),
                    "type": "function", "function": function,
                }]}))
            }
            _ => {
                let index = self.details;
                let detail = reasoning_detail(block, index)?;
                self.details = self.details.saturating_add(1);
                self.blocks.insert(at, Block::Thinking { index });
                let whole = detail.get("data").is_some();
                whole.then(|| json!({"reasoning_details": [detail]}))
            }
        }
    }

    fn block_delta(&mut self, at: u64, delta: &Value) -> Option<Value> {
        match (text_at(delta, "type")?, self.blocks.get_mut(&at)) {
            ("text_delta", _) => Some(json!({"content": text_at(delta, "text")?})),
            ("input_json_delta", Some(Block::Tool { index, has_arguments })) => {
                let part = text_at(delta, "partial_json").filter(|part| !part.is_empty())?;
                *has_arguments = true;
                Some(arguments_delta(*index, part))
            }
            ("thinking_delta", Some(Block::Thinking { index })) => {
                let thinking = text_at(delta, "thinking")?;
                let detail = json!({"type": "thinking", "index": index, "thinking": thinking});
                Some(json!({"reasoning_content": thinking, "reasoning_details": [detail]}))
            }
            ("signature_delta", Some(Block::Thinking { index })) => {
                let signature = text_at(delta, "signature")?;
                let detail = json!({"type": "thinking", "index": index, "signature": signature});
                Some(json!({"reasoning_details": [detail]}))
            }
            _ => None,
        }
    }

    /// A tool without input sends no delta; chat clients parse the arguments, so they get `{}`.
    fn block_stop(&mut self, at: u64) -> Option<Value> {
        match self.blocks.remove(&at)? {
            Block::Tool { index, has_arguments: false } => Some(arguments_delta(index, "{}")),
            _ => None,
        }
    }
}

fn arguments_delta(index: u64, arguments: &str) -> Value {
    json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
}
