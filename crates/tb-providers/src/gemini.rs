//! Gemini's native API: generateContent, its stream, and batchEmbedContents.
//!
//! Thought signatures, which Gemini wants back, travel in `extra_content` of a tool call or an
//! assistant message: `{"google":{"thought_signature":…}}`, as Google's own compatible endpoint
//! has it.
//!
//! A prompt that Gemini blocks (status 200, no candidates) becomes an empty answer with the
//! finish reason `content_filter` and the reason as its refusal: it is an answer, and billed.

mod answer;
mod embeddings;
mod request;
mod schema;
mod stream;
mod turns;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value;
use tb_core::Surface;

use crate::error::{classify, from_stream, retry_after_ms};
use crate::pivot::{body_object, json_headers, key_header, list_at, text_at};
use crate::{
    AnswerShape, Call, Decoded, Dialect, EncodeError, Endpoint, ErrorClass, Malformed,
    StreamDecoder, UpstreamError, WireRequest, messages,
};

const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Gemini's native API.
#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn serves(&self, surface: Surface) -> bool {
        matches!(surface, Surface::ChatCompletions | Surface::Messages | Surface::Embeddings)
    }

    fn encode(&self, call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<WireRequest, EncodeError> {
        let name = resource_name(call.model);
        let (body, dropped, method) = match call.surface {
            Surface::ChatCompletions => {
                let (body, dropped) =
                    request::from_chat(&body_object(call)?, call.model, call.stream)?;
                (body, dropped, content_method(call.stream))
            }
            Surface::Messages => {
                let mut chat = messages::request_to_chat(call, endpoint.quirks)?;
                let (body, dropped) = request::from_chat(&chat.body, call.model, call.stream)?;
                chat.dropped.extend(dropped);
                (body, chat.dropped, content_method(call.stream))
            }
            Surface::Embeddings => {
                let body = embeddings::request(&body_object(call)?, &name)?;
                (body, Vec::new(), ":batchEmbedContents")
            }
            surface => {
                let surface = surface.label();
                return Err(EncodeError::Unsupported { dialect: "gemini", surface });
            }
        };
        Ok(WireRequest {
            method: Method::POST,
            path: format!("{}/{name}{method}", endpoint.base_url.path),
            headers: headers(call, endpoint)?,
            body: Bytes::from(Value::Object(body).to_string()),
            dropped,
        })
    }

    fn decode(&self, shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed> {
        let answer: Value =
            serde_json::from_slice(body).map_err(|_| Malformed("the body is not JSON"))?;
        let (answer, facts) = if shape.surface == Surface::Embeddings {
            embeddings::answer(&answer, shape.base64_embeddings)?
        } else {
            answer::to_chat(&answer, shape.created)?
        };
        let decoded = Decoded { body: Bytes::from(answer.to_string()), facts };
        if shape.surface == Surface::Messages {
            return messages::answer_from_chat(decoded);
        }
        Ok(decoded)
    }

    fn stream(&self, shape: AnswerShape, model: &str) -> Box<dyn StreamDecoder> {
        if shape.surface == Surface::Messages {
            let chat = self.stream(messages::chat_shape(shape), model);
            return messages::stream_from_chat(chat, model);
        }
        Box::new(stream::ToChat::new(model, shape))
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
        adjusted(classify(status, headers, body), retry_after_ms(headers), body)
    }
}

const fn content_method(stream: bool) -> &'static str {
    if stream { ":streamGenerateContent?alt=sse" } else { ":generateContent" }
}

/// The model as a path: `models/…` unless it names another collection, everything else escaped.
fn resource_name(model: &str) -> String {
    let (collection, name) = match model.split_once('/') {
        Some((collection @ ("models" | "tunedModels"), name)) => (collection, name),
        _ => ("models", model),
    };
    let mut out = format!("{collection}/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn headers(call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<HeaderMap, EncodeError> {
    let mut headers = json_headers(call.stream);
    if let Some(key) = endpoint.api_key {
        headers.insert(API_KEY, key_header(key)?);
    }
    Ok(headers)
}

/// An error inside a stream that began with status 200.
fn stream_error(data: &[u8]) -> UpstreamError {
    adjusted(from_stream(data), None, data)
}

/// What the shared reading of errors does not know of Google: the status word is a code (the
/// number is the HTTP status again), and the wait stands in the details.
fn adjusted(mut error: UpstreamError, header_ms: Option<u64>, body: &[u8]) -> UpstreamError {
    if error.class == ErrorClass::BadCredentials && error.status == 400 {
        // A bad key is told as an invalid argument.
        error.status = 401;
    }
    if error.status == 429 {
        limited(&mut error, header_ms, &Details::read(body));
    }
    let is_word = error.kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if is_word && !error.kind.is_empty() {
        error.code = Some(std::mem::replace(&mut error.kind, kind_of(error.class).to_owned()));
    }
    error
}

/// Tells a limit from a spent quota: "You exceeded your current quota" is also the text of a
/// limit per minute, but that one tells how long to wait.
fn limited(error: &mut UpstreamError, header_ms: Option<u64>, details: &Details) {
    // The details are exacter than the message, where `error` has its wait from.
    let told = details.retry_delay_ms.or(error.retry_after_ms);
    error.retry_after_ms = header_ms.or(told);
    let spent = details.daily || error.message.starts_with("You exceeded your current quota");
    match error.class {
        ErrorClass::QuotaExhausted if details.retry_delay_ms.is_some() => {
            error.class = ErrorClass::RateLimit;
        }
        ErrorClass::RateLimit if spent && error.retry_after_ms.is_none() => {
            error.class = ErrorClass::QuotaExhausted;
        }
        _ => {}
    }
}

const fn kind_of(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimit => "rate_limit_error",
        ErrorClass::QuotaExhausted => "insufficient_quota",
        ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => "server_error",
        ErrorClass::BadCredentials => "authentication_error",
        ErrorClass::ContextTooLong
        | ErrorClass::ContentPolicy
        | ErrorClass::ModelNotFound
        | ErrorClass::BadRequest => "invalid_request_error",
    }
}

/// A day: longer waits mean "not today".
const MAX_RETRY_MS: u64 = 86_400_000;

/// What `error.details` says of a limit.
#[derive(Debug, Default, PartialEq, Eq)]
struct Details {
    /// `retryDelay` of `google.rpc.RetryInfo`, at most a day.
    retry_delay_ms: Option<u64>,
    /// A `google.rpc.QuotaFailure` of a limit per day.
    daily: bool,
}

impl Details {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let root = value.as_array().map_or(Some(&value), |items| items.first());
        let Some(error) = root.and_then(|root| root.get("error")) else { return Self::default() };
        let details = list_at(error, "details");
        let violations = details.iter().flat_map(|detail| list_at(detail, "violations"));
        Self {
            retry_delay_ms: details
                .iter()
                .find_map(|detail| text_at(detail, "retryDelay"))
                .and_then(duration_ms),
            daily: violations
                .filter_map(|violation| text_at(violation, "quotaId"))
                .any(|quota| quota.contains("PerDay")),
        }
    }
}

/// A `google.protobuf.Duration`: seconds with up to nine decimals and an `s`.
fn duration_ms(duration: &str) -> Option<u64> {
    let seconds = duration.strip_suffix('s')?;
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let millis = format!("{part:0<3}").chars().take(3).collect::<String>().parse::<u64>().ok()?;
    // Digits that no number holds are more than a day.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(whole.saturating_mul(1_000).saturating_add(millis).min(MAX_RETRY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_stays_one_path_segment() {
        assert_eq!(resource_name("gemini-2.5-pro"), "models/gemini-2.5-pro");
        assert_eq!(resource_name("tunedModels/mine"), "tunedModels/mine");
        assert_eq!(resource_name("../x?key=1"), "models/..%2Fx%3Fkey%3D1");
    }

    #[test]
    fn a_limit_with_a_wait_is_no_exhausted_quota() {
        let body = br#"{"error":{"code":429,"message":"You exceeded your current quota","status":
            "RESOURCE_EXHAUSTED","details":[{"@type":"t"},{"retryDelay":"13.5s"}]}}"#;
        let error = Gemini.classify(429, &HeaderMap::new(), body);
        assert_eq!((error.class, error.retry_after_ms), (ErrorClass::RateLimit, Some(13_500)));
        assert_eq!(
            (error.kind.as_str(), error.code.as_deref()),
            ("rate_limit_error", Some("RESOURCE_EXHAUSTED"))
        );
    }

    #[test]
    fn reads_durations_and_nothing_else() {
        for (text, ms) in [
            ("17s", Some(17_000)),
            ("0.25s", Some(250)),
            ("3.123456789s", Some(3_123)),
            ("99999999999999999999s", Some(MAX_RETRY_MS)),
            ("-5s", None),
            ("+5s", None),
            ("s", None),
            ("1.s", None),
            ("17", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(duration_ms(text), ms, "{text}");
        }
    }
}
