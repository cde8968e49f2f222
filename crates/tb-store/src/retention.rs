//! Retention and erasure: what deletes records whose time is over, and a person's.
//!
//! The rules are pure and lie in `tb_core::retention`; here they are applied to the shelves of
//! files, to the tables of the database and to the journal. A run that dies at any place is
//! finished by the next one: what is due is asked for again each time.

mod audit;
mod erase;
mod report;
mod run;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tb_core::ports::{
    ActStore, AnswerFilter, AnswerStore, ErasedStore, ErasureReceipt, RecordKeeping,
    RetentionReport, RetentionStore, Shelf, Signature, StoreError,
};
use tb_core::retention::{Hold, RecordKind, RetentionTimes};
use tb_core::{Actor, AdminAct, Clock, ServiceName};

pub use self::audit::AuditShelf;
use crate::MmapJournal;

/// Signs bytes with the gateway's key; `None` when it has none.
pub type Sign = dyn Fn(&[u8]) -> Option<Signature> + Send + Sync;

/// Removes kept answers wherever they are, in memory too, and gives their number.
pub type PurgeAnswers = dyn Fn(&AnswerFilter) -> Result<u64, StoreError> + Send + Sync;

/// The names under which a person may be kept: as given, cut, hashed for each service or for the
/// one given.
pub type KeptNames = dyn Fn(&str, Option<&ServiceName>) -> Vec<String> + Send + Sync;

/// Whom to erase from where.
pub struct Subject<'s> {
    /// The name under which callers send them.
    pub name: &'s str,
    /// Every name under which they may be kept, that one too.
    pub kept_names: &'s [String],
    /// Only what this service keeps; `None` = what all keep.
    pub service: Option<&'s ServiceName>,
    /// What must not be touched.
    pub holds: &'s [Hold],
}

/// Erases a person from one store more: the audit log's keys, the content log.
pub type EraseSubject = dyn Fn(&Subject<'_>) -> Result<ErasedStore, StoreError> + Send + Sync;

/// How long what is kept, now.
pub type Times = dyn Fn() -> RetentionTimes + Send + Sync;

/// Takes the age of the oldest record of a kind, in milliseconds; 0 where there is none.
pub type NoteAge = dyn Fn(RecordKind, i64) + Send + Sync;

/// What retention and erasure work with.
pub struct RetentionParts {
    /// Files of usage rows, of the audit log, of the content log.
    pub shelves: Vec<Arc<dyn Shelf>>,
    /// Holds, bindings, names in usage rows.
    pub store: Arc<dyn RetentionStore>,
    /// Kept answers, to sweep those whose time is over.
    pub answers: Arc<dyn AnswerStore>,
    /// Takes the acts.
    pub acts: Arc<dyn ActStore>,
    /// The journal of this process.
    pub journal: Arc<MmapJournal>,
    /// How long what is kept.
    pub times: Box<Times>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs reports and receipts.
    pub sign: Box<Sign>,
    /// Empties the cache.
    pub purge_answers: Box<PurgeAnswers>,
    /// Says how names are kept.
    pub kept_names: Box<KeptNames>,
    /// Stores that keep a person in their own way.
    pub subjects: Vec<Box<EraseSubject>>,
    /// Is told how old the oldest records are.
    pub note_age: Box<NoteAge>,
    /// The folder of reports and receipts; `None` = they are not written.
    pub reports: Option<PathBuf>,
}

/// Deletes what is due and erases whom it is told to.
pub struct Retention {
    parts: RetentionParts,
    /// One run or erasure at a time.
    running: Mutex<()>,
}

impl Retention {
    /// Starts nothing: [`RecordKeeping::run`] is to be called every
    /// [`tb_core::retention::RUN_EVERY_MS`].
    #[must_use]
    pub const fn new(parts: RetentionParts) -> Self {
        Self { parts, running: Mutex::new(()) }
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, actor: Actor, kind: &str, object: String) -> AdminAct {
        let at = self.parts.clock.now();
        AdminAct { at, actor, kind: kind.to_owned(), object, before: None, after: None }
    }
}

impl RecordKeeping for Retention {
    fn run(&self, dry_run: bool, actor: Actor) -> Result<RetentionReport, StoreError> {
        let _alone = self.alone();
        self.delete_due(dry_run, actor)
    }

    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.parts.store.holds()
    }

    fn place_hold(&self, hold: Hold, actor: Actor) -> Result<Hold, StoreError> {
        // Not while a run deletes by the holds of before.
        let _alone = self.alone();
        let placed_at = self.parts.clock.now();
        let hold = Hold { id: format!("hold_{}", random_hex()?), placed_at, ..hold };
        let after = Some(to_json(&hold)?);
        let act = AdminAct { after, ..self.act(actor, "hold.place", hold.id.clone()) };
        self.parts.store.place_hold(&hold, &act)?;
        Ok(hold)
    }

    fn lift_hold(&self, id: &str, actor: Actor) -> Result<bool, StoreError> {
        let holds = self.parts.store.holds()?;
        let before = holds.iter().find(|hold| hold.id == id).map(to_json).transpose()?;
        let act = AdminAct { before, ..self.act(actor, "hold.lift", id.to_owned()) };
        self.parts.store.lift_hold(id, &act)
    }

    fn erase(
        &self,
        subject: &str,
        service: Option<&ServiceName>,
        actor: Actor,
    ) -> Result<ErasureReceipt, StoreError> {
        let _alone = self.alone();
        self.erase_everywhere(subject, service, actor)
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|fault| StoreError::Failed(fault.to_string()))
}

/// 16 random hexadecimal digits.
fn random_hex() -> Result<String, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Failed("the system gives no random bytes".to_owned()))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// The state after an act that counted things.
fn counted(entries: &[(&str, u64)]) -> Value {
    entries.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect()
}
