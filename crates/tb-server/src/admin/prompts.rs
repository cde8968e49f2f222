//! `/admin/v1/prompts`: versions, labels, and what a version makes of variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tb_core::ports::StoreError;
use tb_core::prompt::{
    Absent, Chosen, Filling, LabelRecord, Move, MoveFault, PromptDesk, PromptRecord, PromptSource,
    Warrant,
};
use tb_engine::estimate_tokens;

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::json_body::JsonBody;
use super::keys::parsed;

/// `GET /admin/v1/prompts`
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Result<Json<Value>, AdminFault> {
    let (versions, labels) = state.reading(everything).await?;
    let mut newest: BTreeMap<&str, (usize, &PromptRecord)> = BTreeMap::new();
    for version in &versions {
        let entry = newest.entry(&version.name).or_insert((0, version));
        *entry = (entry.0 + 1, version);
    }
    let rows: Vec<Value> = newest
        .into_values()
        .map(|(count, newest)| {
            json!({
                "name": newest.name,
                "description": newest.content.description,
                "versions": count,
                "newest": newest.number,
                "labels": labels_of(&labels, &newest.name),
            })
        })
        .collect();
    Ok(Json(json!({ "schema_version": 1, "rows": rows })))
}

/// `GET /admin/v1/prompts/{name}`
pub(crate) async fn show(
    State(state): State<Arc<AdminState>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, AdminFault> {
    let (mut versions, labels) = state.reading(everything).await?;
    versions.retain(|version| version.name == name);
    if versions.is_empty() {
        return Err(AdminFault::NotFound("prompt"));
    }
    let rows: Vec<Value> = versions.iter().rev().map(version_view).collect();
    let labels = labels_of(&labels, &name);
    Ok(Json(json!({ "schema_version": 1, "name": name, "labels": labels, "versions": rows })))
}

/// A version and what it consists of.
#[must_use]
pub fn version_view(version: &PromptRecord) -> Value {
    json!({
        "version": version.number,
        "hash": version.hash,
        "created_at": version.created_at.to_rfc3339(),
        "content": version.content,
    })
}

fn everything(state: &AdminState) -> Result<(Vec<PromptRecord>, Vec<LabelRecord>), StoreError> {
    let store = state.prompts.store();
    Ok((store.prompts()?, store.prompt_labels()?))
}

fn labels_of(labels: &[LabelRecord], name: &str) -> Map<String, Value> {
    let own = labels.iter().filter(|label| label.name == name);
    own.map(|label| (label.label.clone(), label.number.into())).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPrompt {
    name: String,
    source: String,
    #[serde(default)]
    partials: BTreeMap<String, String>,
}

/// `POST /admin/v1/prompts`
pub(crate) async fn register(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), AdminFault> {
    let NewPrompt { name, source, partials } = parsed(&body, "a prompt")?;
    let source = PromptSource::parse(&name, &source, &partials).map_err(|fault| {
        let line = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        AdminFault::Invalid(format!("{line}{fault}"))
    })?;
    let register = move |desk: &PromptDesk<'_>| Ok(desk.register(&source)?);
    let (record, is_new) = state.at_prompt_desk(caller, register).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut view = version_view(&record);
    if let Value::Object(view) = &mut view {
        view.insert("schema_version".to_owned(), 1.into());
        view.insert("name".to_owned(), record.name.into());
    }
    Ok((status, Json(view)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RenderRequest {
    version: Option<u32>,
    label: Option<String>,
    #[serde(default)]
    variables: Map<String, Value>,
}

/// `POST /admin/v1/prompts/{name}/render`: nothing is sent.
pub(crate) async fn render(
    State(state): State<Arc<AdminState>>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, AdminFault> {
    let RenderRequest { version, label, variables } = parsed(&body, "what to render")?;
    let chosen = match (version, &label) {
        (Some(number), None) => Chosen::Number(number),
        (None, Some(label)) => Chosen::Label(label),
        (None, None) => Chosen::Usual,
        (Some(_), Some(_)) => {
            return Err(AdminFault::Invalid("name a `version` or a `label`, not both".to_owned()));
        }
    };
    let (book, snapshot) = (state.engine.prompts(), state.engine.snapshot());
    let prompt = book.find(&name, chosen, snapshot.environment.as_deref());
    let prompt = prompt.map_err(|absent| match absent {
        Absent::Prompt => AdminFault::NotFound("prompt"),
        Absent::Version => AdminFault::NotFound("version"),
        Absent::Label | Absent::Unlabelled => AdminFault::NotFound("label"),
    })?;
    let clean = &mut |text: &str| tb_engine::clean_variable(&snapshot.guard.policy, text);
    let filling = Filling { values: variables, clean, tokens: &estimate_tokens };
    let messages = prompt.template.fill(filling).map_err(|fault| {
        let of = fault.variable.as_ref().map(|name| format!("`{name}`: ")).unwrap_or_default();
        AdminFault::Invalid(format!("{of}{}", fault.message))
    })?;
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| json!({ "role": message.role.as_str(), "content": message.content }))
        .collect();
    let (version, hash) = (prompt.record.number, &prompt.record.hash);
    Ok(Json(json!({
        "schema_version": 1, "version": version, "hash": hash, "messages": messages,
    })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelRequest {
    label: String,
    version: u32,
    expect: Option<u32>,
    evidence: Option<String>,
    #[serde(rename = "override")]
    reason: Option<String>,
}

/// `POST /admin/v1/prompts/{name}/labels`
pub(crate) async fn promote(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, AdminFault> {
    let LabelRequest { label, version, expect, evidence, reason } = parsed(&body, "a label")?;
    let warrant = match (evidence, reason) {
        (None, None) => Warrant::None,
        (Some(evidence), None) => Warrant::Evidence(evidence),
        (None, Some(reason)) => Warrant::Override(reason),
        (Some(_), Some(_)) => {
            let message = "send `evidence` or `override`, not both";
            return Err(AdminFault::Invalid(message.to_owned()));
        }
    };
    let asked = Move { name, label, number: version, expect, warrant };
    let moved = state.at_prompt_desk(caller, move |desk| desk.promote(&asked)).await?;
    Ok(Json(label_view(&moved)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackRequest {
    label: String,
    expect: Option<u32>,
}

/// `POST /admin/v1/prompts/{name}/rollback`
pub(crate) async fn rollback(
    State(state): State<Arc<AdminState>>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, AdminFault> {
    let RollbackRequest { label, expect } = parsed(&body, "a label")?;
    let back = move |desk: &PromptDesk<'_>| desk.rollback((&name, &label), expect);
    Ok(Json(label_view(&state.at_prompt_desk(caller, back).await?)))
}

/// Where a label points to, and where it pointed to before.
#[must_use]
pub fn label_view(label: &LabelRecord) -> Value {
    json!({
        "schema_version": 1,
        "name": label.name,
        "label": label.label,
        "version": label.number,
        "previous": label.earlier.last(),
        "moved_at": label.moved_at.to_rfc3339(),
    })
}

impl AdminState {
    /// Changes prompts, and lets the change hold at once.
    async fn at_prompt_desk<T: Send + 'static>(
        self: &Arc<Self>,
        caller: Caller,
        change: impl FnOnce(&PromptDesk<'_>) -> Result<T, MoveFault> + Send + 'static,
    ) -> Result<T, AdminFault> {
        let state = Arc::clone(self);
        let running = self.engine.tasks().spawn_blocking(move || {
            let changed = state.prompts.at_desk(caller.actor, change)?;
            // Who cannot read it now reads it with the next look at the counter.
            if let Err(error) = state.prompts.reload_if_changed() {
                tracing::warn!(%error, "a changed prompt is not served yet");
            }
            Ok(changed)
        });
        let outcome = running.await.map_err(|_| AdminFault::Internal("a store call died"))?;
        outcome.map_err(told)
    }
}

fn told(fault: MoveFault) -> AdminFault {
    let conflict = |code, message| AdminFault::Conflict { code, message };
    match fault {
        MoveFault::Unknown(what) => AdminFault::NotFound(what),
        MoveFault::Invalid(message) => AdminFault::Invalid(message),
        MoveFault::Store(error) => AdminFault::Store(error),
        MoveFault::Moved(_) => conflict("label_moved", fault.to_string()),
        MoveFault::NothingEarlier => conflict("nothing_earlier", fault.to_string()),
        MoveFault::NeedsEvidence(_) => conflict("evidence_required", fault.to_string()),
        MoveFault::Refused(_) => conflict("evidence_refused", fault.to_string()),
    }
}
