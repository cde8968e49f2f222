//! The signed statement that records were deleted on purpose, at the end of their time.

use super::note::{NoteFault, NoteSigner, NoteVerifier};
use crate::Timestamp;

/// Records that were deleted, one behind the other. Their hashes stay, so that the tree does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// The segment that was the last of them, `2026-11-23T1430`.
    pub segment: String,
    /// The number of the first one.
    pub first: u64,
    /// The number after the last one.
    pub end: u64,
    /// When the last of them were deleted.
    pub at: Timestamp,
}

impl Retired {
    /// The signed note: origin and `/retired`, segment, first, end, Unix milliseconds.
    #[must_use]
    pub fn sign(&self, signer: &NoteSigner) -> String {
        let Self { segment, first, end, at } = self;
        let origin = signer.verifier().name();
        signer.sign(&format!("{origin}/retired\n{segment}\n{first}\n{end}\n{}\n", at.unix_ms()))
    }

    /// Reads a note that `key` signed.
    ///
    /// # Errors
    /// When it is not signed by this key, or not about retired records of its log.
    pub fn open(note: &str, key: &NoteVerifier) -> Result<Self, NoteFault> {
        let mut lines = key.open(note)?.lines();
        let origin = lines.next().and_then(|line| line.strip_suffix("/retired"));
        if origin != Some(key.name()) {
            return Err(NoteFault::OtherKey(key.name().to_owned()));
        }
        let segment = lines.next().ok_or(NoteFault::Form)?.to_owned();
        let mut number = || lines.next()?.parse::<u64>().ok();
        let (Some(first), Some(end), Some(at)) = (number(), number(), number()) else {
            return Err(NoteFault::Form);
        };
        let at = Timestamp(i64::try_from(at).map_err(|_| NoteFault::Form)?);
        Ok(Self { segment, first, end, at })
    }

    /// Whether record `seq` is among them.
    #[must_use]
    pub const fn contains(&self, seq: u64) -> bool {
        self.first <= seq && seq < self.end
    }
}
