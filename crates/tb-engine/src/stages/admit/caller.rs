//! Who is behind a request, and how far its key reaches.

use std::sync::Arc;
use std::time::Duration;

use tb_config::Service;
use tb_core::{KeyId, KeyRefusal, KeyScope, KeySecret, ModelName, Proven, Purpose, Surface};

use super::key_note::KeyNote;
use crate::engine::Engine;
use crate::identity::{WorkloadId, recognise};
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::Runtime;

/// Somebody who proved to be of a service.
pub(super) struct Caller {
    pub(super) service: Arc<Service>,
    /// The models, purposes and classes that the key may name, where it is narrower than its
    /// service.
    pub(super) key_models: Option<Vec<ModelName>>,
    pub(super) key_purposes: Option<Vec<Purpose>>,
    pub(super) key_classes: Option<Vec<String>>,
    /// The purpose of calls that state none.
    pub(super) key_purpose: Option<Purpose>,
    pub(super) key_id: Option<KeyId>,
    pub(super) secret_version: Option<u32>,
    /// Who the caller proved to be by a certificate or a token, with a key or without.
    pub(super) workload: Option<Arc<str>>,
    /// What the answer says of the key's end.
    pub(super) note: Option<Box<KeyNote>>,
}

impl Caller {
    /// Somebody without a key.
    fn of_service(service: Arc<Service>) -> Self {
        Self {
            service,
            key_models: None,
            key_purposes: None,
            key_classes: None,
            key_purpose: None,
            key_id: None,
            secret_version: None,
            workload: None,
            note: None,
        }
    }
}

/// The service behind the credential; with authentication off the service `default`, or the
/// first one there is.
pub(super) fn identify(
    engine: &Engine,
    runtime: &Runtime,
    head: &RequestHead,
) -> Result<Caller, Refusal> {
    let services = &runtime.snapshot.services;
    if !runtime.snapshot.server.authentication {
        let service = services
            .get("default")
            .or_else(|| services.values().min_by(|a, b| a.name.cmp(&b.name)))
            .ok_or(Refusal::Internal("no service is configured"))?;
        return Ok(Caller::of_service(Arc::clone(service)));
    }
    if let Some(recognised) = recognise(runtime, head) {
        let recognised = recognised?;
        let workload = Some(recognised.workload);
        return Ok(Caller { workload, ..Caller::of_service(recognised.service) });
    }
    let keys = engine.shared.keys.load();
    let presented = head.credential.as_ref().map_or("", |credential| credential.0.expose());
    let proven = keys.authenticate(presented, head.peer, head.arrived_at).map_err(Refusal::Key)?;
    let max_age_ms = runtime.snapshot.keys.max_age.map(milliseconds);
    check_age(proven.secret, max_age_ms, head)?;
    let scope = &proven.record.scope;
    let service = services.get(&scope.service).ok_or_else(|| not_configured(scope))?;
    check_route(scope, head.surface)?;
    let note = KeyNote::of(proven, max_age_ms, head.arrived_at);
    let workload = head.workload.as_ref().map(WorkloadId::shared);
    Ok(Caller { workload, ..of_key(Arc::clone(service), proven, note) })
}

fn of_key(service: Arc<Service>, proven: Proven<'_>, note: Option<Box<KeyNote>>) -> Caller {
    let scope = &proven.record.scope;
    Caller {
        key_models: scope.models.clone(),
        key_purposes: scope.purposes.clone(),
        key_classes: scope.data_classes.clone(),
        key_purpose: scope.purpose.clone(),
        key_id: Some(proven.record.id),
        secret_version: Some(proven.secret.version),
        note,
        ..Caller::of_service(service)
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn check_age(
    secret: &KeySecret,
    max_age_ms: Option<i64>,
    head: &RequestHead,
) -> Result<(), Refusal> {
    match max_age_ms {
        Some(max_age_ms) if head.arrived_at >= secret.rotate_by(max_age_ms) => {
            Err(Refusal::Key(KeyRefusal::TooOld))
        }
        _ => Ok(()),
    }
}

fn check_route(scope: &KeyScope, surface: Surface) -> Result<(), Refusal> {
    let Some(routes) = &scope.routes else { return Ok(()) };
    if routes.contains(&surface) {
        return Ok(());
    }
    let allowed: Vec<_> = routes.iter().copied().map(Surface::label).collect();
    let message = format!(
        "This key may not use the route `{}`. Allowed: {}.",
        surface.label(),
        allowed.join(", ")
    );
    Err(Refusal::Policy { status: 403, code: "route_not_allowed", message })
}

fn not_configured(scope: &KeyScope) -> Refusal {
    Refusal::Policy {
        status: 403,
        code: "service_not_configured",
        message: format!(
            "This key belongs to the service `{}`, which the configuration no longer has.",
            scope.service
        ),
    }
}
