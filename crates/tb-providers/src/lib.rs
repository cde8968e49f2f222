//! Dialects: pure translation between the public API and each provider's wire format.
//!
//! A [`Dialect`] encodes a [`Call`] into a [`WireRequest`], decodes a whole answer, makes a
//! [`StreamDecoder`] for a streamed one, and classifies errors. Nothing here opens a socket,
//! waits, or knows where keys are kept: the engine sends what `encode` returns.
//!
//! Same dialect on both sides: the client's bytes are spliced, not re-serialised, so unknown
//! fields survive. Another dialect: through the chat-completions shape as the pivot.
//!
//! A new dialect touches three places: its file, its arm in [`dialect`], its fixtures.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use tb_api::json::Document;
use tb_api::multipart::Form;
use tb_api::sse::SseEvent;
use tb_core::{Secret, Surface, TokenCounts};

pub mod anthropic;
pub mod azure;
pub mod error;
pub mod gemini;
pub mod local;
mod messages;
pub mod openai;
mod pivot;
pub mod probe;
mod scan;
pub mod settings;
pub mod simulated;
mod standing;
pub mod uncovered;

pub use self::standing::{Standing, standing};
pub use settings::{BaseUrl, DialectName, Quirks};

/// The body of a call.
#[derive(Debug, Clone, Copy)]
pub enum CallBody<'a> {
    /// `GET`, `DELETE`.
    Empty,
    /// A JSON object.
    Json(&'a Document),
    /// A form with files, and its `content-type`.
    Form(&'a Form, &'a str),
}

/// The client's headers that dialects forward and that change what a model answers. Those that
/// only name or repeat a request (`idempotency-key`, `x-client-request-id`) are not among them.
pub const OUTPUT_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("openai-beta"),
];

/// What the client asked, ready to be sent.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The route that the client used.
    pub surface: Surface,
    /// The provider's model id (replaces the body's `model`).
    pub model: &'a str,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The body.
    pub body: CallBody<'a>,
    /// The client's headers; a dialect forwards only those it knows (`openai-beta`,
    /// `anthropic-version`, …), never credentials.
    pub headers: &'a HeaderMap,
    /// The id in the path of `/v1/responses/{id}`, already checked to be `[A-Za-z0-9_-]+`.
    pub response_id: Option<&'a str>,
}

/// Where and as whom to send.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// The provider's base URL.
    pub base_url: &'a BaseUrl,
    /// The provider's key; `None` for local servers without one.
    pub api_key: Option<&'a Secret>,
    /// What this vendor does differently.
    pub quirks: &'a Quirks,
    /// It keeps nothing of what it is sent, so nothing may ask it to. What of a request that
    /// does not cover is for [`uncovered::uncovered`] to say.
    pub zero_retention: bool,
}

/// A request on the wire, but for `host`, `content-length` and connection headers.
#[derive(Clone)]
pub struct WireRequest {
    /// The method.
    pub method: Method,
    /// Path and query, beginning with the base URL's path.
    pub path: String,
    /// Headers: `content-type`, `accept`, `accept-encoding: identity`, `user-agent` and the
    /// credentials (marked sensitive).
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Request fields that this dialect cannot express and dropped.
    pub dropped: Vec<&'static str>,
}

/// Leaves out the headers (they hold the client's credentials) and the text.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("surface", &self.surface)
            .field("model", &self.model)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// Shows the size of the body only: a request's text must not reach logs.
impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("dropped", &self.dropped)
            .finish()
    }
}

/// Shows the size of the body only: an answer's text must not reach logs.
impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("body_bytes", &self.body.len())
            .field("facts", &self.facts)
            .finish()
    }
}

/// Why a call cannot be expressed in a dialect: the caller's fault, never retried there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The dialect has no such route.
    #[error("{dialect} providers do not serve {surface}")]
    Unsupported {
        /// The dialect.
        dialect: &'static str,
        /// The route's label.
        surface: &'static str,
    },
    /// A field is missing or has the wrong shape.
    #[error("{message}")]
    Invalid {
        /// The field, as a path.
        param: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// What is known of an answer beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerFacts {
    /// The provider's token counts; in a stream the latest ones.
    pub tokens: Option<TokenCounts>,
    /// The counts are final, not a running total.
    pub tokens_final: bool,
    /// The model that the provider says it served.
    pub served_model: Option<String>,
    /// The configuration of the servers that the provider says it used (`system_fingerprint`).
    pub fingerprint: Option<String>,
    /// The id of a stored response (Responses API).
    pub response_id: Option<String>,
    /// Bytes of text and arguments produced, for estimates; 0 in whole answers with counts.
    pub output_bytes: u64,
    /// Some output for the client (text, tool call, audio) was seen.
    pub output_seen: bool,
    /// The answer reached its proper end (finish reason, terminal event).
    pub finished: bool,
}

/// A whole answer, in the client's shape.
#[derive(Clone)]
pub struct Decoded {
    /// The body for the client.
    pub body: Bytes,
    /// What is known of it.
    pub facts: AnswerFacts,
}

/// An answer of a provider that is not what its dialect promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer is malformed: {0}")]
pub struct Malformed(pub &'static str);

/// What the client must get back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerShape {
    /// The route that the client used.
    pub surface: Surface,
    /// The client asked for usage in the stream (`stream_options.include_usage`).
    pub stream_usage: bool,
    /// The client asked for base64 embeddings; floats otherwise.
    pub base64_embeddings: bool,
    /// Unix seconds for `created` where the provider gives none.
    pub created: i64,
}

/// Why the provider refused or failed, cut by what the engine does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// 429: slow down, another key or target may do.
    RateLimit,
    /// Out of credit (`insufficient_quota`): never retried with this key.
    QuotaExhausted,
    /// 503/529 overloaded.
    Overloaded,
    /// Any other 5xx.
    ServerError,
    /// 401/403 from the provider: our credentials there are bad.
    BadCredentials,
    /// The prompt does not fit the model.
    ContextTooLong,
    /// The provider's content policy refused it.
    ContentPolicy,
    /// 404 for the model or deployment.
    ModelNotFound,
    /// Any other 4xx: the caller's fault.
    BadRequest,
    /// Not an answer of this dialect (HTML, redirect, wrong type).
    Malformed,
}

/// A provider's error, made safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// What to do about it.
    pub class: ErrorClass,
    /// The provider's status (or the equivalent for an error inside a stream).
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: String,
    /// The provider's or OpenAI's `code`.
    pub code: Option<String>,
    /// The field at fault.
    pub param: Option<String>,
    /// The provider's message, at most 2,000 characters, credentials redacted.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after_ms: Option<u64>,
}

/// Decodes a streamed answer, event by event, into events of the client's shape.
pub trait StreamDecoder: Send {
    /// Takes the next bytes; adds the client's events to `out`.
    ///
    /// # Errors
    /// The provider's own error event, or a malformed stream.
    fn push(&mut self, bytes: &Bytes, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError>;

    /// The provider closed the stream. Adds the closing events (`[DONE]` exactly once).
    ///
    /// # Errors
    /// When the stream ended before its proper end.
    fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), UpstreamError>;

    /// What is known so far.
    fn facts(&self) -> &AnswerFacts;
}

/// One provider wire format.
pub trait Dialect: Send + Sync {
    /// Whether a call on `surface` can be expressed.
    fn serves(&self, surface: Surface) -> bool;

    /// Makes the request to send.
    ///
    /// # Errors
    /// See [`EncodeError`].
    fn encode(&self, call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<WireRequest, EncodeError>;

    /// Decodes a whole successful JSON answer into the client's shape.
    ///
    /// # Errors
    /// When the bytes are not what the dialect promises.
    fn decode(&self, shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed>;

    /// A decoder for a streamed answer. `model` names it in events the provider leaves unnamed.
    fn stream(&self, shape: AnswerShape, model: &str) -> Box<dyn StreamDecoder>;

    /// Reads an error answer (any status but 2xx, or a 2xx of the wrong type).
    fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError;
}

/// The dialect of that name. The simulated provider speaks OpenAI's.
#[must_use]
pub fn dialect(name: DialectName) -> &'static dyn Dialect {
    match name {
        DialectName::OpenAi | DialectName::Simulated => &openai::OpenAi,
        DialectName::Azure => &azure::Azure,
        DialectName::Anthropic => &anthropic::Anthropic,
        DialectName::Gemini => &gemini::Gemini,
    }
}
