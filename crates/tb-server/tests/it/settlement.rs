//! What stands in the row when things go wrong: spend is never zero by mistake, and nothing
//! that a provider or a client says can harm a record.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tb_core::ports::{Journal, JournalEntry, StoreError};
use tb_core::{Cost, EndReason, UsageSource};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::{ANSWER, config};

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"how are you"}]}"#;

/// A journal whose faults the test chooses.
struct Faulty {
    inner: Arc<dyn Journal>,
    /// How many beginnings are taken before one is refused.
    beginnings: AtomicUsize,
    on_disk: bool,
}

impl Journal for Faulty {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        if matches!(entry, JournalEntry::Begun(_))
            && self.beginnings.fetch_sub(1, Ordering::AcqRel) == 0
        {
            return Err(StoreError::Full("by the test".to_owned()));
        }
        self.inner.append(entry)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.on_disk { Ok(()) } else { Err(StoreError::Failed("by the test".to_owned())) }
    }

    fn is_durable_on_power_loss(&self) -> bool {
        true
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

fn start_faulty(config: &str, beginnings: usize, on_disk: bool) -> TestApp {
    let beginnings = AtomicUsize::new(beginnings);
    TestApp::start_with(config, |inner| Arc::new(Faulty { inner, beginnings, on_disk }))
}

/// One provider behind the model `m`, asked once.
fn once(url: &str) -> String {
    config(url).replace("[models.m]", "[models.m]\nretry = { attempts = 1 }")
}

/// Two providers behind the model `m`, tried in this order.
fn two(first: &str, second: &str) -> String {
    format!(
        r#"
        [providers.a]
        dialect = "openai"
        base_url = "{first}"
        api_keys = []
        [providers.b]
        dialect = "openai"
        base_url = "{second}"
        api_keys = []
        [models.m]
        targets = [{{ provider = "a", model = "x", weight = 1 }},
                   {{ provider = "b", model = "x", weight = 0 }}]
        "#
    )
}

#[test]
fn an_accepted_request_is_charged_although_its_answer_is_lost() {
    let stream = ASK.replace("{\"model\"", r#"{"stream":true,"model""#);
    for (ask, reply) in [
        (
            ASK,
            &b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"[..],
        ),
        (ASK, b"HTTP/1.1 200 X\r\ncontent-type: text/html\r\ncontent-length: 1\r\n\r\n<"),
        (ASK, b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n"),
        (
            &stream,
            b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        ),
    ] {
        let provider = FakeProvider::start(move |_| FakeReply::raw(reply));
        let app = TestApp::start(&config(&provider.url()));
        let response = app.post("/v1/chat/completions", ask);
        assert_eq!((response.status, response.error_code().as_str()), (502, "upstream_exhausted"));
        let rows = app.rows(&response);
        assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::UpstreamError));
        assert_eq!(rows[0].usage_source, UsageSource::Estimate);
        assert!(rows[0].tokens.input() > 0);
        assert!(matches!(rows[0].cost, Cost::Estimated(amount) if amount.0 > 0));
    }
}

#[test]
fn an_error_in_the_place_of_a_stream_is_read_as_the_error_it_is() {
    let body = r#"{"error":{"message":"slow","type":"rate_limit_error","code":"rate_limit_exceeded","param":null}}"#;
    let provider = FakeProvider::start(move |_| FakeReply::json(200, body));
    let app = TestApp::start(&once(&provider.url()));
    let ask = ASK.replace("{\"model\"", r#"{"stream":true,"model""#);
    let response = app.post("/v1/chat/completions", &ask);
    assert_eq!((response.status, response.error_code().as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(app.rows(&response)[0].usage_source, UsageSource::None);
}

#[test]
fn pieces_without_counts_are_unpriced_and_never_free() {
    let provider = FakeProvider::start(|request| {
        if request.request_line.contains("images") {
            FakeReply::json(200, r#"{"created":1,"data":[{"url":"u"}]}"#)
        } else {
            FakeReply::body(200, "audio/mpeg", b"sound")
        }
    });
    let app = TestApp::start(&config(&provider.url()));
    for (path, ask) in [
        ("/v1/images/generations", r#"{"model":"m","prompt":"a cat"}"#),
        ("/v1/audio/speech", r#"{"model":"m","input":"hello","voice":"v"}"#),
    ] {
        let response = app.post(path, ask);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(app.rows(&response)[0].cost, Cost::Unpriced, "{path}");
    }
}

#[test]
fn what_a_provider_and_a_client_say_is_cut_before_it_is_kept() {
    let long = "x".repeat(100_000);
    let answer = ANSWER.replace(r#""gpt-x-2026-01-01""#, &format!(r#""{long}""#));
    let error =
        format!(r#"{{"error":{{"message":"no","type":"t","code":"{long}","param":null}}}}"#);
    let stored = format!(r#"{{"id":"{long}","status":"completed","output":[]}}"#);
    let provider = FakeProvider::start(move |request| match request.json() {
        ask if ask.get("fail").is_some() => FakeReply::json(400, &error),
        ask if ask.get("input").is_some() => FakeReply::json(200, &stored),
        _ => FakeReply::json(200, &answer),
    });
    let app = TestApp::start(&config(&provider.url()));
    let ask = format!(r#"{{"model":"m","messages":[],"user":"{long}"}}"#);
    let rows = app.rows(&app.post("/v1/chat/completions", &ask));
    assert_eq!((rows.len(), rows[0].end_reason), (1, EndReason::Complete));
    assert_eq!(rows[0].user.as_ref().map(String::len), Some(256));
    assert_eq!(rows[0].model_served, None);
    let request =
        TestRequest::post("/v1/chat/completions", r#"{"model":"m","fail":1,"messages":[]}"#)
            .header("x-tollbar-user", &"u".repeat(10_000));
    let response = app.send(&request);
    assert_eq!((response.status, response.error_code().as_str()), (400, "provider_400"));
    let rows = app.rows(&response);
    assert_eq!(rows[0].error_code.as_deref(), Some("provider_400"));
    assert_eq!(rows[0].user.as_ref().map(String::len), Some(256));
    assert_eq!(app.post("/v1/responses", r#"{"model":"m","input":"x"}"#).status, 200);
}

#[test]
fn an_attempt_that_the_journal_refuses_is_none() {
    let broken = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let healthy = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = start_faulty(&two(&broken.url(), &healthy.url()), 0, true);
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.error_code().as_str()), (503, "audit_unavailable"));
    let rows = app.rows(&response);
    assert_eq!((rows.len(), rows[0].attempt, rows[0].is_final), (1, 0, true));
    assert_eq!((&rows[0].provider, rows[0].tokens.input(), rows[0].cost), (&None, 0, Cost::Free));
    assert!(broken.requests().is_empty());
}

#[test]
fn a_refused_second_attempt_leaves_the_first_as_it_was() {
    let broken = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let healthy = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = start_faulty(&two(&broken.url(), &healthy.url()), 1, true);
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.error_code().as_str()), (503, "audit_unavailable"));
    assert!(healthy.requests().is_empty());
    let rows = app.rows(&response);
    assert_eq!((rows.len(), rows[0].attempt, rows[0].is_final), (1, 1, true));
    assert_eq!((rows[0].status, rows[0].end_reason), (500, EndReason::UpstreamError));
    assert_eq!(rows[0].error_code.as_deref(), Some("provider_server_error"));
}

#[test]
fn an_answer_that_is_not_on_disk_is_not_given() {
    let provider = FakeProvider::start(|request| {
        if request.request_line.contains("audio") {
            return FakeReply::body(200, "audio/mpeg", b"sound");
        }
        if request.json().get("stream").is_none() {
            return FakeReply::json(200, ANSWER);
        }
        let chunk = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
        FakeReply::events(&[chunk, "[DONE]"])
    });
    let app = start_faulty(&config(&provider.url()), usize::MAX, false);
    let whole = app.post("/v1/chat/completions", ASK);
    assert_eq!((whole.status, whole.error_code().as_str()), (503, "audit_unavailable"));
    let stream = ASK.replace("{\"model\"", r#"{"stream":true,"model""#);
    let text = app.post("/v1/chat/completions", &stream).text();
    assert!(text.contains("audit_unavailable") && !text.contains("[DONE]"), "{text}");
    // The connection breaks off, perhaps before its head was on the way.
    let speak = TestRequest::post("/v1/audio/speech", r#"{"model":"m","input":"a","voice":"v"}"#);
    let mut sound = Vec::new();
    let _ = speak.clone().key(&app.key).start(app.address).read_to_end(&mut sound);
    assert!(!sound.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&sound));
    let app = start_faulty(&config(&provider.url()), usize::MAX, true);
    assert_eq!(app.post("/v1/chat/completions", ASK).status, 200);
    assert!(app.post("/v1/chat/completions", &stream).text().contains("[DONE]"));
    let sound = app.send(&speak);
    assert!(sound.complete && sound.body == b"sound");
}

#[test]
fn a_target_that_cannot_express_the_request_is_passed_over() {
    let claude = FakeProvider::start(|_| FakeReply::json(200, "{}"));
    let other = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let both = two(&claude.url(), &other.url()).replacen("openai", "anthropic", 1);
    let app = TestApp::start(&both);
    let several = ASK.replace("{\"model\"", r#"{"n":2,"model""#);
    let response = app.post("/v1/chat/completions", &several);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-tollbar-attempts"), Some("b/x=200"));
    let alone = both.replace(r#"{ provider = "b", model = "x", weight = 0 }"#, "");
    let response = TestApp::start(&alone).post("/v1/chat/completions", &several);
    assert_eq!((response.status, response.json()["error"]["param"].as_str()), (400, Some("n")));
    assert!(claude.requests().is_empty());
}

#[test]
fn a_failed_attempt_stays_the_end_when_no_other_target_can_express_the_request() {
    let broken = FakeProvider::start(|_| FakeReply::json(503, "{}"));
    let both = two(&broken.url(), "http://127.0.0.1:1");
    let (first, second) = both.split_once("[providers.b]").unwrap();
    let second = second.replacen("openai", "anthropic", 1);
    let app = TestApp::start(&format!("{first}[providers.b]{second}"));
    let several = ASK.replace("{\"model\"", r#"{"n":2,"model""#);
    let response = app.post("/v1/chat/completions", &several);
    assert_eq!((response.status, response.error_code().as_str()), (502, "upstream_exhausted"));
    let rows = app.rows(&response);
    let last = rows.last().unwrap();
    assert_eq!((rows.len(), last.is_final, last.status), (3, true, 503));
    assert_eq!(rows[1].passed_over.as_deref(), Some("b/x=cannot_express"));
    assert_eq!(last.passed_over.as_deref(), Some("|a/x=attempts_spent"));
}

#[test]
fn once_all_tries_are_spent_clients_are_told_not_to_try_again() {
    let first = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let busy = FakeProvider::start(|_| FakeReply::json(429, "{}"));
    let both = two(&first.url(), &busy.url());
    let app = TestApp::start(&both.replace("[models.m]", "[models.m]\nretry = { attempts = 2 }"));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.header("retry-after")), (429, Some("1")));
    assert_eq!(response.header("x-should-retry"), Some("false"));
    let app = TestApp::start(&once(&busy.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.header("retry-after")), (429, Some("1")));
    assert_eq!(response.header("x-should-retry"), Some("false"), "one try is all it had");
    let refusing = FakeProvider::start(|_| FakeReply::json(400, "{}"));
    let app = TestApp::start(&once(&refusing.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.header("x-should-retry")), (400, None));
}

#[test]
fn who_leaves_before_the_answer_counts_as_a_4xx() {
    let provider = FakeProvider::start(|_| FakeReply::default().hang());
    let app = TestApp::start(&config(&provider.url()));
    let stream = TestRequest::post("/v1/chat/completions", ASK).key(&app.key).start(app.address);
    assert!(app.eventually(|_| provider.requests().len() == 1));
    drop(stream);
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let page = app.engine.metrics().prometheus_text(0);
    let line = page.lines().find(|line| line.contains("client_gone") && line.contains("requests"));
    assert!(line.is_some_and(|line| line.contains(r#"status_class="4xx""#)), "{page}");
    let rows = app.all_rows();
    assert_eq!((rows[0].status, rows[0].usage_source), (0, UsageSource::Estimate));
}

#[test]
fn the_list_of_models_is_counted() {
    let app = TestApp::start(&config("http://127.0.0.1:1"));
    assert_eq!(app.send(&TestRequest::new("GET", "/v1/models")).status, 200);
    let page = app.engine.metrics().prometheus_text(0);
    let counted = |line: &str| line.contains(r#"route="models""#) && line.contains("2xx");
    assert!(page.lines().any(counted), "{page}");
}

#[test]
fn the_providers_organization_stays_here() {
    let head = format!(
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\nopenai-organization: org-canary\r\n\
         openai-version: 1\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let provider = FakeProvider::start(move |_| FakeReply::raw(head.as_bytes()));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!(response.header("openai-version"), Some("1"));
    assert_eq!(response.header("openai-organization"), None);
}
