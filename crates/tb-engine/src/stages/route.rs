//! Stage 5: where the request may go, in order. Sends nothing.

use std::sync::Arc;
use std::time::Instant;

use tb_core::ports::ResponseBinding;
use tb_core::{DataClass, Surface};
use tb_providers::dialect;

use super::lookup::Fresh;
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::{RunningModel, RunningTarget};
use crate::stream::is_response_id;

/// Where to send, in order, until when.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fresh: Fresh,
    pub(crate) model: Arc<RunningModel>,
    /// Eligible targets, at least one.
    pub(crate) targets: Vec<Arc<RunningTarget>>,
    /// Which of the provider's keys must be used (for a stored response).
    pub(crate) key_index: Option<u32>,
    pub(crate) deadline: Instant,
}

/// Orders the targets that may receive the request.
pub(crate) async fn route(
    engine: &Engine,
    head: &RequestHead,
    fresh: Fresh,
) -> Result<Plan, Refusal> {
    let composed = &fresh.scrubbed.composed;
    let binding = match tied_to(head, composed.previous_response_id.as_deref()) {
        Some(id) => Some(binding(engine, &fresh, id).await?),
        None => None,
    };
    let model = match (&composed.model, &binding) {
        (Some(model), _) => Arc::clone(model),
        (None, Some(binding)) => bound_model(&fresh, binding)?,
        (None, None) => return Err(Refusal::Internal("a request without a model")),
    };
    let mut targets = eligible(&model, head.surface, fresh.scrubbed.data_class)?;
    if let Some(binding) = &binding {
        targets.retain(|target| {
            target.provider.name == binding.provider && target.has_key(binding.key_index)
        });
        targets.truncate(1);
        if targets.is_empty() {
            return Err(unknown_response());
        }
    } else {
        order_by_weight(engine, &mut targets);
    }
    let timeout = composed.admitted.timeout.unwrap_or(model.model.deadline);
    let deadline = composed.admitted.arrived + timeout.min(model.model.deadline);
    let key_index = binding.map(|binding| binding.key_index);
    Ok(Plan { fresh, model, targets, key_index, deadline })
}

/// The stored response that a request is about or goes on from.
fn tied_to<'a>(head: &'a RequestHead, previous: Option<&'a str>) -> Option<&'a str> {
    match head.surface {
        Surface::ResponsesGet | Surface::ResponsesDelete | Surface::ResponsesCancel => {
            head.path_id.as_deref()
        }
        Surface::Responses => previous,
        _ => None,
    }
}

/// Finds who keeps a response, for this tenant only: another tenant's id is as unknown as
/// one that never was.
async fn binding(engine: &Engine, fresh: &Fresh, id: &str) -> Result<ResponseBinding, Refusal> {
    if !is_response_id(id) {
        return Err(unknown_response());
    }
    let service = fresh.scrubbed.composed.admitted.service.name.clone();
    let bindings = &engine.shared.bindings;
    if let Some(known) = bindings.recall(&service, id) {
        return known.ok_or_else(unknown_response);
    }
    let (store, wanted) = (bindings.store(), id.to_owned());
    let read = engine.shared.tasks.spawn_blocking(move || store.binding(&service, &wanted));
    match read.await {
        Ok(Ok(Some(binding))) => {
            bindings.learn(&binding);
            Ok(binding)
        }
        Ok(Ok(None)) => Err(unknown_response()),
        Ok(Err(_)) | Err(_) => Err(Refusal::Overloaded("the store does not answer; try again")),
    }
}

fn unknown_response() -> Refusal {
    Refusal::caller(
        404,
        "response_not_found",
        "id",
        "There is no stored response with this id for this key's service.".to_owned(),
    )
}

/// The model that made a stored response; the key must still be allowed to call it.
fn bound_model(fresh: &Fresh, binding: &ResponseBinding) -> Result<Arc<RunningModel>, Refusal> {
    let admitted = &fresh.scrubbed.composed.admitted;
    let name = binding.model.as_str();
    let model = admitted.runtime.model(name).ok_or_else(unknown_response)?;
    if admitted.may_call(name) { Ok(model) } else { Err(unknown_response()) }
}

fn eligible(
    model: &RunningModel,
    surface: Surface,
    class: DataClass,
) -> Result<Vec<Arc<RunningTarget>>, Refusal> {
    let serving: Vec<_> = model
        .targets
        .iter()
        .filter(|target| dialect(target.provider.dialect).serves(surface))
        .collect();
    if serving.is_empty() {
        return Err(Refusal::caller(
            404,
            "model_not_found",
            "model",
            format!("This model is not served on the route `{}`.", surface.label()),
        ));
    }
    let targets: Vec<_> = serving
        .into_iter()
        .filter(|target| target.provider.data_classes.contains(&class))
        .cloned()
        .collect();
    if targets.is_empty() {
        return Err(Refusal::Policy {
            status: 403,
            code: "no_eligible_provider",
            message: format!(
                "No provider of this model may receive data of the class `{}`. Nothing was sent.",
                class.as_str()
            ),
        });
    }
    Ok(targets)
}

/// The first target is drawn by weight; the others follow in the order of their weights.
fn order_by_weight(engine: &Engine, targets: &mut [Arc<RunningTarget>]) {
    if targets.len() < 2 {
        return;
    }
    targets.sort_by_key(|target| std::cmp::Reverse(target.weight));
    let total: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    if total == 0 {
        return;
    }
    let mut draw = engine.shared.random() % total;
    let mut chosen = 0;
    for (place, target) in targets.iter().enumerate() {
        let weight = u64::from(target.weight);
        if draw < weight {
            chosen = place;
            break;
        }
        draw -= weight;
    }
    if let Some(front) = targets.get_mut(..=chosen) {
        front.rotate_right(1);
    }
}
