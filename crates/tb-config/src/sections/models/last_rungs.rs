//! `on_exhausted` of a model and what belongs to it: what answers when no provider does.

use std::sync::Arc;
use std::time::Duration;

use tb_core::DataClass;
use tb_core::rules::Rules;

use crate::codes::Code;
use crate::reader::{At, Place, Section};
use crate::sections::rules_file;
use crate::snapshot::{CacheMode, CacheSettings, LastRung};
use crate::value::Word;

/// The last rungs of a model's ladder.
pub(super) struct LastRungs {
    pub(super) order: Vec<LastRung>,
    pub(super) stale_if_error: Duration,
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) data_classes: Vec<DataClass>,
}

pub(super) fn last_rungs(
    section: &Section<'_>,
    cache: Option<&CacheSettings>,
) -> Option<LastRungs> {
    let order = section.list::<Word<LastRung>>("on_exhausted");
    let rung = |wanted: LastRung| order.iter().flatten().find(|rung| rung.value.0 == wanted);
    let stale_cache = rung(LastRung::StaleCache);
    let default = if stale_cache.is_some() { "24h" } else { "0s" };
    let stale_if_error = section.value_or::<Duration>("stale_if_error", default);
    let data_classes = section.list::<Word<DataClass>>("on_exhausted_data_classes");
    let rules = section.optional::<String>("rules");
    let rules = rules.map(|path| rules_file::read(section.reader, &path));

    check_stale_cache(section, stale_cache, cache, stale_if_error.as_ref());
    check_rules(section, rung(LastRung::Rules));
    // A list with a faulty entry in it may have meant anything.
    if order.as_ref().map(Vec::len) == Some(section.array_len("on_exhausted").unwrap_or(0)) {
        warn_unused(section, "rules", rung(LastRung::Rules).is_some());
        warn_unused(section, "stale_if_error", stale_cache.is_some());
        let some = order.as_ref().is_some_and(|order| !order.is_empty());
        warn_unused(section, "on_exhausted_data_classes", some);
    }
    Some(LastRungs {
        order: order?.into_iter().map(|rung| rung.value.0).collect(),
        stale_if_error: stale_if_error?.value,
        rules: rules.flatten(),
        data_classes: data_classes?.into_iter().map(|class| class.value.0).collect(),
    })
}

fn check_stale_cache(
    section: &Section<'_>,
    rung: Option<&At<Word<LastRung>>>,
    cache: Option<&CacheSettings>,
    stale_if_error: Option<&At<Duration>>,
) {
    let Some(rung) = rung else { return };
    if cache.is_some_and(|cache| cache.mode == CacheMode::Off) {
        section.reader.report(
            &rung.place,
            Code::EmptyRung,
            "`stale_cache` has nothing to answer with: the cache of this model is off",
            "add cache = { mode = \"on\", ttl = \"1h\" }, or remove \"stale_cache\"",
        );
    }
    if let Some(time) = stale_if_error.filter(|time| time.value.is_zero()) {
        section.reader.report(
            &time.place,
            Code::EmptyRung,
            "`stale_if_error` is nothing, so `stale_cache` could never answer",
            "write a longer time, leave it out for 24h, or remove \"stale_cache\"",
        );
    }
}

fn check_rules(section: &Section<'_>, rung: Option<&At<Word<LastRung>>>) {
    if let Some(rung) = rung.filter(|_| section.written_at("rules").is_none()) {
        section.reader.report(
            &rung.place,
            Code::EmptyRung,
            "`rules` has nothing to answer with: the model names no rules file",
            "add rules = \"FILE\", or remove \"rules\"",
        );
    }
}

fn warn_unused(section: &Section<'_>, key: &str, is_used: bool) {
    let written: Option<Place> = section.written_at(key).filter(|_| !is_used);
    if let Some(place) = written {
        let user = match key {
            "stale_if_error" => "\"stale_cache\"",
            "rules" => "\"rules\"",
            _ => "\"stale_cache\" or \"rules\"",
        };
        section.reader.report(
            &place,
            Code::Unused,
            format!("`{key}` has no effect: `on_exhausted` does not have {user}"),
            format!("add {user} to `on_exhausted`, or remove `{key}`"),
        );
    }
}
