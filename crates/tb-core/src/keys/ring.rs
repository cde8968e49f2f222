//! The lookup that every request makes.

use std::hint::black_box;
use std::net::IpAddr;

use super::by_id::ById;
use super::uses::Uses;
use super::{KeyRecord, KeySecret, KeyUse, Pepper};
use crate::credential::{DUMMY_SECRET, LIVE_PREFIX, Presented};
use crate::{KeyId, Timestamp};

/// A credential that proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven<'r> {
    /// Whose it is.
    pub record: &'r KeyRecord,
    /// The secret that was presented.
    pub secret: &'r KeySecret,
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
    /// Proven, but used before its time.
    #[error("the API key is not valid yet")]
    NotYet,
    /// Proven, but older than keys may become.
    #[error("the API key is older than keys may become: rotate it")]
    TooOld,
}

/// What an unknown id is compared with, so that it costs what a known one costs. That a
/// secret should match it does not matter: without a record the answer is a refusal.
const DUMMY_DIGEST: [u8; 32] = [0; 32];

/// The place in `digests` of the one that the presented secret has, where the record is the one
/// that was asked for. Whatever is presented, two HMACs are made and compared in constant time,
/// and nothing branches on what was found before both are done.
pub(super) fn prove(
    presented: Option<&Presented<'_>>,
    pepper: &Pepper,
    (digests, is_known): ([Option<&[u8; 32]>; 2], bool),
) -> Option<usize> {
    let secret = presented.map_or(DUMMY_SECRET, |credential| credential.secret);
    let is_sound = presented.is_some_and(|credential| credential.is_sound);
    let [first, second] = digests.map(|digest| {
        let is_proven = pepper.proves(secret, digest.unwrap_or(&DUMMY_DIGEST));
        is_proven & digest.is_some()
    });
    // Otherwise the compiler may look at the one before the HMACs.
    let is_fit = black_box(is_sound) & black_box(is_known);
    match (first & is_fit, second & is_fit) {
        (true, _) => Some(0),
        (false, true) => Some(1),
        (false, false) => None,
    }
}

/// The id to look up: what is no credential is looked up too.
pub(super) fn id_of(presented: Option<&Presented<'_>>) -> KeyId {
    presented.map_or(KeyId(*b"00000000"), |credential| credential.id)
}

/// All keys, in memory, for one map access a request.
pub struct KeyRing {
    keys: ById<(KeyRecord, Uses)>,
    pepper: Pepper,
}

impl KeyRing {
    /// A ring over these records.
    #[must_use]
    pub fn new(records: Vec<KeyRecord>, pepper: Pepper) -> Self {
        Self { keys: ById::new(std::iter::empty()), pepper }.replaced(records)
    }

    /// A ring over these records that remembers when their secrets were used, and goes on
    /// noting it together with this one.
    #[must_use]
    pub fn replaced(&self, records: Vec<KeyRecord>) -> Self {
        let with_uses = |record: KeyRecord| {
            let before = self.keys.get(record.id).map(|(_, uses)| uses);
            let uses = Uses::of(&record, before);
            (record.id, (record, uses))
        };
        let keys = ById::new(records.into_iter().map(with_uses));
        Self { keys, pepper: self.pepper.clone() }
    }

    /// When each secret was used last, of those that were used at all.
    pub fn uses(&self) -> impl Iterator<Item = KeyUse> {
        self.keys.iter().flat_map(|(record, uses)| uses.all(record.id))
    }

    /// Notes what another process, or this one before its restart, knows of uses.
    pub fn restore_uses(&self, known: &[KeyUse]) {
        for known in known {
            if let Some((_, uses)) = self.keys.get(known.id) {
                uses.restore(*known);
            }
        }
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
    ) -> Result<Proven<'_>, KeyRefusal> {
        let (record, uses, place) = self.find(presented).ok_or(KeyRefusal::Invalid)?;
        let secret = record.secrets.get(place).ok_or(KeyRefusal::Invalid)?;
        check(record, secret, (from, now))?;
        uses.note(place, now);
        Ok(Proven { record, secret })
    }

    /// The key that a presented credential proves to know a secret of, whatever its state: for
    /// leaked keys. It costs what [`Self::authenticate`] costs.
    #[must_use]
    pub fn prove(&self, presented: &str) -> Option<&KeyRecord> {
        self.find(presented).map(|(record, ..)| record)
    }

    /// The key of a credential, with the place of the secret.
    fn find(&self, presented: &str) -> Option<(&KeyRecord, &Uses, usize)> {
        let presented = Presented::read(presented, LIVE_PREFIX);
        // What is nobody's is compared with the secrets of somebody else.
        let nearest = self.keys.nearest(id_of(presented.as_ref()));
        let digest = |place: usize| {
            nearest.and_then(|((record, _), _)| record.secrets.get(place)).map(|s| &s.digest)
        };
        let is_known = nearest.is_some_and(|(_, is_same)| is_same);
        let digests = [digest(0), digest(1)];
        let place = prove(presented.as_ref(), &self.pepper, (digests, is_known))?;
        nearest.map(|((record, uses), _)| (record, uses, place))
    }

    /// The record of an id, revoked and expired ones included.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.keys.get(*id).map(|(record, _)| record)
    }

    /// Every key, revoked and expired ones included, in no order.
    pub fn records(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.iter().map(|(record, _)| record)
    }

    /// How many keys there are, revoked and expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.len() == 0
    }
}

fn check(
    record: &KeyRecord,
    secret: &KeySecret,
    (from, now): (IpAddr, Timestamp),
) -> Result<(), KeyRefusal> {
    let (scope, has_passed) = (&record.scope, |end: Timestamp| now >= end);
    if record.revoked_at.is_some() {
        return Err(KeyRefusal::Revoked);
    }
    if scope.expires_at.is_some_and(has_passed) || secret.valid_until.is_some_and(has_passed) {
        return Err(KeyRefusal::Expired);
    }
    if scope.not_before.is_some_and(|begin| now < begin) {
        return Err(KeyRefusal::NotYet);
    }
    let networks = &scope.networks;
    if !networks.is_empty() && !networks.iter().any(|network| network.contains(from)) {
        return Err(KeyRefusal::Network);
    }
    Ok(())
}
