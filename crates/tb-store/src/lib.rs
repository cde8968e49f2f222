//! Storage back ends behind the ports of `tb_core`, and the journal.
//!
//! [`connect()`] opens a back end ([`SqliteStore`], or [`MemoryStore`] for tests and `memory:`)
//! and gives its ports as [`Stores`]. [`MmapJournal`] stands in front of them: a request
//! appends its records to mapped memory that survives the death of the process, and a
//! background thread carries them into the store in batches. [`open_pepper`] reads or makes
//! the file with the key under which secrets are hashed.
//!
//! All of it blocks, none of it knows HTTP, the async runtime or the wall clock, and it is
//! the only crate with SQL. Whatever the journal took is in the store once per attempt,
//! whenever the process died in between:
//!
//! * a record is appended before the bytes that it accounts for go out,
//! * the place in the journal up to which rows were read is stored after them, and a row that
//!   comes again replaces itself,
//! * attempts that began and never ended, and requests whose last attempt ended without being
//!   the last word, are settled as `crash` at the next start.

mod audit;
mod connect;
mod content;
mod environment;
mod journal;
mod memory;
mod pages;
mod pepper;
pub mod retention;
mod sqlite;
mod sums;

pub use audit::{
    AuditParts, AuditReader, AuditSegment, FileAuditLog, Witness, WriteNote, csv_columns,
    open_audit_key, prove, read_public_key, verify,
};
pub use connect::{StorageAddress, Stores, connect};
pub use content::{ContentFiles, ContentParts, ContentReader, NoteLost, Shredded};
pub use environment::{
    claim_database, claim_journal, environment_of_database, environment_of_journal,
};
pub use journal::{Allocate, Destination, Durability, JournalSettings, MmapJournal};
pub use memory::MemoryStore;
pub use pepper::open_pepper;
pub use sqlite::SqliteStore;
