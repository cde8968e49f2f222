//! Heads that could be read in two ways.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tb_testkit::{FakeProvider, FakeReply, TestApp, TestResponse};

use crate::chat::{ANSWER, config};

const BODY: &str = r#"{"model":"m","messages":[]}"#;

struct Strict {
    app: TestApp,
    provider: FakeProvider,
}

impl Strict {
    fn new() -> Self {
        let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
        Self { app: TestApp::start(&config(&provider.url())), provider }
    }

    /// Sends a head made of these lines on a connection that the client keeps open, so that
    /// only the gateway can end it. The second value is whether it did.
    fn sends(&self, first: &str, lines: &[&str], body: &str) -> (TestResponse, bool) {
        let mut stream = TcpStream::connect(self.app.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let head = format!("{first}\r\n{}\r\n\r\n{body}", lines.join("\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let is_closed = stream.read_to_end(&mut answer).is_ok();
        (TestResponse::parse(&answer), is_closed)
    }

    fn posts(&self, lines: &[&str]) -> (TestResponse, bool) {
        let length = format!("content-length: {}", BODY.len());
        let key = format!("authorization: Bearer {}", self.app.key);
        let mut all = vec![length.as_str(), key.as_str()];
        all.extend_from_slice(lines);
        self.sends("POST /v1/chat/completions HTTP/1.1", &all, BODY)
    }
}

#[test]
fn wants_exactly_one_host() {
    let strict = Strict::new();
    for lines in [&[][..], &["host: a", "host: b"], &["host: a", "Host: a"]] {
        let (response, is_closed) = strict.posts(lines);
        assert_eq!(response.status, 400, "{lines:?}: {}", response.text());
        assert_eq!(response.error_code(), "invalid_request", "{lines:?}");
        assert!(response.header("x-request-id").is_some());
        assert!(is_closed, "{lines:?}");
    }
    assert!(strict.provider.requests().is_empty());
    let (response, _) = strict.posts(&["host: a", "connection: close"]);
    assert_eq!(response.status, 200, "{}", response.text());
}

#[test]
fn an_old_client_needs_no_host() {
    let strict = Strict::new();
    let key = format!("authorization: Bearer {}", strict.app.key);
    let (response, _) = strict.sends("GET /v1/models HTTP/1.0", &[&key], "");
    assert_eq!(response.status, 200, "{}", response.text());
    let (response, _) = strict.sends("GET /v1/models HTTP/1.0", &[&key, "host: a", "host: b"], "");
    assert_eq!(response.status, 400);
}

#[test]
fn two_credentials_of_one_kind_are_none() {
    let strict = Strict::new();
    let own = format!("authorization: Bearer {}", strict.app.key);
    let api_key = format!("x-api-key: {}", strict.app.key);
    for lines in [
        ["host: a", own.as_str(), own.as_str()],
        ["host: a", own.as_str(), "authorization: Bearer other"],
        ["host: a", "authorization: Bearer other", own.as_str()],
        ["host: a", api_key.as_str(), "x-api-key: other"],
    ] {
        let (response, _) = strict.sends("GET /v1/models HTTP/1.1", &lines, "");
        assert_eq!(response.status, 401, "{lines:?}");
        assert_eq!(response.error_code(), "invalid_api_key");
    }
    let lines = ["host: a", "connection: close", own.as_str()];
    let (response, _) = strict.sends("GET /v1/models HTTP/1.1", &lines, "");
    assert_eq!(response.status, 200);
}

#[test]
fn the_refusal_has_the_shape_of_its_route() {
    let strict = Strict::new();
    let lines = ["host: a", "x-api-key: a", "x-api-key: b", "content-length: 0"];
    let (response, _) = strict.sends("POST /v1/messages HTTP/1.1", &lines, "");
    assert_eq!(response.status, 401);
    assert_eq!(response.json()["type"], "error");
}

#[test]
fn two_transfer_encodings_end_the_connection() {
    let strict = Strict::new();
    let own = format!("authorization: Bearer {}", strict.app.key);
    let chunks = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let next = format!("{chunks}GET /v1/models HTTP/1.1\r\nhost: a\r\n{own}\r\n\r\n");
    for second in ["chunked", "identity", "gzip"] {
        let second = format!("transfer-encoding: {second}");
        for pair in [
            ["transfer-encoding: chunked", second.as_str()],
            [second.as_str(), "transfer-encoding: chunked"],
        ] {
            let lines = ["host: a", own.as_str(), pair[0], pair[1]];
            let mut stream = TcpStream::connect(strict.app.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let first = "POST /v1/chat/completions HTTP/1.1";
            let head = format!("{first}\r\n{}\r\n\r\n{next}", lines.join("\r\n"));
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 400"), "{pair:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{pair:?}: {answer}");
        }
    }
    assert!(strict.provider.requests().is_empty());
}
