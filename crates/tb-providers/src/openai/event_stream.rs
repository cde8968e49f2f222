//! Streams of named events: the Responses API, images and audio. They have their own terminal
//! events instead of `[DONE]`, and pass untouched.

use bytes::Bytes;
use tb_api::sse::{SseEvent, SseParser};
use tb_core::Surface;

use super::decode::{stored_id, text_bytes};
use super::usage;
use crate::scan::{self, Scan};
use crate::{AnswerFacts, Malformed, StreamDecoder, UpstreamError, error};

/// The largest event taken: images travel inside events, base64 of up to 8 MB or so.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// Decodes a stream of named events.
#[derive(Debug)]
pub(crate) struct EventStream {
    parser: SseParser,
    events: Vec<SseEvent>,
    responses: bool,
    facts: AnswerFacts,
    ended: bool,
}

/// The members of an event that matter here.
#[derive(Default)]
struct Event<'a> {
    kind: &'a [u8],
    response: Option<&'a [u8]>,
    usage: Option<&'a [u8]>,
    delta: Option<&'a [u8]>,
    item: Option<&'a [u8]>,
    /// It carries output in a member other than `delta`.
    shows: bool,
    error: bool,
}

/// Members with output of events that are no deltas: some servers send only those.
const OUTPUT: [&[u8]; 7] =
    [b"text", b"refusal", b"arguments", b"input", b"b64_json", b"partial_image_b64", b"audio"];

/// The same, of a finished item.
const ITEM_OUTPUT: [&str; 5] = ["content", "summary", "arguments", "input", "result"];

impl EventStream {
    pub(crate) fn new(surface: Surface) -> Self {
        Self {
            parser: SseParser::new(MAX_EVENT_BYTES),
            events: Vec::new(),
            responses: matches!(surface, Surface::Responses | Surface::ResponsesGet),
            facts: AnswerFacts::default(),
            ended: false,
        }
    }

    fn take(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let mut events = std::mem::take(&mut self.events);
        let outcome = events.drain(..).try_for_each(|event| self.event(event, out));
        self.events = events;
        outcome
    }

    fn event(&mut self, event: SseEvent, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let data = event.data.trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            if !self.facts.finished {
                return Err(error::malformed_stream("`[DONE]` came before the terminal event"));
            }
            self.ended = true;
            if !self.responses {
                out.push(event);
            }
            return Ok(());
        }
        let name = event.event.as_deref().unwrap_or_default();
        if name == b"error" {
            return Err(error::from_stream(data));
        }
        let found = read(data).map_err(|fault| error::malformed_stream(fault.0))?;
        let kind = if found.kind.is_empty() { name } else { found.kind };
        if found.error || kind == b"error" {
            return Err(error::from_stream(data));
        }
        self.learn(kind, &found);
        out.push(event);
        Ok(())
    }

    fn learn(&mut self, kind: &[u8], found: &Event<'_>) {
        let terminal = if self.responses {
            matches!(kind, b"response.completed" | b"response.incomplete" | b"response.failed")
        } else {
            is_media_end(kind)
        };
        let mut usage = found.usage;
        if let Some(response) = found.response.filter(|_| self.responses) {
            if self.facts.served_model.is_none() {
                let model = scan::member(response, "model").and_then(scan::text);
                self.facts.served_model = model.map(std::borrow::Cow::into_owned);
            }
            if self.facts.response_id.is_none() {
                self.facts.response_id = stored_id(response);
            }
            usage = usage.or_else(|| scan::member(response, "usage"));
        }
        if let Some(tokens) = usage.and_then(usage::token_counts) {
            self.facts.tokens = Some(tokens);
            self.facts.tokens_final = terminal;
        }
        if let Some(delta) = found.delta {
            let bytes = text_bytes(delta, 0);
            self.facts.output_bytes = self.facts.output_bytes.saturating_add(bytes);
            self.facts.output_seen |= bytes > 0;
        }
        self.facts.output_seen |= found.shows || found.item.is_some_and(|item| shows(kind, item));
        if terminal {
            self.facts.finished = true;
            self.facts.output_seen |= !self.responses;
            // Several images may come, each with its own end; a response ends once.
            self.ended = self.responses;
        }
    }
}

/// Whether an item is output: the call of a tool from its start, anything else when it is done
/// and holds text.
fn shows(kind: &[u8], item: &[u8]) -> bool {
    let is_call = || scan::member(item, "type").is_some_and(|name| name.ends_with(b"_call\""));
    let holds_text = || {
        ITEM_OUTPUT.iter().any(|key| scan::member(item, key).is_some_and(|v| text_bytes(v, 0) > 0))
    };
    match kind {
        b"response.output_item.added" => is_call(),
        b"response.output_item.done" => is_call() || holds_text(),
        _ => false,
    }
}

fn is_media_end(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"image_generation.completed"
            | b"image_edit.completed"
            | b"transcript.text.done"
            | b"speech.audio.done"
    ) || kind.ends_with(b".completed")
}

fn read(data: &[u8]) -> Result<Event<'_>, Malformed> {
    let mut found = Event::default();
    let mut scan = Scan::object(data)?;
    while let Some(member) = scan.member()? {
        match member.key {
            b"type" => {
                let inner = member.value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
                found.kind = inner.unwrap_or_default();
            }
            b"response" => found.response = Some(member.value),
            b"usage" => found.usage = Some(member.value),
            b"delta" => found.delta = Some(member.value),
            b"item" => found.item = Some(member.value),
            b"error" => found.error = member.value != b"null",
            key if OUTPUT.contains(&key) => {
                found.shows |= scan::string_bytes(member.value) > 0;
            }
            _ => {}
        }
    }
    Ok(found)
}

impl StreamDecoder for EventStream {
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        if self.ended {
            return Ok(());
        }
        let parsed = self.parser.push(bytes, &mut self.events);
        self.take(out)?;
        parsed.map_err(|fault| error::malformed_stream(&fault.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        if self.ended {
            return Ok(());
        }
        // A last event without its blank line may be cut short: what cannot be read is a cut.
        _ = self.parser.finish(&mut self.events);
        let taken = self.take(out);
        if self.facts.finished { Ok(()) } else { Err(error::unfinished(taken)) }
    }

    fn facts(&self) -> &AnswerFacts {
        &self.facts
    }
}
