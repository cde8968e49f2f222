//! Pseudonyms of end users. Each subject has a random key, and the pseudonym is an HMAC under it:
//! without the key nobody can tell whose pseudonym it is, so to forget the key is to erase the
//! subject from a log whose lines stay as they are.

use std::fmt;
use std::sync::Arc;

use ring::hmac;

use super::tree::hex;
use crate::ServiceName;
use crate::ports::StoreError;

/// A subject as the store knows it: an HMAC of service and name, so that no table holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectId(pub [u8; 32]);

/// The keys of the subjects.
pub trait SubjectKeys: Send + Sync {
    /// The key of each subject, in order; one that has none is given one.
    ///
    /// # Errors
    /// When the back end fails.
    fn keys(&self, subjects: &[SubjectId]) -> Result<Vec<[u8; 32]>, StoreError>;

    /// The key of a subject, if it has one.
    ///
    /// # Errors
    /// When the back end fails.
    fn known_key(&self, subject: &SubjectId) -> Result<Option<[u8; 32]>, StoreError>;

    /// Forgets the key of a subject for good; whether there was one.
    ///
    /// # Errors
    /// When the back end fails.
    fn forget(&self, subject: &SubjectId) -> Result<bool, StoreError>;

    /// A number that changes whenever some process forgot a key: keys held in memory are worth
    /// nothing then.
    ///
    /// # Errors
    /// When the back end fails.
    fn forgotten(&self) -> Result<u64, StoreError>;
}

/// From subjects to pseudonyms.
#[derive(Clone)]
pub struct Subjects {
    keys: Arc<dyn SubjectKeys>,
    secret: hmac::Key,
}

impl Subjects {
    /// With the secret that names of subjects are hashed under, derived from the pepper.
    #[must_use]
    pub fn new(keys: Arc<dyn SubjectKeys>, secret: &[u8; 32]) -> Self {
        Self { keys, secret: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The id of an end user of a service.
    #[must_use]
    pub fn id(&self, service: &ServiceName, user: &str) -> SubjectId {
        let mut context = hmac::Context::with_key(&self.secret);
        // Lengths first, so that no two pairs give the same bytes.
        context.update(&u64::try_from(service.as_str().len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(service.as_str().as_bytes());
        context.update(user.as_bytes());
        SubjectId(context.sign().as_ref().try_into().unwrap_or_default())
    }

    /// The keys themselves.
    #[must_use]
    pub fn keys(&self) -> &dyn SubjectKeys {
        self.keys.as_ref()
    }

    /// The pseudonym under which the log knows a subject, if it does: for reports on one person
    /// and for erasure.
    ///
    /// # Errors
    /// When the back end fails.
    pub fn pseudonym(
        &self,
        service: &ServiceName,
        user: &str,
    ) -> Result<Option<String>, StoreError> {
        let id = self.id(service, user);
        Ok(self.keys.known_key(&id)?.map(|key| pseudonym(&key, &id)))
    }

    /// Forgets a subject: its lines stay, and nobody can tell any more that they are its. Gives
    /// the pseudonym that it had, if it had one.
    ///
    /// # Errors
    /// When the back end fails.
    pub fn forget(&self, service: &ServiceName, user: &str) -> Result<Option<String>, StoreError> {
        let id = self.id(service, user);
        let known = self.keys.known_key(&id)?.map(|key| pseudonym(&key, &id));
        Ok(if self.keys.forget(&id)? { known } else { None })
    }
}

impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subjects")
    }
}

/// `sub_` and 32 hexadecimal digits: 128 bits of HMAC-SHA-256 under the subject's key.
#[must_use]
pub fn pseudonym(key: &[u8; 32], subject: &SubjectId) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &subject.0);
    format!("sub_{}", hex(tag.as_ref().get(..16).unwrap_or_default()))
}
