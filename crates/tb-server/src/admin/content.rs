//! `/admin/v1/content`: the content log, for owners. To read it is an act that stands in the
//! audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::RequestId;
use tb_core::content::{ContentEntry, ContentFilter, ContentTrail};

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::usage::moment;

/// Entries of a page when the query names no limit, and the most that it may name.
const USUAL_ENTRIES: usize = 50;
const MAX_ENTRIES: usize = 1_000;

/// The query of `/admin/v1/content`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    since: Option<String>,
    until: Option<String>,
    service: Option<String>,
    limit: Option<usize>,
}

/// `GET /admin/v1/content?since=7d&until=UNIX_MS&service=S&limit=50`: what is there, the newest
/// first, without its text.
pub(crate) async fn list(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, AdminFault> {
    let Query(parameters) =
        parameters.map_err(|rejection| AdminFault::Invalid(rejection.body_text()))?;
    let limit = parameters.limit.unwrap_or(USUAL_ENTRIES);
    if !(1..=MAX_ENTRIES).contains(&limit) {
        return Err(AdminFault::Invalid(format!("`limit` is a number from 1 to {MAX_ENTRIES}")));
    }
    let log = log(&state)?;
    let asked = json!({
        "since": parameters.since,
        "until": parameters.until,
        "service": parameters.service,
        "limit": limit,
    });
    let now = state.engine.clock().now();
    let at = |text: Option<&str>| text.map(|text| moment(text, now)).transpose();
    let filter = ContentFilter {
        since: at(parameters.since.as_deref())?,
        until: at(parameters.until.as_deref())?,
        service: parameters.service.map(Into::into),
    };
    state.act(&caller, ("content.read", "list"), (None, Some(asked))).await?;
    let entries = state.reading(move |_| log.list(&filter, limit)).await?;
    let rows: Vec<Value> = entries.iter().map(content_line).collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows })))
}

/// `GET /admin/v1/content/{request_id}`: what was asked and answered, masked.
pub(crate) async fn show(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    Path(request_id): Path<String>,
) -> Result<Json<Value>, AdminFault> {
    let missing = AdminFault::NotFound("request in the content log");
    let Some(id) = RequestId::parse(&request_id) else { return Err(missing) };
    let log = log(&state)?;
    state.act(&caller, ("content.read", id.to_string()), (None, None)).await?;
    let entry = state.reading(move |_| log.read(id)).await?.ok_or(missing)?;
    Ok(Json(content_view(&entry)))
}

fn log(state: &AdminState) -> Result<Arc<dyn ContentTrail>, AdminFault> {
    state.content.clone().ok_or(AdminFault::NotFound("content log"))
}

/// An entry without its texts.
#[must_use]
pub fn content_line(entry: &ContentEntry) -> Value {
    json!({
        "request_id": entry.request_id.to_string(),
        "at": entry.at.to_rfc3339(),
        "service": entry.service,
        "user": entry.user,
        "purpose": entry.purpose,
        "data_class": entry.data_class,
        "route": entry.route,
        "model": entry.model,
        "request_bytes": entry.request.len(),
        "answer_bytes": entry.answer.len(),
        "is_cut": entry.is_cut,
    })
}

/// An entry with its texts: as JSON where they are JSON, else as one string each.
#[must_use]
pub fn content_view(entry: &ContentEntry) -> Value {
    let mut view = content_line(entry);
    if let Some(members) = view.as_object_mut() {
        members.insert("schema_version".to_owned(), json!(1));
        members.insert("request".to_owned(), text(&entry.request));
        members.insert("answer".to_owned(), text(&entry.answer));
    }
    view
}

fn text(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
