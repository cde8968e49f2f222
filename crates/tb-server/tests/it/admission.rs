//! Limits on what is served at the same time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tb_core::{Clock, EndReason, Pepper};
use tb_engine::SystemClock;
use tb_server::admin::{AdminState, KeyDirectory, Live, PromptDirectory, router};
use tb_store::MemoryStore;
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};
use tower::ServiceExt;

use crate::admin::{CONFIG, loaded};
use crate::chat::{ANSWER, config};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const DELTA: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";

const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// A provider whose streams do not end, and whose plain answers do.
fn provider() -> FakeProvider {
    FakeProvider::start(|request| {
        if request.json()["stream"] == true {
            FakeReply::stream_head().chunk(Duration::ZERO, DELTA).hang()
        } else {
            FakeReply::json(200, ANSWER)
        }
    })
}

/// The configuration of the chat tests with other limits, and two services.
fn limited(provider: &FakeProvider, server: &str, limits: &str) -> String {
    let service = "purposes = [\"p\"]\nmodels = [\"m\"]";
    format!(
        "{}\n[server]\n{server}\n[services.bot]\n{service}\n{limits}\n[services.other]\n{service}\n",
        config(&provider.url()).replace("2s", "60s")
    )
}

/// A stream under way. It ends when it is dropped.
fn stream(app: &TestApp) -> TcpStream {
    let mut stream = TestRequest::post(PATH, STREAM).key(&app.key).start(app.address);
    let (mut text, mut piece) = (String::new(), [0; 1024]);
    while !text.contains("content\":\"Hi") {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    stream
}

fn seconds(response: &TestResponse) -> u64 {
    response.header("retry-after").unwrap().parse().unwrap()
}

fn is_served(app: &TestApp) -> bool {
    app.post(PATH, ASK).status == 200
}

#[test]
fn a_full_service_is_told_its_limit_and_others_are_served() {
    let provider = provider();
    let limits = "limits = { concurrent = 1 }";
    let mut app = TestApp::start(&limited(&provider, "queue_timeout = \"0s\"", limits));
    let running = stream(&app);
    let response = app.post(PATH, ASK);
    assert_eq!(response.status, 429, "{}", response.text());
    assert_eq!(response.error_code(), "concurrency_limit_exceeded");
    assert!((1..=30).contains(&seconds(&response)));
    let error = &response.json()["error"];
    assert_eq!(error["type"], "rate_limit_error");
    let told = &error["tollbar"];
    assert_eq!((&told["used"], &told["limit"]), (&1.into(), &1.into()));
    assert_eq!(told["limit_name"], "services.bot.limits.concurrent");
    assert_eq!(told["origin"], "policy");
    assert!(told["resets_in_ms"].as_u64().unwrap() >= 1_000);
    assert!(app.rows(&response).is_empty(), "nothing was sent, and nothing is kept");
    let other = app.make_key("other", |_| {});
    assert_eq!(TestRequest::post(PATH, ASK).key(&other).send(app.address).status, 200);
    let page = app.engine.metrics().openmetrics(0);
    let counted = "limit_rejections_total{kind=\"concurrency\",scope=\"service\"} 1\n";
    assert!(page.contains(counted), "{page}");
    drop(running);
    assert!(app.eventually(is_served), "the place comes back when the client leaves");
}

#[test]
fn a_full_gateway_is_overloaded_and_its_admin_side_is_not() {
    let provider = provider();
    let server = "max_concurrent = 1\nqueue_timeout = \"0s\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let running = stream(&app);
    let response = app.post(PATH, ASK);
    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(response.error_code(), "overloaded");
    assert!((1..=30).contains(&seconds(&response)));
    let told = &response.json()["error"]["tollbar"];
    assert_eq!(told["limit_name"], "server.max_concurrent");
    assert_eq!((&told["used"], &told["limit"]), (&1.into(), &1.into()));
    let (health, _) = admin(&app, "/healthz");
    assert_eq!(health, 200);
    let (status, page) = admin(&app, "/metrics");
    assert_eq!(status, 200);
    assert!(
        page.contains("tollbar_limit_rejections_total{kind=\"concurrency\",scope=\"global\"} 1")
    );
    drop(running);
}

#[test]
fn anthropic_clients_are_told_in_their_shape() {
    let provider = provider();
    let server = "max_concurrent = 1\nqueue_timeout = \"0s\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let _running = stream(&app);
    let response = app.post("/v1/messages", r#"{"model":"m","max_tokens":5,"messages":[]}"#);
    assert_eq!((response.status, response.json()["type"].as_str()), (503, Some("error")));
    assert_eq!(response.json()["error"]["tollbar"]["code"], "overloaded");
}

#[test]
fn a_request_waits_for_its_turn() {
    let provider = provider();
    let server = "max_concurrent = 1\nqueue_timeout = \"1m\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let running = stream(&app);
    let waiting = TestRequest::post(PATH, ASK).key(&app.key).start(app.address);
    let refused = app.send(&TestRequest::post(PATH, ASK).header("x-tollbar-timeout-ms", "20"));
    assert_eq!((refused.status, refused.error_code()), (504, "deadline_exceeded".to_owned()));
    drop(running);
    let mut bytes = Vec::new();
    let mut waiting = waiting;
    waiting.read_to_end(&mut bytes).unwrap();
    assert_eq!(TestResponse::parse(&bytes).status, 200);
}

#[test]
fn bodies_stay_within_the_memory_budget() {
    let provider = provider();
    // A running request counts 64 KiB, so two of them leave 72 KiB for bodies.
    let server = "max_body = \"150KiB\"\nmemory_budget = \"200KiB\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let large = format!("{{\"model\":\"m\",\"messages\":[],\"x\":\"{}\"}}", "x".repeat(100 << 10));
    assert_eq!(app.post(PATH, &large).status, 200, "alone it fits");
    let running = stream(&app);
    let response = app.post(PATH, &large);
    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(response.error_code(), "overloaded");
    assert!((1..=30).contains(&seconds(&response)));
    let told = &response.json()["error"]["tollbar"];
    assert_eq!(
        (&told["limit_name"], &told["limit"]),
        (&"server.memory_budget".into(), &204_800.into())
    );
    assert!(app.rows(&response).is_empty(), "turned away like others at the door");
    assert_eq!(app.post(PATH, ASK).status, 200, "a small one fits");
    let page = app.engine.metrics().openmetrics(0);
    assert!(
        page.contains("limit_rejections_total{kind=\"memory\",scope=\"global\"} 1\n"),
        "{page}"
    );
    drop(running);
    assert!(app.eventually(|app| app.post(PATH, &large).status == 200), "it is given back");
}

#[test]
fn a_body_of_unknown_length_is_held_to_the_budget_too() {
    let provider = provider();
    let server = "max_body = \"150KiB\"\nmemory_budget = \"200KiB\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let _running = stream(&app);
    let text = format!("{{\"model\":\"m\",\"messages\":[],\"x\":\"{}\"}}", "x".repeat(100 << 10));
    let response = send_chunked(&app, &text);
    assert_eq!((response.status, response.error_code()), (503, "overloaded".to_owned()));
    assert_eq!(send_chunked(&app, ASK).status, 200);
}

/// A gateway with so much memory, before a provider that gives this answer.
fn answering(budget: &str, more: &str, reply: FakeReply) -> (TestApp, FakeProvider) {
    let provider = FakeProvider::start(move |_| reply.clone());
    let server = format!("max_body = \"100KiB\"\nmemory_budget = \"{budget}\"");
    let text = limited(&provider, &server, "");
    let text = text.replace("[models.m]", &format!("[models.m]\nretry.attempts = 2\n{more}"));
    (TestApp::start(&text), provider)
}

fn assert_no_memory(app: &TestApp, ask: &str) {
    let response = app.post(PATH, ask);
    assert_eq!((response.status, response.error_code().as_str()), (503, "overloaded"));
    assert_eq!(response.header("x-tollbar-attempts"), Some("up/gpt-x-2026-01-01=no_memory"));
    assert_eq!(response.json()["error"]["tollbar"]["limit_name"], "server.memory_budget");
    let rows = app.rows(&response);
    assert_eq!((rows.len(), rows[0].end_reason), (1, EndReason::Limit));
    // The provider's status stands in the row, the gateway's in the code.
    assert_eq!((rows[0].status, rows[0].error_code.as_deref()), (200, Some("overloaded")));
    assert!(rows[0].tokens.input() > 0, "the provider may charge for it");
    let page = app.engine.metrics().openmetrics(0);
    assert!(page.contains("limit_rejections_total{kind=\"memory\",scope=\"global\"}"), "{page}");
}

#[test]
fn answers_stay_within_the_memory_budget() {
    let ask = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let answer = ANSWER.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(150 << 10)), 1);
    let (app, _provider) = answering("200KiB", "", FakeReply::json(200, &answer));
    assert_no_memory(&app, ask);
    let (app, _provider) = answering("300KiB", "", FakeReply::json(200, &answer));
    for _ in 0..3 {
        // What the last one held is given back once it is written.
        assert!(app.eventually(|app| app.post(PATH, ask).text() == answer));
    }
}

#[test]
fn what_is_held_back_of_a_stream_stays_within_the_memory_budget() {
    let ask = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let silence = format!(": {}\n\n", "x".repeat(60 << 10)).repeat(3);
    let reply = |text: &str| {
        FakeReply::stream_head().chunk(Duration::ZERO, &[text.as_bytes(), DELTA].concat())
    };
    let (app, _provider) = answering("200KiB", "", reply(&silence));
    assert_no_memory(&app, ask);
    let (app, _provider) = answering("400KiB", "", reply(&silence));
    assert_eq!(app.post(PATH, ask).status, 200);
}

#[test]
fn a_stream_that_there_is_no_memory_to_record_is_given_and_not_kept() {
    let delta = String::from_utf8_lossy(DELTA).replace("Hi", &"x".repeat(20 << 10));
    let text = format!("{}{END}", delta.repeat(10));
    for (budget, kept) in [("200KiB", "miss"), ("1MiB", "hit")] {
        let reply = text.split_inclusive("\n\n").fold(FakeReply::stream_head(), |reply, event| {
            reply.chunk(Duration::from_millis(2), event.as_bytes())
        });
        let cache = "cache = { mode = \"on\", ttl = \"1h\" }";
        let (app, _provider) = answering(budget, cache, reply);
        for word in ["miss", kept] {
            let response = app.post(PATH, STREAM);
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.header("x-tollbar-cache"), Some(word), "{budget}");
            assert!(response.text().ends_with("data: [DONE]\n\n"));
        }
    }
}

/// Sends a body whose length nobody knows before its end.
fn send_chunked(app: &TestApp, body: &str) -> TestResponse {
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        app.key,
        body.len()
    );
    let mut socket = TcpStream::connect(app.address).unwrap();
    let _ = socket.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    TestResponse::parse(&bytes)
}

/// What the admin side of this gateway answers.
fn admin(app: &TestApp, path: &str) -> (u16, String) {
    let (store, pepper) = (Arc::new(MemoryStore::new()), Pepper::from_bytes(&[7; 32]));
    let keys = KeyDirectory::open(store.clone(), pepper, app.engine.clone()).unwrap();
    let state = AdminState {
        engine: app.engine.clone(),
        prompts: Arc::new(PromptDirectory::open(store.clone(), app.engine.clone()).unwrap()),
        keys: Arc::new(keys),
        acts: store.clone(),
        usage: store,
        audit: Arc::new(crate::admin::NoTrail),
        records: Arc::new(crate::admin::NothingKept),
        content: None,
        config: Arc::new(Live::new(loaded(CONFIG))),
        address: "127.0.0.1:8788".parse().unwrap(),
        public_address: app.address,
        started_at: SystemClock.now(),
        version: "1.2.3",
    };
    let request = Request::get(path).header("host", "localhost:8788").body(Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = router(Arc::new(state)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    })
}

#[test]
fn a_body_that_comes_slowly_keeps_nobody_out() {
    let provider = provider();
    let server = "max_concurrent = 1\nqueue_timeout = \"0s\"";
    let app = TestApp::start(&limited(&provider, server, ""));
    let mut slow = TcpStream::connect(app.address).unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{{",
        app.key,
        ASK.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    assert!(app.eventually(|app| app.engine.inflight() == 1), "it waits for its body");
    assert!(is_served(&app), "meanwhile others are served");
    slow.write_all(&ASK.as_bytes()[1..]).unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
