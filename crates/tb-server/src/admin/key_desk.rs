//! Changes of keys and admin tokens, each written together with its act. What the admin API and
//! the command line do is the same.

mod repeat;
mod tokens;

use ring::rand::SystemRandom;
use serde_json::Value;
use tb_core::ports::{KeyStore, StoreError};
use tb_core::{
    Actor, AdminAct, KeyId, KeyRecord, KeyScope, NewKey, NoRandomness, Pepper, RotationRefusal,
    Seed, Timestamp,
};

use super::KeyView;

pub use self::repeat::Repeat;
pub use self::tokens::NewToken;

/// How often a change is tried again that another one came before.
const MAX_TRIES: u32 = 5;

/// Why a key or token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum DeskFault {
    /// There is none.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// What is there does not allow it.
    #[error("{message}")]
    Conflict {
        /// The stable code.
        code: &'static str,
        /// What is there, and what to do.
        message: String,
    },
    /// It was asked for in a wrong way.
    #[error("{0}")]
    Invalid(String),
    /// The system gave no random bytes.
    #[error("{0}")]
    NoRandomness(#[from] NoRandomness),
    /// The store failed.
    #[error("{0}")]
    Store(#[source] StoreError),
}

impl From<StoreError> for DeskFault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::Conflict {
                code: "changed_meanwhile",
                message: format!("{what} was changed by somebody else meanwhile: look at it again"),
            },
            other => Self::Store(other),
        }
    }
}

impl DeskFault {
    fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }
}

impl From<RotationRefusal> for DeskFault {
    fn from(refusal: RotationRefusal) -> Self {
        let code = match refusal {
            RotationRefusal::TwoLive(_) => "two_live_secrets",
            RotationRefusal::Revoked => "key_revoked",
            RotationRefusal::Expired => "key_expired",
        };
        Self::conflict(code, refusal.to_string())
    }
}

/// Where keys and tokens are changed, by one actor at one moment.
pub struct KeyDesk<'a> {
    /// Where they are.
    pub store: &'a dyn KeyStore,
    /// The key of their hashes.
    pub pepper: &'a Pepper,
    /// Who changes them.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

impl std::fmt::Debug for KeyDesk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDesk").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl KeyDesk<'_> {
    /// Makes a key. `scope` says what it is for, as of a moment. The same call repeated gives
    /// the same key.
    ///
    /// # Errors
    /// `Conflict` (`idempotency_conflict`) when the call repeats one that asked for something
    /// else.
    pub fn create_key(
        &self,
        scope: &dyn Fn(Timestamp) -> Result<KeyScope, DeskFault>,
        repeat: Option<&Repeat>,
    ) -> Result<NewKey, DeskFault> {
        let seed = self.seed(repeat, &["key.create"])?;
        let made = NewKey::from_seed(seed, self.pepper, scope(self.now)?)?;
        if repeat.is_some()
            && let Some(known) = self.find(made.record.id)?
        {
            return self.created_before(known, made, scope);
        }
        let after = self.view(&made.record);
        let act = self.act("key.create", made.record.id).with(None, after);
        match (self.store.put_key(&made.record, &act), repeat) {
            // The same call came twice at the same time.
            (Err(StoreError::Conflict(_)), Some(_)) => {
                let known = self.find(made.record.id)?.ok_or(DeskFault::Unknown("key"))?;
                self.created_before(known, made, scope)
            }
            (written, _) => {
                written?;
                Ok(made)
            }
        }
    }

    fn created_before(
        &self,
        known: KeyRecord,
        made: NewKey,
        scope: &dyn Fn(Timestamp) -> Result<KeyScope, DeskFault>,
    ) -> Result<NewKey, DeskFault> {
        let created_at = known.scope.created_at;
        let is_same = scope(created_at).is_ok_and(|scope| scope == known.scope);
        Repeat::check(is_same, created_at, self.now)?;
        Ok(NewKey { record: known, key: made.key })
    }

    /// Gives a key another secret; the present one stays valid for `grace_ms` milliseconds. The
    /// same call repeated gives the same secret.
    ///
    /// # Errors
    /// `Unknown`; `Conflict` when it has two live secrets, is dead, or was changed meanwhile.
    pub fn rotate_key(
        &self,
        id: KeyId,
        grace_ms: i64,
        repeat: Option<&Repeat>,
    ) -> Result<NewKey, DeskFault> {
        let seed = || self.seed(repeat, &["key.rotate", id.as_str()]);
        let known = self.find(id)?.ok_or(DeskFault::Unknown("key"))?;
        if repeat.is_some()
            && let Some(before) = self.rotated_before(&known, seed()?, grace_ms)
        {
            return before;
        }
        let made = NewKey::rotated(&known, seed()?, self.pepper, (self.now, grace_ms))?;
        let views = (self.view(&known), self.view(&made.record));
        let act = self.act("key.rotate", id).with(views.0, views.1);
        match self.store.put_key(&made.record, &act) {
            // Without a repetition this is somebody else's: with no grace the secret that they
            // were just given would be worth nothing.
            Err(StoreError::Conflict(what)) => {
                let known = self.find(id)?.ok_or(DeskFault::Unknown("key"))?;
                let before = repeat.and(self.rotated_before(&known, seed()?, grace_ms));
                before.unwrap_or_else(|| Err(StoreError::Conflict(what).into()))
            }
            written => {
                written?;
                Ok(made)
            }
        }
    }

    fn rotated_before(
        &self,
        known: &KeyRecord,
        seed: Seed,
        grace_ms: i64,
    ) -> Option<Result<NewKey, DeskFault>> {
        let (place, made) = NewKey::repeated(known, seed, self.pepper)?;
        let secret = known.secrets.get(place)?;
        // Only the newest secret tells what grace the one before it got.
        let older = known.secrets.get(1).and_then(|older| older.valid_until);
        let is_same = place == 0 && older == Some(secret.created_at.plus_ms(grace_ms.max(0)));
        Some(Repeat::check(is_same, secret.created_at, self.now).map(|()| made))
    }

    /// Revokes a key. Doing it twice keeps the first time.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn revoke_key(&self, id: KeyId, kind: &'static str) -> Result<KeyRecord, DeskFault> {
        let mut tries = 0;
        loop {
            let known = self.find(id)?.ok_or(DeskFault::Unknown("key"))?;
            if known.revoked_at.is_some() {
                return Ok(known);
            }
            let revoked = KeyRecord {
                revoked_at: Some(self.now),
                revision: known.revision.saturating_add(1),
                ..known.clone()
            };
            let act = self.act(kind, id).with(self.view(&known), self.view(&revoked));
            tries += 1;
            match self.store.put_key(&revoked, &act) {
                // A rotation came in between. Revoking wins over all else.
                Err(StoreError::Conflict(_)) if tries < MAX_TRIES => {}
                written => {
                    written?;
                    return Ok(revoked);
                }
            }
        }
    }

    fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, DeskFault> {
        Ok(self.store.keys()?.into_iter().find(|key| key.id == id))
    }

    fn act(&self, kind: &str, id: KeyId) -> AdminAct {
        AdminAct::new(self.now, self.actor.clone(), kind, id.as_str())
    }

    fn view(&self, record: &KeyRecord) -> Option<Value> {
        serde_json::to_value(KeyView::new(record, self.now)).ok()
    }

    fn seed(&self, repeat: Option<&Repeat>, words: &[&str]) -> Result<Seed, DeskFault> {
        match repeat {
            Some(repeat) => Ok(repeat.seed(self.pepper, &self.actor, words)),
            None => Ok(Seed::random(&SystemRandom::new())?),
        }
    }
}
