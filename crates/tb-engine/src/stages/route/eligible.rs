//! Which targets of a model may receive a request.

use std::sync::Arc;

use tb_core::{Abilities, DataClass, Surface};
use tb_providers::dialect;

use crate::ask::{Needs, needs};
use crate::estimate;
use crate::refusal::Refusal;
use crate::runtime::{RunningModel, RunningTarget};
use crate::stages::compose::Body;
use crate::stages::lookup::Fresh;

/// What a target lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// Its dialect does not serve the route.
    Route,
    /// Its provider may not receive the class of the data.
    DataClass,
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
            Self::DataClass => "data_class",
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
    class: DataClass,
    body: &'a Body,
    input_tokens: u64,
    /// Read when a target is known to lack something.
    needs: Option<Needs>,
    lacking: Vec<(Arc<RunningTarget>, Lack)>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(surface: Surface, fresh: &'a Fresh) -> Self {
        let class = fresh.scrubbed.data_class;
        let composed = &fresh.scrubbed.composed;
        let (body, input_tokens) = (&composed.body, composed.input_tokens);
        Self { surface, class, body, input_tokens, needs: None, lacking: Vec::new() }
    }

    /// Sorts the targets of a model.
    pub(super) fn eligible(&mut self, model: &RunningModel) -> Found {
        let mut found = Found::default();
        for target in &model.targets {
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
        if !dialect(target.provider.dialect).serves(self.surface) {
            return Some(Lack::Route);
        }
        if !target.provider.data_classes.contains(&self.class) {
            return Some(Lack::DataClass);
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

/// What the client is told when no target may receive the request: what the nearest one lacks.
pub(super) fn refusal(lack: Lack, surface: Surface, class: DataClass) -> Refusal {
    let why = match lack {
        Lack::Route => {
            return Refusal::caller(
                404,
                "model_not_found",
                "model",
                format!("This model is not served on the route `{}`.", surface.label()),
            );
        }
        Lack::DataClass => {
            format!("No provider of this model may receive data of the class `{}`.", class.as_str())
        }
        Lack::Tools => "This model cannot call tools.".to_owned(),
        Lack::JsonSchema => "This model cannot follow a JSON Schema.".to_owned(),
        Lack::Vision => "This model takes no images.".to_owned(),
        Lack::ContextTooLong => "The prompt does not fit this model.".to_owned(),
    };
    let message = format!("{why} Nothing was sent.");
    Refusal::Policy { status: 403, code: "no_eligible_provider", message }
}
