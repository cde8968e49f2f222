//! Admin tokens.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use super::by_id::ById;
use super::ring::{id_of, prove};
use super::{NoRandomness, Pepper, Seed};
use crate::credential::{ADMIN_PREFIX, Credential, Presented};
use crate::{KeyId, Role, Secret, Timestamp};

/// What is stored of an admin token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminTokenRecord {
    /// The public half.
    pub id: KeyId,
    /// HMAC-SHA-256(pepper, secret).
    pub digest: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// A label for people.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl AdminTokenRecord {
    /// Whether it opens anything at this moment.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A new admin token: what to store and the text to show once.
#[derive(Debug)]
pub struct NewAdminToken {
    /// What to store.
    pub record: AdminTokenRecord,
    /// The token itself, shown once.
    pub token: Secret,
}

impl NewAdminToken {
    /// Makes a token with 256 random bits.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(
        random: &dyn SecureRandom,
        pepper: &Pepper,
        role: Role,
        now: Timestamp,
    ) -> Result<Self, NoRandomness> {
        Self::from_seed(Seed::random(random)?, pepper, role, now)
    }

    /// Makes a token out of a seed.
    ///
    /// # Errors
    /// Never: a seed gives an id. The type says so for those who make tokens in both ways.
    pub fn from_seed(
        seed: Seed,
        pepper: &Pepper,
        role: Role,
        now: Timestamp,
    ) -> Result<Self, NoRandomness> {
        let fresh = Credential::new(seed, ADMIN_PREFIX)?;
        let record = AdminTokenRecord {
            id: fresh.id,
            digest: pepper.digest(&fresh.secret),
            role,
            name: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        Ok(Self { record, token: fresh.text })
    }
}

/// All admin tokens, in memory.
pub struct AdminRing {
    tokens: ById<AdminTokenRecord>,
    pepper: Pepper,
}

impl AdminRing {
    /// A ring over these records.
    #[must_use]
    pub fn new(tokens: Vec<AdminTokenRecord>, pepper: Pepper) -> Self {
        Self { tokens: ById::new(tokens.into_iter().map(|token| (token.id, token))), pepper }
    }

    /// The record of a presented admin token; `None` when it is malformed, unknown, wrong,
    /// expired or revoked, at the same cost in each case.
    #[must_use]
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Option<&AdminTokenRecord> {
        let presented = Presented::read(presented, ADMIN_PREFIX);
        let nearest = self.tokens.nearest(id_of(presented.as_ref()));
        let digests = [nearest.map(|(record, _)| &record.digest), None];
        let is_known = nearest.is_some_and(|(_, is_same)| is_same);
        prove(presented.as_ref(), &self.pepper, (digests, is_known))?;
        nearest.map(|(record, _)| record).filter(|record| record.is_live(now))
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.len() == 0
    }
}
