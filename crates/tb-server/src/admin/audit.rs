//! `/admin/v1/audit`: the audit log, for auditors and owners. To read it is an act that stands in
//! it afterwards.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tb_core::RequestId;
use tb_core::audit::{AuditFilter, InclusionProof, Verification};

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::usage::moment;

/// Records of a page when the query names no limit, and the most that it may name.
const USUAL_RECORDS: usize = 50;
const MAX_RECORDS: usize = 1_000;

/// The query of `/admin/v1/audit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    since: Option<String>,
    service: Option<String>,
    kind: Option<String>,
    request: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /admin/v1/audit?since=7d&service=S&kind=access&request=req_…&before=SEQ&limit=50`: the
/// newest records first; `next_before` is the `before` of the next page. A page may have fewer
/// records than asked for, also none, and a next one nonetheless.
pub(crate) async fn list(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, AdminFault> {
    let Query(parameters) =
        parameters.map_err(|rejection| AdminFault::Invalid(rejection.body_text()))?;
    let limit = parameters.limit.unwrap_or(USUAL_RECORDS);
    if !(1..=MAX_RECORDS).contains(&limit) {
        return Err(AdminFault::Invalid(format!("`limit` is a number from 1 to {MAX_RECORDS}")));
    }
    let asked = json!({
        "since": parameters.since,
        "service": parameters.service,
        "kind": parameters.kind,
        "request": parameters.request,
        "before": parameters.before,
        "limit": limit,
    });
    let filter = filter(&state, parameters)?;
    state.act(&caller, ("audit.read", "records"), (None, Some(asked))).await?;
    let page = state.reading(move |state| state.audit.page(&filter, limit)).await?;
    Ok(Json(json!({
        "schema_version": 1,
        "records": page.records,
        "next_before": page.next_before,
    })))
}

fn filter(state: &AdminState, parameters: Parameters) -> Result<AuditFilter, AdminFault> {
    let now = state.engine.clock().now();
    let since = parameters.since.as_deref().map(|text| moment(text, now)).transpose()?;
    let request = parameters.request.as_deref().map(|text| {
        RequestId::parse(text)
            .ok_or_else(|| AdminFault::Invalid("`request` is like req_ and 32 digits".to_owned()))
    });
    Ok(AuditFilter {
        since,
        service: parameters.service.map(Into::into),
        kind: parameters.kind,
        request: request.transpose()?,
        before: parameters.before,
    })
}

/// `GET /admin/v1/audit/verify`: reads the whole log and holds it against its checkpoints. Who
/// does not trust the machine verifies a copy, with a key and checkpoints from elsewhere.
pub(crate) async fn verify(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
) -> Result<Json<Verification>, AdminFault> {
    state.act(&caller, ("audit.read", "verification"), (None, None)).await?;
    Ok(Json(state.reading(|state| state.audit.verify()).await?))
}

/// `GET /admin/v1/audit/{seq}/proof`: that a record is in the log.
pub(crate) async fn prove(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    Path(seq): Path<String>,
) -> Result<Json<InclusionProof>, AdminFault> {
    let missing = AdminFault::NotFound("record with a checkpoint");
    let Ok(seq) = seq.parse::<u64>() else { return Err(missing) };
    state.act(&caller, ("audit.read", format!("proof of {seq}")), (None, None)).await?;
    state.reading(move |state| state.audit.prove(seq)).await?.map(Json).ok_or(missing)
}

/// `GET /admin/v1/audit/checkpoint`: the newest checkpoint, to be kept elsewhere.
pub(crate) async fn checkpoint(
    State(state): State<Arc<AdminState>>,
) -> Result<Json<Value>, AdminFault> {
    let note = state.reading(|state| state.audit.checkpoint()).await?;
    Ok(Json(json!({ "schema_version": 1, "checkpoint": note })))
}

/// `GET /admin/v1/audit/key`: the public key of the checkpoints.
pub(crate) async fn key(State(state): State<Arc<AdminState>>) -> Json<Value> {
    Json(json!({ "schema_version": 1, "public_key": state.audit.public_key() }))
}
