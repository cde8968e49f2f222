//! The response cache on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tb_core::ports::{AnswerFilter, Journal, JournalEntry, StoreError};
use tb_core::{Cost, Rung};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::{ANSWER, config};

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const PATH: &str = "/v1/chat/completions";

const CHUNK: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{"content":"Hel\u0000lo"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// The configuration of `chat` with a cache.
pub(crate) fn cached(url: &str) -> String {
    config(url).replace("idle_timeout", "cache = { mode = \"on\", ttl = \"1h\" }\nidle_timeout")
}

#[test]
fn a_hit_is_the_answer_byte_for_byte_and_costs_nothing() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&cached(&provider.url()));
    let first = app.post(PATH, ASK);
    let second = app.post(PATH, ASK);
    assert_eq!((first.header("x-tollbar-cache"), first.text().as_str()), (Some("miss"), ANSWER));
    assert_eq!(first.header("cache-status"), Some("tollbar; fwd=miss; stored"));
    assert_eq!((second.header("x-tollbar-cache"), second.text().as_str()), (Some("hit"), ANSWER));
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert_eq!(second.header("x-tollbar-cost-usd"), Some("0"));
    assert_eq!(second.header("x-tollbar-model-served"), Some("gpt-x-2026-01-01"));
    assert!(second.header("age").is_some());
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(provider.requests().len(), 1);
    let (made, served) = (app.rows(&first).remove(0), app.rows(&second).remove(0));
    let Cost::Measured(cost) = made.cost else { panic!("{:?}", made.cost) };
    assert_eq!((served.rung, served.cost, served.saved), (Rung::Cache, Cost::Free, cost));
    assert_eq!((served.provider, served.tokens.input()), (None, 0));
}

#[test]
fn a_stream_is_replayed_as_the_client_got_it() {
    let provider = FakeProvider::start(|_| FakeReply::events(&[CHUNK, STOP, "[DONE]"]));
    let app = TestApp::start(&cached(&provider.url()));
    let first = app.post(PATH, STREAM);
    let second = app.post(PATH, STREAM);
    assert!(first.complete && second.complete);
    assert_eq!(second.header("x-tollbar-cache"), Some("hit"));
    assert_eq!(second.header("content-type"), Some("text/event-stream"));
    assert_eq!(first.body, second.body);
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_stream_that_is_cut_is_not_kept() {
    let whole = [CHUNK, STOP, "[DONE]"];
    let provider = FakeProvider::start(move |_| {
        let chunk = format!("data: {CHUNK}\n\n");
        FakeReply::stream_head().chunk(std::time::Duration::ZERO, chunk.as_bytes())
    });
    let app = TestApp::start(&cached(&provider.url()));
    for _ in 0..2 {
        let cut = app.post(PATH, STREAM);
        assert_eq!(cut.header("x-tollbar-cache"), Some("miss"));
        assert!(!cut.text().contains(whole[2]));
    }
    assert!(provider.requests().len() >= 2);
}

#[test]
fn the_headers_of_the_cache_stay_here() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&cached(&provider.url()));
    let request = TestRequest::post(PATH, ASK)
        .header("x-tollbar-cache", "on")
        .header("x-tollbar-cache-max-age", "60")
        .header("x-tollbar-cache-tag", "a,b")
        .header("cache-control", "no-cache");
    assert_eq!(app.send(&request).status, 200);
    let got = provider.requests().remove(0);
    let names = got.headers.iter().map(|(name, _)| name.as_str());
    let leaked: Vec<_> = names.filter(|name| name.contains("cache")).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    let wrong = TestRequest::post(PATH, ASK).header("x-tollbar-cache", "sometimes");
    assert_eq!(
        (app.send(&wrong).status, app.send(&wrong).error_code()),
        (400, "invalid_request".to_owned())
    );
    let only =
        TestRequest::post(PATH, ASK.replace("hi", "ho")).header("cache-control", "only-if-cached");
    assert_eq!(
        (app.send(&only).status, app.send(&only).error_code()),
        (504, "cache_miss".to_owned())
    );
    assert_eq!(app.send(&only).header("x-should-retry"), Some("false"));
}

#[test]
fn services_do_not_see_each_others_answers() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let services = "\n[services.one]\nmodels = [\"*\"]\npurposes = [\"p\"]\n\
                    [services.two]\nmodels = [\"*\"]\npurposes = [\"p\"]\n";
    let mut app = TestApp::start(&(cached(&provider.url()) + services));
    let keys = ["one", "two", "one", "two"].map(|service| app.make_key(service, |_| {}));
    let words: Vec<_> = keys
        .iter()
        .map(|key| TestRequest::post(PATH, ASK).key(key).send(app.address))
        .map(|response| response.header("x-tollbar-cache").unwrap().to_owned())
        .collect();
    assert_eq!(words, ["miss", "miss", "hit", "hit"]);
    let of_one = AnswerFilter { service: Some("one".into()), ..AnswerFilter::default() };
    assert_eq!(app.engine.purge_answers(&of_one).unwrap(), 1);
    assert_eq!(app.engine.cache_view().entries, 1);
}

#[test]
fn identical_requests_at_the_same_time_reach_the_provider_once() {
    let all_here = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&all_here);
    let provider = FakeProvider::start(move |_| {
        while !gate.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        FakeReply::json(200, ANSWER)
    });
    let app = TestApp::start(&cached(&provider.url()));
    let words: Vec<_> = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..6).map(|_| scope.spawn(|| app.post(PATH, ASK))).collect();
        assert!(app.eventually(|app| app.engine.inflight() == 6));
        all_here.store(true, Ordering::Release);
        sending.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(words.iter().all(|response| response.status == 200 && response.text() == ANSWER));
    assert_eq!(provider.requests().len(), 1);
    let rows = app.all_rows();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows.iter().filter(|row| row.rung == Rung::Cache).count(), 5);
}

/// Whether the page of metrics has this line.
fn counted(app: &TestApp, line: &str) -> bool {
    let page = app.engine.metrics().prometheus_text(0);
    page.lines().any(|own| own.strip_prefix("tollbar_") == Some(line))
}

/// A journal that takes nothing any more once the test says so.
struct Filling {
    inner: Arc<dyn Journal>,
    is_full: Arc<AtomicBool>,
}

impl Journal for Filling {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::Acquire) {
            return Err(StoreError::Full("by the test".to_owned()));
        }
        self.inner.append(entry)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

#[test]
fn an_answer_that_cannot_be_recorded_is_not_given_from_the_cache_either() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let is_full = Arc::new(AtomicBool::new(false));
    let full = Arc::clone(&is_full);
    let app = TestApp::start_with(&cached(&provider.url()), |inner| {
        Arc::new(Filling { inner, is_full: full })
    });
    assert_eq!(app.post(PATH, ASK).status, 200);
    is_full.store(true, Ordering::Release);
    let refused = app.post(PATH, ASK);
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "audit_unavailable"));
    assert!(!counted(&app, "cache_requests_total{result=\"hit\"} 1"), "it was not given");
    is_full.store(false, Ordering::Release);
    assert_eq!(app.post(PATH, ASK).header("x-tollbar-cache"), Some("hit"));
    assert!(counted(&app, "cache_requests_total{result=\"hit\"} 1"));
}

/// A journal for which power may fail: what it took is on disk only where the test allows that.
struct Unsafe {
    inner: Arc<dyn Journal>,
    is_on_disk: Arc<AtomicBool>,
}

impl Journal for Unsafe {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        self.inner.append(entry)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.is_on_disk.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(StoreError::Failed("by the test".to_owned()))
    }

    fn is_durable_on_power_loss(&self) -> bool {
        true
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

#[test]
fn an_answer_is_kept_once_its_row_is_on_disk() {
    let provider = FakeProvider::start(|request| {
        if request.body.windows(8).any(|part| part == b"\"stream\"") {
            return FakeReply::events(&[CHUNK, STOP, "[DONE]"]);
        }
        FakeReply::json(200, ANSWER)
    });
    let is_on_disk = Arc::new(AtomicBool::new(false));
    let on_disk = Arc::clone(&is_on_disk);
    let app = TestApp::start_with(&cached(&provider.url()), |inner| {
        Arc::new(Unsafe { inner, is_on_disk: on_disk })
    });
    for ask in [STREAM, ASK] {
        is_on_disk.store(false, Ordering::Release);
        let refused = app.post(PATH, ask);
        assert!(refused.text().contains("audit_unavailable"), "{}", refused.text());
        is_on_disk.store(true, Ordering::Release);
        let words =
            [0; 2].map(|_| app.post(PATH, ask).header("x-tollbar-cache").map(str::to_owned));
        assert_eq!(words.map(Option::unwrap), ["miss", "hit"]);
    }
}
