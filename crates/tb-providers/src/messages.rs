//! Clients that speak Anthropic's Messages API, providers that speak chat completions.
//!
//! A dialect whose own shape is chat (or that translates from chat) serves
//! [`Surface::Messages`] with three calls:
//!
//! 1. [`request_to_chat`] in `encode`, then it goes on as with any chat request;
//! 2. [`answer_from_chat`] on the decoded chat completion in `decode`;
//! 3. [`stream_from_chat`] around its own chat decoder, made for [`chat_shape`], in `stream`.
//!
//! `count_tokens` has no chat counterpart and stays unsupported.

mod answer;
mod blocks;
mod request;
mod stream;
mod turns;

pub(crate) use answer::usage;

use bytes::Bytes;
use serde_json::Value;
use tb_core::Surface;

use crate::pivot::{Object, body_object};
use crate::{AnswerShape, Call, Decoded, EncodeError, Malformed, Quirks, StreamDecoder};

/// A Messages request as a chat request.
#[derive(Debug, Clone)]
pub(crate) struct ChatRequest {
    /// The chat body; `model` is the call's, `stream` and `stream_options` are set.
    pub(crate) body: Object,
    /// Fields that chat cannot express.
    pub(crate) dropped: Vec<&'static str>,
}

/// Translates the request of a Messages client for a provider with these quirks.
///
/// # Errors
/// A field that has the wrong shape, or that chat cannot express and must not be dropped.
pub(crate) fn request_to_chat(
    call: &Call<'_>,
    quirks: &Quirks,
) -> Result<ChatRequest, EncodeError> {
    let messages = body_object(call)?;
    let (mut body, dropped) = request::to_chat(&messages, call.model, quirks)?;
    if call.stream {
        body.insert("stream".to_owned(), Value::Bool(true));
        if quirks.stream_options {
            let options = serde_json::json!({"include_usage": true});
            body.insert("stream_options".to_owned(), options);
        }
    }
    Ok(ChatRequest { body, dropped })
}

/// Translates a decoded chat completion into a Messages answer; the facts stay.
///
/// # Errors
/// When `decoded` is no chat completion.
pub(crate) fn answer_from_chat(decoded: Decoded) -> Result<Decoded, Malformed> {
    let chat: Value = serde_json::from_slice(&decoded.body)
        .map_err(|_| Malformed("the chat completion is not JSON"))?;
    let message = answer::from_chat(&chat)?;
    Ok(Decoded { body: Bytes::from(message.to_string()), facts: decoded.facts })
}

/// The shape to ask of the chat decoder beneath: chat, with usage.
pub(crate) const fn chat_shape(shape: AnswerShape) -> AnswerShape {
    AnswerShape { surface: Surface::ChatCompletions, stream_usage: true, ..shape }
}

/// Wraps a decoder that gives chat chunks (see [`chat_shape`]) so that it gives the events of
/// the Messages API. `model` names the model until a chunk does.
pub(crate) fn stream_from_chat(
    chat: Box<dyn StreamDecoder>,
    model: &str,
) -> Box<dyn StreamDecoder> {
    Box::new(stream::MessagesStream::new(chat, model))
}
