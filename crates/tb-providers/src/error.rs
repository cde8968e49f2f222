//! Reading the errors of providers: every envelope in use becomes one [`UpstreamError`], safe
//! to show. Shared by all dialects.

use http::HeaderMap;
use serde_json::Value;

use crate::{ErrorClass, UpstreamError};

mod class;
mod redact;
mod retry_after;

use class::{class_of, stream_status};
pub use redact::safe_message;
pub use retry_after::retry_after_ms;

/// The parts of an error envelope, as the provider named them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorFields {
    /// `type`, or Gemini's `status`.
    pub kind: Option<String>,
    /// `code`; integers become text. Azure's innererror code when there is no other.
    pub code: Option<String>,
    /// The code of Azure's innererror, or that of a vendor's moderation.
    pub inner_code: Option<String>,
    /// `param`.
    pub param: Option<String>,
    /// The message, not yet redacted.
    pub message: String,
}

impl ErrorFields {
    /// Reads the envelopes of OpenAI, Azure, Anthropic, Gemini (also in an array), vLLM
    /// (`{"object":"error",…}`), FastAPI (`{"detail":…}`), and `{"error":"text"}`.
    /// `None` when `body` is no JSON object with an error in it.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let root = value.as_array().map_or(Some(&value), |items| items.first())?;
        Self::from_value(root)
    }

    fn from_value(root: &Value) -> Option<Self> {
        let members = root.as_object()?;
        match members.get("error") {
            Some(Value::String(message)) => {
                return Some(Self {
                    kind: word(root, "error_type").or_else(|| word(root, "type")),
                    code: word(root, "code"),
                    param: word(root, "param"),
                    message: message.clone(),
                    ..Self::default()
                });
            }
            Some(inner @ Value::Object(_)) => return Some(Self::from_members(inner)),
            _ => {}
        }
        if let Some(detail) = members.get("detail") {
            return Some(Self { message: detail_message(detail), ..Self::default() });
        }
        let looks_like_one = members.contains_key("message")
            && (members.get("object").is_some_and(|o| o == "error")
                || ["code", "type", "status", "statusCode", "__type"]
                    .iter()
                    .any(|key| members.contains_key(*key)));
        looks_like_one.then(|| Self::from_members(root))
    }

    fn from_members(error: &Value) -> Self {
        let inner_code = error
            .get("innererror")
            .or_else(|| error.get("inner_error"))
            .and_then(|inner| word(inner, "code"));
        // Aggregators tell a moderation by what it flagged, not by a code.
        let flagged = error.pointer("/metadata/flagged_input").map(|_| "content_filter".to_owned());
        Self {
            kind: word(error, "type").or_else(|| word(error, "status")).filter(|k| k != "error"),
            code: word(error, "code").or_else(|| inner_code.clone()),
            inner_code: inner_code.or(flagged),
            param: word(error, "param"),
            message: word(error, "message").unwrap_or_default(),
        }
    }
}

fn word(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// FastAPI's `detail` is a text, or a list of `{"loc":[…],"msg":…}`.
fn detail_message(detail: &Value) -> String {
    match detail {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            items.iter().filter_map(|item| word(item, "msg")).collect::<Vec<_>>().join("; ")
        }
        Value::Object(_) => {
            word(detail, "message").or_else(|| word(detail, "msg")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Reads an error answer of any provider.
#[must_use]
pub fn classify(status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
    let retry = retry_after_ms(headers);
    if (300..400).contains(&status) {
        return failure(ErrorClass::Malformed, 502, "the provider answered with a redirect")
            .with_retry(retry);
    }
    if let Some(fields) = ErrorFields::read(body) {
        let status = if status < 300 { stream_status(&fields) } else { status };
        return from_fields(status, fields).with_retry(retry);
    }
    let page = is_page(headers, body);
    let what = if page { "an HTML page" } else { "no readable error" };
    let message = format!("the provider answered with {what} (status {status})");
    let class = match status {
        ..300 => ErrorClass::Malformed,
        // A page with 403 is a firewall's before the provider: it says nothing of our key.
        400..500 if page && !matches!(status, 401 | 402 | 408 | 409 | 413 | 425 | 429 | 498) => {
            ErrorClass::Malformed
        }
        _ => class_of(status, &ErrorFields::default()),
    };
    let status = if class == ErrorClass::Malformed { 502 } else { status };
    failure(class, status, &message).with_retry(retry)
}

/// The error inside a stream that began with status 200.
#[must_use]
pub fn from_stream(data: &[u8]) -> UpstreamError {
    let fields = ErrorFields::read(data)
        .or_else(|| {
            let value: Value = serde_json::from_slice(data).ok()?;
            value.is_object().then(|| ErrorFields::from_members(&value))
        })
        .unwrap_or_default();
    from_fields(stream_status(&fields), fields)
}

/// An error of ours about the provider: nothing of the provider's text in it.
#[must_use]
pub fn failure(class: ErrorClass, status: u16, message: &str) -> UpstreamError {
    UpstreamError {
        class,
        status,
        kind: default_kind(status).to_owned(),
        code: None,
        param: None,
        message: message.to_owned(),
        retry_after_ms: None,
    }
}

/// A stream that is not what the dialect promises.
#[must_use]
pub fn malformed_stream(what: &str) -> UpstreamError {
    failure(ErrorClass::Malformed, 502, &format!("the provider's stream is malformed: {what}"))
}

/// A stream that ended before its proper end.
#[must_use]
pub fn cut_stream() -> UpstreamError {
    failure(ErrorClass::ServerError, 502, "the provider closed the stream before its end")
}

/// What a stream that did not reach its end is told as: the provider's own error where its
/// last event was one. A last event that cannot be read was cut itself.
pub(crate) fn unfinished(taken: Result<(), UpstreamError>) -> UpstreamError {
    match taken {
        Err(fault) if fault.class != ErrorClass::Malformed => fault,
        _ => cut_stream(),
    }
}

impl UpstreamError {
    /// What the headers say wins over what the message says.
    fn with_retry(self, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms: retry_after_ms.or(self.retry_after_ms), ..self }
    }
}

/// Cuts the class and makes the fields safe to show.
#[must_use]
pub fn from_fields(status: u16, fields: ErrorFields) -> UpstreamError {
    let class = class_of(status, &fields);
    let told = || retry_after::told_in(&fields.message);
    let retry_after_ms = if class == ErrorClass::RateLimit { told() } else { None };
    let message = safe_message(&fields.message);
    UpstreamError {
        class,
        status,
        kind: fields.kind.map_or_else(|| default_kind(status).to_owned(), |k| safe_message(&k)),
        code: fields.code.map(|code| safe_message(&code)),
        param: fields.param.map(|param| safe_message(&param)),
        message: if message.is_empty() {
            format!("the provider answered with status {status} and no message")
        } else {
            message
        },
        retry_after_ms,
    }
}

fn default_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

/// HTML, or the one line that Cloudflare sends instead of a page.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    let body = body.trim_ascii_start();
    declared || body.starts_with(b"<") || body.starts_with(b"error code: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> UpstreamError {
        classify(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn reads_every_envelope() {
        let vllm = read(
            400,
            r#"{"object":"error","message":"bad n","type":"BadRequestError","param":null,"code":400}"#,
        );
        assert_eq!((vllm.message.as_str(), vllm.code.as_deref()), ("bad n", Some("400")));
        assert_eq!(vllm.kind, "BadRequestError");
        assert_eq!(
            read(422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#).message,
            "field required"
        );
        assert_eq!(read(400, r#"{"error":"plain"}"#).message, "plain");
        let gemini =
            read(429, r#"[{"error":{"code":429,"message":"q","status":"RESOURCE_EXHAUSTED"}}]"#);
        assert_eq!(
            (gemini.kind.as_str(), gemini.class),
            ("RESOURCE_EXHAUSTED", ErrorClass::RateLimit)
        );
    }

    #[test]
    fn never_echoes_html_or_unreadable_bodies() {
        let page = read(502, "<html>secret-canary</html>");
        assert_eq!(page.message, "the provider answered with an HTML page (status 502)");
        let junk = read(500, "secret-canary");
        assert!(!junk.message.contains("canary"));
        let deep = "[".repeat(100_000);
        assert_eq!(read(500, &deep).class, ErrorClass::ServerError);
    }

    #[test]
    fn gives_an_error_inside_a_stream_its_status() {
        let error = from_stream(br#"{"error":{"message":"busy","type":"overloaded_error"}}"#);
        assert_eq!((error.status, error.class), (503, ErrorClass::Overloaded));
        let error =
            from_stream(br#"{"type":"error","code":"rate_limit_exceeded","message":"slow"}"#);
        assert_eq!(
            (error.status, error.class, error.message.as_str()),
            (429, ErrorClass::RateLimit, "slow")
        );
        let error = from_stream(br#"{"error":{"message":"m","code":502}}"#);
        assert_eq!((error.status, error.class), (502, ErrorClass::ServerError));
        assert_eq!(from_stream(b"garbage").class, ErrorClass::ServerError);
    }
}
