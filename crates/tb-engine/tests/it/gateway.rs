//! A gateway in memory.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tb_config::{FixedEnvironment, Overrides, Snapshot, Source, load};
use tb_core::ports::{Journal, JournalEntry, StoreError};
use tb_core::{Clock, EndReason, KeyRing, Pepper, RequestId, Surface, UsageRow};
use tb_engine::{
    Engine, Metrics, Parts, PublicRequest, RequestBody, RequestHead, SystemClock, serve,
};
use tb_store::MemoryStore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Two providers that do what the prompt says.
pub(crate) const TWO: &str = r#"
    [providers.a]
    dialect = "simulated"
    [providers.b]
    dialect = "simulated"
"#;

/// One model `m` at the provider `a`, with more settings.
pub(crate) fn one(more: &str) -> String {
    format!("{TWO}\n[models.m]\ntargets = [{{ provider = \"a\", model = \"x\" }}]\n{more}\n")
}

/// One model `m` at both providers, `a` first.
pub(crate) fn both(more: &str) -> String {
    let targets = r#"[{ provider = "a", model = "x", weight = 1000 }, { provider = "b", model = "y", weight = 0 }]"#;
    format!("{TWO}\n[models.m]\ntargets = {targets}\n{more}\n")
}

/// A provider of that name that always fails with this status.
pub(crate) fn failing(name: &str, status: u16) -> String {
    format!(
        "[providers.{name}]\ndialect = \"simulated\"\n\
         failures = [{{ status = {status}, share = 1.0 }}]\n"
    )
}

/// The rows as far as they are written, by request and attempt.
#[derive(Default)]
struct Account {
    rows: Mutex<BTreeMap<(RequestId, u32), UsageRow>>,
    ends: Mutex<Vec<RequestId>>,
    /// Whether it takes no record of an attempt that begins.
    refuses: AtomicBool,
}

impl Journal for Account {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        let row = match entry {
            JournalEntry::Begun(_) if self.refuses.load(Ordering::Relaxed) => {
                return Err(StoreError::Unavailable("it is full".to_owned()));
            }
            JournalEntry::Begun(row) => row,
            JournalEntry::Ended(row) => {
                if row.is_final {
                    self.ends.lock().unwrap().push(row.request_id);
                }
                row
            }
            JournalEntry::Bound(_) | JournalEntry::Unbound(..) => return Ok(()),
        };
        let place = (row.request_id, row.attempt);
        self.rows.lock().unwrap().insert(place, row.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

fn snapshot(config: &str, environment: &FixedEnvironment) -> Arc<Snapshot> {
    let source = Source::Text {
        name: "test.toml".to_owned(),
        folder: PathBuf::from("/"),
        text: format!("[server]\nauthentication = \"off\"\n{config}"),
    };
    let loaded = load(&source, &Overrides::default(), environment);
    loaded.unwrap_or_else(|report| panic!("{}", report.render())).snapshot
}

/// A gateway without a web server.
pub(crate) struct Gateway {
    pub(crate) engine: Engine,
    account: Arc<Account>,
}

/// A question for the model `m`.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) body: Value,
    /// What is sent instead of `body`.
    raw: Option<Bytes>,
    headers: HeaderMap,
    surface: Surface,
}

impl Ask {
    pub(crate) fn whole(prompt: &str) -> Self {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": prompt}]});
        Self::on(Surface::ChatCompletions, body)
    }

    /// Another body on another route.
    pub(crate) fn on(surface: Surface, body: Value) -> Self {
        Self { body, raw: None, headers: HeaderMap::new(), surface }
    }

    /// These bytes on another route.
    pub(crate) fn raw(surface: Surface, bytes: impl Into<Bytes>) -> Self {
        Self { raw: Some(bytes.into()), ..Self::on(surface, Value::Null) }
    }

    pub(crate) fn surface(&self) -> Surface {
        self.surface
    }

    pub(crate) fn stream(prompt: &str) -> Self {
        Self::whole(prompt).with("stream", json!(true))
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.body[key] = value;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// The stable code of a refusal; empty for answers.
    pub(crate) code: String,
    headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) should_retry: Option<bool>,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) took: Duration,
    pub(crate) rows: Vec<UsageRow>,
    /// What a refusal says in `error.tollbar`.
    pub(crate) told: Value,
}

impl Outcome {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn attempts(&self) -> &str {
        self.header("x-tollbar-attempts")
    }

    /// Of each row: cause, provider and whether it is final.
    pub(crate) fn ladder(&self) -> Vec<(&'static str, String, bool)> {
        let provider = |row: &UsageRow| row.provider.as_ref().map(ToString::to_string);
        self.rows
            .iter()
            .map(|row| (row.cause.as_str(), provider(row).unwrap_or_default(), row.is_final))
            .collect()
    }
}

impl Gateway {
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with(config, &FixedEnvironment::default())
    }

    /// With files and variables beside the configuration, in the folder `/`.
    pub(crate) fn start_with(config: &str, environment: &FixedEnvironment) -> Self {
        Self::start_by(snapshot(config, environment), Arc::new(SystemClock))
    }

    /// With a clock of the test's own.
    pub(crate) fn start_at(config: &str, clock: Arc<dyn Clock>) -> Self {
        Self::start_by(snapshot(config, &FixedEnvironment::default()), clock)
    }

    fn start_by(snapshot: Arc<Snapshot>, clock: Arc<dyn Clock>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let account = Arc::new(Account::default());
        let engine = Engine::new(Parts {
            snapshot,
            keys: Arc::new(KeyRing::new(Vec::new(), Pepper::from_bytes(&[7; 32]))),
            journal: Arc::clone(&account) as _,
            responses: Arc::clone(&store) as _,
            answers: store,
            cache_secret: [7; 32],
            guard_secret: [7; 32],
            clock,
            metrics: Arc::new(Metrics::new("test")),
            seed: [4, 2],
        });
        Self { engine, account }
    }

    /// From now on the journal takes no record of an attempt that begins, or takes them again.
    pub(crate) fn refuse_records(&self, refuses: bool) {
        self.account.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Serves from now on with another configuration.
    pub(crate) fn apply(&self, config: &str) {
        self.engine.apply(snapshot(config, &FixedEnvironment::default()));
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn ask(&self, ask: Ask) -> Outcome {
        let outcome = self.ask_among_others(ask).await;
        assert_eq!(self.engine.inflight(), 0);
        outcome
    }

    /// Asks what is turned away at the door, which leaves no row.
    pub(crate) async fn refused(&self, ask: Ask) -> (u16, String) {
        let id = self.engine.new_request_id();
        let refused = serve(&self.engine, self.request(id, ask, Instant::now())).await.unwrap_err();
        assert!(self.rows(id).is_empty() && self.engine.inflight() == 0);
        (refused.refusal.api_error().status, refused.refusal.code())
    }

    /// The same while other requests are under way.
    pub(crate) async fn ask_among_others(&self, ask: Ask) -> Outcome {
        let began = Instant::now();
        let id = self.engine.new_request_id();
        let request = self.request(id, ask, began);
        let mut told = Value::Null;
        let (status, headers, text, code, (should_retry, retry_after_ms)) =
            match serve(&self.engine, request).await {
                Ok(reply) => {
                    let body = reply.body.collect().await.map(|body| body.to_bytes());
                    let text = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
                    (reply.status, reply.headers, text, String::new(), (None, None))
                }
                Err(refused) => {
                    let error = refused.refusal.api_error();
                    let mut headers = (*refused.rate_limits).clone();
                    if let Some(attempts) = &refused.attempts {
                        headers.insert("x-tollbar-attempts", (**attempts).clone());
                    }
                    if let Some(found) = &refused.guard.found {
                        headers.insert("x-tollbar-guard", found.clone());
                    }
                    told = refused.guard.extra.iter().cloned().collect();
                    let hints = (refused.should_retry(), refused.refusal.retry_after_ms());
                    (error.status, headers, error.message, refused.refusal.code(), hints)
                }
            };
        let took = began.elapsed();
        let rows = self.rows(id);
        let finals = rows.iter().filter(|row| row.is_final).count();
        assert_eq!((finals, self.ends(id)), (1, 1), "one end: {rows:?}");
        assert!(rows.last().unwrap().is_final);
        Outcome { status, code, headers, text, should_retry, retry_after_ms, took, rows, told }
    }

    /// Asks and leaves after a while, before there is an answer; the rows that remain.
    pub(crate) async fn leave(&self, ask: Ask, after: Duration) -> Vec<UsageRow> {
        let id = self.engine.new_request_id();
        let request = self.request(id, ask, Instant::now());
        let left = tokio::time::timeout(after, serve(&self.engine, request)).await;
        assert!(left.is_err(), "there is an answer already");
        assert_eq!((self.ends(id), self.engine.inflight()), (1, 0));
        let rows = self.rows(id);
        assert_eq!(rows.last().unwrap().end_reason, EndReason::ClientGone);
        rows
    }

    fn request(&self, id: RequestId, ask: Ask, arrived: Instant) -> PublicRequest {
        let bytes = ask.raw.unwrap_or_else(|| Bytes::from(ask.body.to_string()));
        PublicRequest {
            head: RequestHead {
                id,
                surface: ask.surface,
                path_id: None,
                headers: ask.headers,
                credential: None,
                workload: None,
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
                arrived: arrived.into_std(),
                arrived_at: self.engine.clock().now(),
            },
            body: Box::pin(async move { Ok(RequestBody { bytes, ..RequestBody::default() }) }),
        }
    }

    fn rows(&self, id: RequestId) -> Vec<UsageRow> {
        let rows = self.account.rows.lock().unwrap();
        rows.range((id, 0)..=(id, u32::MAX)).map(|(_, row)| row.clone()).collect()
    }

    /// The rows of all requests that were for this, in order.
    pub(crate) fn rows_for(&self, purpose: &str) -> Vec<UsageRow> {
        let rows = self.account.rows.lock().unwrap();
        rows.values().filter(|row| row.purpose.as_str() == purpose).cloned().collect()
    }

    fn ends(&self, id: RequestId) -> usize {
        self.account.ends.lock().unwrap().iter().filter(|ended| **ended == id).count()
    }

    /// The value of a metric with these labels.
    pub(crate) fn metric(&self, line: &str) -> Option<String> {
        let page = self.engine.metrics().prometheus_text(0);
        let found = page.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
        found.map(str::to_owned)
    }
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs all of them at once; what they give, in order.
pub(crate) async fn all<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (future, number) in futures.zip(0usize..) {
        running.spawn(async move { (number, future.await) });
    }
    let mut outputs = running.join_all().await;
    outputs.sort_by_key(|(number, _)| *number);
    outputs.into_iter().map(|(_, output)| output).collect()
}
