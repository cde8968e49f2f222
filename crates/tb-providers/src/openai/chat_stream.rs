//! Streams of `/chat/completions` and `/completions`: chunks pass untouched, but for the usage
//! that the client did not ask for.

use bytes::Bytes;
use tb_api::sse::{SseEvent, SseParser};
use tb_core::Surface;

use super::decode::text_bytes;
use super::usage;
use crate::scan::{self, Member, Scan};
use crate::{AnswerFacts, AnswerShape, Malformed, StreamDecoder, UpstreamError, error};

/// The largest chunk taken; real ones stay below 100 KB.
const MAX_EVENT_BYTES: usize = 4 << 20;

const DONE: &[u8] = b"[DONE]";

/// Decodes a chunk stream.
#[derive(Debug)]
pub(crate) struct ChatStream {
    parser: SseParser,
    events: Vec<SseEvent>,
    chat: bool,
    show_usage: bool,
    facts: AnswerFacts,
    choices: Choices,
    ended: bool,
}

/// Which choices (the first 128 of them) have begun and which have ended.
#[derive(Debug, Default)]
struct Choices {
    seen: u128,
    finished: u128,
}

/// What the scan of one chunk found.
#[derive(Default)]
struct Chunk<'a> {
    error: bool,
    has_choices: bool,
    empty_choices: bool,
    /// Only notes about filtered content, without the `delta` that clients rely on.
    only_notes: bool,
    usage: Option<Member<'a>>,
}

impl ChatStream {
    pub(crate) fn new(shape: AnswerShape) -> Self {
        Self {
            parser: SseParser::new(MAX_EVENT_BYTES),
            events: Vec::new(),
            chat: shape.surface != Surface::Completions,
            show_usage: shape.stream_usage,
            facts: AnswerFacts::default(),
            choices: Choices::default(),
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
        if event.event.as_deref() == Some(b"error") {
            return Err(error::from_stream(data));
        }
        if data == DONE {
            if self.choices.seen == 0 {
                return Err(error::malformed_stream("it holds no choices"));
            }
            self.end(out);
            return Ok(());
        }
        let chunk = self.scan(&event.data).map_err(|fault| error::malformed_stream(fault.0))?;
        if chunk.error {
            return Err(error::from_stream(data));
        }
        if self.is_for_client(&chunk) {
            let data = match &chunk.usage {
                Some(usage) if !self.show_usage => {
                    Bytes::from(scan::without_member(&event.data, usage.start, usage.end))
                }
                _ => event.data,
            };
            out.push(SseEvent { event: event.event, data });
        }
        Ok(())
    }

    /// Whether a client with the usage it asked for would miss the chunk.
    fn is_for_client(&self, chunk: &Chunk<'_>) -> bool {
        if chunk.has_choices && !chunk.empty_choices {
            return !chunk.only_notes;
        }
        let usage_only = chunk.empty_choices && chunk.usage.is_some_and(|m| m.value != b"null");
        usage_only && self.show_usage
    }

    fn scan<'a>(&mut self, data: &'a [u8]) -> Result<Chunk<'a>, Malformed> {
        let mut chunk = Chunk::default();
        let mut scan = Scan::object(data)?;
        while let Some(member) = scan.member()? {
            match member.key {
                b"choices" if member.value != b"null" => {
                    chunk.has_choices = true;
                    self.scan_choices(member.value, &mut chunk)?;
                }
                b"usage" => chunk.usage = Some(member),
                b"error" => chunk.error = member.value != b"null",
                b"object" => chunk.error |= member.value == br#""error""#,
                b"model" if self.facts.served_model.is_none() => {
                    let model = scan::text(member.value).filter(|model| !model.is_empty());
                    self.facts.served_model = model.map(std::borrow::Cow::into_owned);
                }
                b"system_fingerprint" if self.facts.fingerprint.is_none() => {
                    let found = scan::text(member.value).filter(|text| !text.is_empty());
                    self.facts.fingerprint = found.map(std::borrow::Cow::into_owned);
                }
                _ => {}
            }
        }
        self.facts.finished = self.choices.all_finished();
        if let Some(tokens) = chunk.usage.and_then(|member| usage::token_counts(member.value)) {
            self.facts.tokens = Some(tokens);
            self.facts.tokens_final = chunk.empty_choices || self.facts.finished;
        }
        Ok(chunk)
    }

    fn scan_choices(&mut self, raw: &[u8], chunk: &mut Chunk<'_>) -> Result<(), Malformed> {
        let mut scan = Scan::array(raw)?;
        chunk.empty_choices = true;
        chunk.only_notes = true;
        while let Some((_, choice)) = scan.element()? {
            chunk.empty_choices = false;
            chunk.only_notes &= self.scan_choice(choice)?;
        }
        Ok(())
    }

    /// Reads one choice; `true` when it is a mere note.
    fn scan_choice(&mut self, choice: &[u8]) -> Result<bool, Malformed> {
        let (mut index, mut finished, mut has_delta, mut bytes) = (0u32, false, false, 0);
        let mut scan = Scan::object(choice)?;
        while let Some(member) = scan.member()? {
            match member.key {
                b"index" => {
                    let digits = std::str::from_utf8(member.value).unwrap_or_default();
                    index = digits.parse().unwrap_or(0);
                }
                b"delta" | b"text" | b"message" => {
                    has_delta = true;
                    bytes = text_bytes(member.value, 0);
                }
                // Some servers send an empty text until the end.
                b"finish_reason" => finished = !matches!(member.value, b"null" | b"\"\""),
                _ => {}
            }
        }
        let note = self.chat && !has_delta && !finished;
        if !note {
            self.choices.mark(index, finished);
        }
        self.facts.output_bytes = self.facts.output_bytes.saturating_add(bytes);
        self.facts.output_seen |= bytes > 0;
        Ok(note)
    }

    fn end(&mut self, out: &mut Vec<SseEvent>) {
        self.ended = true;
        self.facts.finished = true;
        self.facts.tokens_final = self.facts.tokens.is_some();
        out.push(SseEvent::data(Bytes::from_static(DONE)));
    }
}

impl Choices {
    fn mark(&mut self, index: u32, finished: bool) {
        let bit = 1u128 << index.min(127);
        self.seen |= bit;
        if finished {
            self.finished |= bit;
        }
    }

    const fn all_finished(&self) -> bool {
        self.seen != 0 && self.seen == self.finished
    }
}

impl StreamDecoder for ChatStream {
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
        // A fault of the parser here is a cut inside a character: decided below.
        _ = self.parser.finish(&mut self.events);
        // A last event without its blank line may be cut short: what cannot be read is a cut.
        let taken = self.take(out);
        if self.ended {
            return Ok(());
        }
        if !self.facts.finished {
            return Err(error::unfinished(taken));
        }
        self.end(out);
        Ok(())
    }

    fn facts(&self) -> &AnswerFacts {
        &self.facts
    }
}
