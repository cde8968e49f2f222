//! Stage 4: is there an answer already?

use std::sync::Arc;

use http::header::CACHE_CONTROL;
use tb_config::CacheMode;
use tb_core::Rung;

use super::scrub::Scrubbed;
use crate::cache::{
    Behind, CacheNote, CacheWord, Control, Entered, Entrance, Hit, Keeper, Patience,
};
use crate::engine::Engine;
use crate::headers as names;
use crate::local::LocalAnswer;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::RunningModel;
use crate::settlement::Settlement;

/// A request that needs a provider.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) scrubbed: Scrubbed,
    /// What becomes of the answer in the cache.
    pub(crate) keeper: Keeper,
    /// An identical request is in flight, whose answer serves as well.
    pub(crate) overheard: Option<Box<Overheard>>,
}

/// An identical request in flight, while this one asks too.
#[derive(Debug)]
pub(crate) struct Overheard {
    behind: Behind,
    note: CacheNote,
    stream: bool,
    model: Arc<RunningModel>,
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

/// Looks for a kept answer; waits a while when an identical request is in flight.
///
/// # Errors
/// When the headers that control the cache are wrong, or the caller takes kept answers only
/// and there is none.
pub(crate) async fn lookup(
    engine: &Engine,
    head: &RequestHead,
    scrubbed: Scrubbed,
    settlement: &mut Settlement,
) -> Result<Found, Refusal> {
    let model = scrubbed.composed.model.as_ref();
    let mode = model.map_or(CacheMode::Off, |model| model.model.cache.mode);
    if mode == CacheMode::Off && !speaks_of_cache(head) {
        return Ok(Found::Fresh(Fresh::new(scrubbed, Keeper::default())));
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
    let patience = || patience(&scrubbed, &model);
    let Entered { found, behind, waited } =
        engine.shared.cache.enter(entrance, control, patience).await;
    settlement.waited_for_another(waited);
    let stream = scrubbed.composed.stream;
    match (found, behind) {
        (Ok(hit), _) => Ok(Found::Hit(Box::new(answer(hit, stream, model)))),
        (Err(keeper), None) => {
            count(engine, keeper.note());
            fresh(scrubbed, keeper, only_if_cached)
        }
        (Err(keeper), Some(behind)) => {
            let note = keeper.note().clone();
            let overheard = Some(Box::new(Overheard { behind, note, stream, model }));
            Ok(Found::Fresh(Fresh { overheard, ..Fresh::new(scrubbed, keeper) }))
        }
    }
}

/// What comes first: what `asking` gives, or else the answer of an identical request in flight.
/// `asking` goes on until then, and may be dropped in the middle.
pub(crate) async fn first_of<T>(
    engine: &Engine,
    overheard: Option<Box<Overheard>>,
    asking: impl Future<Output = T>,
) -> Result<T, Box<LocalAnswer>> {
    let Some(overheard) = overheard else { return Ok(asking.await) };
    let Overheard { behind, note, stream, model } = *overheard;
    tokio::select! {
        biased;
        own = asking => {
            count(engine, &note);
            Ok(own)
        }
        hit = behind.kept() => Err(Box::new(answer(hit, stream, model))),
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
    Ok(Found::Fresh(Fresh::new(scrubbed, keeper)))
}

impl Fresh {
    fn new(scrubbed: Scrubbed, keeper: Keeper) -> Self {
        Self { scrubbed, keeper, overheard: None }
    }
}

/// What bounds the wait for an identical request. What is usual is the slowest target's; models
/// that the configuration does not name share one account, which says nothing of this one.
fn patience(scrubbed: &Scrubbed, model: &RunningModel) -> Patience {
    let (composed, admitted) = (&scrubbed.composed, &scrubbed.composed.admitted);
    let limit = admitted.timeout.unwrap_or(model.model.deadline).min(model.model.deadline);
    let targets = model.targets.iter().filter(|_| model.configured);
    Patience {
        deadline: admitted.arrived + limit,
        usual: targets.filter_map(|target| target.health.usual(composed.stream)).max(),
        stream: composed.stream,
    }
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

/// Counts what the cache did for a request.
pub(crate) fn count(engine: &Engine, note: &CacheNote) {
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
