//! Stage 4: is there an answer already?

use std::sync::Arc;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use tb_config::CacheMode;
use tb_core::Rung;

use super::scrub::Scrubbed;
use crate::cache::{CacheNote, CacheWord, Control, Entrance, Hit, Keeper, count_saved};
use crate::clock;
use crate::engine::Engine;
use crate::headers as names;
use crate::local::LocalAnswer;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::RunningModel;

/// A request that needs a provider.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) scrubbed: Scrubbed,
    /// What becomes of the answer in the cache.
    pub(crate) keeper: Keeper,
}

/// What the cache has.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made and taken apart once a request; a box would cost each of them an allocation"
)]
pub(crate) enum Found {
    /// An answer.
    Hit(Box<LocalAnswer>),
    /// None.
    Fresh(Fresh),
}

/// Looks for a kept answer; waits while an identical request is in flight.
///
/// # Errors
/// When the headers that control the cache are wrong, or the caller takes kept answers only
/// and there is none.
pub(crate) async fn lookup(
    engine: &Engine,
    head: &RequestHead,
    scrubbed: Scrubbed,
) -> Result<Found, Refusal> {
    let model = scrubbed.composed.model.as_ref();
    let mode = model.map_or(CacheMode::Off, |model| model.model.cache.mode);
    if mode == CacheMode::Off && !speaks_of_cache(head) {
        return Ok(Found::Fresh(Fresh { scrubbed, keeper: Keeper::default() }));
    }
    let control = Control::read(&head.headers)?;
    let only_if_cached = control.only_if_cached;
    let Some(model) = model.filter(|_| mode != CacheMode::Off).map(Arc::clone) else {
        return fresh(scrubbed, Keeper::default(), only_if_cached);
    };
    let entrance = Entrance {
        surface: head.surface,
        headers: &head.headers,
        scrubbed: &scrubbed,
        roll: engine.shared.roll(),
    };
    let wait = longest_wait(&scrubbed, &model);
    match engine.shared.cache.enter(entrance, control, wait).await {
        Ok(hit) => {
            count(engine, &hit.note);
            count_saved(&engine.shared.metrics, hit.saved);
            let stream = scrubbed.composed.stream;
            Ok(Found::Hit(Box::new(answer(hit, stream, model))))
        }
        Err(keeper) => {
            count(engine, keeper.note());
            fresh(scrubbed, keeper, only_if_cached)
        }
    }
}

/// Where no model has a cache a request that does not ask for one costs nothing.
fn speaks_of_cache(head: &RequestHead) -> bool {
    [CACHE_CONTROL, names::CACHE, names::CACHE_MAX_AGE, names::CACHE_TAG]
        .iter()
        .any(|name| head.headers.contains_key(name))
}

fn fresh(scrubbed: Scrubbed, keeper: Keeper, only_if_cached: bool) -> Result<Found, Refusal> {
    if only_if_cached {
        return Err(Refusal::caller(
            504,
            "cache_miss",
            "",
            "There is no kept answer to this request, and `only-if-cached` allows no other."
                .to_owned(),
        ));
    }
    Ok(Found::Fresh(Fresh { scrubbed, keeper }))
}

/// Half of the time that is left: who waits in vain must still have time to ask.
fn longest_wait(scrubbed: &Scrubbed, model: &RunningModel) -> Duration {
    let admitted = &scrubbed.composed.admitted;
    let limit = admitted.timeout.unwrap_or(model.model.deadline).min(model.model.deadline);
    let left = (admitted.arrived + limit).saturating_duration_since(clock::now());
    left / 2
}

fn answer(hit: Hit, stream: bool, model: Arc<RunningModel>) -> LocalAnswer {
    LocalAnswer {
        rung: Rung::Cache,
        body: hit.body,
        stream,
        model,
        origin: Some(hit.origin),
        saved: hit.saved,
        note: hit.note,
        attempts: None,
        retried: false,
    }
}

fn count(engine: &Engine, note: &CacheNote) {
    let result = match note.word {
        _ if note.coalesced => "coalesced",
        CacheWord::Hit => "hit",
        CacheWord::Miss => "miss",
        CacheWord::Stale => "stale",
        CacheWord::Bypass => "bypass",
    };
    let labels = vec![("result", result.to_owned())];
    engine.shared.metrics.cache_requests.get_or_create(&labels).inc();
}
