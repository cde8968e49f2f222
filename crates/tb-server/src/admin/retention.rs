//! `/admin/v1/retention`: what is kept for how long, and its deletion.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tb_core::Actor;
use tb_core::ports::RetentionReport;

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::keys::parsed;

/// `GET /admin/v1/retention`: what there is, and what a run would delete now.
pub(crate) async fn report(
    State(state): State<Arc<AdminState>>,
) -> Result<Json<RetentionReport>, AdminFault> {
    let report = state.reading(|state| state.records.run(true, Actor::Gateway)).await?;
    Ok(Json(report))
}

/// Whether to say only what would be deleted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    #[serde(default)]
    dry_run: bool,
}

/// `POST /admin/v1/retention/run`: deletes what is due, without waiting for the next run.
pub(crate) async fn run(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<RetentionReport>, AdminFault> {
    let request: RunRequest = parsed(&body, "a run")?;
    let run = move |state: &AdminState| state.records.run(request.dry_run, caller.actor);
    Ok(Json(state.reading(run).await?))
}
