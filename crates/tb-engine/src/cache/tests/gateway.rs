//! A whole engine over the simulated provider, with a clock that the test sets and stores that
//! it can look into.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use tb_config::{FixedEnvironment, Overrides, Snapshot, Source, load};
use tb_core::keys::KeyScope;
use tb_core::ports::{
    AnswerFilter, AnswerStore, Journal, JournalEntry, KeptAnswer, ResponseBinding, ResponseStore,
    StoreError,
};
use tb_core::{Clock, KeyRing, NewKey, Pepper, ServiceName, Surface, Timestamp, UsageRow};

use crate::admission::MemoryHold;
use crate::engine::{Engine, Parts};
use crate::metrics::Metrics;
use crate::request::{Credential, PublicRequest, RequestBody, RequestHead};

/// A clock that stands where the test puts it.
#[derive(Debug, Default)]
pub(super) struct SetClock(AtomicI64);

impl SetClock {
    pub(super) fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000 + self.0.load(Ordering::SeqCst))
    }
}

/// What the journal and the stores were given.
#[derive(Default)]
pub(super) struct Written {
    begun: Mutex<usize>,
    pub(super) rows: Mutex<Vec<UsageRow>>,
    pub(super) answers: Mutex<HashMap<[u8; 32], KeptAnswer>>,
}

impl Journal for Written {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        match entry {
            JournalEntry::Begun(_) => *self.begun.lock().unwrap() += 1,
            JournalEntry::Ended(row) => self.rows.lock().unwrap().push(row.clone()),
            JournalEntry::Bound(_) | JournalEntry::Unbound(..) => {}
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

impl ResponseStore for Written {
    fn bind(&self, _: &[ResponseBinding]) -> Result<(), StoreError> {
        Ok(())
    }

    fn binding(&self, _: &ServiceName, _: &str) -> Result<Option<ResponseBinding>, StoreError> {
        Ok(None)
    }

    fn unbind(&self, _: &ServiceName, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

impl AnswerStore for Written {
    fn keep(&self, answers: &[KeptAnswer]) -> Result<(), StoreError> {
        let mut own = self.answers.lock().unwrap();
        own.extend(answers.iter().map(|answer| (answer.key, answer.clone())));
        Ok(())
    }

    /// One a page, whatever the bytes.
    fn newest(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, [u8; 32])>,
        _: u64,
    ) -> Result<Vec<KeptAnswer>, StoreError> {
        let own = self.answers.lock().unwrap();
        let place = |answer: &KeptAnswer| (answer.stored_at, answer.key);
        let follows = |answer: &&KeptAnswer| {
            answer.keep_until > now && after.is_none_or(|after| place(answer) < after)
        };
        Ok(own
            .values()
            .filter(follows)
            .max_by_key(|answer| place(answer))
            .cloned()
            .into_iter()
            .collect())
    }

    fn kept(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<KeptAnswer>, StoreError> {
        let own = self.answers.lock().unwrap();
        Ok(own.get(key).filter(|answer| answer.keep_until > now).cloned())
    }

    fn purge(&self, filter: &AnswerFilter) -> Result<u64, StoreError> {
        let mut own = self.answers.lock().unwrap();
        let before = own.len();
        own.retain(|_, answer| {
            !(filter.service.as_ref().is_none_or(|service| *service == answer.service)
                && filter.model.as_ref().is_none_or(|model| *model == answer.model)
                && filter.tag.as_ref().is_none_or(|tag| answer.tags.contains(tag)))
        });
        Ok(u64::try_from(before - own.len()).unwrap())
    }

    fn sweep(&self, now: Timestamp, _: u64) -> Result<u64, StoreError> {
        self.answers.lock().unwrap().retain(|_, answer| answer.keep_until > now);
        Ok(0)
    }
}

/// The gateway under test.
pub(super) struct Gateway {
    pub(super) engine: Engine,
    pub(super) clock: Arc<SetClock>,
    pub(super) written: Arc<Written>,
    keys: HashMap<String, NewKey>,
}

/// An answer of the gateway, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `x-tollbar-cache`
    pub(super) fn cache(&self) -> &str {
        self.header("x-tollbar-cache").unwrap_or("none")
    }

    /// `cache-status`
    pub(super) fn cache_status(&self) -> &str {
        self.header("cache-status").unwrap_or("none")
    }
}

/// One request.
#[derive(Clone)]
pub(super) struct Ask {
    surface: Surface,
    service: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Ask {
    pub(super) fn new(surface: Surface, body: impl Into<String>) -> Self {
        Self { surface, service: "one", headers: Vec::new(), body: body.into() }
    }

    /// A chat request with this user message and more members of the body (`"n":2,`).
    pub(super) fn chat(text: &str, more: &str) -> Self {
        let messages = serde_json::json!([{"role": "user", "content": text}]);
        let body = format!(r#"{{{more}"model":"m","messages":{messages}}}"#);
        Self::new(Surface::ChatCompletions, body)
    }

    pub(super) fn of(mut self, service: &'static str) -> Self {
        self.service = service;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn control(self, directives: &str) -> Self {
        self.header("cache-control", directives)
    }
}

/// Model `m` with this `cache` table and more of its lines.
pub(super) fn config(cache: &str, more: &str) -> String {
    format!(
        r#"
        [providers.sim]
        dialect = "simulated"
        data_classes = ["public", "internal", "personal"]
        [models.m]
        targets = [{{ provider = "sim", model = "simulated-1" }}]
        cache = {cache}
        {more}
        [prices."sim/simulated-1"]
        input = 1.0
        output = 2.0
        [services.one]
        models = ["*"]
        purposes = ["test"]
        data_classes = ["public", "internal", "personal"]
        [services.two]
        models = ["*"]
        purposes = ["test"]
        "#
    )
}

/// The same with `mode = "on"` and one hour.
pub(super) fn on() -> String {
    config(r#"{ mode = "on", ttl = "1h" }"#, "")
}

fn snapshot(config: &str) -> Arc<Snapshot> {
    let text = Source::Text {
        name: "test.toml".to_owned(),
        folder: "/nonexistent".into(),
        text: config.to_owned(),
    };
    load(&text, &Overrides::default(), &FixedEnvironment::default())
        .unwrap_or_else(|report| panic!("{}", report.render()))
        .snapshot
}

impl Gateway {
    pub(super) fn start(config: &str) -> Self {
        Self::start_over(config, Arc::default(), Arc::default())
    }

    /// A gateway over the stores of another one.
    pub(super) fn start_over(config: &str, written: Arc<Written>, clock: Arc<SetClock>) -> Self {
        let snapshot = snapshot(config);
        let pepper = Pepper::from_bytes(&[7; 32]);
        let keys: HashMap<_, _> = ["one", "two"]
            .into_iter()
            .map(|service| {
                let scope = KeyScope::of_service(ServiceName::from(service), clock.now());
                let key = NewKey::generate(&SystemRandom::new(), &pepper, scope).unwrap();
                (service.to_owned(), key)
            })
            .collect();
        let records = keys.values().map(|key| key.record.clone()).collect();
        let engine = Engine::new(Parts {
            snapshot,
            keys: Arc::new(KeyRing::new(records, pepper.clone())),
            journal: Arc::clone(&written) as _,
            responses: Arc::clone(&written) as _,
            answers: Arc::clone(&written) as _,
            cache_secret: pepper.derive("cache"),
            guard_secret: pepper.derive("guard"),
            clock: Arc::clone(&clock) as _,
            metrics: Arc::new(Metrics::new("test")),
            seed: [4, 2],
        });
        Self { engine, clock, written, keys }
    }

    /// Goes on with another configuration.
    pub(super) fn apply(&self, config: &str) {
        self.engine.apply(snapshot(config));
    }

    pub(super) fn request(&self, ask: &Ask) -> PublicRequest {
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let key = self.keys.get(ask.service).unwrap().key.clone();
        let head = RequestHead {
            id: self.engine.new_request_id(),
            surface: ask.surface,
            path_id: None,
            headers,
            credential: Some(Credential(key)),
            workload: None,
            peer: IpAddr::from([127, 0, 0, 1]),
            arrived: tokio::time::Instant::now().into_std(),
            arrived_at: self.clock.now(),
        };
        let bytes = Bytes::from(ask.body.clone());
        let memory = MemoryHold::default();
        PublicRequest { head, body: Box::pin(async { Ok(RequestBody { bytes, memory }) }) }
    }

    pub(super) async fn send(&self, ask: &Ask) -> Got {
        match crate::serve(&self.engine, self.request(ask)).await {
            Ok(reply) => {
                let (status, headers) = (reply.status, reply.headers);
                let body = reply.body.collect().await.unwrap().to_bytes();
                Got { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
            }
            Err(refused) => {
                let error = refused.refusal.api_error();
                let body = error.code.unwrap_or_default();
                Got { status: error.status, headers: HeaderMap::new(), body }
            }
        }
    }

    /// Requests that went to the provider so far.
    pub(super) fn sent(&self) -> usize {
        *self.written.begun.lock().unwrap()
    }

    /// Waits until what was kept is in the store.
    pub(super) fn flush(&self) {
        self.engine.shared.cache.core.writer.flush();
    }

    pub(super) fn metric(&self, line: &str) -> bool {
        self.engine.metrics().prometheus_text(0).lines().any(|own| own == line)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.engine.inflight(), 0, "every admitted request must be settled");
            self.flush();
            assert!(self.engine.shared.cache.core.flights.is_empty(), "a flight is left");
        }
    }
}
