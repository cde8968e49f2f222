//! `moderation` of the guard.

use std::time::Duration;

use tb_core::ModelName;

use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::Section;
use crate::redact::quoted;
use crate::snapshot::{Moderation, ModerationForm, OnTrouble, Reaction};
use crate::value::{Consequence, Mistake, Score, Word};

/// `moderation`, over the one that holds otherwise; `models` are the names of `[models]`.
pub(super) fn moderation(
    section: &Section<'_>,
    base: Option<&Moderation>,
    models: &[String],
) -> Option<Moderation> {
    let Some(own) = section.table("moderation") else { return base.cloned() };
    let model = model(&own, base, models);
    let unset = unset();
    let base = base.unwrap_or(&unset);
    let mut thresholds = base.thresholds.clone();
    let categories = own.entries::<Score<f64>>("thresholds").into_iter();
    thresholds.extend(categories.map(|(category, score)| (category.value, score.value.0)));
    Some(Moderation {
        form: own.value_over("form", Word(base.form)).value.0,
        before: own.value_over("before", base.before).value,
        after: own.value_over("after", base.after).value,
        threshold: own.value_over("threshold", Score(base.threshold)).value.0,
        thresholds,
        reaction: own.value_over("reaction", Word(Consequence::from(base.reaction))).value.0.into(),
        on_failure: own.value_over("on_failure", Word(base.on_failure)).value.0,
        timeout: own.value_over("timeout", base.timeout).value,
        model: model?,
    })
}

/// The model; `None` was reported.
fn model(own: &Section<'_>, base: Option<&Moderation>, models: &[String]) -> Option<ModelName> {
    if own.written_at("model").is_none() {
        if base.is_none() {
            own.missing("model");
        }
        return base.map(|base| base.model.clone());
    }
    let model = own.optional::<String>("model")?;
    if !models.contains(&model.value) {
        let message = format!("there is no model {}", quoted(&model.value));
        let help = "name one of [models], or add it there";
        let mistake = Mistake::new(Code::UnknownModel, message, help);
        let nearest = nearest(&model.value, models.iter().map(String::as_str));
        own.reader.fault(&model.place, mistake.with_nearest(nearest));
    }
    Some(model.value.into())
}

/// What holds for a service that has moderation when `[guard]` has none: the defaults of the
/// table of keys.
fn unset() -> Moderation {
    Moderation {
        model: "".into(),
        form: ModerationForm::Moderations,
        before: true,
        after: false,
        threshold: 0.5,
        thresholds: std::collections::HashMap::new(),
        reaction: Reaction::Block,
        on_failure: OnTrouble::Block,
        timeout: Duration::from_secs(5),
    }
}
