//! The headers of answers.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tb_core::{Cost, Rung};

use super::{Content, ProviderAnswer};
use crate::cache::CacheNote;
use crate::guarded::Guarded;
use crate::headers as names;
use crate::local::LocalAnswer;
use crate::refusal::GuardNote;
use crate::settlement::Settlement;

/// Headers of a provider that are passed on; the others stay here.
const PASSED_ON: [HeaderName; 3] = [
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("content-disposition"),
];

pub(super) fn local_headers(answer: &LocalAnswer, settlement: &Settlement) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    map.insert(names::MODEL_REQUESTED, answer.model.name_header.clone());
    if let Some(origin) = &answer.origin {
        let told = [
            (names::PROVIDER, Some(&origin.provider)),
            (names::MODEL_RESOLVED, Some(&origin.resolved)),
            (names::MODEL_SERVED, origin.served.as_ref()),
        ];
        for (name, text) in told {
            if let Some(Ok(value)) = text.map(|text| HeaderValue::from_str(text)) {
                map.insert(name, value);
            }
        }
    }
    let (content_type, cost) = if answer.stream {
        ("text/event-stream", None)
    } else {
        ("application/json", Some(HeaderValue::from_static("0")))
    };
    map.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(cost) = cost {
        map.insert(names::COST_USD, cost);
    }
    map.insert(names::DEGRADED, degraded(answer.rung));
    insert_common(&mut map, answer.attempts.as_ref(), &answer.note, settlement);
    map
}

/// The word of `x-tollbar-degraded`.
fn degraded(rung: Rung) -> HeaderValue {
    HeaderValue::from_static(if is_degraded(rung) { rung.as_str() } else { "none" })
}

pub(super) const fn is_degraded(rung: Rung) -> bool {
    match rung {
        Rung::Target | Rung::Cache => false,
        Rung::FallbackModel | Rung::StaleCache | Rung::Rules => true,
    }
}

/// What every answer says.
fn insert_common(
    map: &mut HeaderMap,
    attempts: Option<&HeaderValue>,
    note: &CacheNote,
    settlement: &Settlement,
) {
    note.write(map);
    if let Some(attempts) = attempts {
        map.insert(names::ATTEMPTS, attempts.clone());
    }
    if let Some(prompt) = settlement.prompt_note() {
        map.insert(names::PROMPT, prompt.version.clone());
        map.insert(names::PROMPT_HASH, prompt.hash.clone());
    }
    let us = settlement.overhead_us();
    if let Ok(value) = HeaderValue::from_str(&format!("{}.{:03}", us / 1_000, us % 1_000)) {
        map.insert(names::OVERHEAD_MS, value);
    }
}

pub(super) fn common_headers(answer: &ProviderAnswer, settlement: &Settlement) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    map.insert(names::PROVIDER, answer.target.provider_header.clone());
    map.insert(names::MODEL_REQUESTED, answer.model.name_header.clone());
    map.insert(names::MODEL_RESOLVED, answer.target.model_header.clone());
    map.insert(names::DEGRADED, degraded(answer.rung));
    insert_common(&mut map, answer.attempts.as_ref(), answer.keeper.note(), settlement);
    if let Some(note) = settlement.pin_note(&answer.target) {
        map.insert(names::PIN, note);
    }
    // What is left after a whole answer is known once that is settled.
    if !matches!(answer.content, Content::Whole(_)) {
        settlement.write_rate_limits(&mut map);
    }
    if !answer.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&answer.dropped.join(", "))
    {
        map.insert(names::DROPPED_FIELDS, value);
    }
    for name in PASSED_ON {
        if let Some(value) = answer.upstream_headers.get(&name) {
            map.insert(name, value.clone());
        }
    }
    map
}

pub(super) fn cost_header(cost: Cost) -> Option<HeaderValue> {
    match cost {
        Cost::Measured(amount) | Cost::Estimated(amount) => {
            HeaderValue::from_str(&amount.to_string()).ok()
        }
        Cost::Unpriced | Cost::Free => None,
    }
}

/// What the guard found in the request.
pub(super) fn insert_guarded(guarded: &Guarded, map: &mut HeaderMap) {
    let note = guard_note(guarded);
    for (name, value) in [(names::GUARD, note.found), (names::CHARACTERS, note.characters)] {
        if let Some(value) = value {
            map.insert(name, value);
        }
    }
}

/// The same for a request whose answer is not given.
pub(super) fn guard_note(guarded: &Guarded) -> GuardNote {
    let value = |text: Option<String>| text.and_then(|text| HeaderValue::from_str(&text).ok());
    let (found, characters) = (value(guarded.summary()), value(guarded.character_summary()));
    GuardNote { found, characters, extra: Vec::new() }
}
