//! One attempt at one target: send, wait for the head, read what must be read.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tb_core::Surface;
use tb_providers::{AnswerShape, Decoded, ErrorClass, UpstreamError, WireRequest, dialect};

use super::failure::Failure;
use crate::client::{Place, Upstream, UpstreamBody};
use crate::engine::Engine;
use crate::runtime::RunningTarget;
use crate::settlement::Settlement;
use crate::simulated;
use crate::stages::deliver::Content;

/// The largest whole answer: embeddings of 2,048 inputs and a few images fit.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Of an error answer only the beginning is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An error answer must arrive in this time once its head is there.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// What one attempt needs.
pub(super) struct Attempt<'a> {
    pub(super) engine: &'a Engine,
    pub(super) target: &'a RunningTarget,
    pub(super) shape: AnswerShape,
    pub(super) stream: bool,
    pub(super) deadline: Instant,
    pub(super) first_byte_timeout: Duration,
}

/// A successful answer, with its body whole or under way.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// Fields of the request that this provider's dialect cannot express.
    pub(super) dropped: Vec<&'static str>,
}

/// Why an answer with a good status is none.
enum Unusable {
    /// The deadline passed while it was read.
    Late,
    Malformed(&'static str),
    /// An error of the provider in the place of an answer.
    Told(Box<UpstreamError>),
}

impl Attempt<'_> {
    pub(super) async fn run(
        &self,
        mut wire: WireRequest,
        settlement: &mut Settlement,
    ) -> Result<Received, Failure> {
        let dropped = std::mem::take(&mut wire.dropped);
        let Upstream { status, headers, body } = self.head(wire).await?;
        settlement.head_arrived(status);
        if !(200..300).contains(&status) {
            return Err(Failure::Provider(self.error(status, &headers, body).await, status));
        }
        match self.content(&headers, body).await {
            Ok(content) => Ok(Received { status, headers, content, dropped }),
            Err(Unusable::Late) => Err(Failure::Deadline(status)),
            Err(Unusable::Malformed(problem)) => Err(Failure::Provider(malformed(problem), status)),
            Err(Unusable::Told(error)) => {
                // The status that the error should have had says more than the one it had.
                let status = error.status;
                Err(Failure::Provider(error, status))
            }
        }
    }

    /// The head of the answer. A plain answer's head comes when all of it is ready, so the
    /// first-byte time-out is for streams; plain answers have the deadline.
    async fn head(&self, wire: WireRequest) -> Result<Upstream, Failure> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Err(Failure::Deadline(0));
        }
        let first_byte = if self.stream { self.first_byte_timeout } else { left };
        let limit = left.min(first_byte);
        match tokio::time::timeout(limit, self.send(wire)).await {
            Ok(outcome) => outcome.map_err(Failure::Send),
            Err(_) if limit < left => Err(Failure::FirstByte),
            Err(_) => Err(Failure::Deadline(0)),
        }
    }

    async fn send(&self, wire: WireRequest) -> Result<Upstream, crate::client::SendFailure> {
        let provider = &self.target.provider;
        if let Some(settings) = &provider.simulated {
            let shared = &self.engine.shared;
            return simulated::send(settings, &wire, shared.roll(), shared.random()).await;
        }
        let place = Place {
            base_url: &provider.base_url,
            host: &self.target.host_header,
            connect_timeout: provider.connect_timeout,
        };
        self.engine.client.send(place, wire).await
    }

    async fn content(
        &self,
        headers: &HeaderMap,
        mut body: UpstreamBody,
    ) -> Result<Content, Unusable> {
        if headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
            return Err(Unusable::Malformed("it is compressed although that was not asked"));
        }
        let content_type = content_type(headers);
        let json = content_type.starts_with("application/json");
        if content_type.starts_with("text/event-stream") {
            if !self.stream {
                return Err(Unusable::Malformed("it is a stream, a whole answer was asked"));
            }
            let decoder = dialect(self.target.provider.dialect)
                .stream(self.shape, self.target.model.as_str());
            return Ok(Content::Events(body, decoder));
        }
        if json && !self.stream {
            let bytes = self.whole(&mut body, MAX_ANSWER_BYTES).await?;
            return Ok(Content::Whole(self.decode(headers, &bytes)?));
        }
        if passes_bytes(self.shape.surface) && !content_type.starts_with("text/html") {
            return Ok(Content::Passed(body));
        }
        if json {
            let bytes = self.whole(&mut body, MAX_ERROR_BYTES).await?;
            return Err(self.told(headers, &bytes, NOT_A_STREAM));
        }
        let problem = if self.stream { NOT_A_STREAM } else { NOT_JSON };
        Err(Unusable::Malformed(problem))
    }

    fn decode(&self, headers: &HeaderMap, body: &Bytes) -> Result<Decoded, Unusable> {
        let dialect = dialect(self.target.provider.dialect);
        dialect.decode(self.shape, body).map_err(|problem| self.told(headers, body, problem.0))
    }

    /// Some vendors send an error with status 200: it is read as the error that it is.
    fn told(&self, headers: &HeaderMap, body: &Bytes, problem: &'static str) -> Unusable {
        let error = dialect(self.target.provider.dialect).classify(200, headers, body);
        if error.class != ErrorClass::Malformed && error.status >= 400 {
            return Unusable::Told(Box::new(error));
        }
        Unusable::Malformed(problem)
    }

    async fn whole(&self, body: &mut UpstreamBody, limit: usize) -> Result<Bytes, Unusable> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, collect(body, limit)).await {
            Err(_) => Err(Unusable::Late),
            Ok(outcome) => outcome.map_err(Unusable::Malformed),
        }
    }

    async fn error(
        &self,
        status: u16,
        headers: &HeaderMap,
        mut body: UpstreamBody,
    ) -> Box<UpstreamError> {
        let read = collect(&mut body, MAX_ERROR_BYTES);
        let body = match tokio::time::timeout(ERROR_TIMEOUT, read).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        Box::new(dialect(self.target.provider.dialect).classify(status, headers, &body))
    }
}

const NOT_A_STREAM: &str = "its content type is not text/event-stream";
const NOT_JSON: &str = "its content type is not application/json";

/// Routes whose answers may be bytes that are passed on unread.
fn passes_bytes(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::AudioSpeech | Surface::AudioTranscriptions | Surface::AudioTranslations
    )
}

fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// Reads a whole body; an answer in one piece is not copied.
async fn collect(body: &mut UpstreamBody, limit: usize) -> Result<Bytes, &'static str> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| "it broke off")?;
        let held = first.as_ref().map_or(0, Bytes::len).max(rest.len());
        if held.saturating_add(piece.len()) > limit {
            return Err("it is too large");
        }
        match first.take() {
            None if rest.is_empty() => first = Some(piece),
            None => rest.extend_from_slice(&piece),
            Some(begun) => {
                rest.extend_from_slice(&begun);
                rest.extend_from_slice(&piece);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

fn malformed(problem: &str) -> Box<UpstreamError> {
    Box::new(UpstreamError {
        class: ErrorClass::Malformed,
        status: 502,
        kind: "upstream_error".to_owned(),
        code: Some("upstream_malformed".to_owned()),
        param: None,
        message: format!("The provider's answer is malformed: {problem}."),
        retry_after_ms: None,
    })
}
