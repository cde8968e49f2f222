//! Identical requests: the wait of those that do not lead. A request that asks by itself after
//! a while still listens for the answer of the others.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::timeout;

use super::flights::{Place, Turn};
use super::keeper::Asked;
use super::patience::Patience;
use super::search::Hit;
use crate::clock;

/// A place in the line of identical requests, kept while the request asks.
pub(crate) struct Behind {
    asked: Box<Asked>,
    turn: oneshot::Receiver<Turn>,
}

impl Behind {
    pub(super) fn new(asked: &Asked, turn: oneshot::Receiver<Turn>) -> Self {
        Self { asked: Box::new(asked.reader()), turn }
    }

    /// The answer of an identical request; never ends when there is none to share. Dropped, it
    /// gives up its place.
    pub(crate) async fn kept(self) -> Hit {
        // Whoever comes to lead here asks already: the others wait for that, until it is over.
        let _turn = match self.turn.await {
            Ok(Turn::Kept(entry)) => match self.asked.hit(&entry, true) {
                Some(hit) => return hit,
                None => None,
            },
            Ok(turn @ Turn::Lead(_)) => Some(turn),
            Ok(Turn::Alone) | Err(_) => None,
        };
        std::future::pending().await
    }
}

/// Shows no text of the request.
impl std::fmt::Debug for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behind").finish_non_exhaustive()
    }
}

/// What came of a place among identical requests.
pub(super) enum Turned {
    /// Another one's answer.
    Kept(Hit),
    /// The request asks, as the one that leads or behind it.
    Asks(Option<Behind>),
}

impl Asked {
    /// Takes a place among identical requests: gives the answer of another one, or becomes the
    /// one that asks, or asks as well once `patience` is over.
    pub(super) async fn take_place(&mut self, patience: impl FnOnce() -> Patience) -> Turned {
        let lead = match self.core.flights.join(self.key) {
            Place::Leads(lead) => lead,
            Place::Waits(mut turn, began) => {
                match self.await_turn(&mut turn, began, patience()).await {
                    Some(Ok(Turn::Lead(lead))) => lead,
                    Some(Ok(Turn::Kept(entry))) => {
                        return self.hit(&entry, true).map_or(Turned::Asks(None), Turned::Kept);
                    }
                    Some(Ok(Turn::Alone) | Err(_)) => return Turned::Asks(None),
                    None => return Turned::Asks(Some(Behind::new(self, turn))),
                }
            }
        };
        // An answer may have come between the look and the place.
        for (slot, key) in self.slots() {
            let Some(entry) = self.in_memory(&key, &slot) else { continue };
            if let Some(hit) = self.hit(&entry, false) {
                lead.share(&entry);
                return Turned::Kept(hit);
            }
        }
        self.lead = Some(lead);
        Turned::Asks(None)
    }

    /// What the request is told; `None` once its patience is over. Of many that lose patience
    /// with the same one, one asks, and is what the others wait for.
    async fn await_turn(
        &self,
        turn: &mut oneshot::Receiver<Turn>,
        mut began: Instant,
        patience: Patience,
    ) -> Option<Result<Turn, RecvError>> {
        let mut wait = patience.wait(clock::now(), clock::elapsed(began));
        loop {
            if let Ok(told) = timeout(wait, &mut *turn).await {
                return Some(told);
            }
            began = self.core.flights.ask_too(&self.key, began)?;
            wait = patience.wait(clock::now(), clock::elapsed(began));
            if wait.is_zero() || patience.stream {
                return None;
            }
        }
    }

    /// The same request, for reading only.
    fn reader(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            surface: self.surface,
            stream_usage: self.stream_usage,
            control: self.control.clone(),
            request: self.request.clone(),
            slot: self.slot.clone(),
            key: self.key,
            label: self.label.clone(),
            ttl: self.ttl,
            stale_if_error: self.stale_if_error,
            purges: self.purges,
            lead: None,
            keeps: false,
            recording: None,
        }
    }
}
