//! Content blocks, strictly one after the other.
//!
//! Chat chunks may interleave several tool calls. The one whose block is open is passed on at
//! once; the others wait until its arguments are a complete JSON value, or the stream ends.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use tb_api::sse::SseEvent;

use super::event;
use crate::UpstreamError;
use crate::error::malformed_stream;
use crate::pivot::{MAX_EVENT_BYTES, count_at, text_at};

/// Tool calls in one answer. Vendors allow 128 tools and send a few calls; each delta looks
/// through the open ones.
const MAX_CALLS: usize = 1_024;

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Tool,
}

/// Writes blocks.
#[derive(Debug, Default)]
pub(super) struct Writer {
    open: Option<Open>,
    /// The index of the open block, or of the next one.
    index: u64,
    /// Calls that are not yet closed; the first one is open when `open` is a tool.
    calls: VecDeque<Call>,
    /// Chat indexes of calls whose blocks are closed.
    closed: BTreeSet<u64>,
    /// Text that came while a tool's block was open.
    held_text: String,
    held_bytes: usize,
    called: bool,
}

#[derive(Debug, Default)]
struct Call {
    chat_index: u64,
    id: String,
    name: String,
    /// Arguments not yet written.
    pending: String,
    end: JsonEnd,
}

impl Writer {
    /// Whether any tool was called.
    pub(super) const fn called(&self) -> bool {
        self.called
    }

    /// Text of the answer.
    pub(super) fn text(
        &mut self,
        text: &str,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        if self.open == Some(Open::Tool) {
            self.held_text.push_str(text);
            return self.hold(text.len());
        }
        self.write_text(text, out);
        Ok(())
    }

    /// Text of the reasoning. Beside an open tool call it is dropped: nothing reads it there.
    pub(super) fn thinking(
        &mut self,
        text: &str,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        if self.open == Some(Open::Tool) {
            return Ok(());
        }
        self.switch(
            Open::Thinking,
            || json!({"type": "thinking", "thinking": "", "signature": ""}),
            out,
        );
        self.delta(&json!({"type": "thinking_delta", "thinking": text}), out);
        Ok(())
    }

    /// The signature of the open thinking block.
    pub(super) fn signature(&mut self, signature: &str, out: &mut Vec<SseEvent>) {
        if self.open == Some(Open::Thinking) {
            self.delta(&json!({"type": "signature_delta", "signature": signature}), out);
        }
    }

    /// An element of `delta.tool_calls`.
    pub(super) fn tool(
        &mut self,
        delta: &Value,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), UpstreamError> {
        self.called = true;
        let function = delta.get("function").unwrap_or(&Value::Null);
        let chat_index = count_at(delta, "index").unwrap_or(0);
        let (id, name) = (text_at(delta, "id"), text_at(function, "name"));
        let known = self.calls.iter().rposition(|call| {
            // Some vendors number every call 0: another id and a name begin another call.
            let another = name.is_some() && id.is_some_and(|id| call.id != id);
            call.chat_index == chat_index && (call.id.is_empty() || !another)
        });
        if known.is_none() && name.is_none() && self.closed.contains(&chat_index) {
            return Ok(());
        }
        if known.is_none() {
            if self.calls.len() + self.closed.len() >= MAX_CALLS {
                return Err(malformed_stream("it has more than 1,024 tool calls"));
            }
            self.calls.push_back(Call { chat_index, ..Call::default() });
        }
        let position = known.unwrap_or(self.calls.len().saturating_sub(1));
        let arguments = text_at(function, "arguments").unwrap_or_default();
        if let Some(call) = self.calls.get_mut(position) {
            for (field, value) in [(&mut call.id, id), (&mut call.name, name)] {
                if let Some(value) = value.filter(|_| field.is_empty()) {
                    value.clone_into(field);
                }
            }
            call.pending.push_str(arguments);
            call.end.feed(arguments);
        }
        self.advance(out);
        self.hold(arguments.len())
    }

    /// The stream ended: everything held is written, everything open is closed.
    pub(super) fn end(&mut self, out: &mut Vec<SseEvent>) {
        self.advance(out);
        while !self.calls.is_empty() {
            if self.open != Some(Open::Tool) {
                self.open_call(out);
            }
            self.write_pending(out);
            self.close_call(out);
        }
        self.close(out);
    }

    /// Opens, writes and closes calls as far as their arguments allow.
    fn advance(&mut self, out: &mut Vec<SseEvent>) {
        while let Some(first) = self.calls.front() {
            if self.open != Some(Open::Tool) {
                if first.name.is_empty() {
                    return;
                }
                self.open_call(out);
            }
            self.write_pending(out);
            if !self.calls.front().is_some_and(|call| call.end.complete()) {
                return;
            }
            self.close_call(out);
        }
    }

    fn open_call(&mut self, out: &mut Vec<SseEvent>) {
        let Some(call) = self.calls.front() else { return };
        let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
        self.close(out);
        self.start(Open::Tool, &block, out);
    }

    fn write_pending(&mut self, out: &mut Vec<SseEvent>) {
        let pending = self.calls.front_mut().map(|call| std::mem::take(&mut call.pending));
        if let Some(part) = pending.filter(|part| !part.is_empty()) {
            self.delta(&json!({"type": "input_json_delta", "partial_json": part}), out);
        }
    }

    fn close_call(&mut self, out: &mut Vec<SseEvent>) {
        self.closed.extend(self.calls.pop_front().map(|call| call.chat_index));
        self.close(out);
        self.held_bytes = 0;
        let text = std::mem::take(&mut self.held_text);
        if !text.is_empty() {
            self.write_text(&text, out);
        }
    }

    fn write_text(&mut self, text: &str, out: &mut Vec<SseEvent>) {
        self.switch(Open::Text, || json!({"type": "text", "text": ""}), out);
        self.delta(&json!({"type": "text_delta", "text": text}), out);
    }

    fn switch(&mut self, to: Open, block: impl Fn() -> Value, out: &mut Vec<SseEvent>) {
        if self.open != Some(to) {
            self.close(out);
            self.start(to, &block(), out);
        }
    }

    fn start(&mut self, open: Open, block: &Value, out: &mut Vec<SseEvent>) {
        self.open = Some(open);
        let content =
            json!({"type": "content_block_start", "index": self.index, "content_block": block});
        out.push(event("content_block_start", &content));
    }

    fn delta(&self, delta: &Value, out: &mut Vec<SseEvent>) {
        let content = json!({"type": "content_block_delta", "index": self.index, "delta": delta});
        out.push(event("content_block_delta", &content));
    }

    fn close(&mut self, out: &mut Vec<SseEvent>) {
        if self.open.take().is_some() {
            let content = json!({"type": "content_block_stop", "index": self.index});
            out.push(event("content_block_stop", &content));
            self.index = self.index.saturating_add(1);
        }
    }

    /// Counts what was held since the last block ended, so that a provider cannot fill memory.
    fn hold(&mut self, bytes: usize) -> Result<(), UpstreamError> {
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        if self.held_bytes > MAX_EVENT_BYTES {
            return Err(malformed_stream("a tool call is too large"));
        }
        Ok(())
    }
}

/// Finds the end of a JSON object that comes in pieces.
#[derive(Debug, Default)]
struct JsonEnd {
    depth: u32,
    in_string: bool,
    escaped: bool,
    ended: bool,
}

impl JsonEnd {
    fn feed(&mut self, part: &str) {
        for byte in part.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.ended |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    const fn complete(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `start name`, `+part`, `stop`, in order.
    fn written(deltas: &[(u64, Option<&str>, &str)], text_after: &str) -> Vec<String> {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        for (index, name, arguments) in deltas {
            let mut function = json!({"arguments": arguments});
            if let Some(name) = name {
                function["name"] = json!(name);
            }
            writer.tool(&json!({"index": index, "function": function}), &mut out).expect("delta");
        }
        if !text_after.is_empty() {
            writer.text(text_after, &mut out).expect("text");
        }
        writer.end(&mut out);
        let read = |event: &SseEvent| {
            let content: Value = serde_json::from_slice(&event.data).expect("JSON");
            if let Some(block) = content.get("content_block") {
                return format!("start {}", block["name"].as_str().unwrap_or("text"));
            }
            match content.get("delta") {
                Some(delta) => format!(
                    "+{}",
                    delta["partial_json"].as_str().or(delta["text"].as_str()).expect("part")
                ),
                None => "stop".to_owned(),
            }
        };
        out.iter().map(read).collect()
    }

    #[test]
    fn calls_that_follow_each_other_are_passed_on_at_once() {
        let deltas = [
            (0, Some("a"), ""),
            (0, None, "{\"x\":\"}\\\"\""),
            (0, None, "}"),
            (1, Some("b"), "{}"),
        ];
        let expected = ["start a", "+{\"x\":\"}\\\"\"", "+}", "stop", "start b", "+{}", "stop"];
        assert_eq!(written(&deltas, ""), expected);
    }

    #[test]
    fn interleaved_calls_become_separate_blocks() {
        let deltas =
            [(0, Some("a"), "{"), (1, Some("b"), "{\"y\""), (0, None, "}"), (1, None, ":1}")];
        let expected = ["start a", "+{", "+}", "stop", "start b", "+{\"y\"", "+:1}", "stop"];
        assert_eq!(written(&deltas, ""), expected);
    }

    #[test]
    fn what_trails_a_closed_call_opens_no_block() {
        let expected = ["start a", "+{}", "stop"];
        assert_eq!(written(&[(0, Some("a"), "{}"), (0, None, "")], ""), expected);
    }

    #[test]
    fn a_call_without_arguments_ends_with_the_stream_and_text_behind_it_is_kept() {
        let expected = ["start a", "stop", "start text", "+so", "stop"];
        assert_eq!(written(&[(0, Some("a"), "")], "so"), expected);
    }

    #[test]
    fn the_calls_of_an_answer_are_bounded() {
        let mut writer = Writer::default();
        let mut out = Vec::new();
        let refused = (0..5_000).position(|index| {
            let delta = json!({"index": index, "function": {"arguments": "{"}});
            writer.tool(&delta, &mut out).is_err()
        });
        assert_eq!(refused, Some(MAX_CALLS));
    }
}
