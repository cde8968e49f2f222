//! Which targets of a model may receive a request.

use std::sync::Arc;

use tb_config::{ClassRules, Provider};
use tb_core::{Abilities, Classes, DataClass, Surface, Timestamp};
use tb_providers::dialect;
use tb_providers::uncovered::{Terms, uncovered};

use crate::ask::{Needs, needs};
use crate::classes::{named, own_names, quoted};
use crate::clearance::{self, Clearance, clear};
use crate::engine::Engine;
use crate::estimate;
use crate::pins::{self, PinFault};
use crate::refusal::Refusal;
use crate::runtime::{RunningModel, RunningTarget};
use crate::stages::compose::Body;
use crate::stages::lookup::Fresh;
use crate::stages::scrub::Scrubbed;

/// What a target lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// Its dialect does not serve the route.
    Route,
    /// Its version may not be called.
    Pin(PinFault),
    /// Its provider may not receive data of these classes, and lacks this for it.
    Clearance(clearance::Lack),
    /// The terms with its provider do not cover this part of the request.
    Coverage(&'static str),
    /// It has no function calling.
    Tools,
    /// It cannot follow a JSON Schema.
    JsonSchema,
    /// It takes no images.
    Vision,
    /// The prompt is far longer than it takes. The last one: it is an estimate.
    ContextTooLong,
}

impl Lack {
    /// The word for it in `passed_over`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "cannot_express",
            Self::Pin(PinFault::Floating) => "not_pinned",
            Self::Pin(PinFault::Retired) => "retired",
            Self::Pin(PinFault::Frozen) => "frozen",
            Self::Clearance(lack) => lack.as_str(),
            Self::Coverage(_) => "not_covered",
            Self::Tools => "needs_tools",
            Self::JsonSchema => "needs_json_schema",
            Self::Vision => "needs_vision",
            Self::ContextTooLong => "context_too_long",
        }
    }
}

/// The targets of one model, sorted out.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that may receive the request.
    pub(super) targets: Vec<Arc<RunningTarget>>,
    /// When there is none: what the one that came nearest lacks.
    pub(super) lacking: Option<Lack>,
    /// Those that lack nothing but room, by the estimate.
    pub(super) too_short: Vec<Arc<RunningTarget>>,
}

/// What a request asks of a target.
pub(super) struct Ask<'a> {
    surface: Surface,
    now: Timestamp,
    fresh: &'a Fresh,
    body: &'a Body,
    input_tokens: u64,
    /// Read when a target is known to lack something.
    needs: Option<Needs>,
    lacking: Vec<(Arc<RunningTarget>, Lack)>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(surface: Surface, fresh: &'a Fresh, now: Timestamp) -> Self {
        let composed = &fresh.scrubbed.composed;
        let (body, input_tokens) = (&composed.body, composed.input_tokens);
        Self { surface, now, fresh, body, input_tokens, needs: None, lacking: Vec::new() }
    }

    /// Sorts the targets of a model.
    pub(super) fn eligible(&mut self, model: &RunningModel) -> Found {
        let mut found = Found::default();
        for target in &model.targets {
            let target = pins::current(target, self.now);
            let Some(lack) = self.lack(target) else {
                found.targets.push(Arc::clone(target));
                continue;
            };
            found.lacking = found.lacking.max(Some(lack));
            if lack == Lack::ContextTooLong {
                found.too_short.push(Arc::clone(target));
            }
            self.lacking.push((Arc::clone(target), lack));
        }
        found
    }

    /// The targets that were sorted out, each with what it lacks.
    pub(super) fn into_lacking(self) -> Vec<(Arc<RunningTarget>, Lack)> {
        self.lacking
    }

    fn lack(&mut self, target: &RunningTarget) -> Option<Lack> {
        let policy = self.fresh.scrubbed.composed.admitted.runtime.snapshot.pinning.policy;
        if let Some(fault) = target.pin.fault(policy, self.now) {
            return Some(Lack::Pin(fault));
        }
        if !dialect(target.provider.dialect).serves(self.surface) {
            return Some(Lack::Route);
        }
        if let Err(lack) = cleared(self.surface, self.fresh, target, self.now) {
            return Some(lack);
        }
        let Abilities { tools, json_schema, vision, context_tokens } = target.abilities;
        if [tools, json_schema, vision].contains(&Some(false)) {
            let (surface, body) = (self.surface, self.body);
            let needs = *self.needs.get_or_insert_with(|| needs(surface, body));
            let lacks = [
                (needs.tools, tools, Lack::Tools),
                (needs.json_schema, json_schema, Lack::JsonSchema),
                (needs.vision, vision, Lack::Vision),
            ];
            let lack = lacks.iter().find(|(needed, has, _)| *needed && *has == Some(false));
            if let Some((.., lack)) = lack {
                return Some(*lack);
            }
        }
        let is_short = |most| estimate::surely_exceeds(self.input_tokens, most);
        context_tokens.is_some_and(is_short).then_some(Lack::ContextTooLong)
    }
}

/// The proof that a target's provider may receive the request now.
///
/// # Errors
/// What it lacks, or what of the request the terms with it do not cover.
pub(super) fn cleared(
    surface: Surface,
    fresh: &Fresh,
    target: &RunningTarget,
    now: Timestamp,
) -> Result<Clearance, Lack> {
    let Scrubbed { composed, classes, .. } = &fresh.scrubbed;
    let rules = &composed.admitted.runtime.snapshot.classes;
    let clearance = clear(&target.provider, *classes, rules, now).map_err(Lack::Clearance)?;
    covered((surface, &composed.body), target, (&target.provider, classes.level))?;
    Ok(clearance)
}

/// Whether the configuration that holds now lets the target's provider have the request too: a
/// reload may have taken an agreement away while the request waited.
///
/// # Errors
/// What the provider lacks by now. One that is no longer there, or elsewhere, states nothing.
pub(super) fn still_cleared(
    engine: &Engine,
    (surface, fresh): (Surface, &Fresh),
    target: &RunningTarget,
    now: Timestamp,
) -> Result<(), Lack> {
    let Scrubbed { composed, classes, .. } = &fresh.scrubbed;
    let (present, begun) = (engine.shared.runtime.load(), &composed.admitted.runtime);
    if Arc::ptr_eq(&present, begun) {
        return Ok(());
    }
    let (rules, before) = (&present.snapshot.classes, &begun.snapshot.classes);
    let provider = present.snapshot.providers.get(&target.provider.name);
    let provider = provider
        .filter(|provider| provider.base_url == target.provider.base_url)
        .ok_or(Lack::Clearance(clearance::Lack::Class))?;
    // Labels are bits by their place in the configuration, so they go by their names here.
    let labels = own_names(before, classes.own).filter_map(|name| named(rules, name));
    let classes = labels.fold(Classes::of(classes.level), Classes::joined);
    if let Some(lack) = clearance::lack(provider, classes, rules, now) {
        return Err(Lack::Clearance(lack));
    }
    covered((surface, &composed.body), target, (provider, classes.level))
}

/// Whether the terms with a provider cover all of the request.
fn covered(
    (surface, body): (Surface, &Body),
    target: &RunningTarget,
    (provider, level): (&Provider, DataClass),
) -> Result<(), Lack> {
    let handling = &provider.handling;
    if handling.on_premises {
        return Ok(());
    }
    let zero_retention = handling.zero_retention;
    let terms = Terms { zero_retention, health: level == DataClass::Health };
    match uncovered(surface, target.model.as_str(), body.as_call(), terms) {
        Some(part) => Err(Lack::Coverage(part)),
        None => Ok(()),
    }
}

/// What the client is told when no target may receive the request: what the nearest one lacks.
pub(super) fn refusal(
    lack: Lack,
    surface: Surface,
    (rules, classes): (&ClassRules, Classes),
) -> Refusal {
    let why = match lack {
        Lack::Route => {
            return Refusal::caller(
                404,
                "model_not_found",
                "model",
                format!("This model is not served on the route `{}`.", surface.label()),
            );
        }
        // Said before anything was looked at, unless a version ended in the meantime.
        Lack::Pin(_) => {
            let message = "The version of this model may not be called now.".to_owned();
            return Refusal::caller(422, "model_not_pinned", "model", message);
        }
        Lack::Clearance(lack) => {
            let (named, lacks) = (quoted(rules, classes), lack.described());
            format!(
                "No provider of this model may receive data of the class {named}; the nearest \
                 one lacks {lacks}."
            )
        }
        Lack::Coverage(part) => format!(
            "The terms with the providers of this model (zero retention, or an agreement for \
             health data) do not cover {part}."
        ),
        Lack::Tools => "This model cannot call tools.".to_owned(),
        Lack::JsonSchema => "This model cannot follow a JSON Schema.".to_owned(),
        Lack::Vision => "This model takes no images.".to_owned(),
        Lack::ContextTooLong => "The prompt does not fit this model.".to_owned(),
    };
    let message = format!("{why} Nothing was sent.");
    Refusal::Policy { status: 403, code: "no_eligible_provider", message }
}
