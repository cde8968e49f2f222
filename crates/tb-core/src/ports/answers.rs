//! Kept answers: what the response cache leaves behind for the next start.

use super::StoreError;
use crate::{ModelName, ServiceName, Timestamp};

/// One kept answer, sealed: the store never sees text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The keyed hash of the request, the tenant included.
    pub key: [u8; 32],
    /// The tenant.
    pub service: ServiceName,
    /// The requested model.
    pub model: ModelName,
    /// What the caller tagged it with.
    pub tags: Vec<String>,
    /// When the answer was made.
    pub stored_at: Timestamp,
    /// Until when it may be kept (time to live and stale-if-error).
    pub keep_until: Timestamp,
    /// The encrypted request and answer.
    pub sealed: Vec<u8>,
}

/// Which kept answers to remove; all given parts must fit, none = every answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerFilter {
    /// Of this tenant.
    pub service: Option<ServiceName>,
    /// Of this requested model.
    pub model: Option<ModelName>,
    /// With this tag.
    pub tag: Option<String>,
}

/// Kept answers behind the cache. Blocking, called from background tasks only.
pub trait AnswerStore: Send + Sync {
    /// Keeps answers, in one transaction; a key that is there already is replaced.
    ///
    /// # Errors
    /// When the back end fails; nothing was kept then.
    fn keep(&self, answers: &[KeptAnswer]) -> Result<(), StoreError>;

    /// The newest answers that may still be kept at `now` and come after `after` in this order
    /// (moment and key of the last one of the page before): newest first, of the same moment the
    /// greater key first, together at most `max_bytes` of `sealed`.
    ///
    /// # Errors
    /// When the back end fails.
    fn newest(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, [u8; 32])>,
        max_bytes: u64,
    ) -> Result<Vec<KeptAnswer>, StoreError>;

    /// The answer under `key`, if it may still be kept at `now`.
    ///
    /// # Errors
    /// When the back end fails.
    fn kept(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<KeptAnswer>, StoreError>;

    /// Removes what fits; gives their number.
    ///
    /// # Errors
    /// When the back end fails.
    fn purge(&self, filter: &AnswerFilter) -> Result<u64, StoreError>;

    /// Removes what may no longer be kept at `now`, and then the oldest answers until at most
    /// `max_bytes` of `sealed` are left; gives their number.
    ///
    /// # Errors
    /// When the back end fails.
    fn sweep(&self, now: Timestamp, max_bytes: u64) -> Result<u64, StoreError>;
}
