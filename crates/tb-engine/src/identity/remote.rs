//! The keys of an issuer that are fetched: when, how often, and for how long they hold.
//!
//! A caller can make the gateway fetch by sending tokens with key ids that nobody knows, so at
//! most one fetch runs at a time and at most one begins in 30 seconds, whatever is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use tb_core::token::Jwks;
use tb_providers::{BaseUrl, WireRequest};
use tokio_util::sync::CancellationToken;

use crate::clearance::{Clearance, Errand, Recipient};
use crate::client::{HttpClient, Place, UpstreamBody};
use crate::clock;
use crate::engine::Engine;

/// Between the beginnings of two fetches.
const PAUSE: Duration = Duration::from_secs(30);

/// The same as long as no keys are there at all: nobody can be let in before.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// After this time keys are fetched again behind the requests, so that one which the issuer took
/// back does not stay.
const FRESH: Duration = Duration::from_secs(600);

/// Keys that could not be fetched again for so long are used no more. Tokens live for an hour at
/// most, so an issuer that cannot be reached for a day has made none that hold.
const STALE: Duration = Duration::from_secs(86_400);

/// One fetch may take so long.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest set; those of large issuers have some 10 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// The keys at one address.
#[derive(Debug)]
pub(super) struct Remote {
    url: BaseUrl,
    kept: ArcSwapOption<Kept>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Kept {
    keys: Arc<Jwks>,
    /// Raised with every set that differs from the one before.
    generation: u64,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// When the last fetch began.
    tried: Option<Instant>,
    /// Cancelled when the one that runs is over.
    running: Option<CancellationToken>,
    is_failing: bool,
}

/// A fetch under way. Also one that is dropped in the middle is over.
struct Flight {
    remote: Arc<Remote>,
    over: CancellationToken,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.remote.state().running = None;
        self.over.cancel();
    }
}

impl Remote {
    pub(super) fn new(url: BaseUrl) -> Self {
        Self { url, kept: ArcSwapOption::empty(), state: Mutex::default() }
    }

    pub(super) fn is_at(&self, url: &BaseUrl) -> bool {
        self.url == *url
    }

    /// The keys and their generation, when there are some that are not too old.
    pub(super) fn usable(&self) -> Option<(Arc<Jwks>, u64)> {
        let kept = self.kept.load();
        let kept = kept.as_ref().filter(|kept| clock::elapsed(kept.since) < STALE)?;
        Some((Arc::clone(&kept.keys), kept.generation))
    }

    /// Fetches the keys when there are none, none of this id, or old ones. Waits for them unless
    /// the old ones do.
    pub(super) async fn prepare(self: &Arc<Self>, engine: &Engine, key_id: Option<&str>) {
        let (has_key, is_fresh) = match &*self.kept.load() {
            None => (false, false),
            Some(kept) => {
                let age = clock::elapsed(kept.since);
                let has_key = age < STALE && key_id.is_none_or(|id| kept.keys.has(id));
                (has_key, age < FRESH)
            }
        };
        if has_key && is_fresh {
            return;
        }
        let running = self.fetch(engine);
        if let Some(over) = running.filter(|_| !has_key) {
            over.cancelled().await;
        }
    }

    /// Begins a fetch, or joins the one that runs; `None` when it is too early for another one.
    fn fetch(self: &Arc<Self>, engine: &Engine) -> Option<CancellationToken> {
        let pause = if self.kept.load().is_some() { PAUSE } else { FIRST_PAUSE };
        let mut state = self.state();
        if let Some(running) = &state.running {
            return Some(running.clone());
        }
        if state.tried.is_some_and(|tried| clock::elapsed(tried) < pause) {
            return None;
        }
        let over = CancellationToken::new();
        state.tried = Some(clock::now());
        state.running = Some(over.clone());
        drop(state);
        let flight = Flight { remote: Arc::clone(self), over: over.clone() };
        let client = Arc::clone(&engine.client);
        // On its own, as the request that began it may be broken off.
        engine.shared.tasks.spawn(async move {
            let fetched = tokio::time::timeout(FETCH_TIMEOUT, flight.remote.fetched(&client)).await;
            flight.remote.keep(fetched.unwrap_or(Err("it did not answer in time")));
        });
        Some(over)
    }

    /// Keeps what was fetched; after a failure the old keys stay.
    fn keep(&self, fetched: Result<Jwks, &'static str>) {
        let was_failing = {
            let mut state = self.state();
            std::mem::replace(&mut state.is_failing, fetched.is_err())
        };
        match fetched {
            Ok(keys) => {
                let old = self.kept.load_full();
                let generation = match &old {
                    Some(old) if *old.keys == keys => old.generation,
                    Some(old) => old.generation.wrapping_add(1),
                    None => 0,
                };
                let kept = Kept { keys: Arc::new(keys), generation, since: clock::now() };
                self.kept.store(Some(Arc::new(kept)));
            }
            // Once for each outage.
            Err(why) if !was_failing => {
                tracing::warn!(
                    host = self.url.host,
                    why,
                    "the keys of a token issuer cannot be fetched; the last ones stay for a day"
                );
            }
            Err(_) => {}
        }
    }

    async fn fetched(&self, client: &Arc<HttpClient>) -> Result<Jwks, &'static str> {
        let host = HeaderValue::from_str(&self.url.authority()).map_err(|_| "no host")?;
        let place = Place {
            recipient: Recipient::Errand(Errand::TokenKeys),
            base_url: &self.url,
            host: &host,
            connect_timeout: FETCH_TIMEOUT,
        };
        let clearance = Clearance::without_text(Errand::TokenKeys, &self.url);
        let answer = client.send(clearance, place, self.request()).await;
        let mut answer = answer.map_err(|_| "it cannot be reached")?;
        if answer.status != 200 {
            return Err("it answers with another status than 200");
        }
        let bytes = collect(&mut answer.body).await?;
        Jwks::parse(&bytes).map_err(|_| "it sends no set of usable keys")
    }

    fn request(&self) -> WireRequest {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static("tollbar"));
        let path = if self.url.path.is_empty() { "/" } else { self.url.path.as_str() };
        let (method, body) = (Method::GET, Bytes::new());
        WireRequest { method, path: path.to_owned(), headers, body, dropped: Vec::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn collect(body: &mut UpstreamBody) -> Result<Vec<u8>, &'static str> {
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| "its answer broke off")?;
        if whole.len().saturating_add(piece.len()) > MAX_BYTES {
            return Err("its answer is larger than 256 KiB");
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
