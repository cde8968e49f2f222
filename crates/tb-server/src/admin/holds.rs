//! `/admin/v1/holds`: legal holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::Timestamp;
use tb_core::retention::{Hold, RecordKind, day_start};

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::keys::parsed;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The longest reason that is kept, in characters: a reference, not the case.
const MAX_REASON: usize = 500;

/// `GET /admin/v1/holds`
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Result<Json<Value>, AdminFault> {
    let holds = state.reading(|state| state.records.holds()).await?;
    Ok(Json(json!({ "schema_version": 1, "rows": holds })))
}

/// What to hold: whole days in UTC, both included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldRequest {
    kind: Option<RecordKind>,
    service: Option<String>,
    from: String,
    to: String,
    reason: String,
}

impl HoldRequest {
    fn hold(self) -> Result<Hold, AdminFault> {
        let day = |text: &str| {
            let wrong = || AdminFault::Invalid(format!("`{text}` is not a day such as 2026-11-23"));
            day_start(text).ok_or_else(wrong)
        };
        let (from, until) = (day(&self.from)?, day(&self.to)?.plus_ms(DAY_MS));
        if from >= until {
            return Err(AdminFault::Invalid("`to` is before `from`".to_owned()));
        }
        if self.reason.trim().is_empty() || self.reason.chars().count() > MAX_REASON {
            let message = format!("`reason` has 1 to {MAX_REASON} characters");
            return Err(AdminFault::Invalid(message));
        }
        Ok(Hold {
            id: String::new(),
            kind: self.kind,
            service: self.service.map(|name| name.as_str().into()),
            from,
            until,
            reason: self.reason,
            placed_at: Timestamp(0),
        })
    }
}

/// `POST /admin/v1/holds`
pub(crate) async fn place(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Hold>), AdminFault> {
    let hold = parsed::<HoldRequest>(&body, "a hold")?.hold()?;
    let place = move |state: &AdminState| state.records.place_hold(hold, caller.actor);
    let hold = state.reading(place).await?;
    tracing::info!(id = hold.id, "a legal hold was placed");
    Ok((StatusCode::CREATED, Json(hold)))
}

/// `DELETE /admin/v1/holds/{id}`
pub(crate) async fn lift(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, AdminFault> {
    let wanted = id.clone();
    let lift = move |state: &AdminState| state.records.lift_hold(&wanted, caller.actor);
    if !state.reading(lift).await? {
        return Err(AdminFault::NotFound("hold"));
    }
    tracing::info!(id, "a legal hold was lifted");
    Ok(Json(json!({ "schema_version": 1, "lifted": id })))
}
