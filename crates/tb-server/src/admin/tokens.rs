//! `/admin/v1/tokens`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderMap};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::KeyId;

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::key_desk::NewToken;
use super::keys::{parsed, repeat};
use super::views::{NewTokenView, TokenView};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    role: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    expires: Option<String>,
}

/// `GET /admin/v1/tokens`
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Result<Json<Value>, AdminFault> {
    let tokens = state.reading(|state| state.keys.store().admin_tokens()).await?;
    let now = state.engine.clock().now();
    let rows: Vec<_> = tokens.iter().map(|token| TokenView::new(token, now)).collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows })))
}

/// `POST /admin/v1/tokens`: shows the token, this once.
pub(crate) async fn create(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, AdminFault> {
    let request: TokenRequest = parsed(&body, "a token request")?;
    let (name, expires) = (request.name, request.expires.as_deref());
    let wanted = NewToken::checked(&request.role, name, expires).map_err(AdminFault::Invalid)?;
    let repeat = repeat(&headers)?;
    let made =
        state.at_desk(caller, move |desk| desk.create_token(&wanted, repeat.as_ref())).await?;
    let view = NewTokenView::new(&made);
    tracing::info!(token_id = view.id, role = view.role, "an admin token was made");
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(view)))
}

/// `DELETE /admin/v1/tokens/{id}`: revokes it; revoking twice is no error.
pub(crate) async fn revoke(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<TokenView>, AdminFault> {
    let id = KeyId::parse(&id).ok_or(AdminFault::NotFound("token"))?;
    let token = state.at_desk(caller, move |desk| desk.revoke_token(id)).await?;
    tracing::info!(token_id = %id, "an admin token was revoked");
    Ok(Json(TokenView::new(&token, state.engine.clock().now())))
}
