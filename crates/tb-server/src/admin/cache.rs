//! `/admin/v1/cache`: how full the response cache is, and how it is emptied.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::ports::AnswerFilter;
use tb_core::{ModelName, ServiceName};

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;

/// `GET /admin/v1/cache`
pub(crate) async fn show(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let view = state.engine.cache_view();
    Json(json!({
        "schema_version": 1,
        "entries": view.entries,
        "bytes": view.bytes,
        "memory_bytes": view.limits.memory_bytes,
        "disk_bytes": view.limits.disk_bytes,
        "entry_bytes": view.limits.entry_bytes,
    }))
}

/// What to remove: all given parts must fit. `all` says that nothing else is given on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeRequest {
    service: Option<String>,
    model: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    all: bool,
}

impl PurgeRequest {
    fn filter(self) -> Result<AnswerFilter, AdminFault> {
        let narrowed = self.service.is_some() || self.model.is_some() || self.tag.is_some();
        if narrowed == self.all {
            return Err(AdminFault::Invalid(
                "name at least one of `service`, `model` and `tag`, or send `\"all\": true` alone"
                    .to_owned(),
            ));
        }
        Ok(AnswerFilter {
            service: self.service.map(|name| name.as_str().into()),
            model: self.model.map(|name| name.as_str().into()),
            tag: self.tag,
        })
    }
}

/// `POST /admin/v1/cache/purge`: removes kept answers from memory and storage.
pub(crate) async fn purge(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, AdminFault> {
    let request: PurgeRequest = serde_json::from_slice(&body)
        .map_err(|error| AdminFault::Invalid(format!("the body is not a purge: {error}")))?;
    let filter = request.filter()?;
    let what = json!({
        "service": filter.service.as_ref().map(ServiceName::as_str),
        "model": filter.model.as_ref().map(ModelName::as_str),
        "tag": filter.tag,
    });
    // Written down first: what cannot be written down is not done.
    state.act(&caller, ("cache.purge", "answers"), (None, Some(what))).await?;
    let purged = state.reading(move |state| state.engine.purge_answers(&filter)).await?;
    tracing::info!(purged, "kept answers were purged");
    Ok(Json(json!({ "schema_version": 1, "purged": purged })))
}
