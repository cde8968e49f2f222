//! The state machine between a provider's bytes and the client's events.

mod ending;
mod left;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tb_api::sse::SseEvent;
use tb_config::OnDisconnect;
use tb_core::Surface;
use tb_core::breaker::Verdict;
use tb_providers::StreamDecoder;
use tokio::task::JoinHandle;

use super::abort::AbortWatch;
use super::alarm::{Alarm, Ring};
use super::binder::Binder;
use super::terminal::{Terminal, is_terminal, of_response_event};
use crate::cache::Keeper;
use crate::client::UpstreamBody;
use crate::engine::Shared;
use crate::local::Origin;
use crate::refusal::Refusal;
use crate::restoration::{AnswerBlocked, Restoration};
use crate::settlement::Settlement;

/// Ready events are sent in pieces of about this size.
const PIECE_BYTES: usize = 32 * 1024;

/// The buffer of a stream: a dozen chunks share one allocation.
const BUFFER_BYTES: usize = 4 * 1024;

/// Turns that the task reading the upstream needs to hand over a chunk: it is woken by the one
/// before, and may stand behind this stream in the queue.
const UPSTREAM_TURNS: u8 = 2;

const TOO_LONG: Refusal = Refusal::Deadline("the deadline passed in the middle of the stream");

/// A stream that began: what was held back until its first output was there.
pub(crate) struct Opened {
    pub(crate) body: UpstreamBody,
    pub(crate) decoder: Box<dyn StreamDecoder>,
    /// The events so far.
    pub(crate) events: Vec<SseEvent>,
    /// The provider closed it already, properly.
    pub(crate) is_ended: bool,
    /// When the provider last sent something.
    pub(crate) heard: Instant,
}

/// A stream under way.
pub(crate) struct Running {
    pub(crate) surface: Surface,
    pub(crate) request_id: String,
    pub(crate) upstream: UpstreamBody,
    pub(crate) decoder: Box<dyn StreamDecoder>,
    pub(crate) settlement: Box<Settlement>,
    pub(crate) status: u16,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) shared: Arc<Shared>,
    pub(crate) binder: Option<Binder>,
    /// Who gives it, where it may be kept.
    pub(crate) origin: Option<Origin>,
    /// What becomes of the stream in the cache.
    pub(crate) keeper: Keeper,
    /// Brings back what was hidden of the request; none where nothing was.
    pub(crate) restoration: Option<Restoration>,
    pub(crate) progress: Progress,
}

/// What lies between the provider and the client, and what the stream waits for.
pub(crate) struct Progress {
    events: Vec<SseEvent>,
    /// `events` came before the client was answered; true when nothing follows them.
    opened: Option<bool>,
    /// Events on their way from the restoration to the buffer.
    restored: Vec<SseEvent>,
    buffer: BytesMut,
    /// How much was in `buffer` when the upstream's task was last given its turn.
    yielded_at: usize,
    /// Its turns since then.
    turns: u8,
    /// Where in `buffer` the last event of the stream begins.
    last_at: usize,
    alarm: Alarm,
    abort: AbortWatch,
    /// The last bytes wait for this.
    on_disk: Option<JoinHandle<bool>>,
    over: bool,
}

impl Progress {
    /// A stream that may last until the deadline, with silences of such a length, and that
    /// began with these events; nothing follows them when it is ended.
    pub(crate) fn start(
        (deadline, idle_timeout): (Instant, Duration),
        (events, is_ended): (Vec<SseEvent>, bool),
        heard: Instant,
    ) -> Self {
        let mut alarm = Alarm::new(deadline, idle_timeout);
        alarm.last_heard(heard);
        Self {
            events,
            opened: Some(is_ended),
            restored: Vec::new(),
            buffer: BytesMut::with_capacity(BUFFER_BYTES),
            yielded_at: 0,
            turns: 0,
            last_at: 0,
            alarm,
            abort: AbortWatch::default(),
            on_disk: None,
            over: false,
        }
    }
}

impl Progress {
    /// Whether more may be ready at once: the task that reads the upstream hands over one
    /// chunk at a time. Giving it its turns after each chunk costs less than a system call for
    /// each; turns without a new chunk say that there is none.
    fn lets_upstream_run(&mut self) -> bool {
        if self.buffer.len() > self.yielded_at {
            self.yielded_at = self.buffer.len();
            self.turns = 0;
        }
        self.turns += 1;
        self.turns <= UPSTREAM_TURNS
    }
}

/// Writes an event that may be the last one.
fn write_last(event: &SseEvent, buffer: &mut BytesMut, last_at: &mut usize) {
    *last_at = buffer.len();
    event.write(buffer);
}

impl Running {
    pub(crate) fn is_over(&self) -> bool {
        self.progress.over
    }

    /// The next bytes; empty bytes end the stream.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        if let Some(is_ended) = self.progress.opened.take() {
            self.take_in_opened(is_ended);
        }
        while !self.progress.over && self.progress.buffer.len() < PIECE_BYTES {
            match self.upstream.poll_data(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.take_in(&bytes),
                Poll::Ready(Some(Err(_)) | None) => self.upstream_ended(),
                Poll::Pending if self.progress.buffer.is_empty() => {
                    std::task::ready!(self.poll_silence(cx));
                }
                Poll::Pending if self.progress.lets_upstream_run() => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        if let Some(on_disk) = &mut self.progress.on_disk {
            let recorded = std::task::ready!(Pin::new(on_disk).poll(cx));
            self.progress.on_disk = None;
            if matches!(recorded, Ok(true)) {
                self.keep();
            } else {
                self.replace_last_event();
            }
        }
        self.progress.alarm.delivered();
        self.progress.yielded_at = 0;
        Poll::Ready(self.progress.buffer.split().freeze())
    }

    /// Takes in what was held back.
    fn take_in_opened(&mut self, is_ended: bool) {
        match self.write_events() {
            Err(blocked) => self.block(&blocked),
            Ok(Some(terminal)) => self.end(&terminal),
            Ok(None) if is_ended => self.end_silently(),
            Ok(None) => self.meter(),
        }
    }

    /// Decodes bytes into the buffer; settles when they hold the last event. What follows it
    /// in the same bytes is nobody's.
    fn take_in(&mut self, bytes: &Bytes) {
        self.progress.alarm.heard();
        self.settlement.note_answer(bytes);
        let outcome = self.decoder.push(bytes, &mut self.progress.events);
        match (self.write_events(), outcome) {
            (Err(blocked), _) => self.block(&blocked),
            (Ok(Some(terminal)), _) => self.end(&terminal),
            (Ok(None), Err(error)) => self.fail_as_told(error),
            (Ok(None), Ok(())) if self.shared.is_aborting() => {
                self.fail(&Refusal::Stopping, Verdict::Neutral);
            }
            (Ok(None), Ok(())) if self.progress.alarm.is_late() => {
                self.fail(&TOO_LONG, Verdict::Neutral);
            }
            (Ok(None), Ok(())) => self.meter(),
        }
    }

    /// What was given so far is held to the limits; where they do not allow it the stream ends.
    fn meter(&mut self) {
        if let Err(refusal) = self.settlement.meter(self.decoder.facts()) {
            if let Refusal::LimitReached(reached) = &refusal {
                reached.count(&self.shared.metrics);
            }
            self.fail(&refusal, Verdict::Neutral);
        }
    }

    /// The provider closed the stream, properly or not: the decoder knows which.
    fn upstream_ended(&mut self) {
        let outcome = self.decoder.finish(&mut self.progress.events);
        match (self.write_events(), outcome) {
            (Err(blocked), _) => self.block(&blocked),
            (Ok(Some(terminal)), _) => self.end(&terminal),
            (Ok(None), Err(error)) => self.fail_as_told(error),
            (Ok(None), Ok(())) => self.end_silently(),
        }
    }

    /// Writes the decoded events up to the last one of the stream, if that is among them. Kept
    /// they are as they came; the client gets them restored.
    fn write_events(&mut self) -> Result<Option<Terminal>, AnswerBlocked> {
        let facts = self.decoder.facts();
        self.settlement.note_output(facts);
        if let (Some(binder), Some(id)) = (&self.binder, &facts.response_id) {
            binder.bind(id, &mut self.settlement);
            self.binder = None;
        }
        // A response that is finished gives no event after its last one.
        let finished = self.surface == Surface::Responses && facts.finished;
        let progress = &mut self.progress;
        let mut terminal =
            finished.then(|| progress.events.last().map_or(Terminal::Complete, of_response_event));
        for event in progress.events.drain(..) {
            self.keeper.record(&event);
            self.settlement.keep_event(&event);
            let is_last = is_terminal(&event);
            match &mut self.restoration {
                None => write_last(&event, &mut progress.buffer, &mut progress.last_at),
                Some(restoration) => {
                    let outcome = restoration.event(event, &mut progress.restored);
                    for event in progress.restored.drain(..) {
                        write_last(&event, &mut progress.buffer, &mut progress.last_at);
                    }
                    outcome?;
                }
            }
            if is_last {
                terminal = Some(Terminal::Complete);
                break;
            }
        }
        Ok(terminal)
    }

    /// Waits for what happens while the provider says nothing.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.progress.abort.poll(&self.shared, cx).is_ready() {
            self.fail(&Refusal::Stopping, Verdict::Neutral);
            return Poll::Ready(());
        }
        match std::task::ready!(self.progress.alarm.poll(cx)) {
            Ring::Deadline => {
                self.fail(&TOO_LONG, Verdict::Neutral);
            }
            Ring::Silence => {
                let silent = Refusal::Deadline("the provider was silent for too long");
                self.fail(&silent, Verdict::Failure);
            }
            Ring::KeepAlive => self.progress.buffer.extend_from_slice(b": keep-alive\n\n"),
        }
        Poll::Ready(())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("settlement", &self.settlement).finish_non_exhaustive()
    }
}
