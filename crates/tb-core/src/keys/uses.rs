//! When secrets were used last, to a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::KeyRecord;
use crate::{KeyId, Timestamp};

/// Uses within one minute count as one: a busy key writes its last use once a minute.
const GRAIN_MS: i64 = 60_000;

/// A use of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub id: KeyId,
    /// The secret, see [`super::KeySecret::version`].
    pub version: u32,
    /// The minute in which it was used last.
    pub at: Timestamp,
}

/// The last uses of a key's secrets. The cells outlive the ring that they were made for.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses(Vec<(u32, Arc<AtomicI64>)>);

impl Uses {
    /// Cells for the secrets of `record`: those that there are already, and new ones.
    pub(super) fn of(record: &KeyRecord, before: Option<&Self>) -> Self {
        let cell = |version: u32| {
            let known = before.into_iter().flat_map(|uses| &uses.0);
            let known = known.into_iter().find(|(known, _)| *known == version);
            known.map_or_else(Arc::default, |(_, cell)| Arc::clone(cell))
        };
        Self(record.secrets.iter().map(|secret| (secret.version, cell(secret.version))).collect())
    }

    /// Notes a use of the secret at this place.
    pub(super) fn note(&self, place: usize, now: Timestamp) {
        let Some((_, cell)) = self.0.get(place) else { return };
        let minute = now.unix_ms().saturating_sub(now.unix_ms().rem_euclid(GRAIN_MS));
        // Read first: most requests then write nothing that other cores read.
        if cell.load(Ordering::Relaxed) < minute {
            cell.fetch_max(minute, Ordering::Relaxed);
        }
    }

    /// Notes a use that was read from the store.
    pub(super) fn restore(&self, known: KeyUse) {
        if let Some((_, cell)) = self.0.iter().find(|(version, _)| *version == known.version) {
            cell.fetch_max(known.at.unix_ms(), Ordering::Relaxed);
        }
    }

    /// What was used at all.
    pub(super) fn all(&self, id: KeyId) -> impl Iterator<Item = KeyUse> {
        self.0.iter().filter_map(move |(version, cell)| {
            let at = cell.load(Ordering::Relaxed);
            (at > 0).then_some(KeyUse { id, version: *version, at: Timestamp(at) })
        })
    }
}
