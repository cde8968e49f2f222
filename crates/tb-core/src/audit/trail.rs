//! Reading the log: what is asked and what is told.

use serde::Serialize;
use serde_json::Value;

use super::inclusion::InclusionProof;
use crate::ports::StoreError;
use crate::{RequestId, ServiceName, Timestamp};

/// Which records are asked for; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Written at or after this moment.
    pub since: Option<Timestamp>,
    /// Accesses of this service.
    pub service: Option<ServiceName>,
    /// `access`, `act`, or the kind of an act, `key.create`.
    pub kind: Option<String>,
    /// Accesses of this request.
    pub request: Option<RequestId>,
    /// Only records with a smaller number.
    pub before: Option<u64>,
}

impl AuditFilter {
    /// Whether a record is asked for, its number and time apart.
    #[must_use]
    pub fn wants(&self, record: &Value) -> bool {
        let text = |member: &str| record.get(member).and_then(Value::as_str).unwrap_or_default();
        let service = self.service.as_ref().is_none_or(|one| text("service") == one.as_str());
        let kind =
            self.kind.as_ref().is_none_or(|kind| text("kind") == kind || text("act") == kind);
        let request = self.request.is_none_or(|one| text("request_id") == one.to_string());
        service && kind && request
    }
}

/// Records, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditPage {
    /// The records as they stand in the log.
    pub records: Vec<Value>,
    /// The `before` of the next page; `None` when nothing older is there.
    pub next_before: Option<u64>,
}

/// What a verification found. The members of `audit verify -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Always 1.
    pub schema_version: u32,
    /// Whether everything fits.
    pub ok: bool,
    /// How many records the log has, deleted ones included.
    pub records: u64,
    /// The root over all of them, in base64 as in checkpoints.
    pub tree_head: String,
    /// The number of the first record that is wrong, missing, or not vouched for by a checkpoint
    /// that should be.
    pub first_bad: Option<u64>,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// How many records are signed for; a server may be writing the others just now.
    pub signed_records: u64,
    /// How many of them every second place vouches for; nothing where none was asked.
    pub witnessed_records: Option<u64>,
    /// How many records were deleted at the end of their time.
    pub retired_records: u64,
    /// The key that the checkpoints were verified with.
    pub public_key: String,
}

/// The log as the admin API reads it.
pub trait AuditTrail: Send + Sync {
    /// Records, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn page(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError>;

    /// Reads the whole log: seconds for each gigabyte.
    ///
    /// # Errors
    /// When the log cannot be read; what is wrong with it is no error.
    fn verify(&self) -> Result<Verification, StoreError>;

    /// The proof that record `seq` is in the log; `None` where there is no such record, or no
    /// checkpoint with it yet.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn prove(&self, seq: u64) -> Result<Option<InclusionProof>, StoreError>;

    /// The newest checkpoint, if there is one.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn checkpoint(&self) -> Result<Option<String>, StoreError>;

    /// The public key of the checkpoints, `NAME+HASH+BASE64`.
    fn public_key(&self) -> String;
}
