//! Answers that the gateway gives by itself: from the cache or by rule.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use tb_core::{NanoUsd, Rung};

use crate::cache::CacheNote;
use crate::runtime::RunningModel;

/// An answer without a provider, complete.
pub(crate) struct LocalAnswer {
    /// `Cache`, `StaleCache` or `Rules`.
    pub(crate) rung: Rung,
    /// The body: JSON, or server-sent events.
    pub(crate) body: Bytes,
    /// The body is server-sent events.
    pub(crate) stream: bool,
    /// The model that the client named.
    pub(crate) model: Arc<RunningModel>,
    /// Who once gave the answer.
    pub(crate) origin: Option<Origin>,
    /// What the answer did cost when it was made.
    pub(crate) saved: NanoUsd,
    /// What the headers say of the cache.
    pub(crate) note: CacheNote,
    /// The trace of attempts that failed before.
    pub(crate) attempts: Option<HeaderValue>,
    /// More than one attempt was made.
    pub(crate) retried: bool,
}

/// Shows no text: an answer's text must not reach logs.
impl std::fmt::Debug for LocalAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalAnswer")
            .field("rung", &self.rung)
            .field("body_bytes", &self.body.len())
            .field("stream", &self.stream)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}

/// Who once gave a kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The provider.
    pub(crate) provider: String,
    /// The model id that was sent to it.
    pub(crate) resolved: String,
    /// The model id that it says it served.
    pub(crate) served: Option<String>,
}
