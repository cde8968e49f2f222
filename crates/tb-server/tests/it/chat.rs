//! Plain answers.

use tb_core::{EndReason, UsageSource};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

pub(crate) const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,
  "model":"gpt-x-2026-01-01","choices":[{"index":0,"message":{"role":"assistant",
  "content":"Hello","novel_field":[1,2]},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}"#;

/// A configuration with one provider at `url` and one model `m`.
pub(crate) fn config(url: &str) -> String {
    format!(
        r#"
        [providers.up]
        dialect = "openai"
        base_url = "{url}/v1"
        api_keys = ["sk-upstream-canary"]
        [models.m]
        targets = [{{ provider = "up", model = "gpt-x-2026-01-01" }}]
        idle_timeout = "2s"
        [prices."up/gpt-x-2026-01-01"]
        input = 1.0
        output = 2.0
        "#
    )
}

#[test]
fn a_plain_answer_comes_back_byte_for_byte_and_is_accounted() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post(
        "/v1/chat/completions",
        r#"{"model":"m", "messages":[{"role":"user","content":"hi"}],"novel":{"a":1.50}}"#,
    );
    assert_eq!((response.status, response.text().as_str()), (200, ANSWER));
    assert_eq!(response.header("x-tollbar-provider"), Some("up"));
    assert_eq!(response.header("x-tollbar-model-served"), Some("gpt-x-2026-01-01"));
    assert_eq!(response.header("x-tollbar-attempts"), Some("up/gpt-x-2026-01-01=200"));
    assert_eq!(response.header("x-tollbar-cost-usd"), Some("0.000018"));
    let rows = app.rows(&response);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].end_reason, EndReason::Complete);
    assert_eq!(rows[0].usage_source, UsageSource::Provider);
    assert_eq!((rows[0].tokens.input(), rows[0].tokens.output()), (12, 3));
}

#[test]
fn the_provider_sees_the_clients_bytes_but_for_the_model() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    let sent = r#"{"model":"m","x":  1.0e5 ,"messages":[],"z":"\u00e9"}"#;
    assert_eq!(app.post("/v1/chat/completions", sent).status, 200);
    let got = provider.requests().remove(0);
    let expected = sent.replace(r#""m""#, r#""gpt-x-2026-01-01""#);
    assert_eq!(String::from_utf8(got.body.clone()).unwrap(), expected);
    assert_eq!(got.header("authorization"), Some("Bearer sk-upstream-canary"));
}

#[test]
fn client_headers_are_not_forwarded() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    let request = TestRequest::post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#)
        .header("x-tollbar-user", "u1")
        .header("x-api-key", "client-secret")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.0.0.1")
        .header("openai-organization", "org-of-client");
    assert_eq!(app.send(&request).status, 200);
    let got = provider.requests().remove(0);
    let names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["x-tollbar-user", "x-api-key", "cookie", "x-forwarded-for", "openai-organization"]
    {
        assert!(!names.contains(&name), "{name} was forwarded: {names:?}");
    }
    assert_eq!(app.all_rows()[0].user.as_deref(), Some("u1"));
}

#[test]
fn another_target_answers_when_the_first_fails() {
    let broken = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let healthy = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&format!(
        r#"
        [providers.a]
        dialect = "openai"
        base_url = "{}"
        api_keys = []
        [providers.b]
        dialect = "openai"
        base_url = "{}"
        api_keys = []
        [models.m]
        targets = [{{ provider = "a", model = "x", weight = 1 }},
                   {{ provider = "b", model = "x", weight = 0 }}]
        "#,
        broken.url(),
        healthy.url()
    ));
    let response = app.post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-tollbar-attempts"), Some("a/x=500;b/x=200"));
    let rows = app.rows(&response);
    let shape: Vec<_> = rows.iter().map(|row| (row.attempt, row.is_final, row.status)).collect();
    assert_eq!(shape, [(1, false, 500), (2, true, 200)]);
}
