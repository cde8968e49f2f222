//! What deletes records, and what it works on.

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::retention::{Hold, Part, RecordKind};
use crate::{Actor, AdminAct, DataClass, ServiceName, Timestamp};

/// Records of one kind in files that go as a whole.
pub trait Shelf: Send + Sync {
    /// What its records are.
    fn kind(&self) -> RecordKind;

    /// Every part that is there, in any order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self) -> Result<Vec<Part>, StoreError>;

    /// Deletes a part with everything that belongs to it. One that is gone already is no error.
    ///
    /// # Errors
    /// When a file cannot be deleted: it is tried again with the next run.
    fn unlink(&self, part: &Part) -> Result<(), StoreError>;
}

/// What a store does for retention and erasure beside its [`Shelf`].
pub trait RetentionStore: Send + Sync {
    /// The legal holds, in the order in which they were placed.
    ///
    /// # Errors
    /// When the back end fails.
    fn holds(&self) -> Result<Vec<Hold>, StoreError>;

    /// Places a hold.
    ///
    /// # Errors
    /// `Conflict` when there is one of that id; when the back end fails.
    fn place_hold(&self, hold: &Hold, act: &AdminAct) -> Result<(), StoreError>;

    /// Lifts a hold; `false`, and no act, when there is none of that id.
    ///
    /// # Errors
    /// When the back end fails.
    fn lift_hold(&self, id: &str, act: &AdminAct) -> Result<bool, StoreError>;

    /// Deletes the bindings of responses made before a moment that no hold covers; gives their
    /// number. Nothing of them is left in any file, unless somebody reads at this moment: then
    /// what the log of the database has of them goes with the next call.
    ///
    /// # Errors
    /// When the back end fails.
    fn forget_responses(&self, before: Timestamp, holds: &[Hold]) -> Result<u64, StoreError>;

    /// When the oldest record of a kind that goes one by one (responses, answers) was made.
    ///
    /// # Errors
    /// When the back end fails.
    fn oldest(&self, kind: RecordKind) -> Result<Option<Timestamp>, StoreError>;

    /// Replaces a person's names by a pseudonym in all usage rows, in every file.
    ///
    /// # Errors
    /// When the back end fails: some rows may be done already, and the same call goes on.
    fn pseudonymise(&self, subject: &Pseudonymisation) -> Result<Pseudonymised, StoreError>;
}

/// Whom to make a pseudonym of.
#[derive(Clone, PartialEq, Eq)]
pub struct Pseudonymisation {
    /// The names under which rows may have them: as they were given, cut, hashed.
    pub names: Vec<String>,
    /// Only in rows of this service.
    pub service: Option<ServiceName>,
    /// What stands in their place.
    pub pseudonym: String,
    /// Files that these touch are left as they are.
    pub holds: Vec<Hold>,
}

/// Names no name.
impl std::fmt::Debug for Pseudonymisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonymisation")
            .field("pseudonym", &self.pseudonym)
            .finish_non_exhaustive()
    }
}

/// What [`RetentionStore::pseudonymise`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pseudonymised {
    /// Rows changed.
    pub rows: u64,
    /// Files in which there were any.
    pub files: u64,
    /// Files that a hold keeps as they are.
    pub held_files: u64,
}

/// Retention and erasure as the admin API and the command line see them.
pub trait RecordKeeping: Send + Sync {
    /// Deletes what is due, or only says what that is.
    ///
    /// # Errors
    /// When it cannot be said what is due. A part that cannot be deleted is no error, it stands
    /// in the report.
    fn run(&self, dry_run: bool, actor: Actor) -> Result<RetentionReport, StoreError>;

    /// The legal holds.
    ///
    /// # Errors
    /// When the store fails.
    fn holds(&self) -> Result<Vec<Hold>, StoreError>;

    /// Places a legal hold; gives it an id and its moment.
    ///
    /// # Errors
    /// When the store fails.
    fn place_hold(&self, hold: Hold, actor: Actor) -> Result<Hold, StoreError>;

    /// Lifts a legal hold; `false` when there is none of that id.
    ///
    /// # Errors
    /// When the store fails.
    fn lift_hold(&self, id: &str, actor: Actor) -> Result<bool, StoreError>;

    /// Erases a person from everything that is kept.
    ///
    /// # Errors
    /// When a store fails: nothing is undone, and the same call goes on.
    fn erase(
        &self,
        subject: &str,
        service: Option<&ServiceName>,
        actor: Actor,
    ) -> Result<ErasureReceipt, StoreError>;
}

/// A signature of the gateway's audit key over the JSON of the same value without it and a line
/// end: with that text it makes a signed note, as the audit log's checkpoints are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The name of the key, as in the audit log's checkpoints.
    pub key: String,
    /// Ed25519, as in a signed note: base64 of 4 bytes of the key's hash and of the signature.
    pub ed25519: String,
}

/// What one run of the deletion found and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionReport {
    /// 1
    pub schema_version: u32,
    /// When.
    pub at: Timestamp,
    /// Whether nothing was deleted.
    pub dry_run: bool,
    /// What there was of each kind and class before.
    pub rows: Vec<RetentionRow>,
    /// The parts that were deleted, or would have been.
    pub deleted: Vec<Part>,
    /// What went wrong, if anything: parts that could not be deleted, and why.
    pub faults: Vec<String>,
    /// Over all of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// The records of one kind and class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRow {
    /// The kind.
    pub kind: RecordKind,
    /// The class, where files hold one class only.
    pub class: Option<DataClass>,
    /// How long they are kept, in milliseconds; `null` = for ever, or as each says itself.
    pub keep_ms: Option<u64>,
    /// How many files, or 1 for a table.
    pub files: u64,
    /// Their bytes; 0 for a table.
    pub bytes: u64,
    /// No record is older.
    pub oldest: Option<Timestamp>,
    /// Files whose time is over and that no hold keeps, or records of a table that were deleted.
    pub due: u64,
    /// Files whose time is over and that a hold keeps.
    pub held: u64,
}

/// What an erasure did, to be given to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureReceipt {
    /// 1
    pub schema_version: u32,
    /// When it was done.
    pub at: Timestamp,
    /// What stands in the person's place in usage rows.
    pub pseudonym: String,
    /// The service it was narrowed to.
    pub service: Option<ServiceName>,
    /// Whether nothing is left: no file is on hold, no store failed.
    pub complete: bool,
    /// What each store did, in the order in which it was done.
    pub stores: Vec<ErasedStore>,
    /// Over all of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// What an erasure did in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedStore {
    /// `journal`, `usage`, `answers`, `content`, `audit_keys`, ….
    pub store: String,
    /// What was done there: `retired`, `pseudonymised`, `deleted`, `key_destroyed`.
    pub action: String,
    /// How many records, files or keys.
    pub count: u64,
    /// Files that stay as they are because of a legal hold.
    pub held: u64,
}
