//! Reading the errors of providers: every envelope in use becomes one [`UpstreamError`], safe
//! to show. Shared by all dialects.

use http::HeaderMap;
use serde_json::Value;

use crate::{ErrorClass, UpstreamError};

mod redact;
mod retry_after;

pub use redact::safe_message;
pub use retry_after::retry_after_ms;

/// The parts of an error envelope, as the provider named them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorFields {
    /// `type`, or Gemini's `status`.
    pub kind: Option<String>,
    /// `code`; integers become text. Azure's innererror code when it says more.
    pub code: Option<String>,
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
        let code = word(error, "code");
        let code = match (code, inner_code) {
            (Some(code), _) => Some(code),
            (None, inner) => inner,
        };
        Self {
            kind: word(error, "type").or_else(|| word(error, "status")).filter(|k| k != "error"),
            code,
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
    let html = is_html(headers, body);
    let what = if html { "an HTML page" } else { "no readable error" };
    let message = format!("the provider answered with {what} (status {status})");
    let class = match status {
        ..300 => ErrorClass::Malformed,
        400..500 if html && !matches!(status, 401 | 402 | 403 | 408 | 413 | 429) => {
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
    fn with_retry(self, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms, ..self }
    }
}

/// Cuts the class and makes the fields safe to show.
#[must_use]
pub fn from_fields(status: u16, fields: ErrorFields) -> UpstreamError {
    let class = class_of(status, &fields);
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
        retry_after_ms: None,
    }
}

/// The status that an error inside a stream would have had.
fn stream_status(fields: &ErrorFields) -> u16 {
    let number = fields.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    if let Some(status) = number.filter(|status| (400..600).contains(status)) {
        return status;
    }
    let has = |word: &str| {
        [&fields.kind, &fields.code].into_iter().flatten().any(|text| text.contains(word))
    };
    if has("rate_limit") || has("insufficient_quota") || has("RESOURCE_EXHAUSTED") {
        429
    } else if has("overloaded") || has("UNAVAILABLE") {
        503
    } else if has("authentication") || has("invalid_api_key") {
        401
    } else if has("permission") {
        403
    } else if has("not_found") {
        404
    } else if has("invalid_request") || has("content_filter") || has("context_length") {
        400
    } else {
        500
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

fn class_of(status: u16, fields: &ErrorFields) -> ErrorClass {
    let code = fields.code.as_deref().unwrap_or_default();
    let kind = fields.kind.as_deref().unwrap_or_default();
    let message = fields.message.to_ascii_lowercase();
    let named = |words: &[&str]| words.iter().any(|word| code == *word || kind == *word);
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if named(&["insufficient_quota", "billing_hard_limit_reached", "billing_error"])
        || status == 402
        // With a code, the code tells: Gemini words its rate limits like this too.
        || (status == 429 && code.is_empty() && says(&["exceeded your current quota"]))
        || says(&["credit balance is too low"])
    {
        return ErrorClass::QuotaExhausted;
    }
    if status >= 500 || matches!(status, 408 | 429 | 498) {
        return transient(status, kind);
    }
    if named(&["rate_limit_exceeded", "rate_limit_error"]) {
        return ErrorClass::RateLimit;
    }
    if named(&[
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "ResponsibleAIPolicyViolation",
    ]) {
        return ErrorClass::ContentPolicy;
    }
    if named(&["context_length_exceeded", "exceed_context_size_error"])
        || says(&["maximum context length", "prompt is too long", "context window", "context size"])
    {
        return ErrorClass::ContextTooLong;
    }
    if named(&["invalid_api_key", "authentication_error"])
        || matches!(status, 401 | 403)
        || says(&["api key not valid"])
    {
        return ErrorClass::BadCredentials;
    }
    let about_stored = matches!(fields.param.as_deref(), Some("id" | "previous_response_id"));
    if named(&["model_not_found", "DeploymentNotFound"]) || (status == 404 && !about_stored) {
        return ErrorClass::ModelNotFound;
    }
    ErrorClass::BadRequest
}

fn transient(status: u16, kind: &str) -> ErrorClass {
    match status {
        429 => ErrorClass::RateLimit,
        498 | 503 | 529 => ErrorClass::Overloaded,
        _ if kind == "overloaded_error" => ErrorClass::Overloaded,
        _ => ErrorClass::ServerError,
    }
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    declared || body.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> UpstreamError {
        classify(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn cuts_classes_by_what_to_do_next() {
        use ErrorClass as C;
        for (status, body, class) in [
            (429, r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, C::RateLimit),
            (429, r#"{"error":{"message":"x","code":"insufficient_quota"}}"#, C::QuotaExhausted),
            (402, "{}", C::QuotaExhausted),
            (503, "busy", C::Overloaded),
            (529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, C::Overloaded),
            (500, r#"{"error":{"message":"boom","type":"server_error"}}"#, C::ServerError),
            (401, r#"{"error":{"message":"no","code":"invalid_api_key"}}"#, C::BadCredentials),
            (403, r#"{"detail":"no"}"#, C::BadCredentials),
            (
                400,
                r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#,
                C::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8 tokens"}}"#,
                C::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"m","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                C::ContentPolicy,
            ),
            (
                400,
                r#"{"error":{"message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                C::ContentPolicy,
            ),
            (404, r#"{"error":{"message":"m","code":"DeploymentNotFound"}}"#, C::ModelNotFound),
            (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#, C::ModelNotFound),
            (
                404,
                r#"{"error":{"message":"Response with id 'r' not found.","param":"id"}}"#,
                C::BadRequest,
            ),
            (
                400,
                r#"{"object":"error","message":"bad n","type":"BadRequestError","code":400}"#,
                C::BadRequest,
            ),
            (302, "", C::Malformed),
            (200, "<html></html>", C::Malformed),
            (404, "<html>nope</html>", C::Malformed),
            (502, "<html>nope</html>", C::ServerError),
        ] {
            assert_eq!(read(status, body).class, class, "{status} {body}");
        }
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
