//! `/admin/v1/keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::ports::StoreError;
use tb_core::{KeyId, Secret};

use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::key_desk::{DeskFault, KeyDesk, Repeat};
use super::key_report::KeyReport;
use super::views::{KeyView, NewKeyView};
use super::{AdminState, KeyRequest, period_ms};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// For how long the secret before a rotation stays valid when nothing else is said.
pub const USUAL_GRACE: &str = "24h";

/// The longest one: a year.
const MAX_GRACE_MS: i64 = 365 * 24 * 3_600_000;

/// `GET /admin/v1/keys`
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Result<Json<Value>, AdminFault> {
    let keys = state.reading(|state| state.keys.store().keys()).await?;
    let (uses, max_age) = (state.keys.uses(), state.engine.snapshot().keys.max_age);
    let now = state.engine.clock().now();
    let view = |key| KeyView::new(key, now).with_max_age(key, max_age).with_uses(&uses);
    let rows: Vec<_> = keys.iter().map(view).collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows })))
}

/// `GET /admin/v1/keys/{id}`
pub(crate) async fn show(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, AdminFault> {
    let id = KeyId::parse(&id).ok_or(AdminFault::NotFound("key"))?;
    let keys = state.reading(|state| state.keys.store().keys()).await?;
    let key = keys.iter().find(|key| key.id == id).ok_or(AdminFault::NotFound("key"))?;
    let max_age = state.engine.snapshot().keys.max_age;
    let view = KeyView::new(key, state.engine.clock().now()).with_max_age(key, max_age);
    Ok(Json(view.with_uses(&state.keys.uses())))
}

/// `POST /admin/v1/keys`: shows the key, this once.
pub(crate) async fn create(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, AdminFault> {
    let request: KeyRequest = parsed(&body, "a key request")?;
    let (repeat, snapshot) = (repeat(&headers)?, state.engine.snapshot());
    let made = state
        .at_desk(caller, move |desk| {
            let scope = |at| {
                request
                    .checked(&snapshot, at)
                    .map_err(|fault| DeskFault::Invalid(fault.to_string()))
            };
            desk.create_key(&scope, repeat.as_ref())
        })
        .await?;
    let view = NewKeyView::new(&made);
    tracing::info!(key_id = view.id, service = view.service, "a key was made");
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(view)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    #[serde(default)]
    grace: Option<String>,
}

/// Milliseconds of a period of grace, `0s` to `365d`.
///
/// # Errors
/// Says what would be right.
pub fn grace_ms(text: Option<&str>) -> Result<i64, String> {
    let text = text.unwrap_or(USUAL_GRACE);
    period_ms(text).filter(|ms| *ms <= MAX_GRACE_MS).ok_or_else(|| {
        format!("`{text}` is no period of grace; write one from 0s to 365d, such as 24h")
    })
}

/// `POST /admin/v1/keys/{id}/rotate`: shows the key with its new secret, this once.
pub(crate) async fn rotate(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, AdminFault> {
    let id = KeyId::parse(&id).ok_or(AdminFault::NotFound("key"))?;
    let request: RotateRequest = parsed(&body, "a rotation")?;
    let grace_ms = grace_ms(request.grace.as_deref()).map_err(AdminFault::Invalid)?;
    let repeat = repeat(&headers)?;
    let made =
        state.at_desk(caller, move |desk| desk.rotate_key(id, grace_ms, repeat.as_ref())).await?;
    tracing::info!(key_id = %id, "a key was rotated");
    Ok(([(CACHE_CONTROL, "no-store")], Json(NewKeyView::new(&made))))
}

/// `DELETE /admin/v1/keys/{id}`: revokes it; revoking twice is no error.
pub(crate) async fn revoke(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<KeyView>, AdminFault> {
    let id = KeyId::parse(&id).ok_or(AdminFault::NotFound("key"))?;
    let key = state.at_desk(caller, move |desk| desk.revoke_key(id, "key.revoke")).await?;
    tracing::info!(key_id = %id, "a key was revoked");
    Ok(Json(KeyView::new(&key, state.engine.clock().now())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportRequest {
    key: String,
}

/// `POST /admin/v1/keys/report`: a leaked key is revoked, and its calls are listed.
pub(crate) async fn report(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<KeyReport>, AdminFault> {
    let request: ReportRequest = serde_json::from_slice(&body)
        // The error could repeat the key.
        .map_err(|_| AdminFault::Invalid("the body is `{\"key\": \"tb_live_…\"}`".to_owned()))?;
    let (presented, usage) = (Secret::new(request.key), Arc::clone(&state.usage));
    let report = state
        .at_desk(caller, move |desk| KeyReport::make(desk, &*usage, presented.expose()))
        .await?;
    tracing::warn!(key_id = report.key.id, "a leaked key was reported and is revoked");
    Ok(Json(report))
}

/// What a body says. The text of the error names fields, not values.
pub(super) fn parsed<'b, T: Deserialize<'b>>(body: &'b [u8], what: &str) -> Result<T, AdminFault> {
    serde_json::from_slice(body)
        .map_err(|error| AdminFault::Invalid(format!("the body is not {what}: {error}")))
}

/// The `Idempotency-Key` of a call.
pub(super) fn repeat(headers: &HeaderMap) -> Result<Option<Repeat>, AdminFault> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(Repeat::parse(value)?)),
        (Some(_), Some(_)) => {
            Err(AdminFault::Invalid("`Idempotency-Key` is sent more than once".to_owned()))
        }
    }
}

impl AdminState {
    /// Runs a call of the store where it may block.
    pub(crate) async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, AdminFault> {
        let state = Arc::clone(self);
        let running = self.engine.tasks().spawn_blocking(move || call(&state));
        let outcome = running.await.map_err(|_| AdminFault::Internal("a store call died"))?;
        Ok(outcome?)
    }

    /// Changes keys or tokens, and lets the change hold at once.
    pub(crate) async fn at_desk<T: Send + 'static>(
        self: &Arc<Self>,
        caller: Caller,
        change: impl FnOnce(&KeyDesk<'_>) -> Result<T, DeskFault> + Send + 'static,
    ) -> Result<T, AdminFault> {
        let state = Arc::clone(self);
        let running = self.engine.tasks().spawn_blocking(move || {
            let desk = KeyDesk {
                store: &**state.keys.store(),
                pepper: state.keys.pepper(),
                actor: caller.actor,
                now: state.engine.clock().now(),
            };
            let changed = change(&desk)?;
            state.keys.reload()?;
            Ok::<_, DeskFault>(changed)
        });
        let outcome = running.await.map_err(|_| AdminFault::Internal("a store call died"))?;
        Ok(outcome?)
    }
}
