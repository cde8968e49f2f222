//! What runs: status, configuration, services and models.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tb_config::{Model, Service, effective};

use super::views::EffectiveView;
use super::{AdminState, health};

/// `GET /admin/v1/status`
pub(crate) async fn status(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let snapshot = state.engine.snapshot();
    let (targets, provider_keys) = health::of(&state.engine);
    let uptime_ms = state.engine.clock().now().unix_ms() - state.started_at.unix_ms();
    Json(json!({
        "schema_version": 1,
        "version": state.version,
        "started_at": state.started_at.to_rfc3339(),
        "uptime_seconds": uptime_ms.max(0) / 1_000,
        "draining": state.engine.is_draining(),
        "inflight_requests": state.engine.inflight(),
        "journal_lag_ms": state.engine.journal().lag_ms(),
        "config_hash": format!("{:016x}", snapshot.hash),
        "config_file": state.config.get().origin.as_ref().map(|path| path.display().to_string()),
        "environment": snapshot.environment,
        "listen": state.public_address.to_string(),
        "admin_listen": state.address.to_string(),
        "targets": targets,
        "provider_keys": provider_keys,
    }))
}

/// `GET /admin/v1/config`: every effective value with its source, without secrets.
pub(crate) async fn config(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let loaded = state.config.get();
    let rows: Vec<_> = effective(&loaded).into_iter().map(EffectiveView::from).collect();
    let hash = format!("{:016x}", loaded.snapshot.hash);
    Json(json!({ "schema_version": 1, "hash": hash, "rows": rows }))
}

/// `GET /admin/v1/services`
pub(crate) async fn services(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let snapshot = state.engine.snapshot();
    let mut services: Vec<&Arc<Service>> = snapshot.services.values().collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<Value> = services.into_iter().map(|service| service_row(service)).collect();
    Json(json!({ "schema_version": 1, "rows": rows }))
}

fn service_row(service: &Service) -> Value {
    let networks: Vec<_> = service.networks.iter().map(ToString::to_string).collect();
    json!({
        "name": service.name,
        "purposes": service.purposes,
        "models": service.models,
        "data_classes": service.data_classes,
        "networks": networks,
    })
}

/// `GET /admin/v1/models`
pub(crate) async fn models(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let snapshot = state.engine.snapshot();
    let rows: Vec<Value> = snapshot.models.values().map(|model| model_row(model)).collect();
    Json(json!({
        "schema_version": 1,
        "direct_models": snapshot.direct_models,
        "rows": rows,
    }))
}

fn model_row(model: &Model) -> Value {
    let targets: Vec<Value> = model
        .targets
        .iter()
        .map(|target| {
            json!({
                "provider": target.provider.name,
                "model": target.model,
                "weight": target.weight,
            })
        })
        .collect();
    json!({ "name": model.name, "targets": targets })
}
