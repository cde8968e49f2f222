//! Virtual keys: their format, their digest, and the lookup that every request makes.
//!
//! A key is `tb_live_<8 id>_<43 base62 secret><6 base62 CRC32>`; an admin token is the same
//! with `tb_admin_`. Only HMAC-SHA-256(pepper, secret) is stored.

mod admin;
mod by_id;
mod making;
mod ring;
mod uses;

use std::fmt;

use ::ring::hmac;
use serde::{Deserialize, Serialize};

use crate::{KeyId, Limits, ModelName, Network, Purpose, ServiceName, Surface, Timestamp};

pub use self::admin::{AdminRing, AdminTokenRecord, NewAdminToken};
pub use self::making::{NewKey, RotationRefusal};
pub use self::ring::{KeyRefusal, KeyRing, Proven};
pub use self::uses::KeyUse;
pub use crate::credential::{NoRandomness, Seed};

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
        #[cfg(test)]
        tests::PROOFS.with(|proofs| proofs.set(proofs.get() + 1));
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
    /// One secret, or two while an old one is in its period of grace; the newest first.
    pub secrets: Vec<KeySecret>,
    /// What it is for.
    pub scope: KeyScope,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Raised by one with every change: of two changes at the same time one loses.
    pub revision: u32,
}

/// One secret of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySecret {
    /// 1 for the first one.
    pub version: u32,
    /// HMAC-SHA-256(pepper, secret).
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is refused, when a newer one took its place.
    pub valid_until: Option<Timestamp>,
}

impl KeySecret {
    /// From when the secret is refused where secrets may become `max_age_ms` milliseconds old.
    #[must_use]
    pub const fn rotate_by(&self, max_age_ms: i64) -> Timestamp {
        self.created_at.plus_ms(max_age_ms)
    }

    /// Whether no newer secret has taken its place for good.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }
}

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyScope {
    /// The service that it belongs to.
    pub service: ServiceName,
    /// A label for people.
    pub name: Option<String>,
    /// The models it may call (names, or patterns with a trailing `*`); `None` = those of
    /// its service.
    pub models: Option<Vec<ModelName>>,
    /// The routes it may use; `None` = all.
    pub routes: Option<Vec<Surface>>,
    /// The purposes it may declare; `None` = those of its service.
    pub purposes: Option<Vec<Purpose>>,
    /// The purpose of calls that state none; one of those it may declare.
    pub purpose: Option<Purpose>,
    /// The classes of data it may send, by name; `None` = those of its service.
    pub data_classes: Option<Vec<String>>,
    /// Where it may be used from; empty = anywhere that its service may.
    pub networks: Vec<Network>,
    /// What it may use, beside what its service may.
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is refused.
    pub not_before: Option<Timestamp>,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
}

impl KeyScope {
    /// The widest key of a service: its models, from anywhere, for ever.
    #[must_use]
    pub fn of_service(service: ServiceName, created_at: Timestamp) -> Self {
        Self {
            service,
            name: None,
            models: None,
            routes: None,
            purposes: None,
            purpose: None,
            data_classes: None,
            networks: Vec::new(),
            limits: Limits::default(),
            created_at,
            not_before: None,
            expires_at: None,
        }
    }
}

#[cfg(test)]
mod tests;
