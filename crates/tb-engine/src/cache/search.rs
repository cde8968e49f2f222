//! Looking for a kept answer: in memory, with an identical request in flight, and past its
//! time in the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tb_config::CacheSettings;
use tb_core::{Classes, NanoUsd, Surface, Timestamp};
use tb_providers::local::{calls_tools, replay};

use super::AnswerCache;
use super::behind::{Behind, Turned};
use super::control::{Control, Verdict};
use super::entry::{Entry, Label, Times};
use super::keeper::{Asked, Keeper};
use super::key::{self, Key, Slot};
use super::note::{CacheNote, CacheWord, Forwarded};
use super::patience::Patience;
use crate::clock;
use crate::engine::Shared;
use crate::local::Origin;
use crate::stages::compose::Body;
use crate::stages::scrub::Scrubbed;

/// How far from the configured time to live an answer's own may be, so that answers kept at
/// the same time do not all expire at the same time.
const JITTER: f64 = 0.1;

/// A request at the door of the cache.
#[derive(Clone, Copy)]
pub(crate) struct Entrance<'a> {
    pub(crate) surface: Surface,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) scrubbed: &'a Scrubbed,
    /// A uniform number in 0..1.
    pub(crate) roll: f64,
}

/// What the cache has for a request.
#[derive(Debug)]
pub(crate) struct Entered {
    /// A kept answer, or what keeps the answer that a provider gives.
    pub(crate) found: Result<Hit, Keeper>,
    /// An identical request is still in flight.
    pub(crate) behind: Option<Behind>,
    /// How long the request waited for it.
    pub(crate) waited: Duration,
}

/// A kept answer that serves the request.
pub(crate) struct Hit {
    /// JSON, or server-sent events when the client streams.
    pub(crate) body: Bytes,
    /// Who once gave it.
    pub(crate) origin: Origin,
    /// What it did cost.
    pub(crate) saved: NanoUsd,
    /// What the headers say.
    pub(crate) note: CacheNote,
}

/// A kept answer past its time.
pub(crate) struct StaleAnswer {
    /// JSON, or server-sent events when the client streams.
    pub(crate) body: Bytes,
    /// The body is server-sent events.
    pub(crate) stream: bool,
    /// Who once gave it.
    pub(crate) origin: Origin,
    /// What it did cost.
    pub(crate) saved: NanoUsd,
    /// What the headers say: `stale`, with its age and its negative time to live.
    pub(crate) note: CacheNote,
}

impl AnswerCache {
    /// A kept answer, at once or, when an identical request is in flight, as soon as that has
    /// one, within `patience`; else what keeps the answer that a provider gives.
    pub(crate) async fn enter(
        &self,
        entrance: Entrance<'_>,
        control: Control,
        patience: impl FnOnce() -> Patience,
    ) -> Entered {
        let Some(mut asked) = self.asked(entrance, control) else {
            return Entered::at_once(Err(Keeper::bypassing(CacheNote::forwarded(
                Forwarded::Bypass,
            ))));
        };
        if !asked.control.reads() {
            let note = CacheNote::forwarded(Forwarded::Request);
            return Entered::at_once(Err(Keeper::new(note, asked)));
        }
        let why = match asked.look() {
            Ok(hit) => return Entered::at_once(Ok(hit)),
            Err(why) => why,
        };
        let (mut behind, mut waited) = (None, Duration::ZERO);
        if asked.keeps && !asked.control.only_if_cached {
            let began = clock::now();
            match asked.take_place(patience).await {
                Turned::Kept(hit) => {
                    return Entered { waited: clock::elapsed(began), ..Entered::at_once(Ok(hit)) };
                }
                Turned::Asks(still) => (behind, waited) = (still, clock::elapsed(began)),
            }
        }
        let found = Err(Keeper::new(CacheNote::forwarded(why), asked));
        Entered { found, behind, waited }
    }

    fn asked(&self, entrance: Entrance<'_>, control: Control) -> Option<Asked> {
        let Entrance { surface, headers, scrubbed, roll } = entrance;
        let composed = &scrubbed.composed;
        let model = &composed.model.as_ref()?.model;
        let settings = &model.cache;
        let cached = control.takes_part(settings.mode)
            && may_be_kept(settings, scrubbed.classes)
            && key::is_cacheable(surface, &composed.body, self.core.shelf.limits.entry_bytes);
        let Body::Json(document) = &composed.body else { return None };
        let request = cached.then(|| key::request(surface.label(), headers, scrubbed)).flatten()?;
        let slot = Slot::asked(composed, document);
        let core = Arc::clone(&self.core);
        Some(Asked {
            surface,
            stream_usage: composed.stream_usage,
            key: core.keys.of(&request, &slot),
            request,
            slot,
            label: Label {
                service: composed.admitted.service.name.clone(),
                model: model.name.clone(),
                tags: control.tags.clone(),
            },
            ttl: jittered(settings.ttl, roll),
            stale_if_error: model.stale_if_error,
            purges: core.shelf.purges(),
            lead: None,
            keeps: control.writes(),
            recording: None,
            control,
            core,
        })
    }

    /// A kept answer to the keeper's request that is at most `stale_if_error` past its time,
    /// from memory, else from the store. `None` when the request wanted none.
    pub(crate) async fn stale(&self, shared: &Arc<Shared>, keeper: &Keeper) -> Option<StaleAnswer> {
        let asked = keeper.asked().filter(|asked| asked.control.reads())?;
        for (slot, key) in asked.slots() {
            let entry = match asked.in_memory(&key, &slot) {
                Some(entry) => Some(entry),
                None => asked.in_store(shared, key, &slot).await,
            };
            let Some(entry) = entry else { continue };
            let now = asked.now();
            if asked.may_be_stale(&entry.times, now)
                && !calls_tools(&entry.body, slot.is_stream())
                && let Some(body) = asked.body(&entry)
            {
                return Some(asked.stale_answer(&entry, body, now));
            }
        }
        None
    }
}

impl Entered {
    fn at_once(found: Result<Hit, Keeper>) -> Self {
        Self { found, behind: None, waited: Duration::ZERO }
    }
}

impl Asked {
    fn now(&self) -> Timestamp {
        self.core.shelf.clock.now()
    }

    /// Where an answer may be: in the form that the client wants, else in a form that can be
    /// turned into it.
    pub(super) fn slots(&self) -> impl Iterator<Item = (Slot, Key)> {
        let own = (self.slot.clone(), self.key);
        let plain = || (Slot::Plain, self.core.keys.of(&self.request, &Slot::Plain));
        std::iter::once(own).chain(self.slot.is_stream().then(plain))
    }

    pub(super) fn in_memory(&self, key: &Key, slot: &Slot) -> Option<Arc<Entry>> {
        let entry = self.core.shelf.memory.get(key, self.now());
        entry.filter(|entry| entry.answers(&self.request, slot))
    }

    async fn in_store(&self, shared: &Arc<Shared>, key: Key, slot: &Slot) -> Option<Arc<Entry>> {
        let shelf = Arc::clone(&self.core.shelf);
        let read = shared.tasks.spawn_blocking(move || shelf.read(&key)).await;
        let entry = match read {
            Ok(Ok(entry)) => entry?,
            Ok(Err(fault)) => {
                tracing::error!(%fault, "kept answers cannot be read");
                return None;
            }
            Err(_) => return None,
        };
        entry.answers(&self.request, slot).then(|| Arc::new(entry))
    }

    /// An answer from memory, or why a provider must be asked.
    fn look(&self) -> Result<Hit, Forwarded> {
        let mut why = Forwarded::Miss;
        for (slot, key) in self.slots() {
            let Some(entry) = self.in_memory(&key, &slot) else { continue };
            if let Some(hit) = self.hit(&entry, false) {
                return Ok(hit);
            }
            let fresh = entry.times.is_fresh(self.now());
            why = if fresh { Forwarded::Request } else { Forwarded::Stale };
        }
        Err(why)
    }

    /// The entry, if it serves this request now.
    pub(super) fn hit(&self, entry: &Entry, coalesced: bool) -> Option<Hit> {
        let now = self.now();
        let word = match self.control.judge(&entry.times, now) {
            Verdict::Fresh => CacheWord::Hit,
            Verdict::Stale => CacheWord::Stale,
            Verdict::TooOld => return None,
        };
        let body = self.body(entry)?;
        let (origin, saved) = (entry.origin.clone(), entry.cost);
        Some(Hit { body, origin, saved, note: note(word, &entry.times, now, coalesced) })
    }

    /// The entry's answer in the form that the client wants.
    fn body(&self, entry: &Entry) -> Option<Bytes> {
        if self.slot.is_stream() == entry.slot.is_stream() {
            return Some(entry.body.clone());
        }
        let events = replay(self.surface, &entry.body, self.stream_usage)
            .filter(|_| self.slot.is_stream())?;
        let mut body = BytesMut::with_capacity(entry.body.len());
        events.iter().for_each(|event| event.write(&mut body));
        Some(body.freeze())
    }

    /// Whether an answer may serve where no provider answers. The time is the model's of now:
    /// it may have been shortened since the answer was kept.
    fn may_be_stale(&self, times: &Times, now: Timestamp) -> bool {
        self.control.accepts_age(times, now) && times.staleness(now) <= self.stale_if_error
    }

    fn stale_answer(&self, entry: &Entry, body: Bytes, now: Timestamp) -> StaleAnswer {
        StaleAnswer {
            body,
            stream: self.slot.is_stream(),
            origin: entry.origin.clone(),
            saved: entry.cost,
            note: note(CacheWord::Stale, &entry.times, now, false),
        }
    }
}

fn note(word: CacheWord, times: &Times, now: Timestamp, coalesced: bool) -> CacheNote {
    CacheNote {
        word,
        age: Some(times.age(now)),
        ttl_seconds: Some(times.ttl_seconds(now)),
        coalesced,
        ..CacheNote::default()
    }
}

/// Whether answers of these classes may be kept. Nobody can allow it for the operator's own
/// classes, so those are never kept.
fn may_be_kept(settings: &CacheSettings, classes: Classes) -> bool {
    classes.own == 0 && settings.data_classes.contains(&classes.level)
}

fn jittered(ttl: Duration, roll: f64) -> Duration {
    let factor = 1.0 - JITTER + 2.0 * JITTER * roll;
    Duration::try_from_secs_f64(ttl.as_secs_f64() * factor).unwrap_or(ttl)
}

/// Shows no text: an answer's text must not reach logs.
impl std::fmt::Debug for Hit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hit")
            .field("body_bytes", &self.body.len())
            .field("saved", &self.saved)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}

/// Shows no text: an answer's text must not reach logs.
impl std::fmt::Debug for StaleAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaleAnswer")
            .field("body_bytes", &self.body.len())
            .field("saved", &self.saved)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}
