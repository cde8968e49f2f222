//! `/admin/v1/requests`: metadata of requests, never their text.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::RequestId;

use super::AdminState;
use super::explain::ladder;
use super::fault::AdminFault;
use super::usage::moment;
use super::views::AttemptView;

/// Rows of a page when the query names no limit, and the most that it may name.
const USUAL_ROWS: u32 = 50;
const MAX_ROWS: u32 = 1_000;

/// The query of `/admin/v1/requests`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    before: Option<String>,
    limit: Option<u32>,
}

/// `GET /admin/v1/requests?before=UNIX_MS&limit=50`: the newest attempts first, with all the
/// attempts of each request; `next_before` is the `before` of the next page.
pub(crate) async fn recent(
    State(state): State<Arc<AdminState>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, AdminFault> {
    let Query(parameters) =
        parameters.map_err(|rejection| AdminFault::Invalid(rejection.body_text()))?;
    let limit = parameters.limit.unwrap_or(USUAL_ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(AdminFault::Invalid(format!("`limit` is a number from 1 to {MAX_ROWS}")));
    }
    let now = state.engine.clock().now();
    let before = parameters.before.as_deref().map(|text| moment(text, now)).transpose()?;
    let rows = state.reading(move |state| state.usage.recent(before, limit)).await?;
    let next_before = rows.last().map(|row| row.request_id.unix_ms());
    let rows: Vec<AttemptView> = rows.iter().map(AttemptView::from).collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows, "next_before": next_before })))
}

/// `GET /admin/v1/requests/{request_id}`: all attempts of one request, in order, and what they
/// mean.
pub(crate) async fn one(
    State(state): State<Arc<AdminState>>,
    Path(request_id): Path<String>,
) -> Result<Json<Value>, AdminFault> {
    let id = RequestId::parse(&request_id).ok_or(AdminFault::NotFound("request"))?;
    let rows = state.reading(move |state| state.usage.request(id)).await?;
    if rows.is_empty() {
        return Err(AdminFault::NotFound("request"));
    }
    let attempts: Vec<AttemptView> = rows.iter().map(AttemptView::from).collect();
    Ok(Json(json!({
        "schema_version": 1,
        "request_id": request_id,
        "attempts": attempts,
        "ladder": ladder(&rows),
    })))
}
