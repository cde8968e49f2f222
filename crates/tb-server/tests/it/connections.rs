//! Connections: refusals under way of a body, names of the host, the end of the process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};

use crate::chat::{ANSWER, config};

const ASK: &str = r#"{"model":"m","messages":[]}"#;

fn app(server: &str) -> (TestApp, FakeProvider) {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&format!("[server]\n{server}\n{}", config(&provider.url())));
    (app, provider)
}

fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// The head of a chat request with a body of `length` bytes.
fn head(key: &str, length: usize) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_there() {
    let (app, provider) = app("max_body = \"1KiB\"");
    let mut stream = connect(&app);
    stream.write_all(head(&app.key, 1 << 30).as_bytes()).unwrap();
    stream.write_all(&[b'x'; 2_000]).unwrap();
    let mut answer = Vec::new();
    // To the end: the gateway closes its side although the client still could send.
    stream.read_to_end(&mut answer).unwrap();
    let response = TestResponse::parse(&answer);
    assert_eq!((response.status, response.error_code().as_str()), (413, "request_too_large"));
    assert_eq!(response.header("connection"), Some("close"));
    assert!(provider.requests().is_empty());
}

#[test]
fn a_client_that_sends_everything_first_still_sees_why_it_was_refused() {
    let (app, provider) = app("max_body = \"1KiB\"");
    // More than all buffers in between hold, so that the answer is there long before the end.
    let body = vec![b'x'; 16 << 20];
    for (key, status) in [(app.key.as_str(), 413), ("tb_live_wrong", 401)] {
        let mut stream = connect(&app);
        stream.write_all(head(key, body.len()).as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(TestResponse::parse(&answer).status, status);
    }
    assert!(provider.requests().is_empty());
}

#[test]
fn a_connection_lives_on_after_a_refusal_of_a_small_body() {
    let (app, _provider) = app("");
    let mut stream = connect(&app);
    for _ in 0..2 {
        let request = format!("{}{{}}", head(&app.key, 2));
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
        let mut rest = [0; 4096];
        while !rest.contains(&b'}') {
            assert!(stream.read(&mut rest).unwrap() > 0);
        }
    }
}

#[test]
fn without_authentication_only_own_names_are_answered() {
    let (app, provider) = app("authentication = \"off\"");
    let send = |host: &str, more: &str| {
        let mut stream = connect(&app);
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\n{more}content-length: {}\r\n\
             connection: close\r\n\r\n{ASK}",
            ASK.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        TestResponse::parse(&answer)
    };
    let own = app.address.to_string();
    for (host, more) in [
        ("evil.example", String::new()),
        ("evil.example:8787", String::new()),
        (own.as_str(), "origin: http://evil.example\r\n".to_owned()),
        (own.as_str(), "origin: null\r\n".to_owned()),
    ] {
        let response = send(host, &more);
        assert_eq!((response.status, response.error_code().as_str()), (421, "wrong_host"));
    }
    assert!(provider.requests().is_empty());
    assert_eq!(send(&own, "").status, 200);
    assert_eq!(send("localhost:8787", "").status, 200);
    assert_eq!(send(&own, &format!("origin: http://{own}\r\n")).status, 200);
}

#[test]
fn with_authentication_any_name_is_answered() {
    let (app, _provider) = app("");
    let request = TestRequest::post("/v1/chat/completions", ASK).header("origin", "http://a.b");
    assert_eq!(app.send(&request).status, 200);
}

#[test]
fn a_stream_that_outlives_the_drain_ends_with_an_error_event() {
    const PIECE: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"x",
        "choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}"#;
    let provider = FakeProvider::start(|_| {
        let event = format!("data: {}\n\n", PIECE.replace('\n', ""));
        FakeReply::stream_head().chunk(Duration::ZERO, event.as_bytes()).hang()
    });
    let config = config(&provider.url()).replace("\"2s\"", "\"60s\"");
    let app = TestApp::start(&format!("[server]\ndrain_timeout = \"800ms\"\n{config}"));
    let ask = r#"{"model":"m","stream":true,"messages":[]}"#;
    let mut stream =
        TestRequest::post("/v1/chat/completions", ask).key(&app.key).start(app.address);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(3).any(|window| window == b"Hel") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0);
        seen.extend_from_slice(&buffer[..read]);
    }
    // Drains, and asserts that nothing is left unsettled.
    drop(app);
    stream.read_to_end(&mut seen).unwrap();
    let response = TestResponse::parse(&seen);
    assert!(response.complete, "the body ends as HTTP wants it");
    assert!(response.text().contains("gateway_stopping"), "{}", response.text());
    assert!(!response.text().contains("[DONE]"));
}
