//! `/admin/v1/keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tb_core::KeyId;
use tb_core::ports::StoreError;

use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::views::{KeyView, NewKeyView};
use super::{AdminState, KeyRequest};

/// `GET /admin/v1/keys`
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Result<Json<Value>, AdminFault> {
    let keys = state.reading(|state| state.keys.store().keys()).await?;
    let now = state.engine.clock().now();
    let rows: Vec<_> = keys.iter().map(|key| KeyView::new(key, now)).collect();
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
    Ok(Json(KeyView::new(key, state.engine.clock().now())))
}

/// `POST /admin/v1/keys`: the only answer that shows the key.
pub(crate) async fn create(
    State(state): State<Arc<AdminState>>,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, AdminFault> {
    let request: KeyRequest = serde_json::from_slice(&body)
        .map_err(|error| AdminFault::Invalid(format!("the body is not a key request: {error}")))?;
    let snapshot = state.engine.snapshot();
    let scope = request
        .checked(&snapshot, state.engine.clock().now())
        .map_err(|fault| AdminFault::Invalid(fault.to_string()))?;
    let made = (state.make_key)(scope).map_err(|_| AdminFault::Internal("no random numbers"))?;
    let (view, record) = (NewKeyView::new(&made), made.record);
    state
        .reading(move |state| {
            state.keys.store().insert_key(&record)?;
            state.keys.reload()
        })
        .await?;
    tracing::info!(key_id = view.id, service = view.service, "a key was made");
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(view)))
}

/// `DELETE /admin/v1/keys/{id}`: revokes it; revoking twice is no error.
pub(crate) async fn revoke(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, AdminFault> {
    let id = KeyId::parse(&id).ok_or(AdminFault::NotFound("key"))?;
    let now = state.engine.clock().now();
    let key = state
        .reading(move |state| {
            if !state.keys.store().revoke_key(id, now)? {
                return Ok(None);
            }
            state.keys.reload()?;
            Ok(state.keys.store().keys()?.into_iter().find(|key| key.id == id))
        })
        .await?
        .ok_or(AdminFault::NotFound("key"))?;
    tracing::info!(key_id = %id, "a key was revoked");
    Ok(Json(KeyView::new(&key, now)))
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
}
