//! What the guard did with a request, for the rest of its life.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::hmac;
use tb_config::GuardPolicy;
use tb_core::ServiceName;
use tb_guard::{Action, CharacterCounts, Guard, Kind, Vault};

/// What was done with one request, and what its answer needs.
pub(crate) struct Guarded {
    /// What looks at answers.
    pub(crate) guard: Arc<Guard>,
    /// The rules of the calling service.
    pub(crate) policy: Arc<GuardPolicy>,
    /// What placeholders stand for.
    pub(crate) vault: Vault,
    /// The caller asked for an answer that is JSON: values are restored with JSON's escapes.
    pub(crate) wants_json: bool,
    /// How often each kind was found and what was done.
    pub(crate) found: BTreeMap<Kind, Tally>,
    /// Characters that people do not see.
    pub(crate) characters: CharacterCounts,
}

/// One kind in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// What was done with all of them.
    pub(crate) action: Action,
    /// How many.
    pub(crate) count: u64,
}

impl Guarded {
    /// Whether an answer to this request may go to the client as it is.
    pub(crate) fn leaves_answers(&self) -> bool {
        self.vault.is_empty() && self.policy.answers.is_empty()
    }

    /// What it says in rows and in `x-tollbar-guard`: `email=2,credit_card=1`; nothing where
    /// nothing was found.
    pub(crate) fn summary(&self) -> Option<String> {
        let parts: Vec<String> =
            self.found.iter().map(|(kind, tally)| format!("{kind}={}", tally.count)).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

impl Guarded {
    /// The characters that nobody sees: `zero_width=3,tags=1`; nothing where there were none.
    pub(crate) fn character_summary(&self) -> Option<String> {
        let CharacterCounts { controls, bidi, tags, zero_width } = self.characters;
        let counts =
            [("controls", controls), ("bidi", bidi), ("tags", tags), ("zero_width", zero_width)];
        let there = counts.iter().filter(|(_, count)| *count > 0);
        let parts: Vec<String> = there.map(|(class, count)| format!("{class}={count}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

/// Shows counts only: what was found must not reach logs.
impl std::fmt::Debug for Guarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded")
            .field("found", &self.found)
            .field("placeholders", &self.vault.len())
            .finish_non_exhaustive()
    }
}

/// The key of each tenant, derived from the gateway's.
pub(crate) struct TenantKeys(hmac::Key);

impl TenantKeys {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The key of one tenant.
    pub(crate) fn of(&self, service: &ServiceName) -> [u8; 32] {
        let signed = hmac::sign(&self.0, service.as_str().as_bytes());
        signed.as_ref().try_into().unwrap_or_default()
    }
}

impl std::fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[tenant keys]")
    }
}
