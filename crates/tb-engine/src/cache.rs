//! The exact response cache: whole successful answers under a keyed hash of everything that
//! affects them, the tenant first.
//!
//! A request that takes part is `Asked`: it knows its key, and what it accepts. `lookup`
//! serves it from memory, from an identical request in flight, or sends it on with a
//! [`Keeper`], which keeps its answer.
//!
//! Who waits for an identical request does so in silence only as long as its [`Patience`]
//! allows. Then it asks by itself, and is still [`Behind`] the other: the first answer serves
//! both.

mod behind;
mod canonical;
mod control;
mod entry;
mod flights;
mod keeper;
mod key;
mod memory;
mod note;
mod patience;
mod purge;
mod seal;
mod search;
mod shelf;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use tb_config::{CacheLimits, CacheMode, Snapshot};
use tb_core::ports::AnswerStore;
use tb_core::{Clock, Cost};
use tokio_util::task::TaskTracker;

use self::flights::Flights;
use self::key::Keys;
use self::shelf::Shelf;
use self::writer::Writer;
use crate::local::Origin;

pub(crate) use self::behind::Behind;
pub(crate) use self::control::Control;
pub(crate) use self::keeper::Keeper;
pub(crate) use self::note::{CacheNote, CacheWord};
pub(crate) use self::patience::Patience;
pub use self::purge::CacheView;
pub(crate) use self::search::{Entered, Entrance, Hit};

/// The cache of one gateway.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    keys: Keys,
    shelf: Arc<Shelf>,
    flights: Arc<Flights>,
    writer: Writer,
}

/// Where answers outlive the process, and under which secret.
pub(crate) struct Backing<'a> {
    pub(crate) store: Arc<dyn AnswerStore>,
    /// Hashes requests and seals answers.
    pub(crate) secret: &'a [u8; 32],
}

/// What is kept beside an answer's bytes.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// Who gave it.
    pub(crate) origin: Origin,
    /// What it cost.
    pub(crate) cost: Cost,
}

impl AnswerCache {
    /// An empty cache; what is on its way to the store counts among the tasks, and what never
    /// gets there in the counter.
    pub(crate) fn new(
        limits: CacheLimits,
        backing: Backing<'_>,
        clock: Arc<dyn Clock>,
        (tasks, dropped): (TaskTracker, Counter),
    ) -> Self {
        let keys = Keys::derive(backing.secret);
        let shelf = Arc::new(Shelf::new(limits, backing.store, &keys.sealing, clock));
        let writer = Writer::new(Arc::clone(&shelf), tasks, dropped);
        Self { core: Arc::new(Core { keys, shelf, flights: Arc::default(), writer }) }
    }

    /// Loads what an earlier process kept, in the background, if a model has a cache at all.
    pub(crate) fn prepare(&self, snapshot: &Snapshot) {
        if snapshot.models.values().any(|model| model.cache.mode != CacheMode::Off) {
            self.core.writer.start();
        }
    }
}
