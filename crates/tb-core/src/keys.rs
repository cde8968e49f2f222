//! Virtual keys: their format, their digest, and the lookup that every request makes.
//!
//! A key is `tb_live_<8 id>_<43 base62 secret><6 base62 CRC32>`; an admin token is the same
//! with `tb_admin_`. Only HMAC-SHA-256(pepper, secret) is stored.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use ring::hmac;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::credential::{ADMIN_PREFIX, Credential, DUMMY_SECRET, LIVE_PREFIX, Presented};
use crate::{KeyId, ModelName, Network, Purpose, Secret, ServiceName, Timestamp};

pub use crate::credential::NoRandomness;

/// The key of the HMAC over secrets; 32 random bytes from a file of mode 0600.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

impl Pepper {
    /// The pepper out of the 32 bytes of its file.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What is stored of a secret: HMAC-SHA-256 over its 43 characters.
    #[must_use]
    pub fn digest(&self, secret_text: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, secret_text.as_bytes());
        tag.as_ref().try_into().unwrap_or_default()
    }

    /// A key for another purpose, made from the pepper: HMAC-SHA-256 over the purpose's name.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        // Secrets are 43 characters of base62, so a purpose with blanks is never one of them.
        let tag = hmac::sign(&self.0, format!("tollbar derives {purpose}").as_bytes());
        tag.as_ref().try_into().unwrap_or_default()
    }

    /// One HMAC and one constant-time comparison.
    fn proves(&self, secret_text: &str, digest: &[u8; 32]) -> bool {
        hmac::verify(&self.0, secret_text.as_bytes(), digest).is_ok()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[pepper]")
    }
}

/// What is stored of a virtual key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public half.
    pub id: KeyId,
    /// HMAC-SHA-256(pepper, secret).
    pub digest: [u8; 32],
    /// The service that it belongs to.
    pub service: ServiceName,
    /// A label for people.
    pub name: Option<String>,
    /// The models it may call (names, or patterns with a trailing `*`); `None` = those of
    /// its service.
    pub models: Option<Vec<ModelName>>,
    /// The purpose of calls that state none; one of the service's.
    pub purpose: Option<Purpose>,
    /// Where it may be used from; empty = anywhere that its service may.
    pub networks: Vec<Network>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A new key: the record to store and the text to show once.
#[derive(Debug)]
pub struct NewKey {
    /// What to store.
    pub record: KeyRecord,
    /// The key itself, shown once.
    pub key: Secret,
}

/// What a new key is made for: everything of its record but the id and the digest.
#[derive(Debug, Clone)]
pub struct KeyScope {
    /// The service that it belongs to.
    pub service: ServiceName,
    /// A label for people.
    pub name: Option<String>,
    /// The models it may call; `None` = those of its service.
    pub models: Option<Vec<ModelName>>,
    /// The purpose of calls that state none.
    pub purpose: Option<Purpose>,
    /// Where it may be used from; empty = anywhere that its service may.
    pub networks: Vec<Network>,
    /// The present moment.
    pub created_at: Timestamp,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
}

impl KeyScope {
    /// The widest key of a service: its models, from anywhere, for ever.
    #[must_use]
    pub const fn of_service(service: ServiceName, created_at: Timestamp) -> Self {
        Self {
            service,
            name: None,
            models: None,
            purpose: None,
            networks: Vec::new(),
            created_at,
            expires_at: None,
        }
    }
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
        let fresh = Credential::generate(random, LIVE_PREFIX)?;
        let record = KeyRecord {
            id: fresh.id,
            digest: pepper.digest(&fresh.secret),
            service: scope.service,
            name: scope.name,
            models: scope.models,
            purpose: scope.purpose,
            networks: scope.networks,
            created_at: scope.created_at,
            expires_at: scope.expires_at,
            revoked_at: None,
        };
        Ok(Self { record, key: fresh.text })
    }
}

/// A new admin token: what to store and the text to show once.
#[derive(Debug)]
pub struct NewAdminToken {
    /// The public half.
    pub id: KeyId,
    /// HMAC-SHA-256(pepper, secret).
    pub digest: [u8; 32],
    /// The token itself, shown once.
    pub token: Secret,
}

impl NewAdminToken {
    /// Makes a token with 256 random bits.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(random: &dyn SecureRandom, pepper: &Pepper) -> Result<Self, NoRandomness> {
        let fresh = Credential::generate(random, ADMIN_PREFIX)?;
        Ok(Self { id: fresh.id, digest: pepper.digest(&fresh.secret), token: fresh.text })
    }
}

/// Why a credential was refused. Only a caller who proved the secret learns more than
/// `Invalid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Malformed, unknown, or the secret is wrong.
    #[error("invalid API key")]
    Invalid,
    /// Proven, but past its expiry.
    #[error("the API key has expired")]
    Expired,
    /// Proven, but revoked.
    #[error("the API key was revoked")]
    Revoked,
    /// Proven, but used from elsewhere.
    #[error("the API key may not be used from this network")]
    Network,
}

/// What an unknown id is compared with, so that it costs what a known one costs. That a
/// secret should match it does not matter: without a record the answer is a refusal.
const DUMMY_DIGEST: [u8; 32] = [0; 32];

/// Looks `presented` up and proves its secret: always one HMAC and one comparison.
fn prove<'r, T>(
    presented: Option<&Presented<'_>>,
    pepper: &Pepper,
    find: impl FnOnce(&KeyId) -> Option<(&'r T, &'r [u8; 32])>,
) -> Option<&'r T> {
    let found = presented.and_then(|credential| find(&credential.id));
    let secret = presented.map_or(DUMMY_SECRET, |credential| credential.secret);
    let digest = found.map_or(&DUMMY_DIGEST, |(_, digest)| digest);
    let proven = pepper.proves(secret, digest);
    found.filter(|_| proven).map(|(record, _)| record)
}

/// All keys, in memory, for one map access a request.
pub struct KeyRing {
    keys: HashMap<KeyId, KeyRecord>,
    pepper: Pepper,
}

impl KeyRing {
    /// A ring over these records.
    #[must_use]
    pub fn new(records: Vec<KeyRecord>, pepper: Pepper) -> Self {
        Self { keys: records.into_iter().map(|record| (record.id, record)).collect(), pepper }
    }

    /// Finds the key of a presented credential. Unknown ids, wrong secrets, wrong CRC and
    /// revoked or expired keys with a wrong secret all cost one HMAC and one constant-time
    /// comparison and are all `Invalid`.
    ///
    /// # Errors
    /// See [`KeyRefusal`].
    pub fn authenticate(
        &self,
        presented: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<&KeyRecord, KeyRefusal> {
        let presented = Presented::read(presented, LIVE_PREFIX);
        let record = prove(presented.as_ref(), &self.pepper, |id| {
            self.keys.get(id).map(|record| (record, &record.digest))
        })
        .ok_or(KeyRefusal::Invalid)?;
        if record.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        if record.expires_at.is_some_and(|end| now >= end) {
            return Err(KeyRefusal::Expired);
        }
        let networks = &record.networks;
        if !networks.is_empty() && !networks.iter().any(|network| network.contains(from)) {
            return Err(KeyRefusal::Network);
        }
        Ok(record)
    }

    /// The record of an id, revoked and expired ones included.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.keys.get(id)
    }

    /// How many keys there are, revoked and expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// All admin tokens, in memory.
pub struct AdminRing {
    tokens: HashMap<KeyId, (KeyId, [u8; 32])>,
    pepper: Pepper,
}

impl AdminRing {
    /// A ring over (id, digest) pairs, as [`crate::ports::KeyStore::admin_tokens`] gives them.
    #[must_use]
    pub fn new(tokens: Vec<(KeyId, [u8; 32])>, pepper: Pepper) -> Self {
        Self { tokens: tokens.into_iter().map(|token| (token.0, token)).collect(), pepper }
    }

    /// The id of a presented admin token; `None` when it is malformed, unknown or wrong, at
    /// the same cost in each case.
    #[must_use]
    pub fn authenticate(&self, presented: &str) -> Option<KeyId> {
        let presented = Presented::read(presented, ADMIN_PREFIX);
        prove(presented.as_ref(), &self.pepper, |id| {
            self.tokens.get(id).map(|(id, digest)| (id, digest))
        })
        .copied()
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

#[cfg(test)]
mod tests;
