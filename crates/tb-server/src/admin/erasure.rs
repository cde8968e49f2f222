//! `/admin/v1/erasure`: one person leaves everything that is kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Deserialize;

use tb_core::ServiceName;

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;

/// Whom to erase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasureRequest {
    subject: String,
    service: Option<String>,
}

/// `POST /admin/v1/erasure`: gives the receipt.
pub(crate) async fn erase(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<impl IntoResponse, AdminFault> {
    // The error could repeat the name.
    let request: ErasureRequest = serde_json::from_slice(&body)
        .ok()
        .filter(|request: &ErasureRequest| !request.subject.is_empty())
        .ok_or_else(|| {
            AdminFault::Invalid(
                "the body is `{\"subject\": \"…\", \"service\": \"…\"}`, the \
                 service may be left out"
                    .to_owned(),
            )
        })?;
    let service: Option<ServiceName> = request.service.map(|name| name.as_str().into());
    let erase = move |state: &AdminState| {
        state.records.erase(&request.subject, service.as_ref(), caller.actor)
    };
    let receipt = state.reading(erase).await?;
    tracing::info!(
        pseudonym = receipt.pseudonym,
        complete = receipt.complete,
        "a subject was erased"
    );
    Ok(([(CACHE_CONTROL, "no-store")], Json(receipt)))
}
