//! How keys come to be and get another secret.

use ring::rand::SecureRandom;

use super::{KeyRecord, KeyScope, KeySecret, NoRandomness, Pepper, Seed};
use crate::credential::{Credential, LIVE_PREFIX};
use crate::{Secret, Timestamp};

/// A new key: the record to store and the text to show once.
#[derive(Debug)]
pub struct NewKey {
    /// What to store.
    pub record: KeyRecord,
    /// The key itself, shown once.
    pub key: Secret,
}

/// Why a key gets no other secret now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// It was revoked.
    #[error("the key was revoked: make a new one")]
    Revoked,
    /// It has expired.
    #[error("the key has expired: make a new one")]
    Expired,
    /// The secret before the present one is still valid.
    #[error(
        "the key has two secrets already: the older one is valid until {}; wait until then, or \
         revoke the key and make a new one",
        .0.to_rfc3339()
    )]
    TwoLive(Timestamp),
}

impl NewKey {
    /// Makes a key with 256 random bits.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(
        random: &dyn SecureRandom,
        pepper: &Pepper,
        scope: KeyScope,
    ) -> Result<Self, NoRandomness> {
        Self::from_seed(Seed::random(random)?, pepper, scope)
    }

    /// Makes a key out of a seed.
    ///
    /// # Errors
    /// Never: a seed gives an id. The type says so for those who make keys in both ways.
    pub fn from_seed(seed: Seed, pepper: &Pepper, scope: KeyScope) -> Result<Self, NoRandomness> {
        let fresh = Credential::new(seed, LIVE_PREFIX)?;
        let secret = KeySecret {
            version: 1,
            digest: pepper.digest(&fresh.secret),
            created_at: scope.created_at,
            valid_until: None,
        };
        let (id, secrets) = (fresh.id, vec![secret]);
        let record = KeyRecord { id, secrets, scope, revoked_at: None, revision: 0 };
        Ok(Self { record, key: fresh.text })
    }

    /// Gives a key another secret. The present one stays valid for `grace_ms` milliseconds (0:
    /// it is refused at once), but no longer than it would have been.
    ///
    /// # Errors
    /// See [`RotationRefusal`].
    pub fn rotated(
        record: &KeyRecord,
        seed: Seed,
        pepper: &Pepper,
        (now, grace_ms): (Timestamp, i64),
    ) -> Result<Self, RotationRefusal> {
        if record.revoked_at.is_some() {
            return Err(RotationRefusal::Revoked);
        }
        if record.scope.expires_at.is_some_and(|end| now >= end) {
            return Err(RotationRefusal::Expired);
        }
        if let Some(older) = record.secrets.get(1).filter(|older| older.is_live(now)) {
            return Err(RotationRefusal::TwoLive(older.valid_until.unwrap_or(now)));
        }
        let fresh = Credential::of(record.id, seed, LIVE_PREFIX);
        let newest = record.secrets.first();
        let secret = KeySecret {
            version: newest.map_or(1, |secret| secret.version.saturating_add(1)),
            digest: pepper.digest(&fresh.secret),
            created_at: now,
            valid_until: None,
        };
        let older = newest.map(|secret| KeySecret {
            valid_until: Some(now.plus_ms(grace_ms.max(0))),
            ..secret.clone()
        });
        let secrets = std::iter::once(secret).chain(older).collect();
        let revision = record.revision.saturating_add(1);
        let record = KeyRecord { secrets, revision, ..record.clone() };
        Ok(Self { record, key: fresh.text })
    }

    /// The text of a secret that the record has already, made out of the same seed: with the
    /// secret's place among [`KeyRecord::secrets`].
    #[must_use]
    pub fn repeated(record: &KeyRecord, seed: Seed, pepper: &Pepper) -> Option<(usize, Self)> {
        let same = Credential::of(record.id, seed, LIVE_PREFIX);
        let is_same = |secret: &KeySecret| pepper.proves(&same.secret, &secret.digest);
        let place = record.secrets.iter().position(is_same)?;
        Some((place, Self { record: record.clone(), key: same.text }))
    }
}
