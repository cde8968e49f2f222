//! An issuer of tokens with its keys, and what was proven with them lately.

use std::sync::Arc;

use moka::sync::Cache;
use ring::digest::SHA256;
use tb_config::TokenIssuer;
use tb_core::Timestamp;
use tb_core::token::{Expected, Jwks, TokenFault, verify};

use super::remote::Remote;

/// Tokens of one issuer whose signatures are remembered: a signature costs up to a tenth of a
/// millisecond, and a workload sends the same token for minutes.
const REMEMBERED: u64 = 4_096;

/// Where the keys come from.
#[derive(Debug)]
pub(super) enum Keys {
    /// The configuration.
    Fixed(Arc<Jwks>),
    /// An address.
    Fetched(Arc<Remote>),
}

/// One issuer of the configuration.
#[derive(Debug)]
pub(crate) struct Issuer {
    settings: TokenIssuer,
    keys: Keys,
    proven: Cache<[u8; 32], Arc<Proven>>,
}

/// A token that was proven.
#[derive(Debug)]
pub(super) struct Proven {
    /// `NAME:SUBJECT`
    workload: Arc<str>,
    expires_at: Timestamp,
    /// Which of the issuer's sets of keys proved it.
    generation: u64,
}

impl Proven {
    /// The claim `sub`, of a token of that issuer.
    pub(super) fn subject(&self, issuer: &str) -> &str {
        let rest = self.workload.strip_prefix(issuer).and_then(|rest| rest.strip_prefix(':'));
        rest.unwrap_or_default()
    }

    /// What rows call the workload.
    pub(super) fn workload(&self) -> Arc<str> {
        Arc::clone(&self.workload)
    }
}

/// What a token is remembered by, so that the token itself lies nowhere.
pub(super) fn digest(token: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&SHA256, token.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

impl Issuer {
    pub(super) fn new(settings: TokenIssuer, keys: Keys) -> Self {
        Self { settings, keys, proven: Cache::new(REMEMBERED) }
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether tokens of it have this `iss`.
    pub(super) fn is_called(&self, issuer: &str) -> bool {
        *self.settings.issuer == *issuer
    }

    /// Where its keys are fetched.
    pub(super) fn remote(&self) -> Option<Arc<Remote>> {
        match &self.keys {
            Keys::Fixed(_) => None,
            Keys::Fetched(remote) => Some(Arc::clone(remote)),
        }
    }

    /// Proves a token, or finds that it was proven with the same keys and has not expired.
    pub(super) fn prove(
        &self,
        token: &str,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<Arc<Proven>, TokenFault> {
        let (keys, generation) = match &self.keys {
            Keys::Fixed(keys) => (Arc::clone(keys), 0),
            Keys::Fetched(remote) => remote.usable().ok_or(TokenFault::UnknownKey)?,
        };
        let known = self.proven.get(digest);
        if let Some(known) = known.filter(|k| k.generation == generation && now < k.expires_at) {
            return Ok(known);
        }
        let settings = &self.settings;
        let expected = Expected {
            issuer: &settings.issuer,
            audience: &settings.audience,
            algorithms: &settings.algorithms,
            max_lifetime_ms: i64::try_from(settings.max_lifetime.as_millis()).unwrap_or(i64::MAX),
        };
        let claims = verify(token, &expected, &keys, now)?;
        let workload = format!("{}:{}", settings.name, claims.subject).into();
        let proven = Arc::new(Proven { workload, expires_at: claims.expires_at, generation });
        self.proven.insert(*digest, Arc::clone(&proven));
        Ok(proven)
    }
}
