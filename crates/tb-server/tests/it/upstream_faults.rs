//! A provider that misbehaves never harms the client or the gateway.

use tb_testkit::{FakeProvider, FakeReply, TestApp};

use crate::chat::config;

const ASK: &str = r#"{"model":"m","messages":[]}"#;

fn expect_502(reply: FakeReply) {
    let provider = FakeProvider::start(move |_| reply.clone());
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!(response.status, 502, "{}", response.text());
    assert_eq!(response.error_code(), "upstream_exhausted");
    let text = response.text();
    assert!(!text.contains("canary") && !text.contains("<html"), "{text}");
    assert_eq!(response.json()["error"]["tollbar"]["origin"], "provider");
}

#[test]
fn an_html_page_becomes_a_502() {
    expect_502(FakeReply::body(200, "text/html", b"<html>sk-upstream-canary</html>"));
    expect_502(FakeReply::body(502, "text/html", b"<html>sk-upstream-canary</html>"));
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = FakeProvider::start(|_| FakeReply::json(200, "{}"));
    let head = format!(
        "HTTP/1.1 307 X\r\nlocation: {}/v1/chat/completions\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    expect_502(FakeReply::raw(head.as_bytes()));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn garbage_becomes_a_502() {
    expect_502(FakeReply::json(200, "not json"));
    expect_502(FakeReply::json(200, "[1]"));
    expect_502(FakeReply::raw(b"\x00\x01\x02 garbage\r\n\r\n"));
    expect_502(FakeReply::raw(b""));
    let body = b"\x1f\x8b\x08\x00 compressed";
    let head = format!(
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    expect_502(FakeReply::raw(&[head.as_bytes(), body].concat()));
}

#[test]
fn a_body_shorter_than_promised_becomes_a_502() {
    expect_502(FakeReply::raw(
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":",
    ));
}

#[test]
fn a_flood_of_headers_becomes_a_502() {
    let mut head = b"HTTP/1.1 200 X\r\n".to_vec();
    for number in 0..5_000 {
        head.extend_from_slice(format!("x-{number}: y\r\n").as_bytes());
    }
    expect_502(FakeReply::raw(&head));
}

#[test]
fn an_endless_line_in_a_stream_ends_with_an_error_event() {
    let provider = FakeProvider::start(|_| {
        let mut reply = FakeReply::stream_head();
        for _ in 0..40 {
            reply = reply.chunk(std::time::Duration::ZERO, &vec![b'a'; 1024 * 1024]);
        }
        reply.end()
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", r#"{"model":"m","stream":true,"messages":[]}"#);
    assert!(response.text().contains(r#"{"error":"#), "{}", response.text());
    assert!(response.body.len() < 10_000);
}

#[test]
fn a_stream_answered_as_a_whole_is_refused() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, "{}"));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", r#"{"model":"m","stream":true,"messages":[]}"#);
    assert_eq!(response.status, 502);
}

#[test]
fn provider_errors_keep_their_status_and_lose_their_secrets() {
    let body = r#"{"error":{"message":"Incorrect key sk-upstream-canary1234567890 given","type":"invalid_request_error","param":"x","code":"bad_thing"}}"#;
    let provider = FakeProvider::start(move |_| FakeReply::json(400, body));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.error_code().as_str()), (400, "bad_thing"));
    assert_eq!(response.json()["error"]["param"], "x");
    assert!(!response.text().contains("canary"), "{}", response.text());
}

#[test]
fn bad_credentials_there_are_not_the_clients_fault() {
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let provider = FakeProvider::start(move |_| FakeReply::json(401, body));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!(response.status, 502);
    assert_eq!(response.error_code(), "upstream_credentials_exhausted");
}

#[test]
fn a_rate_limit_is_passed_on_with_its_wait() {
    let head = "HTTP/1.1 429 X\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}";
    let provider = FakeProvider::start(move |_| FakeReply::raw(head.as_bytes()));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), Some("7"));
    // What is left of it when the answer goes out.
    let left_ms: u64 = response.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((6_001..=7_000).contains(&left_ms), "{left_ms}");
}

#[test]
fn a_provider_that_is_down_becomes_a_502() {
    let app = TestApp::start(&config("http://127.0.0.1:1"));
    let response = app.post("/v1/chat/completions", ASK);
    assert_eq!((response.status, response.error_code().as_str()), (502, "upstream_exhausted"));
    let rows = app.rows(&response);
    assert_eq!(rows[0].tokens.input(), 0, "nothing was sent, nothing is charged");
}
