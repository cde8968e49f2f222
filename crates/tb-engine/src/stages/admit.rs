//! Stage 1: who asks, for what purpose, within which limits. Never reads message text.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tb_config::{Service, matches_pattern};
use tb_core::{
    Cause, Cost, DataClass, EndReason, KeyId, KeyRecord, KeyRefusal, ModelName, NanoUsd, Purpose,
    Rung, Timestamp, TokenCounts, UsageRow, UsageSource,
};

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
    /// The class that the caller declared, or the default.
    pub(crate) data_class: DataClass,
    /// What the caller asked for with `x-tollbar-timeout-ms`.
    pub(crate) timeout: Option<Duration>,
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
) -> Result<(Admitted, Settlement), Refusal> {
    let runtime = engine.runtime();
    let caller = identify(engine, &runtime, head)?;
    check_network(head, &caller.service)?;
    check_own_headers(head)?;
    let purpose = purpose(head, &caller)?;
    let data_class = data_class(head, &caller.service)?;
    let timeout = timeout(head)?;
    let row = opening_row(head, &caller, purpose, &runtime);
    let account = (Arc::clone(&engine.shared), Arc::clone(&runtime));
    let mut settlement = Settlement::open(account, row, head.arrived);
    if let Some(user) = head.header(&headers::USER) {
        settlement.note_user(user, &caller.service.guard);
    }
    let admitted = Admitted {
        runtime,
        service: caller.service,
        key_models: caller.key_models,
        data_class,
        timeout,
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
        data_class: DataClass::default(),
        timeout: None,
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
        let (kind, scope) = (reached.kind.label(), reached.scope.label());
        let labels = vec![("kind", kind.to_owned()), ("scope", scope.to_owned())];
        engine.shared.metrics.limit_rejections.get_or_create(&labels).inc();
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

struct Caller {
    service: Arc<Service>,
    key_models: Option<Vec<ModelName>>,
    key_id: Option<KeyId>,
    key_purpose: Option<Purpose>,
}

/// The service behind the credential; with authentication off the service `default`, or the
/// first one there is.
fn identify(engine: &Engine, runtime: &Runtime, head: &RequestHead) -> Result<Caller, Refusal> {
    let services = &runtime.snapshot.services;
    if !runtime.snapshot.server.authentication {
        let service = services
            .get("default")
            .or_else(|| services.values().min_by(|a, b| a.name.cmp(&b.name)))
            .ok_or(Refusal::Internal("no service is configured"))?;
        let service = Arc::clone(service);
        return Ok(Caller { service, key_models: None, key_id: None, key_purpose: None });
    }
    let keys = engine.shared.keys.load();
    let presented = head.credential.as_ref().map_or("", |credential| credential.0.expose());
    let key: &KeyRecord =
        keys.authenticate(presented, head.peer, head.arrived_at).map_err(Refusal::Key)?;
    let service = services.get(&key.service).ok_or_else(|| Refusal::Policy {
        status: 403,
        code: "service_not_configured",
        message: format!(
            "This key belongs to the service `{}`, which the configuration no longer has.",
            key.service
        ),
    })?;
    Ok(Caller {
        service: Arc::clone(service),
        key_models: key.models.clone(),
        key_id: Some(key.id),
        key_purpose: key.purpose.clone(),
    })
}

fn purpose(head: &RequestHead, caller: &Caller) -> Result<Purpose, Refusal> {
    let allowed = &caller.service.purposes;
    if let Some(declared) = head.header(&headers::PURPOSE) {
        return allowed.iter().find(|purpose| purpose.as_str() == declared).cloned().ok_or_else(
            || Refusal::Policy {
                status: 403,
                code: "purpose_not_allowed",
                message: format!(
                    "The service `{}` may not declare this purpose. Allowed: {}.",
                    caller.service.name,
                    list(allowed)
                ),
            },
        );
    }
    if let Some(default) = &caller.key_purpose
        && allowed.contains(default)
    {
        return Ok(default.clone());
    }
    match allowed.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Refusal::Policy {
            status: 403,
            code: "purpose_required",
            message: format!(
                "Say what this call is for: send `x-tollbar-purpose` with one of {}.",
                list(allowed)
            ),
        }),
    }
}

fn list(purposes: &[Purpose]) -> String {
    purposes.iter().map(Purpose::as_str).collect::<Vec<_>>().join(", ")
}

/// The header may only tighten: the result is never looser than the default class.
fn data_class(head: &RequestHead, service: &Service) -> Result<DataClass, Refusal> {
    let Some(declared) = head.header(&headers::DATA_CLASS) else {
        return Ok(DataClass::default());
    };
    let class: DataClass = declared.parse().map_err(|()| {
        Refusal::caller(
            400,
            "invalid_request",
            "x-tollbar-data-class",
            "Known data classes: public, internal, personal, health.".to_owned(),
        )
    })?;
    if !service.data_classes.contains(&class) {
        return Err(Refusal::Policy {
            status: 403,
            code: "data_class_not_allowed",
            message: format!(
                "The service `{}` may not send data of the class `{}`.",
                service.name,
                class.as_str()
            ),
        });
    }
    Ok(class.max(DataClass::default()))
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
    }
}
