//! The request to send: the client's bytes with the model and the vendor's quirks spliced in.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tb_api::json::{Document, Edits, Kind, Value, write_string};
use tb_core::{Secret, Surface};

use crate::messages;
use crate::{Call, CallBody, EncodeError, Endpoint, Quirks, WireRequest};

/// The client's headers that go on to the provider.
const FORWARDED: [&str; 3] = ["openai-beta", "idempotency-key", "x-client-request-id"];

/// Sent to providers; some refuse requests without one.
pub(crate) const AGENT: &str = concat!("tollbar/", env!("CARGO_PKG_VERSION"));

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Encodes `call` for an OpenAI-compatible server.
pub(crate) fn request(
    call: &Call<'_>,
    endpoint: &Endpoint<'_>,
) -> Result<WireRequest, EncodeError> {
    if call.surface == Surface::CountTokens {
        return Err(EncodeError::Unsupported { dialect: "openai", surface: call.surface.label() });
    }
    let (body, dropped) = match call.surface {
        Surface::Messages => translated(call, endpoint)?,
        _ => (body(call, endpoint)?, Vec::new()),
    };
    let mut headers = base_headers(call)?;
    if let Some(key) = endpoint.api_key {
        headers.insert(AUTHORIZATION, secret_header("Bearer ", key)?);
    }
    Ok(WireRequest {
        method: method(call.surface),
        path: format!("{}{}", endpoint.base_url.path, path(call)),
        headers,
        body,
        dropped,
    })
}

/// The method of a route.
const fn method(surface: Surface) -> Method {
    match surface {
        Surface::ResponsesGet | Surface::Models => Method::GET,
        Surface::ResponsesDelete => Method::DELETE,
        _ => Method::POST,
    }
}

/// The path below the base URL's, with the response's id where the route has one.
pub(crate) fn path(call: &Call<'_>) -> Cow<'static, str> {
    let path = call.surface.path();
    match (call.surface, call.response_id) {
        (Surface::ResponsesGet | Surface::ResponsesDelete, Some(id)) => {
            Cow::Owned(format!("{path}/{id}"))
        }
        (Surface::ResponsesCancel, Some(id)) => Cow::Owned(format!("{path}/{id}/cancel")),
        (Surface::Messages, _) => Cow::Borrowed(Surface::ChatCompletions.path()),
        _ => Cow::Borrowed(path),
    }
}

/// Every header but the credentials.
fn base_headers(call: &Call<'_>) -> Result<HeaderMap, EncodeError> {
    let mut headers = HeaderMap::with_capacity(8);
    match call.body {
        CallBody::Empty => {}
        CallBody::Json(_) => {
            headers.insert(CONTENT_TYPE, JSON);
        }
        CallBody::Form(_, content_type) => {
            let value = HeaderValue::from_str(content_type)
                .map_err(|_| invalid("content-type", "the content type is not a header value"))?;
            headers.insert(CONTENT_TYPE, value);
        }
    }
    headers.insert(ACCEPT, accept(call));
    // Usage is read from the answer's bytes, so they must come uncompressed.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for name in FORWARDED {
        if let Some(value) = call.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    Ok(headers)
}

fn accept(call: &Call<'_>) -> HeaderValue {
    match call.surface {
        _ if call.stream => HeaderValue::from_static("text/event-stream"),
        Surface::AudioSpeech | Surface::AudioTranscriptions | Surface::AudioTranslations => {
            HeaderValue::from_static("*/*")
        }
        _ => JSON,
    }
}

/// A header value with a key in it, marked so that it is never printed.
pub(crate) fn secret_header(prefix: &str, key: &Secret) -> Result<HeaderValue, EncodeError> {
    let mut text = String::with_capacity(prefix.len() + key.expose().len());
    text.push_str(prefix);
    text.push_str(key.expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        invalid("api_key", "the provider's key holds characters that no header may carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A Messages request as a chat body, and what was dropped on the way.
fn translated(
    call: &Call<'_>,
    endpoint: &Endpoint<'_>,
) -> Result<(Bytes, Vec<&'static str>), EncodeError> {
    let mut chat = messages::request_to_chat(call, endpoint.quirks)?;
    if endpoint.zero_retention {
        chat.body.insert("store".to_owned(), false.into());
    }
    let body = serde_json::to_vec(&chat.body)
        .map_err(|_| invalid("messages", "the request cannot be written as chat messages"))?;
    Ok((Bytes::from(body), chat.dropped))
}

/// The body to send.
fn body(call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<Bytes, EncodeError> {
    match call.body {
        CallBody::Empty => Ok(Bytes::new()),
        CallBody::Form(form, _) => match form.text("model") {
            Some(model) if model == call.model => Ok(form.body().clone()),
            Some(_) => Ok(form.with_text("model", call.model)),
            None => Err(invalid("model", "the form needs a field `model`")),
        },
        CallBody::Json(document) => splice(document, call, endpoint),
    }
}

fn splice(
    document: &Document,
    call: &Call<'_>,
    endpoint: &Endpoint<'_>,
) -> Result<Bytes, EncodeError> {
    let quirks = endpoint.quirks;
    let mut edits = document.edit();
    let model = document.get("model").and_then(|value| value.as_str());
    if model.as_deref() != Some(call.model) {
        let mut quoted = String::with_capacity(call.model.len() + 2);
        write_string(call.model, &mut quoted);
        edits.set(&["model"], &quoted);
    }
    match call.surface {
        Surface::ChatCompletions => {
            stream_options(document, &mut edits, call.stream, quirks)?;
            chat_quirks(document, &mut edits, quirks);
        }
        Surface::Completions => stream_options(document, &mut edits, call.stream, quirks)?,
        Surface::Embeddings if !quirks.base64_embeddings => {
            edits.remove(&["encoding_format"]);
        }
        _ => {}
    }
    if endpoint.zero_retention {
        store_nothing(document, call.surface, &mut edits);
    }
    Ok(edits.apply())
}

/// Responses are stored unless the request says no, and chat completions where it says yes.
fn store_nothing(document: &Document, surface: Surface, edits: &mut Edits<'_>) {
    let stores = matches!(surface, Surface::ChatCompletions | Surface::Responses);
    let says_no = || document.get("store").and_then(|value| value.as_bool()) == Some(false);
    if stores && !says_no() {
        edits.set(&["store"], "false");
    }
}

/// Asks for usage at the end of a stream; the decoder hides it from clients that did not.
fn stream_options(
    document: &Document,
    edits: &mut Edits<'_>,
    stream: bool,
    quirks: &Quirks,
) -> Result<(), EncodeError> {
    let given = document.get("stream_options").filter(|value| value.kind != Kind::Null);
    if !stream || !quirks.stream_options {
        if given.is_some() && !quirks.stream_options {
            edits.remove(&["stream_options"]);
        }
        return Ok(());
    }
    match given {
        None => {
            edits.set(&["stream_options"], r#"{"include_usage":true}"#);
        }
        Some(options) if options.kind == Kind::Object => {
            if options.get("include_usage").and_then(|value| value.as_bool()) != Some(true) {
                edits.set(&["stream_options", "include_usage"], "true");
            }
        }
        Some(_) => return Err(invalid("stream_options", "`stream_options` must be an object")),
    }
    Ok(())
}

fn chat_quirks(document: &Document, edits: &mut Edits<'_>, quirks: &Quirks) {
    if !quirks.max_completion_tokens
        && let Some(limit) = document.get("max_completion_tokens")
    {
        if let Ok(raw) = std::str::from_utf8(limit.raw) {
            edits.set(&["max_tokens"], raw);
        }
        edits.remove(&["max_completion_tokens"]);
    }
    if !quirks.developer_role
        && let Some(messages) = document.get("messages")
        && let Some(renamed) = without_developers(messages)
    {
        edits.set(&["messages"], &renamed);
    }
}

/// The messages with every role `developer` renamed, or `None` when there is none.
fn without_developers(messages: Value<'_>) -> Option<String> {
    let whole = std::str::from_utf8(messages.raw).ok()?;
    let mut out = String::new();
    let mut copied = 0;
    for message in messages.elements() {
        let Some(role) = message.get("role") else { continue };
        if role.as_str().as_deref() != Some("developer") {
            continue;
        }
        let start = role.start.checked_sub(messages.start)?;
        out.push_str(whole.get(copied..start)?);
        out.push_str("\"system\"");
        copied = start + role.raw.len();
    }
    if copied == 0 {
        return None;
    }
    out.push_str(whole.get(copied..)?);
    Some(out)
}

/// A fault of the caller, by field.
pub(crate) fn invalid(param: &str, message: &str) -> EncodeError {
    EncodeError::Invalid { param: param.to_owned(), message: message.to_owned() }
}
