//! Anthropic's Messages API: passed through for clients that speak it, translated for clients
//! that speak chat completions.
//!
//! Thinking blocks, which the chat shape has no place for, travel in `reasoning_details` of the
//! assistant message: `{"type":"thinking","thinking":…,"signature":…}` or
//! `{"type":"redacted_thinking","data":…}`. A client that returns the field unchanged keeps the
//! model's thinking over tool calls.

mod answer;
mod facts;
mod request;
mod stream;
mod turns;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tb_core::Surface;

use crate::error::{classify, from_stream};
use crate::pivot::{body_object, count_at, invalid, json_headers, key_header};
use crate::{
    AnswerFacts, AnswerShape, Call, CallBody, Decoded, Dialect, EncodeError, Endpoint, ErrorClass,
    Malformed, StreamDecoder, UpstreamError, WireRequest,
};

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Refuses `temperature`, `top_p` and `top_k`.
const CURRENT_VERSION: &str = "2026-10-21";
/// The last version that takes them.
const SAMPLING_VERSION: &str = "2023-06-01";

/// Anthropic's Messages API.
#[derive(Debug)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn serves(&self, surface: Surface) -> bool {
        surface.is_anthropic() || surface == Surface::ChatCompletions
    }

    fn encode(&self, call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<WireRequest, EncodeError> {
        let path = match call.surface {
            Surface::ChatCompletions => Surface::Messages.path(),
            surface if surface.is_anthropic() => surface.path(),
            surface => {
                let surface = surface.label();
                return Err(EncodeError::Unsupported { dialect: "anthropic", surface });
            }
        };
        let (body, samples, dropped) = body(call)?;
        Ok(WireRequest {
            method: Method::POST,
            path: format!("{}{path}", endpoint.base_url.path),
            headers: headers(call, endpoint, samples)?,
            body,
            dropped,
        })
    }

    fn decode(&self, shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed> {
        let answer: Value =
            serde_json::from_slice(body).map_err(|_| Malformed("the body is not JSON"))?;
        if shape.surface == Surface::CountTokens {
            count_at(&answer, "input_tokens").ok_or(Malformed("input_tokens is missing"))?;
            let facts = AnswerFacts { output_seen: true, finished: true, ..AnswerFacts::default() };
            return Ok(Decoded { body: body.clone(), facts });
        }
        if !answer.get("content").is_some_and(Value::is_array) {
            return Err(Malformed("the message has no content"));
        }
        let facts = facts::of_message(&answer);
        let body = if shape.surface.is_anthropic() {
            body.clone()
        } else {
            Bytes::from(answer::to_chat(&answer, facts.tokens.as_ref(), shape.created).to_string())
        };
        Ok(Decoded { body, facts })
    }

    fn stream(&self, shape: AnswerShape, model: &str) -> Box<dyn StreamDecoder> {
        if shape.surface.is_anthropic() {
            Box::new(stream::Passthrough::new())
        } else {
            Box::new(stream::ToChat::new(model, shape))
        }
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
        adjusted(classify(status, headers, body))
    }
}

/// The `error` event of a stream that began with status 200.
fn stream_error(data: &[u8]) -> UpstreamError {
    adjusted(from_stream(data))
}

/// What the shared reading of errors does not know of Anthropic.
fn adjusted(mut error: UpstreamError) -> UpstreamError {
    match error.kind.as_str() {
        "overloaded_error" => {
            error.class = ErrorClass::Overloaded;
            error.status = 529;
        }
        "timeout_error" if error.status == 500 => error.status = 504,
        _ => {}
    }
    error
}

/// The body, whether it samples, and what was dropped.
fn body(call: &Call<'_>) -> Result<(Bytes, bool, Vec<&'static str>), EncodeError> {
    if call.surface.is_anthropic() {
        let CallBody::Json(document) = call.body else {
            return Err(invalid("", "a JSON object is needed as the body"));
        };
        let model = Value::from(call.model).to_string();
        let samples =
            ["temperature", "top_p", "top_k"].iter().any(|name| document.get(name).is_some());
        let body = document.edit().set(&["model"], &model).apply();
        return Ok((body, samples, Vec::new()));
    }
    let chat = body_object(call)?;
    let (body, dropped) = request::from_chat(&chat, call.model, call.stream)?;
    let samples = request::samples(&body);
    Ok((Bytes::from(Value::Object(body).to_string()), samples, dropped))
}

fn headers(
    call: &Call<'_>,
    endpoint: &Endpoint<'_>,
    samples: bool,
) -> Result<HeaderMap, EncodeError> {
    let mut headers = json_headers(call.stream);
    let version = if samples { SAMPLING_VERSION } else { CURRENT_VERSION };
    // A native client's version decides what its body means; a chat client's says nothing.
    let own = call.headers.get(VERSION).filter(|_| call.surface.is_anthropic());
    headers.insert(VERSION, own.cloned().unwrap_or(HeaderValue::from_static(version)));
    for beta in call.headers.get_all(BETA) {
        headers.append(BETA, beta.clone());
    }
    if let Some(key) = endpoint.api_key {
        headers.insert(API_KEY, key_header(key)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BaseUrl, Quirks};
    use tb_api::json::Document;

    fn sent(surface: Surface, body: &'static str, headers: &HeaderMap) -> WireRequest {
        let document = Document::parse(Bytes::from_static(body.as_bytes())).expect("a document");
        let base_url = BaseUrl::parse("https://api.anthropic.com/v1").expect("a URL");
        let body = CallBody::Json(&document);
        let call =
            Call { surface, model: "claude", stream: false, body, headers, response_id: None };
        let endpoint = Endpoint {
            base_url: &base_url,
            api_key: None,
            quirks: &Quirks::default(),
            zero_retention: false,
        };
        Anthropic.encode(&call, &endpoint).expect("a request")
    }

    #[test]
    fn a_native_request_keeps_every_byte_but_the_model() {
        let body = "{ \"new\" : [1.0, 1e2],\n\"model\":\"alias\", \"messages\":[{}] }";
        let sent = sent(Surface::Messages, body, &HeaderMap::new());
        assert_eq!(sent.body, body.replace("alias", "claude"));
    }

    #[test]
    fn the_version_is_the_client_s_or_fits_the_body() {
        let version = |surface, body, headers: &HeaderMap| {
            sent(surface, body, headers).headers[VERSION].to_str().expect("text").to_owned()
        };
        let own = HeaderMap::from_iter([(VERSION, HeaderValue::from_static("2024-01-01"))]);
        let plain = r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
        let sampled = r#"{"model":"m","top_p":0.5,"messages":[{"role":"user","content":"a"}]}"#;
        assert_eq!(version(Surface::Messages, plain, &own), "2024-01-01");
        assert_eq!(version(Surface::Messages, plain, &HeaderMap::new()), CURRENT_VERSION);
        assert_eq!(version(Surface::Messages, sampled, &HeaderMap::new()), SAMPLING_VERSION);
        assert_eq!(version(Surface::ChatCompletions, plain, &own), CURRENT_VERSION);
        assert_eq!(version(Surface::ChatCompletions, sampled, &own), SAMPLING_VERSION);
    }

    #[test]
    fn an_answer_to_a_native_client_keeps_every_byte() {
        let body = Bytes::from_static(b"{ \"content\" :[], \"x\":1e2 }");
        let shape = AnswerShape {
            surface: Surface::Messages,
            stream_usage: false,
            base64_embeddings: false,
            created: 0,
        };
        assert_eq!(Anthropic.decode(shape, &body).expect("an answer").body, body);
    }

    #[test]
    fn empty_credit_is_no_fault_of_the_caller() {
        let body = br#"{"type":"error","error":{"type":"invalid_request_error",
            "message":"Your credit balance is too low to access the API."}}"#;
        let error = Anthropic.classify(400, &HeaderMap::new(), body);
        assert_eq!(error.class, ErrorClass::QuotaExhausted);
    }
}
