//! `retry`, `fallbacks` and `cache` of a model.

use std::time::Duration;

use tb_core::{Backoff, DataClass, ModelName};

use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Place, Section};
use crate::redact::quoted;
use crate::snapshot::{CacheMode, CacheSettings, Fallbacks, Retry};
use crate::value::amount::show_duration;
use crate::value::{Mistake, Word};

pub(super) fn retry(section: &Section<'_>) -> Option<Retry> {
    let section = section.always("retry")?;
    let attempts = section.value::<i64>("attempts");
    let backoff = section.value::<Duration>("backoff");
    let max_backoff = section.value::<Duration>("max_backoff");
    let (backoff, max_backoff) = (backoff?, max_backoff?);
    if backoff.value > max_backoff.value {
        let place =
            if backoff.place == Place::Default { &max_backoff.place } else { &backoff.place };
        section.reader.report(
            place,
            Code::Contradiction,
            format!(
                "`backoff` ({}) is longer than `max_backoff` ({})",
                show_duration(backoff.value),
                show_duration(max_backoff.value)
            ),
            "lower `backoff`, or raise `max_backoff`",
        );
    }
    Some(Retry {
        attempts: u32::try_from(attempts?.value).ok()?,
        backoff: Backoff { base: backoff.value, cap: max_backoff.value },
    })
}

/// The fallbacks of the model `own`, among the models of those names.
pub(super) fn fallbacks(section: &Section<'_>, own: &str, models: &[String]) -> Option<Fallbacks> {
    let names = |section: &Section<'_>, key: &str| -> Option<Vec<ModelName>> {
        let list = section.list::<String>(key)?;
        for name in &list {
            check_fallback(section, name, own, models);
        }
        Some(list.into_iter().map(|name| name.value.into()).collect())
    };
    let Some(by_cause) = section.table_form("fallbacks") else {
        return Some(Fallbacks { default: names(section, "fallbacks")?, ..Fallbacks::default() });
    };
    let default = names(&by_cause, "default");
    let context_too_long = names(&by_cause, "context_too_long");
    let content_policy = names(&by_cause, "content_policy");
    Some(Fallbacks {
        default: default?,
        context_too_long: context_too_long?,
        content_policy: content_policy?,
    })
}

fn check_fallback(section: &Section<'_>, name: &At<String>, own: &str, models: &[String]) {
    let mistake = if name.value == own {
        Mistake::new(
            Code::BadFallback,
            format!("the model {} cannot be its own fallback", quoted(own)),
            "name another model of [models], or remove it",
        )
    } else if !models.contains(&name.value) {
        let others = models.iter().map(String::as_str).filter(|other| *other != own);
        Mistake::new(
            Code::BadFallback,
            format!("there is no model {}", quoted(&name.value)),
            "name another model of [models], or add it there",
        )
        .with_nearest(nearest(&name.value, others))
    } else {
        return;
    };
    section.reader.fault(&name.place, mistake);
}

pub(super) fn cache(section: &Section<'_>) -> Option<CacheSettings> {
    let section = section.always("cache")?;
    let mode = section.value::<Word<CacheMode>>("mode");
    let ttl = section.value::<Duration>("ttl");
    let data_classes = section.list::<Word<DataClass>>("data_classes");
    Some(CacheSettings {
        mode: mode?.value.0,
        ttl: ttl?.value,
        data_classes: data_classes?.into_iter().map(|class| class.value.0).collect(),
    })
}
