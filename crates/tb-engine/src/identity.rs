//! Who calls without a key: workloads that prove themselves with a token of an issuer (JWT,
//! OpenID Connect) or with a client certificate (SPIFFE).
//!
//! The keys of an issuer are fetched before the first stage ([`fetch_token_keys`]), so that
//! `admit` itself ([`recognise`]) waits for nothing.

mod issuer;
mod remote;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tb_config::{Service, Snapshot, TokenKeys, Workload, matches_pattern};
use tb_core::KeyRefusal;
use tb_core::token::claimed;
use tb_providers::BaseUrl;

pub(crate) use self::issuer::Issuer;
use self::issuer::{Keys, digest};
use self::remote::Remote;
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::Runtime;

/// The longest SPIFFE ID, in bytes (SPIFFE-ID, section 2.3).
const MAX_ID_BYTES: usize = 2_048;

/// The longest subject of a token, in bytes. OpenID Connect Core, section 2, allows 255; those
/// of CI systems with long branch names are longer.
const MAX_SUBJECT_BYTES: usize = 1_024;

/// How our own keys begin: such a credential is never taken for a token.
const OWN_PREFIX: &str = "tb_";

/// How long a request waits for the keys of its token's issuer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The SPIFFE ID of a client's certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkloadId(Arc<str>);

impl WorkloadId {
    /// Takes a URI that a trusted authority certified; `None` when it is no SPIFFE ID: a trust
    /// domain and a path of letters, digits, `.`, `-` and `_`, without empty or dot segments.
    #[must_use]
    pub fn spiffe(uri: &str) -> Option<Self> {
        let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
        let in_domain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        let in_path = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let whole =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(in_path);
        let fits = uri.len() <= MAX_ID_BYTES
            && !domain.is_empty()
            && domain.bytes().all(in_domain)
            && path.split('/').all(whole);
        fits.then(|| Self(uri.into()))
    }

    /// The whole URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workload that proved itself and belongs to a service.
#[derive(Debug)]
pub(crate) struct Recognised {
    pub(crate) service: Arc<Service>,
    /// What rows call it: the SPIFFE ID, or `NAME:SUBJECT`.
    pub(crate) workload: Arc<str>,
}

/// What outlives a configuration: the keys that were fetched.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    fetched: Mutex<Vec<Arc<Remote>>>,
}

impl Identity {
    /// The issuers of a configuration. Keys that an earlier one had fetched from the same
    /// address are there at once; those that it has no more are forgotten.
    pub(crate) fn issuers(&self, snapshot: &Snapshot) -> Vec<Issuer> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *fetched);
        let mut remote = |url: &BaseUrl| {
            let known = fetched.iter().chain(&old).find(|remote| remote.is_at(url)).map(Arc::clone);
            let remote = known.unwrap_or_else(|| Arc::new(Remote::new(url.clone())));
            if !fetched.iter().any(|own| Arc::ptr_eq(own, &remote)) {
                fetched.push(Arc::clone(&remote));
            }
            remote
        };
        let issuer = |settings: &tb_config::TokenIssuer| {
            let keys = match &settings.keys {
                TokenKeys::File(set) => Keys::Fixed(Arc::clone(set)),
                TokenKeys::Url(url) => Keys::Fetched(remote(url)),
            };
            Issuer::new(settings.clone(), keys)
        };
        snapshot.issuers.iter().map(issuer).collect()
    }
}

/// Makes sure that the keys are there which the caller's token is checked with, as far as that
/// can be done in 5 seconds. It says nothing of the token: that is for the first stage.
pub async fn fetch_token_keys(engine: &Engine, head: &RequestHead) {
    let Some(token) = token(head) else { return };
    let wanted: Vec<Arc<Remote>>;
    let key_id;
    {
        let runtime = engine.shared.runtime.load();
        if runtime.issuers.is_empty() || !runtime.snapshot.server.authentication {
            return;
        }
        let Some(claims) = claimed(token) else { return };
        let issuers = runtime.issuers.iter().filter(|issuer| issuer.is_called(&claims.issuer));
        wanted = issuers.filter_map(Issuer::remote).collect();
        key_id = claims.key_id;
    }
    let fetching = async {
        for remote in wanted {
            remote.prepare(engine, key_id.as_deref()).await;
        }
    };
    // Whoever waited in vain is refused with what is there.
    let _ = tokio::time::timeout(PATIENCE, fetching).await;
}

/// The workload behind a request without a key; `None` when the request has a key, or nothing.
/// A token that proves nothing is refused like an unknown key, whatever is wrong with it.
pub(crate) fn recognise(
    runtime: &Runtime,
    head: &RequestHead,
) -> Option<Result<Recognised, Refusal>> {
    if head.credential.is_some() {
        return token(head)
            .filter(|_| !runtime.issuers.is_empty())
            .map(|token| by_token(runtime, token, head));
    }
    let id = head.workload.as_ref()?;
    let fits = |workload: &Workload| match workload {
        Workload::Spiffe(pattern) => matches_pattern(pattern, id.as_str()),
        Workload::Token { .. } => false,
    };
    let service = service(&runtime.snapshot, fits).ok_or_else(not_allowed);
    Some(service.map(|service| Recognised { service, workload: id.shared() }))
}

fn by_token(runtime: &Runtime, token: &str, head: &RequestHead) -> Result<Recognised, Refusal> {
    let claims = claimed(token).ok_or(Refusal::Key(KeyRefusal::Invalid))?;
    let digest = digest(token);
    let mut outcome = Err(Refusal::Key(KeyRefusal::Invalid));
    for issuer in runtime.issuers.iter().filter(|issuer| issuer.is_called(&claims.issuer)) {
        let Ok(proven) = issuer.prove(token, &digest, head.arrived_at) else { continue };
        let subject = proven.subject(issuer.name());
        let fits = |workload: &Workload| match workload {
            Workload::Token { issuer: name, subject: pattern } => {
                **name == *issuer.name() && matches_pattern(pattern, subject)
            }
            Workload::Spiffe(_) => false,
        };
        let is_sound = subject.len() <= MAX_SUBJECT_BYTES && !subject.chars().any(char::is_control);
        if let Some(service) = service(&runtime.snapshot, fits).filter(|_| is_sound) {
            return Ok(Recognised { service, workload: proven.workload() });
        }
        outcome = Err(not_allowed());
    }
    outcome
}

/// The credential, when it has the form of a token.
fn token(head: &RequestHead) -> Option<&str> {
    let text = head.credential.as_ref()?.0.expose();
    let is_token =
        !text.starts_with(OWN_PREFIX) && text.bytes().filter(|b| *b == b'.').count() == 2;
    is_token.then_some(text)
}

/// The one service that has such a workload.
fn service(snapshot: &Snapshot, fits: impl Fn(&Workload) -> bool) -> Option<Arc<Service>> {
    let mut own = snapshot.services.values().filter(|service| service.workloads.iter().any(&fits));
    let only = own.next()?;
    own.next().is_none().then(|| Arc::clone(only))
}

/// It is who it says, and still no service lists it.
fn not_allowed() -> Refusal {
    Refusal::Policy {
        status: 403,
        code: "workload_not_allowed",
        message: "This workload proved who it is, but no service lists it among its `workloads`."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_has_a_trust_domain_and_a_plain_path() {
        for (uri, fits) in [
            ("spiffe://prod.example/ns/web/sa/bot", true),
            ("spiffe://td/a", true),
            ("spiffe://td", false),
            ("spiffe://td/", false),
            ("spiffe://td/a/../b", false),
            ("spiffe://td//a", false),
            ("spiffe://td/a%2fb", false),
            ("spiffe://TD/a", false),
            ("spiffe://td/a?x=y", false),
            ("https://td/a", false),
            ("spiffe:///a", false),
        ] {
            assert_eq!(WorkloadId::spiffe(uri).is_some(), fits, "{uri}");
        }
        let long = format!("spiffe://td/{}", "a".repeat(MAX_ID_BYTES));
        assert!(WorkloadId::spiffe(&long).is_none());
    }
}
