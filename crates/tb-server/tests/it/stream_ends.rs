//! Every way in which a body under way can end.

use std::io::Read;
use std::time::{Duration, Instant};

use tb_core::{EndReason, UsageSource};
use tb_engine::{Credential, PublicRequest, RequestHead, serve};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::config;

const ASK: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const SPEAK: &str = r#"{"model":"m","input":"hello","voice":"v"}"#;
const DELTA: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";

/// A provider that begins a stream and goes silent.
fn silent_stream() -> FakeProvider {
    FakeProvider::start(|_| FakeReply::stream_head().chunk(Duration::ZERO, DELTA).hang())
}

fn silent_sound() -> FakeProvider {
    FakeProvider::start(|_| {
        FakeReply::raw(
            b"HTTP/1.1 200 X\r\ncontent-type: audio/mpeg\r\ncontent-length: 100\r\n\r\nsound",
        )
        .hang()
    })
}

#[test]
fn what_follows_the_last_event_is_nobodys() {
    let provider = FakeProvider::start(|_| {
        let stop =
            r#"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
        let mut piece = format!("{stop}\n\ndata: [DONE]\n\ndata: ").into_bytes();
        piece.extend_from_slice(b"\xff\xfe garbage\n\nevent: error\ndata: {}\n\n");
        FakeReply::stream_head().chunk(Duration::ZERO, &piece).end()
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert!(response.text().ends_with("data: [DONE]\n\n"), "{}", response.text());
    assert!(!response.text().contains("error"));
    assert_eq!(app.rows(&response)[0].end_reason, EndReason::Complete);
}

#[test]
fn streams_end_with_an_event_when_the_gateway_stops() {
    let provider = silent_stream();
    let app = TestApp::start(&config(&provider.url()).replace("2s", "60s"));
    let mut stream =
        TestRequest::post("/v1/chat/completions", ASK).key(&app.key).start(app.address);
    let mut text = String::new();
    let mut piece = [0; 1024];
    while !text.contains("content\":\"Hi") {
        let read = stream.read(&mut piece).unwrap();
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    app.engine.abort_streams();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("gateway_stopping") && !text.contains("[DONE]"), "{text}");
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let rows = app.all_rows();
    assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::Limit));
    assert_eq!(rows[0].error_code.as_deref(), Some("gateway_stopping"));
    // What begins later ends the same way.
    let late = app.post("/v1/chat/completions", ASK).text();
    assert!(late.contains("gateway_stopping"), "{late}");
}

#[test]
fn speech_as_events_is_a_stream() {
    let done = r#"{"type":"speech.audio.done","usage":{"input_tokens":4,"output_tokens":9,"total_tokens":13}}"#;
    let provider = FakeProvider::start(move |_| {
        FakeReply::events(&[r#"{"type":"speech.audio.delta","audio":"AAAA"}"#, done])
    });
    let app = TestApp::start(&config(&provider.url()));
    let ask = SPEAK.replace("{\"model\"", r#"{"stream_format":"sse","model""#);
    let response = app.post("/v1/audio/speech", &ask);
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    assert!(response.text().contains("speech.audio.done"), "{}", response.text());
    let rows = app.rows(&response);
    assert!(rows[0].stream);
    assert_eq!((rows[0].usage_source, rows[0].tokens.output()), (UsageSource::Provider, 9));
    assert_eq!(provider.requests()[0].header("accept"), Some("text/event-stream"));
}

#[test]
fn a_passed_body_has_a_deadline() {
    let provider = silent_sound();
    let app = TestApp::start(&config(&provider.url()).replace("2s", "60s"));
    let ask = TestRequest::post("/v1/audio/speech", SPEAK).header("x-tollbar-timeout-ms", "300");
    let response = app.send(&ask);
    assert_eq!((response.status, response.complete), (200, false));
    let rows = app.rows(&response);
    assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::Timeout));
    assert_eq!(rows[0].error_code.as_deref(), Some("deadline_exceeded"));
}

#[test]
fn who_leaves_a_passed_body_leaves_the_providers_status_in_the_row() {
    let provider = silent_sound();
    let app = TestApp::start(&config(&provider.url()).replace("2s", "60s"));
    let mut stream = TestRequest::post("/v1/audio/speech", SPEAK).key(&app.key).start(app.address);
    let mut first = [0; 64];
    assert!(stream.read(&mut first).unwrap() > 0);
    drop(stream);
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let rows = app.all_rows();
    assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::ClientGone));
}

#[test]
fn a_panic_in_the_middle_of_a_stream_is_our_fault_in_the_row() {
    let provider = silent_stream();
    let config = config(&provider.url())
        .replace("api_keys = [", "on_client_disconnect = \"drain\"\napi_keys = [");
    let app = TestApp::start(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let head = RequestHead {
        id: app.engine.new_request_id(),
        surface: tb_core::Surface::ChatCompletions,
        path_id: None,
        headers: http::HeaderMap::new(),
        credential: Some(Credential(tb_core::Secret::new(app.key.clone()))),
        workload: None,
        peer: std::net::IpAddr::from([127, 0, 0, 1]),
        arrived: Instant::now(),
        arrived_at: app.engine.clock().now(),
    };
    let body = Box::pin(async { Ok(bytes::Bytes::from_static(ASK.as_bytes()).into()) });
    let reply = runtime.block_on(serve(&app.engine, PublicRequest { head, body })).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async move {
            let _reply = reply;
            panic!("by the test");
        });
    }));
    assert!(panicked.is_err());
    drop(runtime);
    let rows = app.all_rows();
    assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::UpstreamError));
    assert_eq!(rows[0].error_code.as_deref(), Some("internal_error"));
    assert_eq!(rows[0].usage_source, UsageSource::Estimate);
}

#[test]
fn who_leaves_between_head_and_body_of_the_provider_is_charged_and_counts_as_a_4xx() {
    let provider = FakeProvider::start(|_| {
        FakeReply::raw(
            b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
        )
        .hang()
    });
    let app = TestApp::start(&config(&provider.url()));
    let ask = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let stream = TestRequest::post("/v1/chat/completions", ask).key(&app.key).start(app.address);
    assert!(app.eventually(|_| provider.requests().len() == 1));
    drop(stream);
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let rows = app.all_rows();
    assert_eq!(rows[0].end_reason, EndReason::ClientGone);
    assert_eq!(rows[0].usage_source, UsageSource::Estimate);
    let page = app.engine.metrics().prometheus_text(0);
    assert!(!page.contains(r#"status_class="2xx""#), "{page}");
}

#[test]
fn a_drained_stream_ends_once_the_provider_has_told_its_counts() {
    let rest = br#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}

"#;
    // The provider keeps the connection open: only the counts can end the reading.
    let provider = FakeProvider::start(|_| {
        FakeReply::stream_head()
            .chunk(Duration::ZERO, DELTA)
            .chunk(Duration::from_millis(300), rest)
            .hang()
    });
    let config = config(&provider.url())
        .replace("api_keys = [", "on_client_disconnect = \"drain\"\napi_keys = [");
    let app = TestApp::start(&config);
    let mut stream =
        TestRequest::post("/v1/chat/completions", ASK).key(&app.key).start(app.address);
    let mut first = [0; 64];
    assert!(stream.read(&mut first).unwrap() > 0);
    drop(stream);
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let rows = app.all_rows();
    assert_eq!((rows[0].status, rows[0].end_reason), (200, EndReason::ClientGone));
    assert_eq!((rows[0].usage_source, rows[0].tokens.input()), (UsageSource::Provider, 7));
}
