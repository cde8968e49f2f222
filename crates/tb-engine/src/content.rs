//! What the content log is given: the masked request, and the answer as it came from the
//! provider, before placeholders are restored.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tb_api::sse::SseEvent;
use tb_core::content::{ContentEntry, MAX_TEXT_BYTES};
use tb_core::{Timestamp, UsageRow};

use crate::engine::Engine;
use crate::metrics::Metrics;

/// Takes what is to be kept of requests.
pub trait ContentSink: Send + Sync {
    /// Takes an entry over without waiting; called while a request is settled. What does not fit
    /// is given up and told to [`Metrics::count_lost_content`].
    fn offer(&self, entry: ContentEntry);
}

impl Engine {
    /// Hands over from now on what services with `content_log = true` ask and are answered.
    /// False when there is a sink already.
    pub fn keep_content(&self, sink: Arc<dyn ContentSink>) -> bool {
        self.shared.content.set(sink).is_ok()
    }
}

impl Metrics {
    /// Counts entries of the content log that were given up.
    pub fn count_lost_content(&self, count: u64) {
        self.dropped.get_or_create(&vec![("what", "content".to_owned())]).inc_by(count);
    }
}

/// What is kept of a request so far.
pub(crate) struct Draft {
    request: Bytes,
    answer: BytesMut,
    is_cut: bool,
    /// The answer is text that is passed on as it comes.
    passes_text: bool,
}

impl Draft {
    /// A draft with this body, or without one that is too much to keep.
    pub(crate) fn new(body: Option<&Bytes>) -> Self {
        let request = body.map(|body| body.slice(..body.len().min(MAX_TEXT_BYTES)));
        let is_cut = body.is_none_or(|body| body.len() > MAX_TEXT_BYTES);
        let request = request.unwrap_or_default();
        Self { request, answer: BytesMut::new(), is_cut, passes_text: false }
    }

    /// The whole answer; takes the place of what came before.
    pub(crate) fn answer(&mut self, body: &[u8]) {
        self.answer.clear();
        self.add(body);
    }

    /// An event of the answer.
    pub(crate) fn event(&mut self, event: &SseEvent) {
        if self.answer.len() < MAX_TEXT_BYTES {
            event.write(&mut self.answer);
            self.cut();
        } else {
            self.is_cut = true;
        }
    }

    /// What follows is text, see [`Self::passed`].
    pub(crate) fn expect_text(&mut self) {
        self.passes_text = true;
    }

    /// Bytes that are passed on. Only of text anything is kept.
    pub(crate) fn passed(&mut self, bytes: &[u8]) {
        if self.passes_text {
            self.add(bytes);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = MAX_TEXT_BYTES.saturating_sub(self.answer.len()).saturating_add(1);
        self.answer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.cut();
    }

    fn cut(&mut self) {
        if self.answer.len() > MAX_TEXT_BYTES {
            self.answer.truncate(MAX_TEXT_BYTES);
            self.is_cut = true;
        }
    }

    /// The entry of a request that is settled.
    pub(crate) fn entry(self, row: &UsageRow) -> ContentEntry {
        ContentEntry {
            request_id: row.request_id,
            // The moment inside the id is that of the arrival; a row's is its attempt's.
            at: Timestamp(row.request_id.unix_ms()),
            service: row.service.clone(),
            user: row.user.clone(),
            purpose: row.purpose.clone(),
            data_class: row.data_class,
            route: row.surface.label().to_owned(),
            model: row.model_requested.clone(),
            request: self.request.to_vec(),
            answer: self.answer.to_vec(),
            is_cut: self.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_texts_up_to_their_most_and_says_that_they_are_cut() {
        let long = Bytes::from(vec![b'x'; MAX_TEXT_BYTES + 1]);
        let draft = Draft::new(Some(&long));
        assert!(draft.is_cut && draft.request.len() == MAX_TEXT_BYTES);
        let whole = long.slice(1..);
        let mut draft = Draft::new(Some(&whole));
        draft.answer(&whole);
        assert!(!draft.is_cut && draft.request == whole && draft.answer == whole);
        draft.answer(&long);
        assert!(draft.is_cut && draft.answer.len() == MAX_TEXT_BYTES);
    }

    #[test]
    fn keeps_events_in_order_and_nothing_of_audio() {
        let event = |data: &'static str| SseEvent {
            event: None,
            data: Bytes::from_static(data.as_bytes()),
        };
        let mut draft = Draft::new(Some(&Bytes::new()));
        draft.event(&event("a"));
        draft.event(&event("b"));
        assert_eq!(draft.answer, "data: a\n\ndata: b\n\n");
        let mut draft = Draft::new(None);
        draft.passed(b"RIFF");
        assert!(draft.answer.is_empty() && draft.is_cut);
        draft.expect_text();
        draft.passed(b"1\n");
        draft.passed(b"2\n");
        assert_eq!(draft.answer, "1\n2\n");
    }
}
