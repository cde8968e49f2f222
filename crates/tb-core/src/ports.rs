//! Storage ports: what the house needs from a back end. Object-safe, at most six methods,
//! blocking (no request ever waits for one: the hot path reads snapshots and writes the
//! journal; these are called from the command line, the admin API and background threads).

mod answers;
mod prompts;
mod retention;

use serde::{Deserialize, Serialize};

use crate::{
    AdminAct, AdminTokenRecord, KeyRecord, KeyUse, NanoUsd, ProviderName, RequestId, ServiceName,
    Timestamp, UsageRow,
};

pub use answers::{AnswerFilter, AnswerStore, KeptAnswer};
pub use prompts::PromptStore;
pub use retention::{
    ErasedStore, ErasureReceipt, Pseudonymisation, Pseudonymised, RecordKeeping, RetentionReport,
    RetentionRow, RetentionStore, Shelf, Signature,
};

/// A failure of storage. The text names the operation, never data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The back end cannot be reached or is locked: try again.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The back end refused the data or the schema is of a newer version: do not try again.
    #[error("storage failed: {0}")]
    Failed(String),
    /// The record was changed by somebody else meanwhile: read it again.
    #[error("the record was changed meanwhile: {0}")]
    Conflict(String),
    /// No room is left.
    #[error("storage is full: {0}")]
    Full(String),
}

/// Virtual keys and admin tokens. Every change is written together with the act that it is.
pub trait KeyStore: Send + Sync {
    /// All keys, revoked ones included.
    ///
    /// # Errors
    /// When the back end fails.
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Adds a key (revision 0), or replaces the record of its id, whose revision must be one
    /// less.
    ///
    /// # Errors
    /// `Conflict` when the stored record is another one than expected; when the back end fails.
    fn put_key(&self, key: &KeyRecord, act: &AdminAct) -> Result<(), StoreError>;

    /// All admin tokens, revoked ones included.
    ///
    /// # Errors
    /// When the back end fails.
    fn admin_tokens(&self) -> Result<Vec<AdminTokenRecord>, StoreError>;

    /// Adds an admin token, or replaces the record of its id.
    ///
    /// # Errors
    /// When the back end fails.
    fn put_admin_token(&self, token: &AdminTokenRecord, act: &AdminAct) -> Result<(), StoreError>;

    /// A number that changes whenever another process changed the keys or tokens; cheap
    /// enough to ask four times a second.
    ///
    /// # Errors
    /// When the back end fails.
    fn change_counter(&self) -> Result<u64, StoreError>;
}

/// When secrets of keys were used last. Not part of the keys, which change far less often.
pub trait KeyUseStore: Send + Sync {
    /// What is known, in no order.
    ///
    /// # Errors
    /// When the back end fails.
    fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError>;

    /// Keeps the later of what is stored and each of these.
    ///
    /// # Errors
    /// When the back end fails.
    fn note_key_uses(&self, uses: &[KeyUse]) -> Result<(), StoreError>;
}

/// Admin acts on their way into the audit log, in the order in which they were done.
pub trait ActStore: Send + Sync {
    /// Writes down an act that changes nothing else in the store.
    ///
    /// # Errors
    /// When the back end fails.
    fn note_act(&self, act: &AdminAct) -> Result<(), StoreError>;

    /// The oldest acts that wait, with their numbers: at most `limit`.
    ///
    /// # Errors
    /// When the back end fails.
    fn waiting_acts(&self, limit: u32) -> Result<Vec<(u64, AdminAct)>, StoreError>;

    /// Forgets the acts up to this number: the audit log has them.
    ///
    /// # Errors
    /// When the back end fails.
    fn acts_recorded(&self, up_to: u64) -> Result<(), StoreError>;
}

/// The audit log, as the journal's storer feeds it.
pub trait AuditLog: Send + Sync {
    /// Appends a record for each row, in this order. After a crash the last rows come again:
    /// what the log has already (same request, attempt and finality) is left out. When it
    /// returns, the records are in the kernel's hands, or on disk where the journal is durable
    /// on power loss.
    ///
    /// # Errors
    /// When the log cannot be written: the rows come again then.
    fn append(&self, rows: &[UsageRow]) -> Result<(), StoreError>;
}

/// By what usage is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The virtual key id.
    Key,
    /// The requested model.
    Model,
    /// The service.
    Service,
    /// The end user.
    User,
    /// The declared purpose.
    Purpose,
    /// The UTC day.
    Day,
    /// The provider that was asked; empty where none was.
    Provider,
    /// The built-in class of the data.
    DataClass,
}

/// Sums over usage rows, one per group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageSum {
    /// The values of the grouping columns, in the order asked for.
    pub group: Vec<String>,
    /// Distinct requests (final attempts).
    pub requests: u64,
    /// Attempts at providers.
    pub attempts: u64,
    /// Requests whose final attempt failed (status 400 or more, or an end other than
    /// complete).
    pub errors: u64,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cached_input_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Measured cost.
    pub cost: NanoUsd,
    /// Cost from estimated tokens, not part of `cost`.
    pub estimated_cost: NanoUsd,
    /// Attempts that used tokens and have no price.
    pub unpriced_requests: u64,
    /// What cached answers saved.
    pub saved: NanoUsd,
}

/// What [`UsageStore::sum`] is asked.
#[derive(Debug, Clone, Default)]
pub struct UsageQuery {
    /// Grouping columns, in order; none gives one row.
    pub by: Vec<GroupBy>,
    /// Rows that began at or after this moment.
    pub since: Option<Timestamp>,
    /// Rows that began before this moment.
    pub until: Option<Timestamp>,
}

/// Usage rows.
pub trait UsageStore: Send + Sync {
    /// Adds rows, and then remembers `checkpoint` (an opaque place in the journal). A row whose
    /// (request id, attempt) is there already replaces it, so no row is there twice when the same
    /// rows come again.
    ///
    /// # Errors
    /// When the back end fails; some rows may have been added then, and the checkpoint is the
    /// one before.
    fn append(&self, rows: &[UsageRow], checkpoint: u64) -> Result<(), StoreError>;

    /// The checkpoint of the last `append`, 0 in a new store.
    ///
    /// # Errors
    /// When the back end fails.
    fn checkpoint(&self) -> Result<u64, StoreError>;

    /// Sums, largest cost first; by day in the order of days.
    ///
    /// # Errors
    /// When the back end fails.
    fn sum(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError>;

    /// The attempts of one request, in order.
    ///
    /// # Errors
    /// When the back end fails.
    fn request(&self, id: RequestId) -> Result<Vec<UsageRow>, StoreError>;

    /// The newest rows of requests that arrived before `before` (none = all), newest first: at
    /// most `limit`, and whole milliseconds only, so that the arrival of the last row's request
    /// is the `before` of the next page and no row is lost or comes twice. Where one
    /// millisecond alone has more rows, they come all.
    ///
    /// # Errors
    /// When the back end fails.
    fn recent(&self, before: Option<Timestamp>, limit: u32) -> Result<Vec<UsageRow>, StoreError>;
}

/// Which provider and tenant made a stored response (`/v1/responses`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseBinding {
    /// The provider's response id.
    pub response_id: String,
    /// The tenant that made it.
    pub service: ServiceName,
    /// The provider that keeps it.
    pub provider: ProviderName,
    /// The requested model name.
    pub model: crate::ModelName,
    /// Which of the provider's keys made it (index into `api_keys`).
    pub key_index: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Bindings of response ids. Written through the journal, read at start and on a miss.
pub trait ResponseStore: Send + Sync {
    /// Adds bindings; an id that is there already keeps its first tenant and provider.
    ///
    /// # Errors
    /// When the back end fails.
    fn bind(&self, bindings: &[ResponseBinding]) -> Result<(), StoreError>;

    /// The binding of an id, of this tenant only.
    ///
    /// # Errors
    /// When the back end fails.
    fn binding(
        &self,
        service: &ServiceName,
        response_id: &str,
    ) -> Result<Option<ResponseBinding>, StoreError>;

    /// Forgets a binding.
    ///
    /// # Errors
    /// When the back end fails.
    fn unbind(&self, service: &ServiceName, response_id: &str) -> Result<(), StoreError>;
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalRecord {
    /// Bytes are about to go to a provider. The row holds all that is known by then, with
    /// estimated input tokens and `end_reason` crash: it is what stands if nothing follows.
    Begun(UsageRow),
    /// An attempt (or a request without one) ended.
    Ended(UsageRow),
    /// A provider stored a response.
    Bound(ResponseBinding),
    /// A stored response was deleted: the tenant and the provider's id. In the journal, so that
    /// the store hears of it after the binding and not before.
    Unbound(ServiceName, String),
}

/// A record about to be appended; it has the form of the [`JournalRecord`] of that name.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum JournalEntry<'a> {
    /// See [`JournalRecord::Begun`].
    Begun(&'a UsageRow),
    /// See [`JournalRecord::Ended`].
    Ended(&'a UsageRow),
    /// See [`JournalRecord::Bound`].
    Bound(&'a ResponseBinding),
    /// See [`JournalRecord::Unbound`].
    Unbound(&'a ServiceName, &'a str),
}

impl<'a> From<&'a JournalRecord> for JournalEntry<'a> {
    fn from(record: &'a JournalRecord) -> Self {
        match record {
            JournalRecord::Begun(row) => Self::Begun(row),
            JournalRecord::Ended(row) => Self::Ended(row),
            JournalRecord::Bound(binding) => Self::Bound(binding),
            JournalRecord::Unbound(service, id) => Self::Unbound(service, id),
        }
    }
}

/// The append-only journal: the only thing a request waits for, and that for a memory copy.
pub trait Journal: Send + Sync {
    /// Appends one record. When it returns, the record survives the death of the process.
    ///
    /// # Errors
    /// `Full` when no segment can be allocated or too much is waiting to be stored,
    /// `Failed` when the record is too large.
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError>;

    /// With `durability = "power"`: returns once everything appended so far is on disk.
    /// Returns at once otherwise.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&self) -> Result<(), StoreError>;

    /// Whether [`Journal::sync`] must succeed before an answer may be complete
    /// (`durability = "power"`).
    fn is_durable_on_power_loss(&self) -> bool {
        false
    }

    /// Milliseconds by which the store lags behind the journal.
    fn lag_ms(&self) -> u64;
}
