//! Whether an answer ended of itself, so that it may be kept and given again.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use tb_api::sse::SseEvent;
use tb_core::Surface;

use crate::Malformed;
use crate::scan::{self, Scan};

/// Whether a whole answer ended of itself: every choice with `stop` or a tool call, a response
/// with `completed`, a message with `end_turn`, `stop_sequence` or `tool_use`, and no refusal.
/// Routes without such words: always.
#[must_use]
pub fn is_whole(surface: Surface, body: &Bytes) -> bool {
    match Words::of(surface) {
        Words::Choices => choices_are_whole(body).unwrap_or(false),
        Words::Response => response_is_whole(body).unwrap_or(false),
        Words::Message => scan::member(body, "stop_reason").is_some_and(ends_message),
        Words::None => true,
    }
}

/// How a route tells the end of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Choices,
    Response,
    Message,
    None,
}

impl Words {
    const fn of(surface: Surface) -> Self {
        match surface {
            Surface::ChatCompletions | Surface::Completions => Self::Choices,
            Surface::Responses | Surface::ResponsesGet | Surface::ResponsesCancel => Self::Response,
            Surface::Messages => Self::Message,
            _ => Self::None,
        }
    }
}

fn ends_choice(reason: &[u8]) -> bool {
    matches!(reason, br#""stop""# | br#""tool_calls""# | br#""function_call""#)
}

fn ends_message(reason: &[u8]) -> bool {
    matches!(reason, br#""end_turn""# | br#""stop_sequence""# | br#""tool_use""#)
}

/// Some vendors send an empty text for "none".
fn is_absent(value: Option<&[u8]>) -> bool {
    matches!(value, None | Some(b"null" | b"\"\""))
}

fn choices_are_whole(body: &[u8]) -> Result<bool, Malformed> {
    let mut choices = Scan::array(scan::member(body, "choices").unwrap_or_default())?;
    let mut any = false;
    while let Some((_, choice)) = choices.element()? {
        let finish = scan::member(choice, "finish_reason").unwrap_or_default();
        let message = scan::member(choice, "message").unwrap_or_default();
        if !ends_choice(finish) || !is_absent(scan::member(message, "refusal")) {
            return Ok(false);
        }
        any = true;
    }
    Ok(any)
}

fn response_is_whole(response: &[u8]) -> Result<bool, Malformed> {
    let ended = scan::member(response, "status") == Some(br#""completed""#)
        && is_absent(scan::member(response, "incomplete_details"))
        && is_absent(scan::member(response, "error"));
    let Some(output) = scan::member(response, "output").filter(|_| ended) else {
        return Ok(false);
    };
    let mut items = Scan::array(output)?;
    while let Some((_, item)) = items.element()? {
        let Some(content) = scan::member(item, "content").filter(|raw| raw.starts_with(b"["))
        else {
            continue;
        };
        let mut parts = Scan::array(content)?;
        while let Some((_, part)) = parts.element()? {
            if scan::member(part, "type") == Some(br#""refusal""#) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Watches the events of a stream for the same. Cheap for the events in the middle: those are
/// told by a search for a few words.
#[derive(Debug)]
pub struct EndingWatch {
    words: Words,
    /// Which choices have begun, and which have ended well.
    seen: u128,
    ended: u128,
    /// Something came that no whole answer has: nothing mends that.
    spoiled: bool,
}

/// The most choices that are told apart; a stream with more is never whole.
const MAX_CHOICES: u32 = 128;

impl EndingWatch {
    /// For a stream of this route.
    #[must_use]
    pub fn new(surface: Surface) -> Self {
        Self { words: Words::of(surface), seen: 0, ended: 0, spoiled: false }
    }

    /// Takes in an event on its way to the client.
    pub fn see(&mut self, event: &SseEvent) {
        match self.words {
            Words::Choices => self.see_chunk(&event.data),
            Words::Response => self.see_response(event),
            Words::Message => self.see_message(event),
            Words::None => {}
        }
    }

    /// Whether every choice ended of itself so far.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let all_ended = self.seen != 0 && self.seen == self.ended;
        !self.spoiled && (all_ended || self.words == Words::None)
    }

    fn see_chunk(&mut self, data: &[u8]) {
        if let Some(index) = MIDDLE.choice(data) {
            self.note(index, false);
        } else if data.trim_ascii() != b"[DONE]" && self.read_chunk(data).is_err() {
            self.spoiled = true;
        }
    }

    fn note(&mut self, index: u32, ended: bool) {
        if index >= MAX_CHOICES {
            self.spoiled = true;
            return;
        }
        let bit = 1u128 << index;
        self.seen |= bit;
        if ended {
            self.ended |= bit;
        }
    }

    fn read_chunk(&mut self, data: &[u8]) -> Result<(), Malformed> {
        self.spoiled |= !is_absent(scan::member(data, "error"));
        let mut choices = Scan::array(scan::member(data, "choices").unwrap_or(b"[]"))?;
        while let Some((_, choice)) = choices.element()? {
            let mut scan = Scan::object(choice)?;
            let (mut index, mut ended) = (0, false);
            while let Some(member) = scan.member()? {
                match member.key {
                    b"index" => index = number(member.value).unwrap_or(MAX_CHOICES),
                    b"delta" => {
                        self.spoiled |= !is_absent(scan::member(member.value, "refusal"));
                    }
                    b"finish_reason" if !is_absent(Some(member.value)) => {
                        ended = ends_choice(member.value);
                        self.spoiled |= !ended;
                    }
                    _ => {}
                }
            }
            self.note(index, ended);
        }
        Ok(())
    }

    fn see_response(&mut self, event: &SseEvent) {
        match kind(event) {
            b"response.completed" => {
                let response = scan::member(&event.data, "response").unwrap_or_default();
                self.note(0, response_is_whole(response).unwrap_or(false));
            }
            b"response.incomplete"
            | b"response.failed"
            | b"error"
            | b"response.refusal.delta"
            | b"response.refusal.done" => self.spoiled = true,
            _ => {}
        }
    }

    fn see_message(&mut self, event: &SseEvent) {
        match kind(event) {
            b"message_delta" => {
                let delta = scan::member(&event.data, "delta").unwrap_or_default();
                let reason = scan::member(delta, "stop_reason");
                if !is_absent(reason) {
                    let ended = reason.is_some_and(ends_message);
                    self.note(0, ended);
                    self.spoiled |= !ended;
                }
            }
            b"error" => self.spoiled = true,
            _ => {}
        }
    }
}

/// The name of an event; its `type` when it has none.
fn kind(event: &SseEvent) -> &[u8] {
    match &event.event {
        Some(name) => name,
        None => {
            let quoted = scan::member(&event.data, "type").unwrap_or_default();
            quoted.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or_default()
        }
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Tells the chunks in the middle of a choice. A key cannot occur inside a text: there its
/// quotes would be escaped.
struct Middle {
    choices: Finder<'static>,
    finish: Finder<'static>,
    refusal: Finder<'static>,
    index: Finder<'static>,
}

static MIDDLE: LazyLock<Middle> = LazyLock::new(|| Middle {
    choices: Finder::new(br#""choices":[{"index":"#),
    finish: Finder::new(br#"finish_reason""#),
    refusal: Finder::new(br#"refusal""#),
    index: Finder::new(br#""index""#),
});

impl Middle {
    /// The index of the one choice of a chunk that tells no end and no refusal; `None` when it
    /// takes a closer look to know.
    fn choice(&self, data: &[u8]) -> Option<u32> {
        let head = self.choices.find(data)?;
        let rest = data.get(head + self.choices.needle().len()..)?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let index = number(rest.get(..digits)?)?;
        let finish = self.finish.find(rest)?;
        let (before, after) = rest.split_at_checked(finish + self.finish.needle().len())?;
        let after = after.strip_prefix(b":null")?;
        let told_again = [&self.finish, &self.index, &self.refusal].map(|word| word.find(after));
        if told_again != [None; 3] {
            return None;
        }
        match self.refusal.find(before) {
            None => Some(index),
            Some(at) => {
                let value = before.get(at + self.refusal.needle().len()..)?;
                let more = value.strip_prefix(b":null")?;
                self.refusal.find(more).is_none().then_some(index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(surface: Surface, events: &[SseEvent]) -> bool {
        let mut watch = EndingWatch::new(surface);
        events.iter().for_each(|event| watch.see(event));
        watch.is_whole()
    }

    fn chunk(choices: &str) -> SseEvent {
        SseEvent::data(Bytes::from(format!("{{\"id\":\"c\",\"choices\":[{choices}]}}")))
    }

    const SAID: &str =
        r#"{"index":0,"delta":{"content":"\"finish_reason\":\"stop\""},"finish_reason":null}"#;

    #[test]
    fn a_chunk_in_the_middle_needs_no_closer_look() {
        let ordinary = chunk(SAID);
        assert_eq!(MIDDLE.choice(&ordinary.data), Some(0));
        let null_refusal = SAID.replace("{\"content", "{\"refusal\":null,\"content");
        assert_eq!(MIDDLE.choice(&chunk(&null_refusal).data), Some(0));
        for other in [
            SAID.replace("null", "\"stop\""),
            SAID.replace("\"content\"", "\"refusal\""),
            SAID.replace(":null", ": \"length\""),
            format!("{SAID},{{\"index\":1,\"delta\":{{}},\"finish_reason\":\"stop\"}}"),
            format!("{SAID},{{\"index\":1,\"delta\":{{}}}}"),
            SAID.replace("\"index\":0,", ""),
        ] {
            assert_eq!(MIDDLE.choice(&chunk(&other).data), None, "{other}");
        }
    }

    #[test]
    fn a_chat_stream_is_whole_when_every_choice_ended_of_itself() {
        let end = |index: u32, reason: &str| {
            chunk(&format!(r#"{{"index":{index},"delta":{{}},"finish_reason":{reason}}}"#))
        };
        let second = chunk(&SAID.replace("\"index\":0", "\"index\":1"));
        let done = SseEvent::data(Bytes::from_static(b"[DONE]"));
        let refused = chunk(r#"{"index":0,"delta":{"refusal":"no"},"finish_reason":null}"#);
        let error = SseEvent::data(Bytes::from_static(b"{\"error\":{\"message\":\"x\"}}"));
        for (events, whole) in [
            (vec![chunk(SAID), end(0, "\"stop\""), done.clone()], true),
            (vec![chunk(SAID), end(0, "\"tool_calls\""), done.clone()], true),
            (vec![chunk(SAID), second.clone(), end(0, "\"stop\""), end(1, "\"stop\"")], true),
            (vec![chunk(SAID), second, end(0, "\"stop\""), done.clone()], false),
            (vec![chunk(SAID), end(0, "\"length\"")], false),
            (vec![chunk(SAID), end(0, "\"content_filter\""), end(0, "\"stop\"")], false),
            (vec![chunk(SAID), done], false),
            (vec![refused, end(0, "\"stop\"")], false),
            (vec![chunk(SAID), end(0, "\"stop\""), error], false),
            (vec![chunk(SAID), end(0, "\"stop\""), end(128, "\"stop\"")], false),
            (vec![], false),
        ] {
            assert_eq!(watched(Surface::ChatCompletions, &events), whole, "{events:?}");
        }
        let spaced =
            r#"{ "choices" : [ { "index" : 0, "text": "a", "finish_reason" : "stop" } ] }"#;
        let spaced = SseEvent::data(Bytes::from_static(spaced.as_bytes()));
        assert!(watched(Surface::Completions, &[spaced]));
    }

    #[test]
    fn named_events_tell_the_end_of_responses_and_messages() {
        let event = |name: &'static str, data: &str| {
            SseEvent::named(name, Bytes::copy_from_slice(data.as_bytes()))
        };
        let response = r#"{"response":{"status":"completed","incomplete_details":null,"error":null,
            "output":[{"type":"reasoning"},{"type":"message","content":[{"type":"output_text"}]}]}}"#;
        let refused = response.replace("output_text", "refusal");
        let cut = response.replace(r#"details":null"#, r#"details":{"reason":"x"}"#);
        for (name, data, whole) in [
            ("response.completed", response, true),
            ("response.completed", &refused, false),
            ("response.completed", &cut, false),
            ("response.incomplete", response, false),
            ("response.failed", response, false),
            ("response.output_text.done", response, false),
        ] {
            assert_eq!(watched(Surface::Responses, &[event(name, data)]), whole, "{name} {data}");
        }
        for (reason, whole) in [
            ("\"end_turn\"", true),
            ("\"stop_sequence\"", true),
            ("\"tool_use\"", true),
            ("\"max_tokens\"", false),
            ("\"refusal\"", false),
            ("\"pause_turn\"", false),
            ("null", false),
        ] {
            let data = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":{reason}}}}}"#);
            let unnamed = SseEvent::data(Bytes::from(data.clone()));
            assert_eq!(watched(Surface::Messages, &[event("message_delta", &data)]), whole);
            assert_eq!(watched(Surface::Messages, &[unnamed]), whole, "{reason}");
        }
        assert!(watched(Surface::ImagesGenerations, &[]));
    }

    #[test]
    fn tells_whole_answers_by_their_own_words() {
        use Surface as S;
        let chat = r#"{"choices":[{"message":{"refusal":null},"finish_reason":"stop"},{"message":{},"finish_reason":"tool_calls"}]}"#;
        for (surface, body, whole) in [
            (S::ChatCompletions, chat, true),
            (S::ChatCompletions, &chat.replace("tool_calls", "length"), false),
            (S::ChatCompletions, &chat.replace("tool_calls", "content_filter"), false),
            (S::ChatCompletions, &chat.replace("refusal\":null", "refusal\":\"no\""), false),
            (S::ChatCompletions, r#"{"choices":[]}"#, false),
            (S::ChatCompletions, r#"{"choices":[{"finish_reason":null}]}"#, false),
            (S::ChatCompletions, "<html>", false),
            (S::Completions, r#"{"choices":[{"text":"a","finish_reason":"stop"}]}"#, true),
            (S::Completions, r#"{"choices":[{"text":"a","finish_reason":"length"}]}"#, false),
            (S::Responses, r#"{"status":"completed","output":[]}"#, true),
            (S::Responses, r#"{"status":"in_progress","output":[]}"#, false),
            (S::Responses, r#"{"output":[]}"#, false),
            (S::Messages, r#"{"stop_reason":"end_turn"}"#, true),
            (S::Messages, r#"{"stop_reason":"max_tokens"}"#, false),
            (S::Messages, "{}", false),
            (S::Embeddings, "{}", true),
            (S::Moderations, "{}", true),
        ] {
            assert_eq!(
                is_whole(surface, &Bytes::copy_from_slice(body.as_bytes())),
                whole,
                "{body}"
            );
        }
    }
}
