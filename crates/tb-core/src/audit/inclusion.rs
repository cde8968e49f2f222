//! The proof that one record is in the log, which needs nothing else of the log.

use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::note::NoteVerifier;
use super::record::{RecordPlace, SCHEMA_VERSION};
use super::tree::{Hash, hex, leaf_hash, unhex, verify_inclusion};

/// A record, its way up the tree, and the signed checkpoint at the top. The members of its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Always 1.
    pub schema_version: u32,
    /// The number of the record.
    pub seq: u64,
    /// The record's line; null when it is deleted and only its hash is there.
    pub record: Option<String>,
    /// The record's leaf hash, in hexadecimal digits.
    pub leaf_hash: String,
    /// The hashes beside the way from the leaf to the root, from the leaf on.
    pub path: Vec<String>,
    /// The signed note.
    pub checkpoint: String,
    /// The key that signed it, as the log itself names it: compare it with one that you got
    /// elsewhere.
    pub public_key: String,
}

impl InclusionProof {
    /// A proof out of hashes.
    #[must_use]
    pub fn new(seq: u64, leaf: &Hash, path: &[Hash], checkpoint: String) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            seq,
            record: None,
            leaf_hash: hex(leaf),
            path: path.iter().map(|hash| hex(hash)).collect(),
            checkpoint,
            public_key: String::new(),
        }
    }

    /// Whether it proves its record under `key`; the checkpoint that it is proven by.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn verify(&self, key: &NoteVerifier) -> Result<Checkpoint, String> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)
            .map_err(|fault| format!("the checkpoint: {fault}"))?;
        let leaf = unhex(&self.leaf_hash).ok_or("the leaf hash is none")?;
        if let Some(record) = &self.record {
            if leaf_hash(record.as_bytes()) != leaf {
                return Err("the record does not have this leaf hash".to_owned());
            }
            if RecordPlace::of(record).is_none_or(|place| place.seq != self.seq) {
                return Err(format!("the record is not number {}", self.seq));
            }
        }
        let path: Option<Vec<Hash>> = self.path.iter().map(|hash| unhex(hash)).collect();
        let path = path.ok_or("the path has something that is no hash")?;
        if verify_inclusion(leaf, (self.seq, checkpoint.size), &path, &checkpoint.root) {
            return Ok(checkpoint);
        }
        Err("the path does not lead to the root of the checkpoint".to_owned())
    }
}
