//! A proxy that spoils what passes through it, as scripted or as a seed says.
//!
//! It stands before any HTTP/1.1 server, be it a [`crate::FakeProvider`] or a real one, speaks
//! plain HTTP and gives each request one [`Fault`] of its [`FaultPlan`].

mod exchange;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::plan::{Fault, FaultPlan};
use crate::listening::Listening;
use crate::provider::Recorded;

/// A request that reached the proxy, and what became of it.
#[derive(Debug, Clone)]
pub struct Proxied {
    /// The request.
    pub request: Recorded,
    /// What the plan had for it.
    pub fault: Fault,
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// The upstream's answer, as bytes on the wire; 0 when it was not asked.
    pub upstream_bytes: usize,
    /// Bytes that were sent to the client.
    pub sent_bytes: usize,
    /// Whether the client was there until the end.
    pub finished: bool,
}

struct State {
    upstream: SocketAddr,
    plan: Mutex<FaultPlan>,
    records: Mutex<Vec<Proxied>>,
}

/// A proxy on a free loopback port, stopped when dropped.
pub struct FaultProxy {
    state: Arc<State>,
    listening: Listening,
}

impl FaultProxy {
    /// Starts a proxy before the server at `upstream`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(upstream: SocketAddr, plan: FaultPlan) -> Self {
        let state = Arc::new(State { upstream, plan: Mutex::new(plan), records: Mutex::default() });
        let shared = Arc::clone(&state);
        let listening = Listening::start(move |stream, number| {
            exchange::serve(stream, Arc::clone(&shared), number)
        });
        Self { state, listening }
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Replaces the plan for the requests that are to come, and forgets the records.
    pub fn set_plan(&self, plan: FaultPlan) {
        *lock(&self.state.plan) = plan;
        lock(&self.state.records).clear();
    }

    /// What reached it since the plan was set, in the order of arrival.
    #[must_use]
    pub fn records(&self) -> Vec<Proxied> {
        lock(&self.state.records).clone()
    }
}

impl State {
    /// Draws the fault of a request and notes both; gives the place of the record.
    fn begin(&self, request: Recorded, connection: usize) -> (usize, Fault) {
        let fault = lock(&self.plan).draw();
        let mut records = lock(&self.records);
        records.push(Proxied {
            request,
            fault: fault.clone(),
            connection,
            upstream_bytes: 0,
            sent_bytes: 0,
            finished: false,
        });
        (records.len() - 1, fault)
    }

    /// Notes how a request went on. A record of an earlier plan may be gone.
    fn note(&self, place: usize, change: impl FnOnce(&mut Proxied)) {
        if let Some(record) = lock(&self.records).get_mut(place) {
            change(record);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
