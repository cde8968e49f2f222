//! What is known of a Messages answer beside its bytes: token counts, model, end.

use serde_json::Value;
use tb_core::TokenCounts;

use crate::AnswerFacts;
use crate::pivot::{count_at, list_at, size, text_at};

/// Anthropic's `usage`, as far as it was told. `input_tokens` excludes the cache; every event's
/// numbers are running totals, so the latest one counts and nothing is added up.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    input: u64,
    cache_read: u64,
    cache_written: u64,
    written_1h: u64,
    output: u64,
    thinking: u64,
}

impl Usage {
    fn update(&mut self, usage: &Value) {
        let set = |field: &mut u64, value: Option<u64>| *field = value.unwrap_or(*field);
        set(&mut self.input, count_at(usage, "input_tokens"));
        set(&mut self.cache_read, count_at(usage, "cache_read_input_tokens"));
        set(&mut self.cache_written, count_at(usage, "cache_creation_input_tokens"));
        set(&mut self.output, count_at(usage, "output_tokens"));
        if let Some(split) = usage.get("cache_creation") {
            set(&mut self.written_1h, count_at(split, "ephemeral_1h_input_tokens"));
        }
        if let Some(split) = usage.get("output_tokens_details") {
            set(&mut self.thinking, count_at(split, "thinking_tokens"));
        }
    }

    fn tokens(&self) -> TokenCounts {
        let written_1h = self.written_1h.min(self.cache_written);
        let reasoning = self.thinking.min(self.output);
        TokenCounts {
            input_fresh: self.input,
            cache_read: self.cache_read,
            cache_write: self.cache_written.saturating_sub(written_1h),
            cache_write_1h: written_1h,
            output_visible: self.output.saturating_sub(reasoning),
            reasoning,
        }
    }
}

/// Collects the facts of a stream.
#[derive(Debug, Default)]
pub(super) struct Observer {
    /// The facts so far.
    pub(super) facts: AnswerFacts,
    usage: Usage,
}

impl Observer {
    /// Takes note of one event.
    pub(super) fn observe(&mut self, kind: &str, event: &Value) {
        match kind {
            "message_start" => {
                if let Some(message) = event.get("message") {
                    self.facts.served_model = text_at(message, "model").map(str::to_owned);
                    self.note_usage(message);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.get("content_block") {
                    self.note_output(block);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.get("delta") {
                    self.note_output(delta);
                }
            }
            "message_delta" => self.note_usage(event),
            "message_stop" => {
                self.facts.finished = true;
                self.facts.tokens_final = self.facts.tokens.is_some();
            }
            _ => {}
        }
    }

    fn note_usage(&mut self, holder: &Value) {
        if let Some(usage) = holder.get("usage").filter(|usage| usage.is_object()) {
            self.usage.update(usage);
            self.facts.tokens = Some(self.usage.tokens());
        }
    }

    /// Blocks and deltas name their text by its kind.
    fn note_output(&mut self, part: &Value) {
        let texts =
            ["text", "thinking", "partial_json"].iter().filter_map(|key| text_at(part, key));
        let bytes = texts.map(size).sum::<u64>();
        let input =
            part.get("input").filter(|input| input.as_object().is_some_and(|o| !o.is_empty()));
        let bytes = bytes.saturating_add(input.map_or(0, |input| size(&input.to_string())));
        let calls = text_at(part, "type").is_some_and(|kind| kind.ends_with("tool_use"));
        self.facts.output_bytes = self.facts.output_bytes.saturating_add(bytes);
        self.facts.output_seen |= bytes > 0 || calls;
    }
}

/// The facts of a whole Messages answer.
pub(super) fn of_message(message: &Value) -> AnswerFacts {
    let mut observer = Observer::default();
    for block in list_at(message, "content") {
        observer.note_output(block);
    }
    observer.note_usage(message);
    AnswerFacts {
        tokens_final: observer.facts.tokens.is_some(),
        served_model: text_at(message, "model").map(str::to_owned),
        finished: text_at(message, "stop_reason").is_some(),
        ..observer.facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn running_totals_replace_each_other_and_keep_the_one_hour_share() {
        let mut observer = Observer::default();
        observer.observe(
            "message_start",
            &json!({"message": {"usage": {
            "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 1}}}),
        );
        observer.observe(
            "message_delta",
            &json!({"usage": {"output_tokens": 9,
            "cache_creation_input_tokens": 30, "output_tokens_details": {"thinking_tokens": 4}}}),
        );
        observer.observe("message_delta", &json!({"usage": {"output_tokens": 12}}));
        assert_eq!(
            observer.facts.tokens,
            Some(TokenCounts {
                input_fresh: 10,
                cache_read: 100,
                cache_write: 10,
                cache_write_1h: 20,
                output_visible: 8,
                reasoning: 4,
            })
        );
        assert!(!observer.facts.tokens_final);
        observer.observe("message_stop", &json!({}));
        assert!(observer.facts.tokens_final && observer.facts.finished);
    }
}
