//! An answer is read to its end before any of it is given out, so that all of it can be judged.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use tb_core::breaker::Verdict;
use tb_core::{EndReason, Surface};
use tb_providers::UpstreamError;
use tokio::time::timeout_at;

use super::outcome::Failed;
use super::texts;
use crate::admission::MemoryHold;
use crate::client::UpstreamBody;
use crate::clock;
use crate::engine::Engine;
use crate::refusal::{Refusal, verdict};
use crate::settlement::{AttemptEnd, Settlement};
use crate::stages::deliver::{Content, ProviderAnswer};
use crate::stream::{Opened, is_terminal};

/// The most bytes of a stream that are collected: some 250,000 tokens of plain text, or a tenth
/// of that in the small pieces of chat completions.
const MAX_BYTES: usize = 1024 * 1024;

/// The answer ended in the middle, by somebody's fault.
pub(super) struct Halt {
    pub(super) refusal: Refusal,
    pub(super) end: AttemptEnd,
}

/// Why an answer's texts are not known.
pub(super) enum Uncollected {
    /// There will be no whole answer.
    Halted(Box<Halt>),
    /// The answer goes on, but it cannot be judged.
    Unjudgeable(Failed),
}

/// Reads a provider's answer to its end and gives its texts. What was read stays in `answer`.
pub(super) async fn texts_of(
    engine: &Engine,
    surface: Surface,
    answer: &mut ProviderAnswer,
    settlement: &mut Settlement,
) -> Result<Vec<String>, Uncollected> {
    let held = std::mem::replace(
        &mut answer.content,
        Content::Passed(Bytes::new(), UpstreamBody::ended()),
    );
    let mut tap = Tap {
        engine,
        deadline: answer.deadline,
        idle: answer.idle_timeout,
        status: answer.status,
        heard: clock::now(),
        bytes: 0,
        memory: settlement.memory(),
    };
    let texts = match held {
        Content::Whole(decoded) => {
            settlement.note_facts(&decoded.facts);
            let texts = texts::of_answer(surface, &decoded.body)
                .map_err(|_| Uncollected::Unjudgeable(Failed::NoText));
            answer.content = Content::Whole(decoded);
            return texts;
        }
        Content::Events(mut opened) => {
            let read = tap.stream(surface, &mut opened, settlement).await;
            let texts = read.map(|()| texts::of_events(&opened.events));
            answer.content = Content::Events(opened);
            texts
        }
        Content::Passed(first, body) if is_sound(surface, answer) => {
            answer.content = Content::Passed(first, body);
            return Ok(Vec::new());
        }
        Content::Passed(first, mut body) => {
            let mut whole = BytesMut::from(&*first);
            let read = tap.passed(&mut whole, &mut body).await;
            let whole = whole.freeze();
            let text = std::str::from_utf8(&whole).map(str::to_owned);
            answer.content = Content::Passed(whole, body);
            read.and_then(|()| {
                text.map(|text| vec![text]).map_err(|_| Uncollected::Unjudgeable(Failed::NoText))
            })
        }
    };
    settlement.hold_answer(tap.memory);
    texts
}

/// Whether an answer is sound, which nobody reads.
fn is_sound(surface: Surface, answer: &ProviderAnswer) -> bool {
    let kind = answer.upstream_headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let says_text = kind.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.starts_with("text/") || kind.starts_with("application/json")
    });
    surface == Surface::AudioSpeech && !says_text
}

/// What the body of an answer gives.
enum Heard {
    Piece(Bytes),
    /// Its proper end.
    End,
    /// It broke off.
    Cut,
}

/// Whether the last event of a stream is among those from `seen` on: what follows it is
/// nobody's.
fn is_over(surface: Surface, opened: &Opened, seen: usize) -> bool {
    let responded = surface == Surface::Responses && opened.decoder.facts().finished;
    responded || opened.events.iter().skip(seen).any(is_terminal)
}

/// Reads the body of an answer.
struct Tap<'e> {
    engine: &'e Engine,
    deadline: Instant,
    idle: Duration,
    status: u16,
    heard: Instant,
    bytes: usize,
    memory: MemoryHold,
}

impl Tap<'_> {
    /// Reads a stream until its last event is there.
    async fn stream(
        &mut self,
        surface: Surface,
        opened: &mut Opened,
        settlement: &mut Settlement,
    ) -> Result<(), Uncollected> {
        self.heard = opened.heard;
        let mut seen = 0;
        loop {
            let facts = opened.decoder.facts();
            settlement.note_output(facts);
            settlement.note_facts(facts);
            let new = opened.events.get(seen..).unwrap_or_default();
            self.bytes = new.iter().fold(self.bytes, |sum, event| sum + event.data.len());
            if is_over(surface, opened, seen) || opened.is_ended {
                return Ok(());
            }
            seen = opened.events.len();
            if self.bytes > MAX_BYTES {
                return Err(Uncollected::Unjudgeable(Failed::TooLong));
            }
            match self.next(&mut opened.body).await? {
                Heard::Piece(piece) => {
                    opened.heard = self.heard;
                    settlement.note_answer(&piece);
                    if let Err(error) = opened.decoder.push(&piece, &mut opened.events)
                        && !is_over(surface, opened, seen)
                    {
                        settlement.note_facts(opened.decoder.facts());
                        return Err(self.told(error));
                    }
                }
                Heard::End | Heard::Cut => {
                    let ended = opened.decoder.finish(&mut opened.events);
                    settlement.note_facts(opened.decoder.facts());
                    ended.map_err(|error| self.told(error))?;
                    opened.is_ended = true;
                }
            }
        }
    }

    /// Reads bytes that are passed on, to their end.
    async fn passed(
        &mut self,
        whole: &mut BytesMut,
        body: &mut UpstreamBody,
    ) -> Result<(), Uncollected> {
        loop {
            if whole.len() > MAX_BYTES {
                return Err(Uncollected::Unjudgeable(Failed::TooLong));
            }
            match self.next(body).await? {
                Heard::Piece(piece) => whole.extend_from_slice(&piece),
                Heard::End => return Ok(()),
                Heard::Cut => {
                    let trace = "the answer broke off".to_owned();
                    let refusal = Refusal::Exhausted { trace, retry_after_ms: None };
                    let reason = EndReason::UpstreamError;
                    return Err(self.halted(refusal, reason, Verdict::Failure));
                }
            }
        }
    }

    async fn next(&mut self, body: &mut UpstreamBody) -> Result<Heard, Uncollected> {
        let silence = self.heard + self.idle;
        let due = silence.min(self.deadline);
        let heard = tokio::select! {
            biased;
            () = self.engine.shared.aborted().cancelled() => {
                return Err(self.halted(Refusal::Stopping, EndReason::Limit, Verdict::Neutral));
            }
            heard = timeout_at(due.into(), body.data()) => heard,
        };
        let (timeout, neutral) = (EndReason::Timeout, Verdict::Neutral);
        match heard {
            Ok(Some(Ok(piece))) => {
                self.heard = clock::now();
                if !self.memory.grow(piece.len()) {
                    let reached = self.engine.shared.admission.memory_reached(&self.memory);
                    let refusal = Refusal::LimitReached(reached);
                    return Err(self.halted(refusal, EndReason::Limit, neutral));
                }
                Ok(Heard::Piece(piece))
            }
            Ok(Some(Err(_))) => Ok(Heard::Cut),
            Ok(None) => Ok(Heard::End),
            Err(_) if silence < self.deadline => {
                let silent = Refusal::Deadline("The provider was silent for too long.");
                Err(self.halted(silent, timeout, Verdict::Failure))
            }
            Err(_) => {
                let late = Refusal::Deadline("The deadline of this request passed.");
                Err(self.halted(late, timeout, neutral))
            }
        }
    }

    /// The provider itself says that it failed.
    fn told(&self, error: UpstreamError) -> Uncollected {
        let verdict = verdict(error.class);
        let refusal = Refusal::Provider(Box::new(error));
        self.halted(refusal, EndReason::UpstreamError, verdict)
    }

    fn halted(&self, refusal: Refusal, reason: EndReason, verdict: Verdict) -> Uncollected {
        let (status, outcome) = (self.status, refusal.error_type());
        let end = AttemptEnd { reason, status, outcome, verdict };
        Uncollected::Halted(Box::new(Halt { refusal, end }))
    }
}
