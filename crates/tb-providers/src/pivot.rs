//! The chat-completions shape as the pivot between dialects: what every translation needs to
//! read it and to write it.
//!
//! There is no clock here: `created` of answers and chunks that this crate writes itself comes
//! with the [`AnswerShape`](crate::AnswerShape).

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use tb_api::sse::SseEvent;
use tb_core::{Secret, TokenCounts};

use crate::{Call, CallBody, EncodeError};

/// The largest event accepted in a provider's stream, in bytes. Image output arrives as one
/// base64 event of several megabytes.
pub(crate) const MAX_EVENT_BYTES: usize = 16 << 20;

/// A JSON object under construction.
pub(crate) type Object = Map<String, Value>;

/// The client's body as a tree. The document was validated, so its depth is bounded.
///
/// # Errors
/// When the call has no JSON body.
pub(crate) fn body_object(call: &Call<'_>) -> Result<Object, EncodeError> {
    let CallBody::Json(document) = call.body else {
        return Err(invalid("", "a JSON object is needed as the body"));
    };
    serde_json::from_slice(document.bytes())
        .map_err(|_| invalid("", "the body is not a JSON object"))
}

/// The headers of every JSON request that a translating dialect sends, but for credentials.
pub(crate) fn json_headers(stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    // Usage is read from the answer's bytes, so they must come uncompressed.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = concat!("tollbar/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    headers
}

/// A provider's key as a header value that is never printed.
///
/// # Errors
/// When the key holds what no header may carry.
pub(crate) fn key_header(key: &Secret) -> Result<HeaderValue, EncodeError> {
    let mut value = HeaderValue::from_str(key.expose()).map_err(|_| {
        invalid("api_key", "the provider's key holds characters that no header may carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A fault in a field of the client's request.
pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> EncodeError {
    EncodeError::Invalid { param: param.into(), message: message.into() }
}

/// The text at `key`.
pub(crate) fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The non-negative integer at `key`.
pub(crate) fn count_at(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

/// The elements of the array at `key`; none when it is missing or no array.
pub(crate) fn list_at<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A field of the request, unless it is `null`.
pub(crate) fn given<'a>(request: &'a Object, key: &str) -> Option<&'a Value> {
    request.get(key).filter(|value| !value.is_null())
}

/// The messages of a request.
///
/// # Errors
/// When there is no list of them.
pub(crate) fn messages(request: &Object) -> Result<&Vec<Value>, EncodeError> {
    let messages = given(request, "messages").and_then(Value::as_array);
    messages.ok_or_else(|| invalid("messages", "a list of messages is needed"))
}

/// Refuses the old form of tools, which only OpenAI-compatible servers take.
pub(crate) fn refuse_functions(chat: &Object) -> Result<(), EncodeError> {
    for old in ["functions", "function_call"] {
        if given(chat, old).is_some() {
            return Err(invalid(old, "use tools and tool_choice instead"));
        }
    }
    Ok(())
}

/// Bytes of a text, for estimates.
pub(crate) fn size(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Takes a `data:` URI with base64 content apart: media type and content.
pub(crate) fn data_uri(url: &str) -> Option<(&str, &str)> {
    let (head, content) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    let kind = kind.split(';').next().unwrap_or_default();
    (!kind.is_empty()).then_some((kind, content))
}

/// The arguments of a tool call as an object; the empty string and `null` mean none.
pub(crate) fn arguments_object(arguments: &str) -> Option<Value> {
    if arguments.trim().is_empty() {
        return Some(json!({}));
    }
    match serde_json::from_str(arguments).ok()? {
        Value::Null => Some(json!({})),
        object @ Value::Object(_) => Some(object),
        _ => None,
    }
}

/// `usage` in the chat shape: `prompt_tokens` includes the cached ones, `completion_tokens`
/// the reasoning.
pub(crate) fn usage_to_chat(tokens: &TokenCounts) -> Value {
    let written = tokens.cache_write.saturating_add(tokens.cache_write_1h);
    json!({
        "prompt_tokens": tokens.input(),
        "completion_tokens": tokens.output(),
        "total_tokens": tokens.input().saturating_add(tokens.output()),
        "prompt_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": written,
        },
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    })
}

/// Reads `usage` of the chat shape into kinds that partition.
pub(crate) fn usage_from_chat(usage: &Value) -> Option<TokenCounts> {
    let prompt = count_at(usage, "prompt_tokens")?;
    let completion = count_at(usage, "completion_tokens").unwrap_or(0);
    let input = usage.get("prompt_tokens_details").unwrap_or(&Value::Null);
    let output = usage.get("completion_tokens_details").unwrap_or(&Value::Null);
    let cache_read = count_at(input, "cached_tokens").unwrap_or(0).min(prompt);
    let rest = prompt.saturating_sub(cache_read);
    let cache_write = count_at(input, "cache_write_tokens").unwrap_or(0).min(rest);
    let reasoning = count_at(output, "reasoning_tokens").unwrap_or(0).min(completion);
    Some(TokenCounts {
        input_fresh: rest.saturating_sub(cache_write),
        cache_read,
        cache_write,
        cache_write_1h: 0,
        output_visible: completion.saturating_sub(reasoning),
        reasoning,
    })
}

/// Writes chunks of a chat-completions stream.
#[derive(Debug)]
pub(crate) struct ChatChunks {
    /// The answer's id, in every chunk.
    pub(crate) id: String,
    /// The served model, in every chunk.
    pub(crate) model: String,
    /// The client asked for usage: every chunk has the key, the last one the counts.
    pub(crate) with_usage: bool,
    /// Unix seconds, in every chunk.
    pub(crate) created: i64,
}

impl ChatChunks {
    /// One chunk of choice `index`.
    pub(crate) fn chunk(&self, index: u64, delta: &Value, finish: Option<&str>) -> SseEvent {
        let choice = json!({
            "index": index, "delta": delta, "logprobs": null, "finish_reason": finish,
        });
        self.event(&json!([choice]), &Value::Null)
    }

    /// The chunk without choices that carries the counts, when the client asked for it.
    pub(crate) fn usage(&self, tokens: Option<&TokenCounts>) -> Option<SseEvent> {
        let tokens = tokens.filter(|_| self.with_usage)?;
        Some(self.event(&json!([]), &usage_to_chat(tokens)))
    }

    /// The end of every chat-completions stream.
    pub(crate) fn done() -> SseEvent {
        SseEvent::data(Bytes::from_static(b"[DONE]"))
    }

    fn event(&self, choices: &Value, usage: &Value) -> SseEvent {
        let mut chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices,
        });
        if let (true, Some(object)) = (self.with_usage, chunk.as_object_mut()) {
            object.insert("usage".to_owned(), usage.clone());
        }
        SseEvent::data(Bytes::from(chunk.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_data_uris_apart() {
        assert_eq!(data_uri("data:image/png;base64,AAA="), Some(("image/png", "AAA=")));
        assert_eq!(
            data_uri("data:text/plain;charset=utf-8;base64,QQ=="),
            Some(("text/plain", "QQ=="))
        );
        assert_eq!(data_uri("data:text/plain,hello"), None);
        assert_eq!(data_uri("https://example.com/a.png"), None);
    }

    #[test]
    fn usage_survives_the_way_there_and_back() {
        let tokens = TokenCounts {
            input_fresh: 3,
            cache_read: 5,
            cache_write: 7,
            cache_write_1h: 0,
            output_visible: 11,
            reasoning: 13,
        };
        assert_eq!(usage_from_chat(&usage_to_chat(&tokens)), Some(tokens));
    }

    #[test]
    fn usage_that_contradicts_itself_never_counts_twice() {
        let usage = json!({"prompt_tokens": 4, "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9},
            "completion_tokens_details": {"reasoning_tokens": 9}});
        let tokens = usage_from_chat(&usage).expect("usage");
        assert_eq!((tokens.input(), tokens.output()), (4, 2));
    }

    #[test]
    fn arguments_are_an_object_or_nothing() {
        assert_eq!(arguments_object(" "), Some(json!({})));
        assert_eq!(arguments_object("null"), Some(json!({})));
        assert_eq!(arguments_object("{\"a\":1}"), Some(json!({"a": 1})));
        assert_eq!(arguments_object("[1]"), None);
        assert_eq!(arguments_object("{\"a\":"), None);
    }
}
