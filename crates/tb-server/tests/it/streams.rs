//! Streamed answers.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tb_core::{EndReason, UsageSource};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::config;

const ASK: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

fn delta(text: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x-2026-01-01","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}],"usage":null}}"#
    )
}

const STOP: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x-2026-01-01","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
const USAGE: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x-2026-01-01","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

#[test]
fn usage_is_asked_for_and_hidden_from_clients_that_did_not() {
    let provider = FakeProvider::start(|_| {
        FakeReply::events(&[&delta("Hel"), &delta("lo"), STOP, USAGE, "[DONE]"])
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    let text = response.text();
    assert!(response.complete);
    assert_eq!(text.matches("data: [DONE]\n\n").count(), 1);
    assert!(!text.contains("usage"), "{text}");
    assert!(text.contains(r#""content":"Hel""#) && text.contains(r#""content":"lo""#));
    assert_eq!(provider.requests()[0].json()["stream_options"]["include_usage"], true);
    let rows = app.rows(&response);
    assert_eq!(rows[0].usage_source, UsageSource::Provider);
    assert_eq!((rows[0].tokens.input(), rows[0].tokens.output()), (9, 2));
    assert!(rows[0].ttft_ms.is_some());
}

#[test]
fn clients_that_ask_for_usage_get_it() {
    let provider =
        FakeProvider::start(|_| FakeReply::events(&[&delta("Hi"), STOP, USAGE, "[DONE]"]));
    let app = TestApp::start(&config(&provider.url()));
    let ask =
        ASK.replace("\"stream\":true", r#""stream":true,"stream_options":{"include_usage":true}"#);
    let text = app.post("/v1/chat/completions", &ask).text();
    assert!(text.contains(r#""prompt_tokens":9"#) && text.contains(r#""usage":null"#), "{text}");
}

#[test]
fn a_cut_stream_ends_with_an_error_event_and_an_estimate() {
    let provider = FakeProvider::start(|_| {
        FakeReply::stream_head()
            .chunk(Duration::ZERO, format!("data: {}\n\n", delta("Hello world")).as_bytes())
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    let text = response.text();
    assert!(text.contains(r#"data: {"error":"#), "{text}");
    assert!(!text.contains("[DONE]"));
    let rows = app.rows(&response);
    assert_eq!(rows[0].end_reason, EndReason::UpstreamError);
    assert_eq!(rows[0].usage_source, UsageSource::Estimate);
    assert!(rows[0].tokens.output() > 0 && rows[0].tokens.input() > 0);
}

#[test]
fn a_silent_provider_ends_with_a_timeout_event() {
    let provider = FakeProvider::start(|_| {
        FakeReply::stream_head()
            .chunk(Duration::ZERO, format!("data: {}\n\n", delta("x")).as_bytes())
            .hang()
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert!(response.text().contains("deadline_exceeded"), "{}", response.text());
    assert_eq!(app.rows(&response)[0].end_reason, EndReason::Timeout);
    assert!(app.eventually(|_| provider.abandoned() == 1));
}

#[test]
fn a_client_that_leaves_cancels_the_upstream_and_is_settled() {
    let provider = FakeProvider::start(|_| {
        FakeReply::stream_head()
            .chunk(Duration::ZERO, format!("data: {}\n\n", delta("x")).as_bytes())
            .hang()
    });
    let app = TestApp::start(&config(&provider.url()).replace("2s", "60s"));
    let mut stream =
        TestRequest::post("/v1/chat/completions", ASK).key(&app.key).start(app.address);
    let mut first = [0; 64];
    assert!(stream.read(&mut first).unwrap() > 0);
    drop(stream);
    assert!(app.eventually(|_| provider.abandoned() == 1), "the upstream goes on");
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    assert_eq!(app.all_rows()[0].end_reason, EndReason::ClientGone);
}

#[test]
fn a_client_that_leaves_before_the_answer_is_settled_too() {
    let provider = FakeProvider::start(|_| FakeReply::default().hang());
    let app = TestApp::start(&config(&provider.url()));
    let ask = r#"{"model":"m","messages":[]}"#;
    let stream = TestRequest::post("/v1/chat/completions", ask).key(&app.key).start(app.address);
    assert!(app.eventually(|_| provider.requests().len() == 1));
    drop(stream);
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    assert_eq!(app.all_rows()[0].end_reason, EndReason::ClientGone);
}

#[test]
fn the_responses_api_ends_a_cut_stream_with_its_own_error_event() {
    let provider = FakeProvider::start(|_| {
        FakeReply::stream_head().chunk(
            Duration::ZERO,
            b"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-x-2026-01-01\"}}\n\n\
            event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi\"}\n\n",
        )
    });
    let app = TestApp::start(&config(&provider.url()));
    let text = app.post("/v1/responses", r#"{"model":"m","stream":true,"input":"hi"}"#).text();
    assert!(text.contains("event: response.created\n"), "{text}");
    assert!(text.contains("event: error\ndata: {\"type\":\"error\""), "{text}");
}

#[test]
fn a_stream_cut_at_any_byte_is_settled_once_and_never_looks_whole() {
    let events =
        [delta("Hel"), delta("lo"), STOP.to_owned(), USAGE.to_owned(), "[DONE]".to_owned()];
    let whole: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let cut = Arc::new(AtomicUsize::new(0));
    let (bytes, place) = (whole.clone(), Arc::clone(&cut));
    let provider = FakeProvider::start(move |_| {
        let piece = &bytes.as_bytes()[..place.load(Ordering::Acquire)];
        FakeReply::stream_head().chunk(Duration::ZERO, piece)
    });
    let once = config(&provider.url()).replace("[models.m]", "[models.m]\nretry.attempts = 1");
    let app = TestApp::start(&once);
    let mut last_output = 0;
    for position in (1..=whole.len()).step_by(3) {
        // Half of the answers are whole, so that the provider stays in use.
        cut.store(whole.len(), Ordering::Release);
        assert!(app.post("/v1/chat/completions", ASK).text().contains("[DONE]"));
        cut.store(position, Ordering::Release);
        let response = app.post("/v1/chat/completions", ASK);
        let text = response.text();
        let rows = app.rows(&response);
        assert_eq!(rows.len(), 1, "cut at {position}");
        // Before the first output the error is an answer of its own, later it is an event.
        let failed = text.contains(r#"{"error":"#);
        assert_eq!(failed && !text.contains("Hel"), response.status == 502, "cut at {position}");
        assert_eq!(failed, !text.contains("[DONE]"), "cut at {position}: {text}");
        assert_eq!(failed, rows[0].end_reason == EndReason::UpstreamError, "cut at {position}");
        // A provider that gave a finish reason has said all there is of the text.
        assert!(failed || text.contains(r#""finish_reason":"stop""#), "cut at {position}: {text}");
        let output = rows[0].tokens.output();
        assert!(output >= last_output || rows[0].usage_source == UsageSource::Provider);
        last_output = output;
    }
}

#[test]
fn chunks_that_are_ready_together_go_on_together() {
    let events: Vec<String> = (0..50).map(|_| delta("x")).collect();
    let provider = FakeProvider::start(move |_| {
        let mut body = Vec::new();
        for event in events.iter().map(String::as_str).chain([STOP, USAGE, "[DONE]"]) {
            let event = format!("data: {event}\n\n");
            body.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
        }
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            transfer-encoding: chunked\r\n\r\n";
        FakeReply::raw(&[head.as_slice(), &body, b"0\r\n\r\n"].concat())
    });
    let app = TestApp::start(&config(&provider.url()));
    let request = TestRequest::post("/v1/chat/completions", ASK).key(&app.key);
    let mut answer = Vec::new();
    request.start(app.address).read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("data: ").count(), 52);
    let chunks = answer.lines().filter(|line| u32::from_str_radix(line, 16).is_ok()).count();
    assert!(chunks <= 8, "{chunks} chunks: each costs a system call");
}
