//! One attempt at one target: send, wait for the head, read what must be read.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tb_core::Surface;
use tb_providers::simulated::Turn;
use tb_providers::{AnswerShape, Decoded, ErrorClass, UpstreamError, WireRequest, dialect};

use super::failure::Failure;
use super::limits::{Awaited, Limits};
use super::start_up::StartUp;
use crate::admission::MemoryHold;
use crate::clearance::{Clearance, Recipient};
use crate::client::{Place, SendFailure, Upstream, UpstreamBody};
use crate::clock;
use crate::engine::Engine;
use crate::runtime::RunningTarget;
use crate::settlement::Settlement;
use crate::simulated;
use crate::stages::deliver::Content;

/// The largest whole answer: embeddings of 2,048 inputs and a few images fit.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Of an error answer only the beginning is read. It is part of what every request holds.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An error answer must arrive in this time once its head is there.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// What one attempt needs.
pub(super) struct Attempt<'a> {
    pub(super) engine: &'a Engine,
    pub(super) target: &'a RunningTarget,
    pub(super) shape: AnswerShape,
    /// Which attempt of the request this is, from 1.
    pub(super) number: u32,
    pub(super) stream: bool,
    pub(super) limits: Limits,
}

/// A successful answer, with its body whole or under way.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// Fields of the request that this provider's dialect cannot express.
    pub(super) dropped: Vec<&'static str>,
    /// When a stream began, or a whole answer was there.
    pub(super) at: Instant,
}

/// Why an answer with a good status is none.
enum Unusable {
    /// It did not come whole.
    Failed(Failure),
    Malformed(&'static str),
    /// An error of the provider in the place of an answer.
    Told(Box<UpstreamError>),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Attempt<'_> {
    pub(super) async fn run(
        &self,
        (mut wire, clearance): (WireRequest, Clearance),
        settlement: &mut Settlement,
    ) -> Result<Received, Failure> {
        let dropped = std::mem::take(&mut wire.dropped);
        let Upstream { status, headers, body } = {
            // Pinned here, the future lies in this one once and not twice.
            let sending = pin!(self.send(wire, clearance));
            self.limits.head(sending).await?
        };
        settlement.head_arrived(status);
        if !(200..300).contains(&status) {
            return Err(Failure::Provider(self.error(status, &headers, body).await, status));
        }
        match self.content(&headers, (body, status), settlement).await {
            Ok((content, at)) => Ok(Received { status, headers, content, dropped, at }),
            Err(Unusable::Failed(failure)) => Err(failure),
            Err(Unusable::Malformed(problem)) => Err(Failure::Provider(malformed(problem), status)),
            Err(Unusable::Told(error)) => {
                // The status that the error should have had says more than the one it had.
                let status = error.status;
                Err(Failure::Provider(error, status))
            }
        }
    }

    async fn send(&self, wire: WireRequest, clearance: Clearance) -> Result<Upstream, SendFailure> {
        let provider = &self.target.provider;
        if let Some(settings) = &provider.simulated {
            let shared = &self.engine.shared;
            let (roll, id) = (shared.roll(), shared.random());
            let turn = Turn { roll, id, attempt: self.number };
            return simulated::send(clearance, provider, (settings, turn), &wire).await;
        }
        let place = Place {
            recipient: Recipient::Provider(&provider.name),
            base_url: &provider.base_url,
            host: &self.target.host_header,
            connect_timeout: provider.connect_timeout,
        };
        self.engine.client.send(clearance, place, wire).await
    }

    async fn content(
        &self,
        headers: &HeaderMap,
        (mut body, status): (UpstreamBody, u16),
        settlement: &mut Settlement,
    ) -> Result<(Content, Instant), Unusable> {
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
            let start_up = StartUp::new((body, status), decoder, (self.limits, self.shape.surface));
            let (opened, at) = start_up.run(&self.engine.shared, settlement).await?;
            return Ok((Content::Events(Box::new(opened)), at));
        }
        if json && !self.stream {
            let mut memory = settlement.memory();
            let room = (MAX_ANSWER_BYTES, Some(&mut memory));
            let bytes = self.whole((&mut body, status), room).await?;
            settlement.note_answer(&bytes);
            let content = Content::Whole(self.decode(headers, &bytes)?);
            settlement.hold_answer(memory);
            return Ok((content, clock::now()));
        }
        if passes_bytes(self.shape.surface) && !content_type.starts_with("text/html") {
            let first = self.limits.next(&mut body, Awaited::First, status).await?;
            return Ok((Content::Passed(first.unwrap_or_default(), body), clock::now()));
        }
        if json {
            let bytes = self.whole((&mut body, status), (MAX_ERROR_BYTES, None)).await?;
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

    /// Reads a whole body, within a limit and the memory that there is for it; an answer in one
    /// piece is not copied.
    async fn whole(
        &self,
        (body, status): (&mut UpstreamBody, u16),
        (limit, mut memory): (usize, Option<&mut MemoryHold>),
    ) -> Result<Bytes, Unusable> {
        let mut read = Collected::default();
        while let Some(piece) = self.limits.next(body, Awaited::More, status).await? {
            if let Some(memory) = &mut memory
                && !memory.grow(piece.len())
            {
                let reached = self.engine.shared.admission.memory_reached(memory);
                return Err(Failure::NoMemory(reached, status).into());
            }
            read.push(piece, limit).map_err(Unusable::Malformed)?;
        }
        Ok(read.into_bytes())
    }

    async fn error(
        &self,
        status: u16,
        headers: &HeaderMap,
        mut body: UpstreamBody,
    ) -> Box<UpstreamError> {
        let due = self.limits.deadline.min(clock::now() + ERROR_TIMEOUT);
        let limits = Limits { deadline: due, ..self.limits };
        let patient = Attempt { limits, ..*self };
        let body = patient.whole((&mut body, status), (MAX_ERROR_BYTES, None)).await;
        let body = body.unwrap_or_default();
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

/// The pieces of a body.
#[derive(Default)]
struct Collected {
    first: Option<Bytes>,
    rest: BytesMut,
}

impl Collected {
    fn push(&mut self, piece: Bytes, limit: usize) -> Result<(), &'static str> {
        let held = self.first.as_ref().map_or(0, Bytes::len).max(self.rest.len());
        if held.saturating_add(piece.len()) > limit {
            return Err("it is too large");
        }
        match self.first.take() {
            None if self.rest.is_empty() => self.first = Some(piece),
            None => self.rest.extend_from_slice(&piece),
            Some(begun) => {
                self.rest.extend_from_slice(&begun);
                self.rest.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    fn into_bytes(self) -> Bytes {
        self.first.unwrap_or_else(|| self.rest.freeze())
    }
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
