//! The state machine between a provider's bytes and the client's events.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tb_api::sse::SseEvent;
use tb_config::OnDisconnect;
use tb_core::ports::ResponseBinding;
use tb_core::{EndReason, ProviderName, Surface};
use tb_providers::StreamDecoder;
use tokio::task::JoinHandle;
use tokio::time::Sleep;
use tokio_util::task::TaskTracker;

use super::error_event::error_event;
use crate::client::UpstreamBody;
use crate::refusal::{Refusal, class_label};
use crate::settlement::{AttemptEnd, Settlement};

/// A comment is sent after this silence, so that middle boxes keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Ready events are sent in pieces of about this size.
const PIECE_BYTES: usize = 32 * 1024;

/// What remains of a finished stream is read for this long, so that its connection can be
/// used again.
const TAIL_TIMEOUT: Duration = Duration::from_secs(1);

/// Knows how to write down which provider keeps a stored response.
#[derive(Debug, Clone)]
pub(crate) struct Binder {
    pub(crate) provider: ProviderName,
    pub(crate) key_index: u32,
}

impl Binder {
    /// The binding of `response_id` for the request of `settlement`.
    pub(crate) fn bind(&self, response_id: &str, settlement: &mut Settlement) {
        let row = settlement.row();
        let binding = ResponseBinding {
            response_id: response_id.to_owned(),
            service: row.service.clone(),
            provider: self.provider.clone(),
            model: row.model_requested.clone(),
            key_index: self.key_index,
            created_at: row.started_at,
        };
        settlement.bind_response(binding);
    }
}

/// A stream under way.
pub(crate) struct Running {
    pub(crate) surface: Surface,
    pub(crate) request_id: String,
    pub(crate) upstream: UpstreamBody,
    pub(crate) decoder: Box<dyn StreamDecoder>,
    pub(crate) settlement: Settlement,
    pub(crate) status: u16,
    pub(crate) deadline: Instant,
    pub(crate) idle_timeout: Duration,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) tasks: TaskTracker,
    pub(crate) binder: Option<Binder>,
    pub(crate) clocks: Clocks,
}

/// Buffers and moments of a stream.
pub(crate) struct Clocks {
    events: Vec<SseEvent>,
    buffer: BytesMut,
    heard: Instant,
    sent: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
    /// The last bytes wait for this.
    on_disk: Option<JoinHandle<()>>,
    over: bool,
}

impl Clocks {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self {
            events: Vec::new(),
            buffer: BytesMut::new(),
            heard: now,
            sent: now,
            alarm: None,
            on_disk: None,
            over: false,
        }
    }
}

impl Running {
    pub(crate) fn is_over(&self) -> bool {
        self.clocks.over
    }

    /// The next bytes; empty bytes end the stream.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        while !self.clocks.over && self.clocks.buffer.len() < PIECE_BYTES {
            match self.upstream.poll_data(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.take_in(&bytes),
                Poll::Ready(Some(Err(_)) | None) => self.upstream_ended(),
                Poll::Pending => {
                    if self.clocks.buffer.is_empty() {
                        std::task::ready!(self.poll_alarm(cx));
                    } else {
                        break;
                    }
                }
            }
        }
        if let Some(on_disk) = &mut self.clocks.on_disk {
            // A failure is logged where it happens; the answer is the same.
            let _ = std::task::ready!(Pin::new(on_disk).poll(cx));
            self.clocks.on_disk = None;
        }
        self.clocks.sent = self.clocks.heard;
        Poll::Ready(self.clocks.buffer.split().freeze())
    }

    /// Decodes bytes into the buffer; settles when they hold the last event.
    fn take_in(&mut self, bytes: &Bytes) {
        self.clocks.heard = Instant::now();
        let outcome = self.decoder.push(bytes, &mut self.clocks.events);
        let last = self.write_events();
        match outcome {
            Err(error) => self.fail(&Refusal::Provider(Box::new(error))),
            Ok(()) if last => self.complete(),
            Ok(()) => {}
        }
    }

    /// The provider closed the stream, properly or not: the decoder knows which.
    fn upstream_ended(&mut self) {
        let outcome = self.decoder.finish(&mut self.clocks.events);
        self.write_events();
        match outcome {
            Ok(()) => self.complete(),
            Err(error) => self.fail(&Refusal::Provider(Box::new(error))),
        }
    }

    /// Writes the decoded events; true when the last one of the stream is among them.
    fn write_events(&mut self) -> bool {
        let mut last = false;
        for event in self.clocks.events.drain(..) {
            event.write(&mut self.clocks.buffer);
            last |= is_last(&event);
        }
        self.settlement.note_output(self.decoder.facts());
        if let (Some(binder), Some(id)) = (&self.binder, &self.decoder.facts().response_id) {
            binder.bind(id, &mut self.settlement);
            self.binder = None;
        }
        last
    }

    fn complete(&mut self) {
        let end = AttemptEnd { reason: EndReason::Complete, status: self.status, outcome: "ok" };
        self.close(end, None);
    }

    fn fail(&mut self, refusal: &Refusal) {
        let event = error_event(self.surface, &refusal.api_error(), &self.request_id);
        event.write(&mut self.clocks.buffer);
        let reason = match refusal {
            Refusal::Deadline(_) => EndReason::Timeout,
            _ => EndReason::UpstreamError,
        };
        let outcome = match refusal {
            Refusal::Provider(error) => class_label(error.class),
            other => other.error_type(),
        };
        self.close(AttemptEnd { reason, status: self.status, outcome }, Some(refusal.code()));
    }

    /// Settles before the last bytes are given out: an answered request has its row.
    fn close(&mut self, end: AttemptEnd, error_code: Option<String>) {
        self.settlement.note_facts(self.decoder.facts());
        self.settlement.settle(end, error_code);
        self.clocks.on_disk = self.settlement.on_disk();
        self.clocks.over = true;
        if end.reason == EndReason::Complete {
            self.read_tail();
        }
    }

    /// Reads the end of the upstream body, so that the connection goes back to the pool.
    fn read_tail(&mut self) {
        let ended = UpstreamBody::ended();
        let mut upstream = std::mem::replace(&mut self.upstream, ended);
        if upstream.poll_end_now() {
            return;
        }
        self.tasks.spawn(async move {
            let rest = async { while let Some(Ok(_)) = upstream.data().await {} };
            let _ = tokio::time::timeout(TAIL_TIMEOUT, rest).await;
        });
    }

    /// Waits for the next of: deadline, idle time-out, keep-alive.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.next_alarm();
            let alarm = self
                .clocks
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
            std::task::ready!(alarm.as_mut().poll(cx));
            self.clocks.alarm = None;
            let now = Instant::now();
            if now >= self.deadline {
                self.fail(&Refusal::Deadline("the deadline passed in the middle of the stream"));
            } else if now >= self.clocks.heard + self.idle_timeout {
                self.fail(&Refusal::Deadline("the provider was silent for too long"));
            } else if now >= self.clocks.sent + KEEP_ALIVE {
                self.clocks.sent = now;
                self.clocks.buffer.extend_from_slice(b": keep-alive\n\n");
            } else {
                continue;
            }
            return Poll::Ready(());
        }
    }

    fn next_alarm(&self) -> Instant {
        let idle = self.clocks.heard + self.idle_timeout;
        let keep_alive = self.clocks.sent.max(self.clocks.heard) + KEEP_ALIVE;
        self.deadline.min(idle).min(keep_alive)
    }

    /// The client left. The upstream is closed at once, or read on for a bounded while to
    /// learn what the provider charges.
    pub(crate) fn client_left(mut self: Box<Self>) {
        let end = AttemptEnd {
            reason: EndReason::ClientGone,
            status: self.status,
            outcome: "client_gone",
        };
        self.settlement.note_facts(self.decoder.facts());
        match self.on_disconnect {
            OnDisconnect::Drain { timeout, max_bytes }
                if tokio::runtime::Handle::try_current().is_ok() =>
            {
                let tasks = self.tasks.clone();
                tasks.spawn(async move {
                    let _ = tokio::time::timeout(timeout, self.drain(max_bytes)).await;
                    self.settlement.note_facts(self.decoder.facts());
                    self.settlement.settle(end, Some("client_gone".to_owned()));
                });
            }
            _ => self.settlement.settle(end, Some("client_gone".to_owned())),
        }
    }

    async fn drain(&mut self, max_bytes: usize) {
        let mut read = 0usize;
        while let Some(Ok(bytes)) = self.upstream.data().await {
            read = read.saturating_add(bytes.len());
            let failed = self.decoder.push(&bytes, &mut self.clocks.events).is_err();
            self.clocks.events.clear();
            if failed || read > max_bytes {
                return;
            }
        }
    }
}

/// Whether an event is the last one of a stream, in each of the public stream shapes.
fn is_last(event: &SseEvent) -> bool {
    match event.event.as_deref() {
        None => event.data.as_ref() == b"[DONE]",
        Some(name) => matches!(
            name,
            b"message_stop" | b"response.completed" | b"response.failed" | b"response.incomplete"
        ),
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("settlement", &self.settlement).finish_non_exhaustive()
    }
}
