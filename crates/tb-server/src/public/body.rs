//! Reads a request body within limits, once the caller is admitted.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tb_engine::{BodyError, BodyFuture, MemoryHold, RequestBody};

use super::connection::Unread;

/// A body must arrive in this time, whatever its size.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What a body may take.
pub(super) struct Room {
    /// Bytes of one body.
    pub(super) limit: usize,
    /// Bytes of all bodies and running requests.
    pub(super) budget: usize,
    /// What this body holds of the budget.
    pub(super) memory: MemoryHold,
}

/// Reads `incoming`. A body in one piece is not copied. One that is too large, or for which there
/// is no memory, is refused at once; what is still on its way is discarded behind the answer, see
/// `ClientStream`.
pub(super) fn read(mut incoming: Incoming, mut room: Room, unread: Unread) -> BodyFuture {
    Box::pin(async move {
        if incoming.is_end_stream() {
            return Ok(RequestBody::default());
        }
        let outcome = tokio::time::timeout(BODY_TIMEOUT, collect(&mut incoming, &mut room))
            .await
            .unwrap_or(Err(BodyError::TooSlow));
        unread.set(outcome.is_err());
        Ok(RequestBody { bytes: outcome?, memory: room.memory })
    })
}

async fn collect(incoming: &mut Incoming, room: &mut Room) -> Result<Bytes, BodyError> {
    let declared = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > room.limit {
        return Err(BodyError::TooLarge(room.limit));
    }
    // Not held yet: a client that only announces a body must not keep others out.
    if !room.memory.fits(declared) {
        return Err(BodyError::NoMemory(room.budget));
    }
    let Some(first) = next(incoming).await? else {
        return Ok(Bytes::new());
    };
    room.take(0, &first)?;
    let expected = incoming.size_hint().exact().unwrap_or(1);
    if expected == 0 {
        return Ok(first);
    }
    let more = usize::try_from(expected).unwrap_or(0).min(room.limit);
    let mut whole = BytesMut::with_capacity(first.len().saturating_add(more));
    whole.extend_from_slice(&first);
    while let Some(piece) = next(incoming).await? {
        room.take(whole.len(), &piece)?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

impl Room {
    /// Makes room for a piece behind `so_far` bytes.
    fn take(&mut self, so_far: usize, piece: &Bytes) -> Result<(), BodyError> {
        if so_far.saturating_add(piece.len()) > self.limit {
            return Err(BodyError::TooLarge(self.limit));
        }
        if !self.memory.grow(piece.len()) {
            return Err(BodyError::NoMemory(self.budget));
        }
        Ok(())
    }
}

async fn next(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = incoming.frame().await {
        if let Ok(bytes) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
