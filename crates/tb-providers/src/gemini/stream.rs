//! A stream of GenerateContentResponses as chat chunks.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tb_api::sse::{SseEvent, SseParser};

use super::answer::{Output, Usage, blocked, finish_reason};
use crate::error::{cut_stream, malformed_stream};
use crate::pivot::{ChatChunks, MAX_EVENT_BYTES, Object, count_at, list_at, text_at};
use crate::{AnswerFacts, AnswerShape, StreamDecoder, UpstreamError};

/// The stream has no end mark of its own and some models give a finish reason in every event,
/// so the closing chunks wait for the end of the bytes.
#[derive(Debug)]
pub(super) struct ToChat {
    parser: SseParser,
    events: Vec<SseEvent>,
    chunks: ChatChunks,
    choices: BTreeMap<u64, Choice>,
    usage: Usage,
    facts: AnswerFacts,
}

#[derive(Debug, Default)]
struct Choice {
    calls: usize,
    finish: Option<&'static str>,
}

impl ToChat {
    /// A decoder at the start of a stream; `model` until the provider names its own.
    pub(super) fn new(model: &str, shape: AnswerShape) -> Self {
        let AnswerShape { stream_usage: with_usage, created, .. } = shape;
        Self {
            parser: SseParser::new(MAX_EVENT_BYTES),
            events: Vec::new(),
            chunks: ChatChunks { id: String::new(), model: model.to_owned(), with_usage, created },
            choices: BTreeMap::new(),
            usage: Usage::default(),
            facts: AnswerFacts::default(),
        }
    }

    fn drain(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        for event in std::mem::take(&mut self.events) {
            let answer: Value = serde_json::from_slice(&event.data)
                .map_err(|_| malformed_stream("an event is not JSON"))?;
            if answer.get("error").is_some() {
                return Err(super::stream_error(&event.data));
            }
            self.answer(&answer, out)?;
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Value, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        if let (Some(id), true) = (text_at(answer, "responseId"), self.chunks.id.is_empty()) {
            id.clone_into(&mut self.chunks.id);
        }
        if let Some(model) = text_at(answer, "modelVersion") {
            model.clone_into(&mut self.chunks.model);
            self.facts.served_model = Some(model.to_owned());
        }
        if let Some(tokens) = self.usage.update(answer) {
            self.facts.tokens = Some(tokens);
        }
        for candidate in list_at(answer, "candidates") {
            self.candidate(candidate, out)?;
        }
        if let Some(refusal) = blocked(answer).filter(|_| self.choices.is_empty()) {
            self.choices.insert(0, Choice { calls: 0, finish: Some("content_filter") });
            self.facts.output_seen = true;
            let delta = json!({"role": "assistant", "content": "", "refusal": refusal});
            out.push(self.chunks.chunk(0, &delta, None));
        }
        Ok(())
    }

    fn candidate(
        &mut self,
        candidate: &Value,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        let index = count_at(candidate, "index").unwrap_or(0);
        if !self.choices.contains_key(&index) {
            let delta = json!({"role": "assistant", "content": ""});
            out.push(self.chunks.chunk(index, &delta, None));
        }
        let choice = self.choices.entry(index).or_default();
        let mut output = Output::read(candidate, &self.chunks.id, choice.calls);
        self.facts.output_bytes = self.facts.output_bytes.saturating_add(output.bytes());
        self.facts.output_seen |= !output.is_empty();
        let mut calls = std::mem::take(&mut output.calls);
        for call in &mut calls {
            if let Some(object) = call.as_object_mut() {
                object.insert("index".to_owned(), json!(choice.calls));
            }
            choice.calls = choice.calls.saturating_add(1);
        }
        if let Some(reason) = text_at(candidate, "finishReason") {
            let finish = finish_reason(reason, choice.calls > 0);
            choice.finish = Some(finish.map_err(|malformed| malformed_stream(malformed.0))?);
        }
        let mut delta = Object::new();
        let text = std::mem::take(&mut output.text);
        if !text.is_empty() {
            delta.insert("content".to_owned(), json!(text));
        }
        delta.extend(output.fields(calls));
        if !delta.is_empty() {
            out.push(self.chunks.chunk(index, &Value::Object(delta), None));
        }
        Ok(())
    }
}

impl StreamDecoder for ToChat {
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let parsed = self.parser.push(bytes, &mut self.events);
        self.drain(out)?;
        parsed.map_err(|error| malformed_stream(&error.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError> {
        let parsed = self.parser.finish(&mut self.events);
        self.drain(out)?;
        parsed.map_err(|error| malformed_stream(&error.to_string()))?;
        let ends: Option<Vec<_>> =
            self.choices.iter().map(|(index, choice)| Some((*index, choice.finish?))).collect();
        let ends = ends.filter(|ends| !ends.is_empty()).ok_or_else(cut_stream)?;
        for (index, finish) in ends {
            out.push(self.chunks.chunk(index, &json!({}), Some(finish)));
        }
        self.facts.finished = true;
        self.facts.tokens_final = self.facts.tokens.is_some();
        out.extend(self.chunks.usage(self.facts.tokens.as_ref()));
        out.push(ChatChunks::done());
        Ok(())
    }

    fn facts(&self) -> &AnswerFacts {
        &self.facts
    }
}
