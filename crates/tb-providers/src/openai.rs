//! OpenAI's dialect, and everything compatible with it.
//!
//! The client's bytes are spliced, never re-serialised; answers pass through with what is
//! known of them read on the way.

use bytes::Bytes;
use http::HeaderMap;
use tb_core::Surface;

use crate::{
    AnswerShape, Call, Decoded, Dialect, EncodeError, Endpoint, Malformed, StreamDecoder,
    UpstreamError, WireRequest, error, messages,
};

mod chat_stream;
mod decode;
mod embeddings;
pub(crate) mod encode;
mod event_stream;
mod usage;

pub use usage::token_counts;

/// OpenAI and compatible servers (vLLM, Ollama, llama.cpp, Mistral, Groq …).
#[derive(Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn serves(&self, surface: Surface) -> bool {
        surface != Surface::CountTokens
    }

    fn encode(&self, call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<WireRequest, EncodeError> {
        encode::request(call, endpoint)
    }

    fn decode(&self, shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed> {
        let decoded = decode::answer(shape, body)?;
        match shape.surface {
            Surface::Messages => messages::answer_from_chat(decoded),
            _ => Ok(decoded),
        }
    }

    fn stream(&self, shape: AnswerShape, model: &str) -> Box<dyn StreamDecoder> {
        match shape.surface {
            Surface::ChatCompletions | Surface::Completions => {
                Box::new(chat_stream::ChatStream::new(shape))
            }
            Surface::Messages => {
                let chat = chat_stream::ChatStream::new(messages::chat_shape(shape));
                messages::stream_from_chat(Box::new(chat), model)
            }
            _ => Box::new(event_stream::EventStream::new(shape.surface)),
        }
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
        error::classify(status, headers, body)
    }
}
