//! What goes to the content log when a request is settled.

use tb_api::sse::SseEvent;
use tb_core::EndReason;

use super::Settlement;
use crate::content::Draft;
use crate::stages::compose::Body;
use crate::stages::scrub::Scrubbed;

impl Settlement {
    /// Begins to keep what a service with `content_log = true` asks, once it is masked. What the
    /// guard could not look at is not: it may not be masked.
    pub(crate) fn keep_request(&mut self, scrubbed: &Scrubbed) {
        let composed = &scrubbed.composed;
        let is_wanted = composed.admitted.service.content_log;
        if !is_wanted || self.shared.content.get().is_none() || !self.is_looked_at() {
            return;
        }
        let nothing = bytes::Bytes::new();
        let body = match &composed.body {
            Body::Json(document) => Some(document.bytes()),
            Body::Empty => Some(&nothing),
            // Files are not looked at.
            Body::Form(..) => None,
        };
        self.content = Some(Box::new(Draft::new(body)));
    }

    /// Whether all of the request was looked at, as its row tells.
    fn is_looked_at(&self) -> bool {
        let is_trouble = |word: &str| word.starts_with("failure=") || word.starts_with("opaque=");
        !self.row.guard.as_deref().is_some_and(|note| note.split(',').any(is_trouble))
    }

    /// Keeps a whole answer, before placeholders are restored; of the cache it is the form that
    /// is kept there.
    pub(crate) fn keep_answer(&mut self, body: &[u8]) {
        if let Some(draft) = &mut self.content {
            draft.answer(body);
        }
    }

    /// Keeps an event of a stream, before placeholders are restored.
    pub(crate) fn keep_event(&mut self, event: &SseEvent) {
        if let Some(draft) = &mut self.content {
            draft.event(event);
        }
    }

    /// The answer is passed on as it comes, and it is text.
    pub(crate) fn expect_passed_text(&mut self) {
        if let Some(draft) = &mut self.content {
            draft.expect_text();
        }
    }

    /// Keeps bytes that are passed on, where they are text.
    pub(crate) fn keep_passed(&mut self, bytes: &[u8]) {
        if let Some(draft) = &mut self.content {
            draft.passed(bytes);
        }
    }

    /// Hands over what was kept. Nothing is handed over of what the guard forbade, be it the
    /// request or the answer.
    pub(super) fn hand_over_content(&mut self, reason: EndReason) {
        let Some(draft) = self.content.take().filter(|_| reason != EndReason::Guard) else {
            return;
        };
        if let Some(sink) = self.shared.content.get() {
            sink.offer(draft.entry(&self.row));
        }
    }
}
