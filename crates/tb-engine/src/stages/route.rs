//! Stage 5: where the request may go, in order. Sends nothing.

mod eligible;
mod order;

use std::sync::Arc;
use std::time::Instant;

use tb_core::key_pool::KeyChoice;
use tb_core::ports::ResponseBinding;
use tb_core::{ModelName, Surface, Timestamp};

pub(crate) use self::eligible::Lack;
use self::eligible::{Ask, Found, cleared, still_cleared};
use super::lookup::Fresh;
use crate::clearance::Clearance;
use crate::engine::Engine;
use crate::headers;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::{RunningModel, RunningTarget};
use crate::stream::is_response_id;

/// Where to send, in order, until when.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fresh: Fresh,
    /// The model that was requested.
    pub(crate) model: Arc<RunningModel>,
    /// Eligible targets, rung by rung.
    pub(crate) targets: Vec<PlannedTarget>,
    /// How many of them stand on each rung; the first rung is the requested model.
    pub(crate) rungs: Vec<usize>,
    /// Which of the provider's keys must be used (for a stored response).
    pub(crate) key_index: Option<u32>,
    pub(crate) deadline: Instant,
    /// The caller asked for a shorter deadline than the model has.
    pub(crate) is_hurried: bool,
    /// What is not on the rungs and why, as in `passed_over` of rows.
    pub(crate) passed_over: String,
    /// Which fallback models may still be planned.
    below: Below,
}

/// A target with the model that it stands for.
#[derive(Debug, Clone)]
pub(crate) struct PlannedTarget {
    pub(crate) model: Arc<RunningModel>,
    pub(crate) target: Arc<RunningTarget>,
}

/// What models that clients name as `provider/model` are called together in the pools of keys:
/// nobody may fill these with names. No model id is empty.
const DIRECT: &str = "";

impl PlannedTarget {
    /// Its name in the pool of its provider's keys.
    pub(crate) fn pool_name(&self) -> &str {
        if self.model.configured { self.target.model.as_str() } else { DIRECT }
    }

    /// The key for the next attempt; one of `tried` only when no other is ready, and then not
    /// for a model that clients name: its refusals leave no trace in the pool.
    pub(crate) fn key(&self, now_ms: u64, roll: f64, tried: &[u32]) -> KeyChoice {
        match self.target.keys.choose(self.pool_name(), now_ms, roll, tried) {
            KeyChoice::Ready(key) if !self.model.configured && tried.contains(&key) => {
                KeyChoice::Dead
            }
            choice => choice,
        }
    }
}

/// Why the request goes below the requested model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descent {
    /// Its targets failed.
    Failed,
    /// The prompt does not fit it.
    ContextTooLong,
    /// The provider's content policy refused it.
    ContentPolicy,
}

/// The lists of fallback models that were not planned yet.
#[derive(Debug, Clone, Copy)]
struct Below {
    default: bool,
    context_too_long: bool,
    content_policy: bool,
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
    let own = composed.admitted.timeout.filter(|own| *own < model.model.deadline);
    let deadline = composed.admitted.arrived + own.unwrap_or(model.model.deadline);
    let declined = head.header(&headers::FALLBACK) == Some("off");
    let may_fall = binding.is_none() && !declined && model.configured;
    let mut plan = Plan {
        fresh,
        model,
        targets: Vec::new(),
        rungs: Vec::new(),
        key_index: binding.as_ref().map(|binding| binding.key_index),
        deadline,
        is_hurried: own.is_some(),
        passed_over: String::new(),
        below: Below { default: may_fall, context_too_long: may_fall, content_policy: may_fall },
    };
    match &binding {
        Some(binding) => {
            // The model that made the response, mostly as a fallback of the requested one. Who
            // declines fallbacks gets the requested model or nothing.
            let is_other = binding.model != plan.model.model.name && !declined;
            let maker = is_other.then(|| bound_model(&plan.fresh, binding).ok()).flatten();
            plan.bind(head, binding, maker)?;
        }
        None => plan.begin(engine, head)?,
    }
    Ok(plan)
}

impl Plan {
    /// The target of a number on the ladder.
    pub(crate) fn target(&self, number: usize) -> Option<&PlannedTarget> {
        self.targets.get(number)
    }

    /// Plans the targets of the requested model; its fallback models at once where it has none
    /// that may receive the request.
    fn begin(&mut self, engine: &Engine, head: &RequestHead) -> Result<(), Refusal> {
        let model = Arc::clone(&self.model);
        let found = self.eligible(head, &model);
        let Found { targets, lacking, too_short } = found;
        self.rungs.push(targets.len());
        let model = &self.model;
        let planned = order::ordered(engine, head, &self.fresh, targets);
        let planned = planned.into_iter();
        self.targets
            .extend(planned.map(|target| PlannedTarget { model: Arc::clone(model), target }));
        if !self.targets.is_empty() {
            return Ok(());
        }
        let is_too_long = lacking == Some(Lack::ContextTooLong);
        if is_too_long && !self.descend(engine, head, Descent::ContextTooLong).is_empty() {
            return Ok(());
        }
        if !self.descend(engine, head, Descent::Failed).is_empty() {
            return Ok(());
        }
        // The length in tokens is an estimate: the provider knows better than nobody.
        if is_too_long {
            self.rungs = vec![too_short.len()];
            let model = &self.model;
            let named = too_short.into_iter();
            self.targets
                .extend(named.map(|target| PlannedTarget { model: Arc::clone(model), target }));
            self.passed_over.clear();
            return Ok(());
        }
        Err(self.refusal(head.surface, lacking.unwrap_or(Lack::Route)))
    }

    /// Plans the one target and key that keep a stored response: a target of the requested model,
    /// or of `maker`, the model that made the response in its place.
    fn bind(
        &mut self,
        head: &RequestHead,
        binding: &ResponseBinding,
        maker: Option<Arc<RunningModel>>,
    ) -> Result<(), Refusal> {
        let mut closed = None;
        for model in [Some(Arc::clone(&self.model)), maker].into_iter().flatten() {
            let Found { targets, lacking, too_short } = self.eligible(head, &model);
            let keeper = targets.into_iter().chain(too_short).find(|target| {
                target.provider.name == binding.provider && target.has_key(binding.key_index)
            });
            if let Some(target) = keeper {
                self.targets.push(PlannedTarget { model, target });
                self.rungs.push(1);
                return Ok(());
            }
            self.rungs.push(0);
            let is_barred = |lack: &Lack| matches!(lack, Lack::Clearance(_) | Lack::Coverage(_));
            closed = closed.max(lacking.filter(is_barred));
        }
        Err(closed.map_or_else(unknown_response, |lack| self.refusal(head.surface, lack)))
    }

    /// The proof that a target may receive the request at this moment, by the configuration that
    /// the request began with and by the one that holds now.
    ///
    /// # Errors
    /// What it lacks.
    pub(crate) fn clear(
        &self,
        engine: &Engine,
        (surface, target): (Surface, &RunningTarget),
        now: Timestamp,
    ) -> Result<Clearance, Lack> {
        let clearance = cleared(surface, &self.fresh, target, now)?;
        still_cleared(engine, (surface, &self.fresh), target, now)?;
        Ok(clearance)
    }

    /// What the client is told when no target may receive the request.
    pub(crate) fn refusal(&self, surface: Surface, lack: Lack) -> Refusal {
        let scrubbed = &self.fresh.scrubbed;
        let rules = &scrubbed.composed.admitted.runtime.snapshot.classes;
        eligible::refusal(lack, surface, (rules, scrubbed.classes))
    }

    /// Whether there may be fallback models for this, to be planned with [`Self::descend`].
    pub(crate) fn may_descend(&self, why: Descent) -> bool {
        let names = self.names(why);
        let open = match why {
            Descent::Failed => self.below.default,
            Descent::ContextTooLong => self.below.context_too_long,
            Descent::ContentPolicy => self.below.content_policy,
        };
        open && !names.is_empty()
    }

    /// Plans the fallback models for this, once; the new rungs, each with its number of targets.
    pub(crate) fn descend(
        &mut self,
        engine: &Engine,
        head: &RequestHead,
        why: Descent,
    ) -> Vec<usize> {
        if !self.may_descend(why) {
            return Vec::new();
        }
        match why {
            Descent::Failed => self.below.default = false,
            Descent::ContextTooLong => self.below.context_too_long = false,
            Descent::ContentPolicy => self.below.content_policy = false,
        }
        let requested = Arc::clone(&self.model);
        let names: Vec<ModelName> = self.names(why).to_vec();
        let mut added = Vec::new();
        for name in &names {
            let known = self.targets.iter().any(|planned| planned.model.model.name == *name);
            if known || *name == requested.model.name {
                continue;
            }
            let admitted = &self.fresh.scrubbed.composed.admitted;
            let model = admitted.runtime.model(name.as_str());
            let Some(model) = model.filter(|_| admitted.may_call(name.as_str())) else {
                self.note(name.as_str(), "not_allowed");
                continue;
            };
            let Found { targets, .. } = self.eligible(head, &model);
            if targets.is_empty() {
                continue;
            }
            added.push(targets.len());
            self.rungs.push(targets.len());
            let ordered = order::ordered(engine, head, &self.fresh, targets);
            let planned = ordered.into_iter();
            self.targets
                .extend(planned.map(|target| PlannedTarget { model: Arc::clone(&model), target }));
        }
        if why != Descent::Failed && !added.is_empty() {
            // What fits this failure stands in the place of what fits any.
            self.below.default = false;
        }
        added
    }

    fn names(&self, why: Descent) -> &[ModelName] {
        let fallbacks = &self.model.model.fallbacks;
        match why {
            Descent::Failed => &fallbacks.default,
            Descent::ContextTooLong => &fallbacks.context_too_long,
            Descent::ContentPolicy => &fallbacks.content_policy,
        }
    }

    /// The targets of a model that may receive the request; the others are noted.
    fn eligible(&mut self, head: &RequestHead, model: &RunningModel) -> Found {
        let mut ask = Ask::new(head.surface, &self.fresh, head.arrived_at);
        let found = ask.eligible(model);
        for (target, lack) in ask.into_lacking() {
            let name = format!("{}/{}", target.provider.name, target.model);
            self.note(&name, lack.as_str());
        }
        found
    }

    /// Adds `name=word` to what is passed over.
    fn note(&mut self, name: &str, word: &str) {
        let text = &mut self.passed_over;
        if !text.is_empty() {
            text.push(';');
        }
        for part in [name, "=", word] {
            text.push_str(part);
        }
    }
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
