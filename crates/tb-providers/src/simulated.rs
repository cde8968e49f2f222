//! The simulated provider: plays OpenAI's API without a network, with every fault.
//!
//! Pure: [`play`] turns a wire request and a [`Turn`] into a [`Script`] of bytes and
//! pauses; the engine performs it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::WireRequest;

mod ask;
mod chat;
mod fault;
mod media;
mod output;
mod responses;
mod spoil;

use ask::{Ask, Route};
use fault::{Directives, ErrorAnswer, Forced, Order};
use output::Output;

/// `created` of every answer: 2026-01-01, since nothing here reads a clock.
const CREATED: u64 = 1_767_225_600;

/// Tokens in a text: a quarter of its characters, rounded up.
fn token_count(chars: usize) -> u64 {
    u64::try_from(chars.div_ceil(4)).unwrap_or(u64::MAX)
}

/// How the simulated provider behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct SimulatedSettings {
    /// Pause before the first byte.
    pub latency: Duration,
    /// Speed of streamed output; 0 = at once.
    pub tokens_per_second: u32,
    /// Faults, each with its share of the requests (0 to 1); the shares add up to at most 1.
    pub failures: Vec<Failure>,
    /// Answers by the last user message (exact text, or `*` for any); echo when none fits.
    pub answers: Vec<(String, String)>,
}

/// One kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What happens.
    pub fault: Fault,
    /// The share of the requests that it happens to, 0 to 1.
    pub share: f64,
    /// The `retry-after` that goes with a status.
    pub retry_after: Option<Duration>,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An error answer with this status.
    Status(u16),
    /// The connection is closed before any byte.
    Reset,
    /// The stream is cut in the middle (plain answers: the body).
    Cut,
    /// No byte ever comes.
    Hang,
    /// The body is not JSON / not SSE.
    Garbage,
    /// An HTML page with status 502.
    Html,
    /// An error event in the middle of a stream.
    ErrorEvent,
    /// A stream that tells an error after its start-up events, before any output (plain
    /// answers: status 500).
    EarlyError,
    /// The connection is closed after the head and the start-up events, before any output.
    EarlyCut,
    /// The head and the start-up events come, and then nothing.
    StartupHang,
}

/// What the simulated provider does with one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The HTTP status; `None` = the connection is reset.
    pub status: Option<u16>,
    /// Response headers, `content-type` first.
    pub headers: Vec<(&'static str, String)>,
    /// Pauses and body pieces, in order.
    pub pieces: Vec<(Duration, Bytes)>,
    /// How the body ends.
    pub ending: Ending,
}

/// Shows sizes only: an echo holds the text of the request.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("status", &self.status)
            .field("pieces", &self.pieces.len())
            .field("body_bytes", &self.pieces.iter().map(|(_, piece)| piece.len()).sum::<usize>())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// How a scripted body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Properly.
    Clean,
    /// With a connection error.
    Cut,
    /// Never: it hangs until somebody gives up.
    Hang,
}

/// What is new with each request to the simulated provider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Draws from `failures`: a uniform number in 0..1.
    pub roll: f64,
    /// Names the answer.
    pub id: u64,
    /// Which attempt of one request of the gateway's this is, from 1.
    pub attempt: u32,
}

/// The script for one attempt of a request.
///
/// The last user message may carry directives, which win over the dice:
///
/// * `[[fault:NAME]]`: every attempt fails so. NAME is a status from 300 to 599 with an optional
///   retry-after in milliseconds (`429:20`); `quota`, `context` or `filter` (statuses with a
///   code); `reset`, `hang` (nothing comes); `html`, `garbage`; `early_error`, `early_cut` or
///   `startup_hang` (after the start-up events, before any output); `error_event`, `cut`,
///   `truncate` (a clean end) or `stall` (silence), each in the middle.
/// * `[[faults:A,B,C]]`: the first attempt of a request gets A, the second B and so on, each
///   named as above or `ok` for none. Later attempts get no fault, nor do unknown names.
/// * `[[delay_ms:N]]`: so much later comes the first byte.
/// * `[[chunks:N]]`: the answer is N words, streamed in as many chunks.
///
/// A script that ends with [`Ending::Hang`] and has no pieces does not even send its headers.
#[must_use]
pub fn play(settings: &SimulatedSettings, request: &WireRequest, turn: Turn) -> Script {
    let ask = match Ask::read(request) {
        Ok(ask) => ask,
        Err(message) => {
            return ErrorAnswer { status: 400, code: None, message, retry_after: None }.script();
        }
    };
    let directives = Directives::read(&ask.prompt, turn.attempt);
    let fault = match directives.order {
        Order::Dice => Forced::roll(&settings.failures, turn.roll),
        Order::Answer => None,
        Order::Fault(fault) => Some(fault),
    };
    if let Some(early) = fault.as_ref().and_then(|fault| fault.instead_of_an_answer(ask.stream)) {
        return delayed(early, settings.latency + directives.delay);
    }
    let mut script = answer(settings, request, &ask, turn.id);
    if let Some(fault) = fault {
        fault.spoil(&mut script, &ask);
    }
    delayed(script, settings.latency + directives.delay)
}

/// The script with its first byte later by `pause`.
fn delayed(mut script: Script, pause: Duration) -> Script {
    match script.pieces.first_mut() {
        Some((before, _)) => *before += pause,
        None if script.status.is_some() && script.ending == Ending::Clean => {
            script.pieces.push((pause, Bytes::new()));
        }
        None => {}
    }
    script
}

fn answer(settings: &SimulatedSettings, request: &WireRequest, ask: &Ask, id: u64) -> Script {
    let speed = settings.tokens_per_second;
    match &ask.route {
        Route::Chat => chat::answer(ask, &Output::compose(settings, ask), speed, id),
        Route::Completions => chat::completion(ask, &Output::compose(settings, ask), speed, id),
        Route::Responses => responses::answer(ask, &Output::compose(settings, ask), speed, id),
        Route::StoredResponse { method, id } => responses::stored(method, id),
        Route::Embeddings => media::embeddings(ask),
        Route::Moderations => media::moderations(ask),
        Route::Images => media::images(ask),
        Route::Speech => media::speech(),
        Route::Transcription => media::transcription(request),
        Route::Models(id) => media::models(id.as_deref()),
        Route::Unknown => ErrorAnswer {
            status: 404,
            code: Some("unknown_url"),
            message: "the simulated provider has no such route".to_owned(),
            retry_after: None,
        }
        .script(),
    }
}

/// A whole JSON answer.
fn json_script(status: u16, body: &serde_json::Value) -> Script {
    Script {
        status: Some(status),
        headers: vec![("content-type", "application/json".to_owned())],
        pieces: vec![(Duration::ZERO, Bytes::from(body.to_string()))],
        ending: Ending::Clean,
    }
}

/// A streamed answer, one piece an event.
fn stream_script(pieces: Vec<(Duration, Bytes)>) -> Script {
    Script {
        status: Some(200),
        headers: vec![("content-type", "text/event-stream; charset=utf-8".to_owned())],
        pieces,
        ending: Ending::Clean,
    }
}
