//! The audit log as plain values: records, the Merkle tree over them, signed checkpoints and
//! proofs. Nothing here reads a file or a clock; the log itself lies in the store.
//!
//! * a record is one line of JSON with a fixed order of members and no floating-point numbers,
//! * the tree is that of RFC 6962 (section 2.1), a record's leaf the hash of its line's bytes,
//! * a checkpoint is a signed note (C2SP `tlog-checkpoint`, `signed-note`) of the tree's size and
//!   root, signed with Ed25519.
//!
//! Entry points: [`AuditRecord::line`], [`Frontier`], [`NoteSigner`], [`NoteVerifier`] and
//! [`InclusionProof::verify`].

mod checkpoint;
mod inclusion;
mod note;
mod record;
mod retired;
mod subject;
mod trail;
mod tree;

pub use checkpoint::{Checkpoint, signed_checkpoint, signed_end};
pub use inclusion::InclusionProof;
pub use note::{NoteFault, NoteSigner, NoteVerifier};
pub use record::{AuditEvent, AuditRecord, RecordKey, RecordPlace, SCHEMA_VERSION};
pub use retired::Retired;
pub use subject::{SubjectId, SubjectKeys, Subjects, pseudonym};
pub use trail::{AuditFilter, AuditPage, AuditTrail, Verification};
pub use tree::{
    Frontier, Hash, consistency_path, hex, inclusion_path, leaf_hash, node_hash, unhex,
    verify_consistency, verify_inclusion,
};
