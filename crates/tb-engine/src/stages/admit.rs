//! Stage 1: who asks, for what purpose, within which limits. Never reads message text.

mod caller;
mod key_note;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tb_config::{Service, matches_pattern};
use tb_core::{
    Cause, ClassSet, Classes, Cost, DataClass, EndReason, KeyRefusal, ModelName, NanoUsd, Purpose,
    Rung, Timestamp, TokenCounts, UsageRow, UsageSource,
};

use self::caller::{Caller, identify};
pub(crate) use self::key_note::KeyNote;
use crate::classes::{declared, own_note, sendable};
use crate::clock;
use crate::engine::Engine;
use crate::headers;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::runtime::{Outcome, Runtime};
use crate::settlement::Settlement;

/// A caller with the right to ask.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) service: Arc<Service>,
    /// The models that the key may call, when it is narrower than its service.
    pub(crate) key_models: Option<Vec<ModelName>>,
    /// The classes that the caller declared on top of its service's default.
    pub(crate) classes: Classes,
    /// The classes that service and key may send.
    pub(crate) may_send: ClassSet,
    /// What the caller asked for with `x-tollbar-timeout-ms`.
    pub(crate) timeout: Option<Duration>,
    /// What the answer says of the key's end.
    pub(crate) key_note: Option<Box<KeyNote>>,
    pub(crate) arrived: Instant,
}

impl Admitted {
    /// Whether this caller may name `model`.
    pub(crate) fn may_call(&self, model: &str) -> bool {
        let by_key = self.key_models.as_ref().is_none_or(|patterns| {
            patterns.iter().any(|pattern| matches_pattern(pattern.as_str(), model))
        });
        by_key && self.service.may_call(model)
    }
}

/// Admits a caller and opens the request's settlement. Its turn comes when its body is there,
/// see [`take_turn`].
pub(crate) fn admit(
    engine: &Engine,
    head: &RequestHead,
) -> Result<(Admitted, Box<Settlement>), Refusal> {
    let runtime = engine.runtime();
    let caller = identify(engine, &runtime, head)?;
    check_network(head, &caller.service)?;
    check_own_headers(head)?;
    let purpose = purpose(head, &caller)?;
    let rules = &runtime.snapshot.classes;
    let may_send = sendable(rules, &caller.service, caller.key_classes.as_deref());
    let classes = declared(head, rules, (&caller.service, may_send))?;
    let timeout = timeout(head)?;
    let mut row = opening_row(head, &caller, purpose, &runtime);
    (row.data_class, row.own_classes) = (classes.level, own_note(rules, classes.own));
    let account = (Arc::clone(&engine.shared), Arc::clone(&runtime));
    let mut settlement = Box::new(Settlement::open(account, row, head.arrived));
    if let Some(user) = head.header(&headers::USER) {
        settlement.note_user(user, &caller.service.guard);
    }
    let admitted = Admitted {
        runtime,
        service: caller.service,
        key_models: caller.key_models,
        classes,
        may_send,
        timeout,
        key_note: caller.note,
        arrived: head.arrived,
    };
    Ok((admitted, settlement))
}

/// Waits for the request's turn. Only now that its body is there: a caller who sends it slowly
/// keeps nobody else out.
pub(crate) async fn take_turn(
    engine: &Engine,
    admitted: &Admitted,
    settlement: &mut Settlement,
) -> Result<(), Refusal> {
    let limits = &admitted.runtime.snapshot.server;
    let left = |timeout: Duration| timeout.saturating_sub(clock::elapsed(admitted.arrived));
    let patience = admitted.timeout.map(left);
    match engine.shared.admission.enter(limits, &admitted.service, patience).await {
        Ok(permit) => {
            settlement.take_turn(permit);
            Ok(())
        }
        Err(refusal) => {
            settlement.turned_away();
            Err(refusal)
        }
    }
}

/// Admits a request that is answered without a provider and so is not accounted.
pub(crate) fn identify_admitted(engine: &Engine, head: &RequestHead) -> Result<Admitted, Refusal> {
    let runtime = engine.runtime();
    let caller = identify(engine, &runtime, head)?;
    check_network(head, &caller.service)?;
    Ok(Admitted {
        runtime,
        service: caller.service,
        key_models: caller.key_models,
        classes: Classes::default(),
        may_send: ClassSet::default(),
        timeout: None,
        key_note: caller.note,
        arrived: head.arrived,
    })
}

/// Each of our headers may be sent once: of two classes of data, or two purposes, nobody could
/// say which one holds. A word that means nothing is refused too.
fn check_own_headers(head: &RequestHead) -> Result<(), Refusal> {
    let wrong = |name: &str, what: String| Refusal::caller(400, "invalid_request", name, what);
    if head.headers.keys_len() < head.headers.len() {
        let own = |name: &&HeaderName| name.as_str().starts_with("x-tollbar-");
        let twice = |name: &&HeaderName| head.headers.get_all(*name).iter().count() > 1;
        if let Some(name) = head.headers.keys().filter(own).find(twice) {
            return Err(wrong(name.as_str(), format!("`{name}` is sent more than once.")));
        }
    }
    match head.headers.get(&headers::FALLBACK).map(HeaderValue::as_bytes) {
        None | Some(b"on" | b"off") => Ok(()),
        Some(_) => {
            let name = headers::FALLBACK;
            Err(wrong(
                name.as_str(),
                format!("`{name}` takes `off` (or `on`, which is the default)."),
            ))
        }
    }
}

fn check_network(head: &RequestHead, service: &Service) -> Result<(), Refusal> {
    let networks = &service.networks;
    if networks.is_empty() || networks.iter().any(|network| network.contains(head.peer)) {
        return Ok(());
    }
    Err(Refusal::Key(KeyRefusal::Network))
}

/// Counts a request that was turned away at the door: it has no row, as nothing of it may be
/// kept, but the metrics show it.
pub(crate) fn count_unadmitted(engine: &Engine, head: &RequestHead, refusal: Refusal) -> Refused {
    count_limit(engine, &refusal);
    count(engine, head, refusal.api_error().status, refusal.error_type());
    refusal.into()
}

/// Counts a refusal that follows from a limit.
pub(crate) fn count_limit(engine: &Engine, refusal: &Refusal) {
    if let Refusal::LimitReached(reached) = refusal {
        reached.count(&engine.shared.metrics);
    }
}

/// Counts a request that was answered without a provider.
pub(crate) fn count_answered(engine: &Engine, head: &RequestHead) {
    count(engine, head, 200, "none");
}

fn count(engine: &Engine, head: &RequestHead, status: u16, error_type: &'static str) {
    let outcome =
        Outcome { surface: head.surface, status_class: status / 100, error_type, stream: false };
    let seconds = clock::elapsed(head.arrived).as_secs_f64();
    engine.runtime().no_target.count_request(outcome, seconds);
}

/// What the call is for: what it says, or else what its key or service has for such calls. Out
/// of the service's closed list, and out of the key's where it has one.
fn purpose(head: &RequestHead, caller: &Caller) -> Result<Purpose, Refusal> {
    let by_key = |purpose: &&Purpose| {
        caller.key_purposes.as_ref().is_none_or(|purposes| purposes.contains(purpose))
    };
    let allowed: Vec<&Purpose> = caller.service.purposes.iter().filter(by_key).collect();
    if let Some(declared) = head.header(&headers::PURPOSE) {
        let found = allowed.iter().find(|purpose| purpose.as_str() == declared);
        return found.copied().cloned().ok_or_else(|| {
            let who = if caller.key_purposes.is_some() { "This key of the" } else { "The" };
            let (service, list) = (&caller.service.name, list(&allowed));
            let message =
                format!("{who} service `{service}` may not declare this purpose. Allowed: {list}.");
            Refusal::Policy { status: 403, code: "purpose_not_allowed", message }
        });
    }
    if let Some(default) = &caller.key_purpose
        && allowed.contains(&default)
    {
        return Ok(default.clone());
    }
    match allowed.as_slice() {
        [only] => Ok((*only).clone()),
        _ => Err(Refusal::Policy {
            status: 403,
            code: "purpose_required",
            message: format!(
                "Say what this call is for: send `x-tollbar-purpose` with one of {}.",
                list(&allowed)
            ),
        }),
    }
}

fn list(purposes: &[&Purpose]) -> String {
    purposes.iter().map(|purpose| purpose.as_str()).collect::<Vec<_>>().join(", ")
}

fn timeout(head: &RequestHead) -> Result<Option<Duration>, Refusal> {
    let Some(text) = head.header(&headers::TIMEOUT_MS) else {
        return Ok(None);
    };
    match text.parse::<u64>() {
        Ok(ms) if ms > 0 => Ok(Some(Duration::from_millis(ms))),
        _ => Err(Refusal::caller(
            400,
            "invalid_request",
            "x-tollbar-timeout-ms",
            "`x-tollbar-timeout-ms` takes a positive number of milliseconds.".to_owned(),
        )),
    }
}

fn opening_row(
    head: &RequestHead,
    caller: &Caller,
    purpose: Purpose,
    runtime: &Runtime,
) -> UsageRow {
    UsageRow {
        request_id: head.id,
        attempt: 0,
        is_final: true,
        started_at: Timestamp::from_unix_ms(head.id.unix_ms()),
        service: caller.service.name.clone(),
        key_id: caller.key_id,
        purpose,
        user: None,
        surface: head.surface,
        stream: false,
        provider: None,
        model_requested: ModelName::from("other"),
        model_resolved: None,
        model_served: None,
        status: 0,
        error_code: None,
        end_reason: EndReason::Crash,
        usage_source: UsageSource::None,
        tokens: TokenCounts::default(),
        cost: Cost::Free,
        price_version: runtime.snapshot.prices.shared_version(),
        ttft_ms: None,
        duration_ms: 0,
        overhead_us: 0,
        config_hash: runtime.snapshot.hash,
        rung: Rung::default(),
        cause: Cause::default(),
        waited_ms: 0,
        key_index: None,
        passed_over: None,
        saved: NanoUsd(0),
        guard: None,
        characters: None,
        secret_version: caller.secret_version,
        workload: caller.workload.clone(),
        peer: Some(network_of(head.peer)),
        data_class: DataClass::default(),
        own_classes: None,
        region: None,
        agreement: None,
        request_hmac: None,
        answer_hmac: None,
        prompt: None,
        fingerprint: None,
        has_drifted: false,
    }
}

/// What is kept of an address: its network of 24 bits (IPv4) or 48 bits (IPv6).
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80))),
    }
}
