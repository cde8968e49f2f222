//! What a request is in the cache: everything that affects its answer, the tenant first, and
//! the keyed hash of it.

use bytes::Bytes;
use http::HeaderMap;
use ring::hmac;
use tb_api::json::{Document, Value};
use tb_core::Surface;
use tb_providers::OUTPUT_HEADERS;

use super::canonical;
use crate::classes::own_names;
use crate::stages::compose::{Body, Composed};
use crate::stages::scrub::Scrubbed;

/// The length of a key: HMAC-SHA-256.
pub(super) const KEY_BYTES: usize = 32;

/// Names one answer.
pub(super) type Key = [u8; KEY_BYTES];

/// Raised when the same request must no longer find what an older build kept.
const FORMAT: &str = "3";

/// Prompt templates have no versions yet; their place in the hash is kept.
const PROMPT_VERSION: &str = "";

/// A guard needs no version here. The request in the hash is the masked one, so rules that hide
/// something else ask something else. The kept answer is masked too: it gets the values of the
/// request that finds it, and the rules for answers are applied each time it is given.
const GUARD_VERSION: &str = "";

/// The form in which an answer is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// A JSON body.
    Plain,
    /// Server-sent events, for the `stream_options` that shaped them (canonical JSON, or
    /// nothing).
    Stream(Bytes),
}

impl Slot {
    /// Its part of the hash.
    fn bytes(&self) -> (&'static [u8], &[u8]) {
        match self {
            Self::Plain => (b"plain", b""),
            Self::Stream(options) => (b"stream", options),
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// The slot that the request asks for.
    pub(super) fn asked(composed: &Composed, document: &Document) -> Self {
        if !composed.stream {
            return Self::Plain;
        }
        let mut options = Vec::new();
        if let Some(value) = document.get("stream_options").filter(|value| !value.is_null()) {
            canonical::value(value, &mut options);
        }
        Self::Stream(options.into())
    }
}

/// The two keys derived from the gateway's secret: one for each purpose.
pub(super) struct Keys {
    hashing: hmac::Key,
    /// The key of the seal.
    pub(super) sealing: [u8; 32],
}

impl Keys {
    pub(super) fn derive(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |label: &[u8]| -> [u8; 32] {
            hmac::sign(&root, label).as_ref().try_into().unwrap_or_default()
        };
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, &derived(b"tollbar answers: hashing"));
        Self { hashing, sealing: derived(b"tollbar answers: sealing") }
    }

    /// The key of `request` in `slot`.
    pub(super) fn of(&self, request: &[u8], slot: &Slot) -> Key {
        let (form, options) = slot.bytes();
        let mut context = hmac::Context::with_key(&self.hashing);
        for part in [request, form, options] {
            context.update(&length(part));
            context.update(part);
        }
        context.sign().as_ref().try_into().unwrap_or_default()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

fn length(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// Everything that affects the answer, as a sequence of parts each of which begins with its
/// length: no two requests give the same bytes unless they ask the same.
pub(super) fn request(route: &str, headers: &HeaderMap, scrubbed: &Scrubbed) -> Option<Bytes> {
    let composed = &scrubbed.composed;
    let (Body::Json(document), Some(model)) = (&composed.body, &composed.model) else {
        return None;
    };
    let mut parts = Parts::default();
    parts.push(FORMAT.as_bytes());
    parts.push(composed.admitted.service.name.as_str().as_bytes());
    parts.push(route.as_bytes());
    parts.push(model.model.name.as_str().as_bytes());
    let mut targets: Vec<_> = model
        .targets
        .iter()
        .map(|target| (target.provider.name.as_str(), target.model.as_str()))
        .collect();
    targets.sort_unstable();
    parts.push_count(targets.len());
    for (provider, id) in targets {
        parts.push(provider.as_bytes());
        parts.push(id.as_bytes());
    }
    // By name: the places of the operator's classes move when one comes or goes.
    let (classes, rules) = (scrubbed.classes, &composed.admitted.runtime.snapshot.classes);
    parts.push(classes.level.as_str().as_bytes());
    parts.push_count(own_names(rules, classes.own).count());
    for name in own_names(rules, classes.own) {
        parts.push(name.as_bytes());
    }
    parts.push(PROMPT_VERSION.as_bytes());
    parts.push(GUARD_VERSION.as_bytes());
    for name in &OUTPUT_HEADERS {
        parts.push_count(headers.get_all(name).iter().count());
        for value in headers.get_all(name) {
            parts.push(value.as_bytes());
        }
    }
    parts.push(&canonical::request(document));
    Some(parts.0.into())
}

/// Whether the answer to such a request depends on nothing but the request, and leaves
/// nothing behind at the provider. Responses are stored there unless the request says no.
pub(super) fn is_cacheable(surface: Surface, body: &Body, entry_bytes: usize) -> bool {
    let Body::Json(document) = body else { return false };
    // The request is kept beside its answer: one that leaves no room for any is not looked at.
    if document.bytes().len() >= entry_bytes || asks_beyond_the_model(document) {
        return false;
    }
    let flag = |name: &str| document.get(name).and_then(|value| value.as_bool());
    let is_set = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    match surface {
        Surface::Completions | Surface::Embeddings | Surface::Moderations | Surface::Messages => {
            true
        }
        Surface::ChatCompletions => flag("store") != Some(true),
        Surface::Responses => {
            flag("store") == Some(false)
                && !flag("background").unwrap_or(false)
                && !is_set("previous_response_id")
        }
        _ => false,
    }
}

/// Whether the answer may come from more than the model: tools that the provider runs look at
/// a world that changes.
fn asks_beyond_the_model(document: &Document) -> bool {
    let is_set = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    let hosted = |tool: Value<'_>| match tool.get("type") {
        // A tool without a type, or of the caller's own, is run by the caller.
        None => false,
        Some(kind) => !matches!(kind.as_str().as_deref(), Some("function" | "custom")),
    };
    ["web_search_options", "mcp_servers", "container", "search_parameters"].into_iter().any(is_set)
        || document.get("tools").is_some_and(|tools| tools.elements().any(hosted))
}

#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn push(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&length(part));
        self.0.extend_from_slice(part);
    }

    fn push_count(&mut self, count: usize) {
        self.push(&u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_too_large_or_looks_at_the_world_is_not_kept() {
        let chat = |text: &str, room: usize| {
            let document = Document::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap();
            is_cacheable(Surface::ChatCompletions, &Body::Json(document), room)
        };
        assert!(chat(r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#, 100));
        assert!(!chat(r#"{"tools":[{"type":"function"},{"type":"web_search"}]}"#, 100));
        assert!(!chat(r#"{"web_search_options":{}}"#, 100));
        assert!(!chat(r#"{"messages":[]}"#, 15));
    }

    #[test]
    fn keys_differ_by_secret_request_and_slot() {
        let keys = Keys::derive(&[1; 32]);
        let plain = keys.of(b"r", &Slot::Plain);
        assert_eq!(plain, keys.of(b"r", &Slot::Plain));
        assert_ne!(plain, Keys::derive(&[2; 32]).of(b"r", &Slot::Plain));
        assert_ne!(plain, keys.of(b"s", &Slot::Plain));
        assert_ne!(plain, keys.of(b"r", &Slot::Stream(Bytes::new())));
        let options = Slot::Stream(Bytes::from_static(b"{}"));
        assert_ne!(keys.of(b"r", &options), keys.of(b"r", &Slot::Stream(Bytes::new())));
        assert_ne!(keys.sealing, Keys::derive(&[2; 32]).sealing);
    }

    proptest! {
        /// Parts cannot flow into each other: what one tenant may choose never reads as
        /// another tenant's.
        #[test]
        fn different_parts_give_different_bytes(
            one in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
            other in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let bytes = |list: &Vec<Vec<u8>>| {
                let mut parts = Parts::default();
                list.iter().for_each(|part| parts.push(part));
                parts.0
            };
            prop_assert_eq!(one == other, bytes(&one) == bytes(&other));
        }
    }
}
