//! The seal of what leaves memory: the store never sees text.

use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use tb_core::ports::KeptAnswer;
use tb_core::{NanoUsd, Timestamp};

use super::entry::{Entry, Label, Times};
use super::key::{Key, Slot};
use crate::local::Origin;

/// The layout of [`Content`]; what has another one is not read.
const VERSION: u8 = 1;

/// Seals and opens entries with AES-256-GCM under random nonces; the key of the entry is
/// bound to it, so that a sealed answer cannot be passed off as another.
pub(super) struct Seal {
    key: Option<LessSafeKey>,
    random: SystemRandom,
}

/// What is sealed. The moments are here too: the store's columns are for its own use.
#[derive(Serialize, Deserialize)]
struct Content {
    request: Vec<u8>,
    stream_options: Option<Vec<u8>>,
    body: Vec<u8>,
    provider: String,
    resolved: String,
    served: Option<String>,
    cost: NanoUsd,
    stored_at: Timestamp,
    fresh_until: Timestamp,
    keep_until: Timestamp,
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new);
        Self { key, random: SystemRandom::new() }
    }

    /// The entry as the store may have it; `None` when the system has no randomness.
    pub(super) fn close(&self, key: &Key, entry: &Entry) -> Option<KeptAnswer> {
        let content = Content {
            request: entry.request.to_vec(),
            stream_options: match &entry.slot {
                Slot::Plain => None,
                Slot::Stream(options) => Some(options.to_vec()),
            },
            body: entry.body.to_vec(),
            provider: entry.origin.provider.clone(),
            resolved: entry.origin.resolved.clone(),
            served: entry.origin.served.clone(),
            cost: entry.cost,
            stored_at: entry.times.stored_at,
            fresh_until: entry.times.fresh_until,
            keep_until: entry.times.keep_until,
        };
        let mut secret = postcard::to_stdvec(&content).ok()?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let bound = Nonce::assume_unique_for_key(nonce);
        self.key
            .as_ref()?
            .seal_in_place_append_tag(bound, Aad::from(associated(key)), &mut secret)
            .ok()?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + secret.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&secret);
        Some(KeptAnswer {
            key: *key,
            service: entry.label.service.clone(),
            model: entry.label.model.clone(),
            tags: entry.label.tags.clone(),
            stored_at: entry.times.stored_at,
            keep_until: entry.times.keep_until,
            sealed,
        })
    }

    /// The entry back; `None` when it was sealed by another gateway, for another key, in an
    /// older layout, or changed since.
    pub(super) fn open(&self, kept: KeptAnswer) -> Option<Entry> {
        let KeptAnswer { key, service, model, tags, sealed, .. } = kept;
        let (version, rest) = sealed.split_first()?;
        let (nonce, secret) = rest.split_first_chunk::<NONCE_LEN>()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, mut secret) = (Nonce::assume_unique_for_key(*nonce), secret.to_vec());
        let opened =
            self.key.as_ref()?.open_in_place(nonce, Aad::from(associated(&key)), &mut secret);
        let content: Content = postcard::from_bytes(opened.ok()?).ok()?;
        let Content { provider, resolved, served, stored_at, fresh_until, keep_until, .. } =
            content;
        let slot = content
            .stream_options
            .map_or(Slot::Plain, |options| Slot::Stream(Bytes::from(options)));
        Some(Entry {
            label: Label { service, model, tags },
            request: content.request.into(),
            slot,
            body: content.body.into(),
            origin: Origin { provider, resolved, served },
            cost: content.cost,
            times: Times { stored_at, fresh_until, keep_until },
        })
    }
}

fn associated(key: &Key) -> [u8; 33] {
    let mut bytes = [VERSION; 33];
    for (place, byte) in bytes.iter_mut().zip(key) {
        *place = *byte;
    }
    bytes
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}
