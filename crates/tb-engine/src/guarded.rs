//! What the guard did with a request, for the rest of its life.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use ring::hmac;
use tb_config::GuardPolicy;
use tb_core::ServiceName;
use tb_guard::{Action, Actions, CharacterCounts, Finding, Guard, Kind, Scan, Vault};

/// The longest name of an end user that is kept.
const MAX_USER_CHARS: usize = 256;

/// The longest name that is kept without a look, in bytes: identifiers, keys and names of people
/// that are shorter have blanks, `@` or more digits.
const MAX_PLAIN_BYTES: usize = 16;
/// And the most digits in it.
const MAX_PLAIN_DIGITS: usize = 5;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// What was done how often; in some places something else is done than elsewhere.
    pub(crate) actions: Vec<(Action, u64)>,
}

impl Tally {
    /// Counts one with what was done.
    pub(crate) fn add(&mut self, action: Action) {
        match self.actions.iter_mut().find(|(known, _)| *known == action) {
            Some((_, count)) => *count += 1,
            None => self.actions.push((action, 1)),
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.actions.iter().map(|(_, count)| count).sum()
    }

    /// With how many this was done.
    pub(crate) fn of(&self, action: Action) -> u64 {
        self.actions.iter().filter(|(known, _)| *known == action).map(|(_, count)| count).sum()
    }
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
            self.found.iter().map(|(kind, tally)| format!("{kind}={}", tally.count())).collect();
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

/// Whether something is in a name that must not be kept: of a kind that would be hidden in a
/// request. When the guard, which gives `scan`, fails there may be.
pub(crate) fn is_sensitive(policy: &GuardPolicy, scan: impl FnOnce() -> Scan) -> bool {
    let look = || {
        scan().findings.iter().any(|finding| {
            let action = policy.actions.of(&finding.kind);
            !matches!(action, Action::Allow | Action::Report)
                && !policy.not_ours.contains(&finding.kind)
        })
    };
    policy.enabled && catch_unwind(AssertUnwindSafe(look)).unwrap_or(true)
}

/// The name of an end user as it is kept: where something is found in it that is hidden in
/// requests, the tenant's hash of it stands for it.
pub(crate) fn kept_user(
    name: &str,
    tenant_key: &[u8; 32],
    (guard, policy): (&Guard, &GuardPolicy),
) -> String {
    if !is_plain(name) && is_sensitive(policy, || guard.scan(name)) {
        return hashed_user(tenant_key, name);
    }
    cut(name).to_owned()
}

/// Every form in which [`kept_user`] may have kept a name, under whatever policy.
pub(crate) fn kept_forms(name: &str, tenant_key: &[u8; 32]) -> [String; 2] {
    [cut(name).to_owned(), hashed_user(tenant_key, name)]
}

fn cut(name: &str) -> &str {
    match name.char_indices().nth(MAX_USER_CHARS) {
        Some((end, _)) => name.get(..end).unwrap_or_default(),
        None => name,
    }
}

/// The tenant's hash of a name of an end user: `user_` and 26 symbols, the same for the same
/// name.
fn hashed_user(tenant_key: &[u8; 32], name: &str) -> String {
    const USER: Kind = Kind::fixed("user");
    let actions = Actions { by_kind: HashMap::from([(USER, Action::Hash)]) };
    let (start, end) = (0, name.len());
    let whole = Finding { kind: USER, rule: None, start, end, score: 1.0, is_encoded: false };
    actions.hide(name, &[whole], &mut Vault::new(0, tenant_key)).text
}

/// Whether a name is a short id, which needs no look.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAX_PLAIN_BYTES
        && name.bytes().all(is_plain)
        && name.bytes().filter(u8::is_ascii_digit).count() <= MAX_PLAIN_DIGITS
}

/// The key of each tenant, derived from the gateway's.
pub(crate) struct TenantKeys {
    secret: hmac::Key,
    /// Those that were asked for: to derive one costs several hashes, and a request needs it
    /// more than once.
    derived: RwLock<HashMap<ServiceName, ([u8; 32], hmac::Key)>>,
}

/// Services come and go with the configuration; so many keys are remembered.
const MAX_DERIVED: usize = 4_096;

impl TenantKeys {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { secret, derived: RwLock::default() }
    }

    /// The key of one tenant.
    pub(crate) fn of(&self, service: &ServiceName) -> [u8; 32] {
        self.derived(service, |(bytes, _)| *bytes)
    }

    /// The same, ready to sign with.
    pub(crate) fn signing(&self, service: &ServiceName) -> hmac::Key {
        self.derived(service, |(_, key)| key.clone())
    }

    fn derived<T>(
        &self,
        service: &ServiceName,
        take: impl FnOnce(&([u8; 32], hmac::Key)) -> T,
    ) -> T {
        let known = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(service) {
            return take(key);
        }
        drop(known);
        let signed = hmac::sign(&self.secret, service.as_str().as_bytes());
        let bytes: [u8; 32] = signed.as_ref().try_into().unwrap_or_default();
        let key = (bytes, hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        let taken = take(&key);
        let mut known = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_DERIVED {
            known.clear();
        }
        known.insert(service.clone(), key);
        taken
    }
}

impl std::fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[tenant keys]")
    }
}
