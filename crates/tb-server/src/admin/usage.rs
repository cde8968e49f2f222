//! `/admin/v1/usage`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tb_core::Timestamp;
use tb_core::ports::UsageQuery;

use super::fault::AdminFault;
use super::views::{parse_group_by, usage_columns, usage_values};
use super::{AdminState, period_ms};

/// The query of `/admin/v1/usage`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    #[serde(default)]
    by: String,
    since: Option<String>,
}

/// `GET /admin/v1/usage?by=model,day&since=7d`
pub(crate) async fn sum(
    State(state): State<Arc<AdminState>>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, AdminFault> {
    let Query(parameters) =
        parameters.map_err(|rejection| AdminFault::Invalid(rejection.body_text()))?;
    let by = parse_group_by(&parameters.by).map_err(AdminFault::Invalid)?;
    let now = state.engine.clock().now();
    let since = parameters.since.as_deref().map(|text| moment(text, now)).transpose()?;
    let columns = usage_columns(&by);
    let query = UsageQuery { by, since, until: None };
    let sums = state.reading(move |state| state.usage.sum(&query)).await?;
    let rows: Vec<Value> = sums
        .iter()
        .map(|sum| {
            let names = columns.iter().map(|name| (*name).to_owned());
            Value::Object(names.zip(usage_values(sum)).collect::<Map<_, _>>())
        })
        .collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows })))
}

/// A moment as a period before now, `7d`, or in Unix milliseconds.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, AdminFault> {
    if let Some(ms) = period_ms(text) {
        return Ok(now.plus_ms(-ms));
    }
    text.parse().map(Timestamp::from_unix_ms).map_err(|_| {
        AdminFault::Invalid("a moment is a period such as 7d, or Unix milliseconds".to_owned())
    })
}
