//! The whole gateway in the test's process.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::SystemRandom;
use tb_config::{FixedEnvironment, Loaded, Overrides, Source, load};
use tb_core::keys::KeyScope;
use tb_core::ports::{Journal, ResponseBinding, ResponseStore, UsageStore};
use tb_core::{
    Clock, KeyRecord, KeyRing, NewKey, Pepper, RequestId, ServiceName, Timestamp, UsageRow,
};
use tb_engine::{Engine, Metrics, Parts, SystemClock};
use tb_server::public::{Tls, Workers};
use tb_store::{Destination, MemoryStore, MmapJournal};

use crate::client::{TestRequest, TestResponse};

/// A running gateway.
pub struct TestApp {
    /// Where the public API listens.
    pub address: SocketAddr,
    /// The engine, to look inside.
    pub engine: Engine,
    /// A key of the first service.
    pub key: String,
    store: Arc<MemoryStore>,
    journal: Arc<MmapJournal>,
    clock: Arc<dyn Clock>,
    workers: Option<Workers>,
    pepper: Pepper,
    records: Vec<KeyRecord>,
}

impl TestApp {
    /// Starts the gateway with this configuration (`[server]`, `[storage]` and `[journal]`
    /// need not be there). The key [`TestApp::key`] belongs to the service `default`, or to
    /// the first one by name.
    ///
    /// # Panics
    /// When the configuration is invalid.
    #[must_use]
    pub fn start(config: &str) -> Self {
        Self::start_with(config, |journal| journal)
    }

    /// Starts the gateway with a journal of the test's own around the real one, to show the
    /// faults of a journal.
    ///
    /// # Panics
    /// When the configuration is invalid.
    #[must_use]
    pub fn start_with(
        config: &str,
        around: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
    ) -> Self {
        Self::start_on(&loaded(config, &FixedEnvironment::default()), around)
    }

    /// Starts the gateway with files beside its configuration, in the folder `/nonexistent`.
    ///
    /// # Panics
    /// When the configuration is invalid.
    #[must_use]
    pub fn start_in(config: &str, environment: &FixedEnvironment) -> Self {
        Self::start_on(&loaded(config, environment), |journal| journal)
    }

    /// Starts the gateway at another moment, from which its clock goes on: for what depends on
    /// the calendar.
    ///
    /// # Panics
    /// When the configuration is invalid.
    #[must_use]
    pub fn start_at(config: &str, environment: &FixedEnvironment, start: Timestamp) -> Self {
        let clock = GoingOn { started: Instant::now(), start };
        Self::start_with_clock(&loaded(config, environment), |journal| journal, Arc::new(clock))
    }

    /// Serves from now on with another configuration, as a reload does.
    ///
    /// # Panics
    /// When the configuration is invalid.
    pub fn reload(&self, config: &str, environment: &FixedEnvironment) {
        let snapshot = loaded(config, environment).snapshot;
        let tls = snapshot.server.tls.as_ref().map(|tls| Tls::new(tls).unwrap());
        self.engine.apply(snapshot);
        self.workers.as_ref().unwrap().speak(tls);
    }

    fn start_on(
        loaded: &Loaded,
        around: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
    ) -> Self {
        Self::start_with_clock(loaded, around, Arc::new(SystemClock))
    }

    fn start_with_clock(
        loaded: &Loaded,
        around: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let (usage, responses): (Arc<dyn UsageStore>, Arc<dyn ResponseStore>) =
            (Arc::clone(&store) as _, Arc::clone(&store) as _);
        let journal =
            MmapJournal::open_temporary(Destination::unaudited(usage, Arc::clone(&responses)))
                .unwrap();
        let journal = Arc::new(journal);
        let pepper = Pepper::from_bytes(&[7; 32]);
        let engine = Engine::new(Parts {
            snapshot: Arc::clone(&loaded.snapshot),
            keys: Arc::new(KeyRing::new(Vec::new(), pepper.clone())),
            journal: around(Arc::clone(&journal) as Arc<dyn Journal>),
            responses,
            answers: Arc::clone(&store) as _,
            cache_secret: pepper.derive("cache"),
            guard_secret: pepper.derive("guard"),
            clock: Arc::clone(&clock),
            metrics: Arc::new(Metrics::new("test")),
            seed: [4, 2],
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let workers = Workers::start(&listener, &engine, 1).unwrap();
        let mut app = Self {
            address: workers.address(),
            engine,
            key: String::new(),
            store,
            journal,
            clock,
            workers: Some(workers),
            pepper,
            records: Vec::new(),
        };
        let services = &loaded.snapshot.services;
        let first = services.keys().min_by_key(|name| (name.as_str() != "default", name.as_str()));
        app.key = app.make_key(first.expect("a service").as_str(), |_| {});
        app
    }

    /// Makes a key of `service`, changed by `change` before it is used.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn make_key(&mut self, service: &str, change: impl FnOnce(&mut KeyRecord)) -> String {
        let scope = KeyScope::of_service(ServiceName::from(service), self.clock.now());
        let mut made = NewKey::generate(&SystemRandom::new(), &self.pepper, scope).unwrap();
        change(&mut made.record);
        self.records.push(made.record);
        let ring = KeyRing::new(self.records.clone(), self.pepper.clone());
        self.engine.set_keys(Arc::new(ring));
        made.key.expose().to_owned()
    }

    /// Sends a request with the app's key.
    #[must_use]
    pub fn send(&self, request: &TestRequest) -> TestResponse {
        request.clone().key(&self.key).send(self.address)
    }

    /// Posts JSON with the app's key.
    #[must_use]
    pub fn post(&self, path: &str, body: &str) -> TestResponse {
        self.send(&TestRequest::post(path, body))
    }

    /// The rows of the request that `response` answers.
    ///
    /// # Panics
    /// When the response has no request id.
    #[must_use]
    pub fn rows(&self, response: &TestResponse) -> Vec<UsageRow> {
        let id = response.header("x-request-id").and_then(RequestId::parse).expect("an id");
        self.journal.flush().unwrap();
        self.store.request(id).unwrap()
    }

    /// Every row, newest first.
    #[must_use]
    pub fn all_rows(&self) -> Vec<UsageRow> {
        self.journal.flush().unwrap();
        self.store.recent(None::<Timestamp>, 10_000).unwrap()
    }

    /// Writes a binding into the store, as another process would have.
    ///
    /// # Panics
    /// Never: the store is in memory.
    pub fn bind_response(&self, binding: ResponseBinding) {
        self.store.bind(&[binding]).unwrap();
    }

    /// Waits until `condition` holds, at most ten seconds; true when it does.
    pub fn eventually(&self, condition: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if condition(self) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

/// A clock that was set once and goes on.
struct GoingOn {
    started: Instant,
    start: Timestamp,
}

impl Clock for GoingOn {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.start.0.saturating_add(passed))
    }
}

fn loaded(config: &str, environment: &FixedEnvironment) -> Loaded {
    let source = Source::Text {
        name: "test.toml".to_owned(),
        folder: PathBuf::from("/nonexistent"),
        text: config.to_owned(),
    };
    let loaded = load(&source, &Overrides::default(), environment);
    loaded.unwrap_or_else(|report| panic!("{}", report.render()))
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.stop_accepting();
            workers.join();
        }
        let _ = self.journal.close();
        if !std::thread::panicking() {
            assert_eq!(self.engine.inflight(), 0, "every admitted request must be settled");
            assert!(self.engine.tasks().is_empty(), "a task is left");
            let mut finals: HashMap<RequestId, u32> = HashMap::new();
            for row in self.store.recent(None::<Timestamp>, u32::MAX).unwrap() {
                *finals.entry(row.request_id).or_default() += u32::from(row.is_final);
            }
            for (id, count) in finals {
                assert_eq!(count, 1, "the request {id} must have one final row");
            }
        }
    }
}
