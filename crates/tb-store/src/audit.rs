//! The audit log in a folder: lines of JSON in a segment for each half hour of UTC, the hashes of
//! all of them, and signed checkpoints.
//!
//! | file | what |
//! |---|---|
//! | `2026-11-23T1430.jsonl` | the records written in that half hour, one a line |
//! | `hashes` | the leaf hash of every record, 32 bytes each; stays when segments go |
//! | `frontier` | the tree at the newest checkpoint, so that a start need not read all hashes |
//! | `checkpoints` | signed notes, appended |
//! | `end` | the signed note of how far the log goes, rewritten with each batch |
//! | `retired` | signed notes of what retention deleted |
//! | `public-key` | the key of the notes |
//! | `lock` | held by the process that writes |
//!
//! The journal's storer writes; everybody may read meanwhile. What a checkpoint vouches for was
//! flushed to the disk before it was signed, so no crash takes it away, and a log that lacks it
//! was tampered with.

mod files;
mod key;
mod lines;
mod log;
mod open;
mod prove;
mod pseudonyms;
mod read;
mod recent;
mod retire;
mod verify;
mod witness;

use ring::rand::{SecureRandom, SystemRandom};
use tb_core::ports::StoreError;

pub use self::key::{open_audit_key, read_public_key};
pub use self::log::{AuditParts, FileAuditLog};
pub use self::prove::prove;
pub use self::read::{AuditReader, csv_columns};
pub use self::retire::AuditSegment;
pub use self::verify::verify;
pub use self::witness::{Witness, WriteNote};

/// Random keys, asked from the system at once.
pub(crate) fn fresh_keys(count: usize) -> Result<Vec<[u8; 32]>, StoreError> {
    let mut keys = vec![[0; 32]; count];
    SystemRandom::new()
        .fill(keys.as_flattened_mut())
        .map_err(|_| StoreError::Failed("the system gives no random bytes".to_owned()))?;
    Ok(keys)
}
