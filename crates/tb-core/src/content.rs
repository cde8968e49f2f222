//! The content log's entries and their encryption: every subject has a key for each day, and
//! those keys are kept only wrapped by the operator's master key. Whoever destroys the key of a
//! subject has made all of its entries of that day unreadable.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ports::StoreError;
use crate::{DataClass, ModelName, NoRandomness, Purpose, RequestId, ServiceName, Timestamp};

/// The most bytes that are kept of a request and of an answer, each.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

/// What is kept of a request: its text after the guard, and what came back before placeholders
/// were restored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentEntry {
    /// The request.
    pub request_id: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// The calling service, the tenant.
    pub service: ServiceName,
    /// The end user, as usage rows have them.
    pub user: Option<String>,
    /// What the call was for.
    pub purpose: Purpose,
    /// How sensitive it was.
    pub data_class: DataClass,
    /// The public route.
    pub route: String,
    /// What the client sent as `model`.
    pub model: ModelName,
    /// The masked body, at most [`MAX_TEXT_BYTES`]; nothing of a form.
    #[serde(skip)]
    pub request: Vec<u8>,
    /// The provider's answer as it came, at most [`MAX_TEXT_BYTES`]; of a stream its events.
    #[serde(skip)]
    pub answer: Vec<u8>,
    /// Something was longer than that and is cut.
    pub is_cut: bool,
}

/// Sizes only: what it holds must not reach logs.
impl std::fmt::Debug for ContentEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentEntry")
            .field("request_id", &self.request_id)
            .field("request_bytes", &self.request.len())
            .field("answer_bytes", &self.answer.len())
            .finish_non_exhaustive()
    }
}

impl ContentEntry {
    /// What it takes in memory, about.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        /// What everything but the texts takes.
        const HEAD_BYTES: usize = 512;
        self.request.len() + self.answer.len() + HEAD_BYTES
    }

    /// The rest as JSON, and the texts as they are: `u32 length | JSON | u32 length | request |
    /// answer`, numbers little-endian.
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let head = serde_json::to_vec(self).ok()?;
        let mut bytes = Vec::with_capacity(head.len() + self.request.len() + self.answer.len() + 8);
        for part in [&head, &self.request] {
            bytes.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&self.answer);
        Some(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = split_part(bytes)?;
        let (request, answer) = split_part(rest)?;
        let entry: Self = serde_json::from_slice(head).ok()?;
        Some(Self { request: request.to_vec(), answer: answer.to_vec(), ..entry })
    }
}

/// A part after its length, and what follows it.
fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Which entries are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentFilter {
    /// Of requests that arrived at or after this moment.
    pub since: Option<Timestamp>,
    /// Of requests that arrived before this moment.
    pub until: Option<Timestamp>,
    /// Of this service.
    pub service: Option<ServiceName>,
}

/// The content log, for reading.
pub trait ContentTrail: Send + Sync {
    /// The entry of a request; `None` when there is none, or its key is destroyed.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read(&self, request: RequestId) -> Result<Option<ContentEntry>, StoreError>;

    /// Entries that can be read, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn list(&self, filter: &ContentFilter, limit: usize) -> Result<Vec<ContentEntry>, StoreError>;
}

/// The operator's key, which wraps those of subjects and days.
pub struct MasterKey(Sealer);

/// The key of one subject and one day.
pub struct SubjectKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// The key out of its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Sealer::new(bytes))
    }

    /// A new key of a subject, with its wrapped form to be stored; `about` names the subject and
    /// the day, so that no wrapped key can be passed off as another.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn make(
        &self,
        random: &dyn SecureRandom,
        about: &[u8],
    ) -> Result<(SubjectKey, Vec<u8>), NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut()).map_err(|_| NoRandomness)?;
        let wrapped = self.0.seal(random, about, bytes.to_vec()).ok_or(NoRandomness)?;
        Ok((SubjectKey(bytes), wrapped))
    }

    /// The key back; `None` when it was wrapped by another master key, for another subject or
    /// day, or changed since.
    #[must_use]
    pub fn unwrap(&self, about: &[u8], wrapped: &[u8]) -> Option<SubjectKey> {
        let bytes = Zeroizing::new(self.0.open(about, wrapped)?);
        Some(SubjectKey(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// The key wrapped by another master key; `None` when this one did not wrap it, or the system
    /// gives no random bytes.
    #[must_use]
    pub fn rewrap(
        &self,
        successor: &Self,
        random: &dyn SecureRandom,
        (about, wrapped): (&[u8], &[u8]),
    ) -> Option<Vec<u8>> {
        let key = self.unwrap(about, wrapped)?;
        successor.0.seal(random, about, key.0.to_vec())
    }
}

impl SubjectKey {
    /// The entry, sealed; `None` when it cannot be encoded or the system gives no random bytes.
    #[must_use]
    pub fn seal(&self, random: &dyn SecureRandom, entry: &ContentEntry) -> Option<Vec<u8>> {
        Sealer::new(&self.0).seal(random, &[], entry.to_bytes()?)
    }

    /// The entry back; `None` when it was sealed under another key or changed since.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<ContentEntry> {
        let plain = Zeroizing::new(Sealer::new(&self.0).open(&[], sealed)?);
        ContentEntry::from_bytes(&plain)
    }

    /// What stands for an end user of a service where keys are looked up: the HMAC-SHA-256 of both
    /// names. Requests without an end user have one subject for each service.
    #[must_use]
    pub fn subject(&self, service: &ServiceName, user: Option<&str>) -> [u8; 32] {
        let service = service.as_str().as_bytes();
        let mut named =
            hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()));
        named.update(&u64::try_from(service.len()).unwrap_or(u64::MAX).to_le_bytes());
        named.update(service);
        named.update(&[u8::from(user.is_some())]);
        named.update(user.unwrap_or_default().as_bytes());
        named.sign().as_ref().try_into().unwrap_or_default()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[master key]")
    }
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[subject key]")
    }
}

/// AES-256-GCM under random nonces, which stand before the sealed bytes. A key of a subject and a
/// day seals far fewer than the 2^32 texts that NIST SP 800-38D allows with random nonces; the
/// master key wraps one key for each subject and day.
struct Sealer(Option<LessSafeKey>);

impl Sealer {
    fn new(key: &[u8; 32]) -> Self {
        Self(UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new))
    }

    fn seal(&self, random: &dyn SecureRandom, about: &[u8], plain: Vec<u8>) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).ok()?;
        let mut secret = plain;
        let bound = Nonce::assume_unique_for_key(nonce);
        self.0.as_ref()?.seal_in_place_append_tag(bound, Aad::from(about), &mut secret).ok()?;
        Some([nonce.as_slice(), &secret].concat())
    }

    fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, secret) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut secret) = (Nonce::assume_unique_for_key(*nonce), secret.to_vec());
        let length =
            self.0.as_ref()?.open_in_place(nonce, Aad::from(about), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn entry() -> ContentEntry {
        ContentEntry {
            request_id: RequestId(7),
            at: Timestamp(1_000),
            service: "bot".into(),
            user: Some("anna".to_owned()),
            purpose: "support".into(),
            data_class: DataClass::Personal,
            route: "chat_completions".to_owned(),
            model: "m".into(),
            request: b"masked question".to_vec(),
            answer: b"masked answer".to_vec(),
            is_cut: false,
        }
    }

    #[test]
    fn opens_with_the_unwrapped_key_and_with_no_other() {
        let (random, master) = (SystemRandom::new(), MasterKey::from_bytes(&[7; 32]));
        let (key, wrapped) = master.make(&random, b"bot/anna/1").unwrap();
        let sealed = key.seal(&random, &entry()).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("masked"));
        let back = master.unwrap(b"bot/anna/1", &wrapped).unwrap();
        assert_eq!(back.open(&sealed), Some(entry()));
        assert!(master.unwrap(b"bot/anna/2", &wrapped).is_none());
        assert!(MasterKey::from_bytes(&[8; 32]).unwrap(b"bot/anna/1", &wrapped).is_none());
        let (other, _) = master.make(&random, b"bot/anna/1").unwrap();
        assert!(other.open(&sealed).is_none());
    }

    #[test]
    fn notices_every_changed_byte() {
        let (random, master) = (SystemRandom::new(), MasterKey::from_bytes(&[7; 32]));
        let (key, wrapped) = master.make(&random, b"x").unwrap();
        let sealed = key.seal(&random, &entry()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed).is_none(), "{at}");
        }
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(master.unwrap(b"x", &changed).is_none(), "{at}");
        }
        assert!(key.open(&[]).is_none());
    }

    #[test]
    fn a_key_wrapped_anew_is_the_same_key() {
        let (random, master) = (SystemRandom::new(), MasterKey::from_bytes(&[7; 32]));
        let successor = MasterKey::from_bytes(&[8; 32]);
        let (key, wrapped) = master.make(&random, b"x").unwrap();
        let sealed = key.seal(&random, &entry()).unwrap();
        let anew = master.rewrap(&successor, &random, (b"x", &wrapped)).unwrap();
        assert_eq!(successor.unwrap(b"x", &anew).unwrap().open(&sealed), Some(entry()));
        assert!(master.unwrap(b"x", &anew).is_none());
        assert!(successor.rewrap(&master, &random, (b"x", &wrapped)).is_none());
    }

    #[test]
    fn subjects_are_told_apart_by_service_user_and_key() {
        let (random, master) = (SystemRandom::new(), MasterKey::from_bytes(&[7; 32]));
        let keys = [1, 2].map(|_| master.make(&random, b"x").unwrap().0);
        let mut subjects = std::collections::BTreeSet::new();
        for key in &keys {
            for (service, user) in
                [("a", None), ("a", Some("")), ("a", Some("b")), ("ab", Some("")), ("b", None)]
            {
                assert!(subjects.insert(key.subject(&service.into(), user)), "{service} {user:?}");
            }
        }
        assert_eq!(keys[0].subject(&"a".into(), None), keys[0].subject(&"a".into(), None));
    }

    #[test]
    fn prints_no_text() {
        let printed = format!("{:?}", entry());
        assert!(!printed.contains("masked") && !printed.contains("anna"), "{printed}");
    }
}
