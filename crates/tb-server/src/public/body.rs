//! Reads a request body within limits, once the caller is admitted.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tb_engine::{BodyError, BodyFuture};

use super::connection::Unread;

/// A body must arrive in this time, whatever its size.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads `incoming`, at most `limit` bytes. A body in one piece is not copied. One that is too
/// large is refused at once; what is still on its way is discarded behind the answer, see
/// `ClientStream`.
pub(super) fn read(mut incoming: Incoming, limit: usize, unread: Unread) -> BodyFuture {
    Box::pin(async move {
        if incoming.is_end_stream() {
            return Ok(Bytes::new());
        }
        let outcome = tokio::time::timeout(BODY_TIMEOUT, collect(&mut incoming, limit))
            .await
            .unwrap_or(Err(BodyError::TooSlow));
        unread.set(outcome.is_err());
        outcome
    })
}

async fn collect(incoming: &mut Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let declared = incoming.size_hint().lower();
    if usize::try_from(declared).is_ok_and(|declared| declared > limit) {
        return Err(BodyError::TooLarge(limit));
    }
    let Some(first) = next(incoming).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(BodyError::TooLarge(limit));
    }
    let expected = incoming.size_hint().exact().unwrap_or(1);
    if expected == 0 {
        return Ok(first);
    }
    let room = usize::try_from(expected).unwrap_or(0).min(limit);
    let mut whole = BytesMut::with_capacity(first.len().saturating_add(room));
    whole.extend_from_slice(&first);
    while let Some(piece) = next(incoming).await? {
        if whole.len().saturating_add(piece.len()) > limit {
            return Err(BodyError::TooLarge(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn next(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = incoming.frame().await {
        if let Ok(bytes) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
