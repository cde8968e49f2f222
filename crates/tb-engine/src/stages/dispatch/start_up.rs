//! The beginning of a stream: nothing goes to the client before the first output is there, so
//! that a stream which fails before it can still be answered by another target.

use std::time::{Duration, Instant};

use tb_api::sse::SseEvent;
use tb_core::Surface;
use tb_providers::{StreamDecoder, UpstreamError};
use tokio::time::sleep_until;

use super::failure::Failure;
use super::limits::{Awaited, Limits};
use crate::client::UpstreamBody;
use crate::clock;
use crate::engine::Shared;
use crate::refusal::is_of_request;
use crate::settlement::Settlement;
use crate::stream::{Opened, Terminal, is_terminal, of_response_event};

/// The most events before the first output that are held back.
const MAX_EVENTS: usize = 64;

/// The most bytes before the first output that are held back.
const MAX_BYTES: usize = 256 * 1024;

/// The longest time that they are held back: clients hear something every 15 seconds.
const MAX_TIME: Duration = Duration::from_secs(15);

/// A stream that begins.
pub(super) struct StartUp {
    surface: Surface,
    body: UpstreamBody,
    decoder: Box<dyn StreamDecoder>,
    limits: Limits,
    status: u16,
    events: Vec<SseEvent>,
    bytes: usize,
    /// When the first bytes came.
    begun: Option<Instant>,
    /// When the last bytes came.
    heard: Instant,
}

impl StartUp {
    pub(super) fn new(
        (body, status): (UpstreamBody, u16),
        decoder: Box<dyn StreamDecoder>,
        (limits, surface): (Limits, Surface),
    ) -> Self {
        Self {
            surface,
            body,
            decoder,
            limits,
            status,
            events: Vec::new(),
            bytes: 0,
            begun: None,
            heard: clock::now(),
        }
    }

    /// Reads until there is output, or until too much is held back; with the moment of the
    /// first bytes.
    pub(super) async fn run(
        mut self,
        shared: &Shared,
        settlement: &mut Settlement,
    ) -> Result<(Opened, Instant), Failure> {
        let mut memory = settlement.memory();
        loop {
            let awaited = if self.begun.is_none() { Awaited::First } else { Awaited::More };
            let window = self.begun.map(|begun| (begun + MAX_TIME).into());
            let next = self.limits.next(&mut self.body, awaited, self.status);
            let piece = tokio::select! {
                biased;
                piece = next => piece?,
                // The stream itself says that the gateway stops.
                () = shared.aborted().cancelled() => break,
                () = sleep_until(window.unwrap_or_else(far_off)), if window.is_some() => break,
            };
            let Some(piece) = piece else {
                let ended = self.decoder.finish(&mut self.events);
                ended.map_err(|error| self.told(error, settlement))?;
                return Ok(self.opened(true));
            };
            settlement.note_answer(&piece);
            self.heard = clock::now();
            self.begun.get_or_insert(self.heard);
            self.bytes = self.bytes.saturating_add(piece.len());
            if !memory.grow(piece.len()) {
                let reached = shared.admission.memory_reached(&memory);
                return Err(Failure::NoMemory(reached, self.status));
            }
            let taken = self.decoder.push(&piece, &mut self.events);
            if let Err(error) = taken
                && !self.is_over()
            {
                return Err(self.told(error, settlement));
            }
            self.check_response(settlement)?;
            let facts = self.decoder.facts();
            let is_full = self.events.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES;
            if facts.output_seen || facts.finished || is_full {
                break;
            }
            settlement.note_facts(facts);
        }
        Ok(self.opened(false))
    }

    /// Whether the last event of the stream is there: what follows it is nobody's.
    fn is_over(&self) -> bool {
        let responded = self.surface == Surface::Responses && self.decoder.facts().finished;
        responded || self.events.iter().any(is_terminal)
    }

    /// A response of the Responses API that failed before it had any output is a failure like
    /// others, unless the request is at fault: that the client gets as it came.
    fn check_response(&self, settlement: &mut Settlement) -> Result<(), Failure> {
        let facts = self.decoder.facts();
        if self.surface != Surface::Responses || !facts.finished || facts.output_seen {
            return Ok(());
        }
        match self.events.last().map(of_response_event) {
            Some(Terminal::Failed(error)) if !is_of_request(error.class) => {
                Err(self.told(*error, settlement))
            }
            _ => Ok(()),
        }
    }

    fn opened(self, is_ended: bool) -> (Opened, Instant) {
        let Self { body, decoder, events, begun, heard, .. } = self;
        (Opened { body, decoder, events, is_ended, heard }, begun.unwrap_or(heard))
    }

    /// The provider accepted the request and failed then: that is accounted as it is in the
    /// middle of a stream, with the status that it came with.
    fn told(&self, error: UpstreamError, settlement: &mut Settlement) -> Failure {
        settlement.note_facts(self.decoder.facts());
        Failure::Provider(Box::new(error), self.status)
    }
}

/// A moment that is not waited for.
fn far_off() -> tokio::time::Instant {
    tokio::time::Instant::now() + MAX_TIME
}
