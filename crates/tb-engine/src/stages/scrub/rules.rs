//! What is looked for in one request.

use std::sync::Arc;

use ring::hmac;
use tb_config::GuardPolicy;
use tb_core::Surface;
use tb_guard::{Finding, Guard, Scan};

use super::apart::Gone;
use crate::engine::Engine;
use crate::request::RequestHead;
use crate::stages::compose::Composed;

/// So much of a key says what its value is.
const MAX_KEY_BYTES: usize = 64;

/// What is looked for in one request, and what is done.
pub(super) struct Rules {
    pub(super) guard: Arc<Guard>,
    pub(super) policy: Arc<GuardPolicy>,
    /// The tenant's key.
    pub(super) key: hmac::Key,
    pub(super) surface: Surface,
    /// The configuration names the model.
    pub(super) knows_model: bool,
    /// The stored response that the provider goes on from; it may hold placeholders of an earlier
    /// request, which must not be taken for this one's.
    pub(super) goes_on_from: Option<String>,
    /// Nobody waits any more.
    pub(super) gone: Gone,
}

impl Rules {
    pub(super) fn of(engine: &Engine, head: &RequestHead, composed: &Composed) -> Self {
        let admitted = &composed.admitted;
        Self {
            guard: Arc::clone(&admitted.runtime.snapshot.guard.guard),
            policy: Arc::clone(&admitted.service.guard),
            key: engine.shared.guard_keys.signing(&admitted.service.name),
            surface: head.surface,
            goes_on_from: composed.previous_response_id.clone(),
            knows_model: composed.model.as_ref().is_none_or(|model| model.configured),
            gone: Gone::default(),
        }
    }

    /// Whether anything is looked for at all.
    pub(super) fn looks(&self) -> bool {
        self.policy.enabled || !self.policy.keywords.lists.is_empty()
    }

    pub(super) fn structured(&self, text: &str) -> Scan {
        self.guard.scan_structured(text)
    }

    /// What is in a value, its key before it.
    pub(super) fn keyed(&self, key: &str, value: &str) -> Scan {
        // Its end says what follows; all of it would be scanned again for each element of a list.
        let key = key.get(key.ceil_char_boundary(key.len().saturating_sub(MAX_KEY_BYTES))..);
        let key = key.unwrap_or_default();
        let mut text = String::with_capacity(key.len() + value.len() + 6);
        text.extend(["\"", key, "\": \"", value, "\""]);
        let start = key.len() + 5;
        let mut scan = self.guard.scan(&text);
        let inside = |mut one: Finding| {
            one.start = one.start.max(start) - start;
            one.end = one.end.min(start + value.len()).saturating_sub(start);
            (one.start < one.end).then_some(one)
        };
        scan.findings = scan.findings.into_iter().filter_map(inside).collect();
        scan
    }
}
