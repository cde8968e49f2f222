//! What clients may send by mistake or in malice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::{ANSWER, config};

fn app() -> (TestApp, FakeProvider) {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    (app, provider)
}

#[test]
fn malformed_bodies_are_400_and_reach_nobody() {
    let (app, provider) = app();
    let deep = format!("{{\"model\":\"m\",\"messages\":{}", "[".repeat(100_000));
    let wide = format!("{{\"model\":\"m\",\"messages\":[{}", "{\"a\":".repeat(100_000));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"{\"model\":\"m\"} x".to_vec(),
        b"{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}".to_vec(),
        b"{\"model\":\"m\",\"\\u006dodel\":\"n\",\"messages\":[]}".to_vec(),
        b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"role\":\"system\"}]}".to_vec(),
        b"{\"model\":\"m\",\"messages\":[\"\xff\xfe\"]}".to_vec(),
        b"\xef\xbb\xbf{\"model\":\"m\",\"messages\":[]}".to_vec(),
        b"{\"model\":\"m\",\"x\":NaN}".to_vec(),
        b"{\"model\":\"m\",\"x\":\"\\ud800\"}".to_vec(),
        deep.into_bytes(),
        wide.into_bytes(),
    ];
    for body in bodies {
        let request = TestRequest::post("/v1/chat/completions", body.clone());
        let response = app.send(&request);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(response.status, 400, "{shown}: {}", response.text());
        assert_eq!(response.error_code(), "invalid_json", "{shown}");
    }
    assert!(provider.requests().is_empty());
}

#[test]
fn wrong_fields_are_named() {
    let (app, _provider) = app();
    for (body, param) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":5,"messages":[]}"#, "model"),
        (r#"{"model":"m","stream":"yes","messages":[]}"#, "stream"),
    ] {
        let response = app.post("/v1/chat/completions", body);
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(response.json()["error"]["param"], param, "{body}");
    }
}

#[test]
fn oversize_bodies_are_413_whether_declared_or_not() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app =
        TestApp::start(&format!("[server]\nmax_body = \"1KiB\"\n{}", config(&provider.url())));
    let response = app.post("/v1/chat/completions", &"x".repeat(5_000));
    assert_eq!((response.status, response.error_code().as_str()), (413, "request_too_large"));
    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunk}0\r\n\r\n",
        app.key
    );
    assert!(raw(&app, head.as_bytes()).starts_with("HTTP/1.1 413"));
    assert!(provider.requests().is_empty());
}

#[test]
fn unknown_paths_are_404_and_wrong_methods_405() {
    let (app, provider) = app();
    for path in ["/", "/v1", "/v1/unknown", "/v1/files", "/admin/v1/keys", "/metrics", "/healthz"] {
        let response = app.send(&TestRequest::post(path, "{}"));
        assert_eq!(response.status, 404, "{path}");
        assert!(response.header("x-request-id").is_some());
    }
    let response = app.send(&TestRequest::new("GET", "/v1/chat/completions"));
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    assert!(provider.requests().is_empty());
}

/// Sends raw bytes and returns all that comes back.
fn raw(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn smuggled_requests_never_reach_the_provider_as_two() {
    let (app, provider) = app();
    let body = r#"{"model":"m","messages":[]}"#;
    let auth = format!("authorization: Bearer {}\r\n", app.key);
    let smuggled = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\n{auth}\r\n");
    let attacks = [
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", body.len()),
        format!("content-length: {}\r\ncontent-length: 5\r\n", body.len()),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding : chunked\r\n".to_owned(),
        "content-length: +5\r\n".to_owned(),
        "content-length: 5, 6\r\n".to_owned(),
        "x-bad: a\u{0}b\r\n".to_owned(),
        "x-folded: a\r\n b\r\n".to_owned(),
    ];
    for attack in attacks {
        let before = provider.requests().len();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{auth}{attack}connection: close\r\n\r\n{body}{smuggled}"
        );
        let answer = raw(&app, request.as_bytes());
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{attack:?} was answered {answers} times: {answer}");
        assert!(!answer.contains(r#""object":"list""#), "{attack:?} smuggled a request");
        assert!(provider.requests().len() <= before + 1, "{attack:?}");
    }
}

#[test]
fn line_breaks_in_values_do_not_become_headers() {
    let (app, provider) = app();
    let body = r#"{"model":"m\r\nx-injected: 1","messages":[]}"#;
    assert_eq!(app.post("/v1/chat/completions", body).status, 404);
    assert!(provider.requests().is_empty());
}

#[test]
fn our_own_headers_say_one_thing_or_the_request_is_refused() {
    let (app, provider) = app();
    let ask = r#"{"model":"m","messages":[]}"#;
    let request = TestRequest::post("/v1/chat/completions", ask);
    for (name, first, second) in [
        ("x-tollbar-data-class", "internal", Some("personal")),
        ("x-tollbar-cache", "off", Some("on")),
        ("x-tollbar-fallback", "OFF", None),
    ] {
        let mut twice = request.clone().header(name, first);
        if let Some(second) = second {
            twice = twice.header(name, second);
        }
        let response = app.send(&twice);
        assert_eq!((response.status, response.error_code()), (400, "invalid_request".to_owned()));
        assert_eq!(response.json()["error"]["param"], name);
    }
    assert!(provider.requests().is_empty());
    let twice = request.header("openai-beta", "a").header("openai-beta", "b");
    assert_eq!(app.send(&twice).status, 200, "headers of others may be repeated");
}
