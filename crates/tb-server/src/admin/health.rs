//! The health of targets and of the keys at providers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use tb_engine::{Engine, ProviderKeyView, TargetView};

use super::AdminState;

/// One target and its breaker.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TargetHealthView {
    provider: String,
    model: String,
    breaker: &'static str,
    opens_again_in_ms: Option<u64>,
    failure_permille: u32,
    attempts_in_window: u32,
    may_retry: bool,
    usual_first_byte_ms: Option<u64>,
    usual_whole_answer_ms: Option<u64>,
}

impl From<TargetView> for TargetHealthView {
    fn from(view: TargetView) -> Self {
        Self {
            provider: view.provider,
            model: view.model,
            breaker: view.state.as_str(),
            opens_again_in_ms: view.opens_again_in_ms,
            failure_permille: view.failure_permille,
            attempts_in_window: view.attempts_in_window,
            may_retry: view.may_retry,
            usual_first_byte_ms: view.usual_first_byte_ms,
            usual_whole_answer_ms: view.usual_whole_answer_ms,
        }
    }
}

/// One key at a provider, by its place in the configuration.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProviderKeyHealthView {
    provider: String,
    index: u32,
    state: &'static str,
    ends_in_ms: Option<u64>,
}

impl From<ProviderKeyView> for ProviderKeyHealthView {
    fn from(view: ProviderKeyView) -> Self {
        Self {
            provider: view.provider,
            index: view.index,
            state: view.state.as_str(),
            ends_in_ms: view.ends_in_ms,
        }
    }
}

/// Every target and every key.
pub(super) fn of(engine: &Engine) -> (Vec<TargetHealthView>, Vec<ProviderKeyHealthView>) {
    let targets = engine.targets().into_iter().map(TargetHealthView::from).collect();
    let keys = engine.provider_keys().into_iter().map(ProviderKeyHealthView::from).collect();
    (targets, keys)
}

/// `GET /admin/v1/targets`: breakers, and the keys at the providers.
pub(crate) async fn targets(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let (targets, keys) = of(&state.engine);
    Json(json!({ "schema_version": 1, "targets": targets, "provider_keys": keys }))
}
