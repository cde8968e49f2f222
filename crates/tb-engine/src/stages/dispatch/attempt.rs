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
    pub(super) key_index: u32,
}

impl Attempt<'_> {
    pub(super) async fn run(&self, wire: WireRequest) -> Result<Received, Failure> {
        let upstream = self.head(wire).await?;
        if !(200..300).contains(&upstream.status) {
            return Err(Failure::Provider(self.error(upstream).await));
        }
        self.content(upstream).await
    }

    /// The head of the answer. A plain answer's head comes when all of it is ready, so the
    /// first-byte time-out is for streams; plain answers have the deadline.
    async fn head(&self, wire: WireRequest) -> Result<Upstream, Failure> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Err(Failure::Deadline);
        }
        let first_byte = if self.stream { self.first_byte_timeout } else { left };
        let limit = left.min(first_byte);
        match tokio::time::timeout(limit, self.send(wire)).await {
            Ok(outcome) => outcome.map_err(Failure::Send),
            Err(_) if limit < left => Err(Failure::FirstByte),
            Err(_) => Err(Failure::Deadline),
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

    async fn content(&self, mut upstream: Upstream) -> Result<Received, Failure> {
        if upstream.headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
            return Err(Failure::Provider(malformed(
                "it is compressed although that was not asked",
            )));
        }
        let content_type = content_type(&upstream.headers);
        let content = if content_type.starts_with("text/event-stream") {
            if !self.stream {
                return Err(Failure::Provider(malformed(
                    "it is a stream, a whole answer was asked",
                )));
            }
            let decoder = dialect(self.target.provider.dialect)
                .stream(self.shape, self.target.model.as_str());
            Content::Events(upstream.body, decoder)
        } else if content_type.starts_with("application/json") && !self.stream {
            let body = self.whole(&mut upstream.body).await?;
            Content::Whole(self.decode(&upstream.headers, &body)?)
        } else if passes_bytes(self.shape.surface) && !content_type.starts_with("text/html") {
            Content::Passed(upstream.body)
        } else {
            let error = malformed(if self.stream {
                "its content type is not text/event-stream"
            } else {
                "its content type is not application/json"
            });
            return Err(Failure::Provider(error));
        };
        Ok(Received {
            status: upstream.status,
            headers: upstream.headers,
            content,
            dropped: Vec::new(),
            key_index: 0,
        })
    }

    /// Some vendors send an error with status 200: it is read as the error that it is.
    fn decode(&self, headers: &HeaderMap, body: &Bytes) -> Result<Decoded, Failure> {
        let dialect = dialect(self.target.provider.dialect);
        dialect.decode(self.shape, body).map_err(|problem| {
            let error = dialect.classify(200, headers, body);
            let told = error.class != ErrorClass::Malformed && error.status >= 400;
            Failure::Provider(if told { Box::new(error) } else { malformed(problem.0) })
        })
    }

    async fn whole(&self, body: &mut UpstreamBody) -> Result<Bytes, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, collect(body, MAX_ANSWER_BYTES)).await {
            Err(_) => Err(Failure::Deadline),
            Ok(Err(problem)) => Err(Failure::Provider(malformed(problem))),
            Ok(Ok(bytes)) => Ok(bytes),
        }
    }

    async fn error(&self, mut upstream: Upstream) -> Box<UpstreamError> {
        let read = collect(&mut upstream.body, MAX_ERROR_BYTES);
        let body = match tokio::time::timeout(ERROR_TIMEOUT, read).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        let dialect = dialect(self.target.provider.dialect);
        Box::new(dialect.classify(upstream.status, &upstream.headers, &body))
    }
}

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
