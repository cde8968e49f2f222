//! The Responses API: how its answers end, and what is not offered.

use tb_core::ports::ResponseBinding;
use tb_core::{EndReason, UsageSource};
use tb_core::{ModelName, ProviderName, ServiceName, Timestamp};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::config;

const ASK: &str = r#"{"model":"m","stream":true,"input":"hi"}"#;

/// Output: what goes to the client before the end cannot be taken back.
const DELTA: &str = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":0,\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi\"}\n\n";

/// The last event of a stream, of this kind.
fn last(kind: &str, status: &str) -> String {
    format!(
        r#"{{"type":"{kind}","sequence_number":1,"response":{{"id":"resp_1","status":"{status}","model":"m","error":{{"code":"server_error","message":"boom"}},"usage":{{"input_tokens":5,"output_tokens":1}}}}}}"#
    )
}

#[test]
fn the_last_event_tells_how_a_response_ended() {
    for (kind, status, reason) in [
        ("response.completed", "completed", EndReason::Complete),
        ("response.incomplete", "incomplete", EndReason::Complete),
        ("response.failed", "failed", EndReason::UpstreamError),
    ] {
        for name in [format!("event: {kind}\n"), String::new()] {
            let event = format!("{DELTA}{name}data: {}\n\n", last(kind, status));
            let piece = event.clone();
            // The connection stays open: only the event itself can end the stream.
            let provider = FakeProvider::start(move |_| {
                FakeReply::stream_head().chunk(std::time::Duration::ZERO, piece.as_bytes()).hang()
            });
            let app = TestApp::start(&config(&provider.url()));
            let response = app.post("/v1/responses", ASK);
            assert_eq!(response.text(), event);
            let rows = app.rows(&response);
            assert_eq!((rows[0].status, rows[0].end_reason), (200, reason), "{kind}");
            let code = (status == "failed").then_some("server_error");
            assert_eq!(rows[0].error_code.as_deref(), code);
            assert_eq!(rows[0].usage_source, UsageSource::Provider);
        }
    }
}

#[test]
fn a_response_that_failed_before_its_output_is_a_failed_attempt() {
    let event = format!("data: {}\n\n", last("response.failed", "failed"));
    let provider = FakeProvider::start(move |_| {
        FakeReply::stream_head().chunk(std::time::Duration::ZERO, event.as_bytes()).hang()
    });
    let once = config(&provider.url()).replace("[models.m]", "[models.m]\nretry.attempts = 2");
    let app = TestApp::start(&once);
    let response = app.post("/v1/responses", ASK);
    assert_eq!((response.status, response.error_code().as_str()), (502, "upstream_exhausted"));
    let rows = app.rows(&response);
    assert_eq!((rows.len(), rows[0].usage_source), (2, UsageSource::Provider));
}

#[test]
fn a_whole_answer_that_failed_is_passed_on_and_counted_as_failed() {
    let body = r#"{"id":"resp_1","status":"failed","model":"m","output":[],"error":{"code":"rate_limit_exceeded","message":"slow"}}"#;
    let provider = FakeProvider::start(move |_| FakeReply::json(200, body));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/responses", r#"{"model":"m","input":"hi"}"#);
    assert_eq!((response.status, response.text().as_str()), (200, body));
    let rows = app.rows(&response);
    assert_eq!(rows[0].end_reason, EndReason::UpstreamError);
    assert_eq!(rows[0].error_code.as_deref(), Some("rate_limit_exceeded"));
}

#[test]
fn what_cannot_be_kept_apart_is_refused() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, "{}"));
    let app = TestApp::start(&config(&provider.url()));
    for (field, param) in [
        (r#""input":"x","conversation":"conv_1""#, "conversation"),
        (r#""input":[{"type":"item_reference","id":"msg_1"}]"#, "input"),
    ] {
        let response = app.post("/v1/responses", &format!(r#"{{"model":"m",{field}}}"#));
        assert_eq!((response.status, response.error_code().as_str()), (400, "invalid_request"));
        assert_eq!(response.json()["error"]["param"], param);
    }
    assert!(provider.requests().is_empty());
}

#[test]
fn a_response_whose_key_is_gone_is_not_found() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, r#"{"id":"resp_1","output":[]}"#));
    let app = TestApp::start(&config(&provider.url()));
    for (id, key_index, status) in [("resp_1", 0, 200), ("resp_2", 7, 404)] {
        app.bind_response(ResponseBinding {
            response_id: id.to_owned(),
            service: ServiceName::from("default"),
            provider: ProviderName::from("up"),
            model: ModelName::from("m"),
            key_index,
            created_at: Timestamp::from_unix_ms(0),
        });
        let response = app.send(&TestRequest::new("GET", &format!("/v1/responses/{id}")));
        assert_eq!(response.status, status, "{}", response.text());
    }
    assert_eq!(provider.requests().len(), 1, "no other key may be tried");
}

#[test]
fn a_background_response_is_accounted_when_its_usage_is_told_and_only_once() {
    let provider = FakeProvider::start(|request| {
        if request.request_line.starts_with("POST") {
            FakeReply::json(200, r#"{"id":"resp_1","status":"queued","output":[],"usage":null}"#)
        } else {
            let done = r#"{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":100,"output_tokens":40}}"#;
            FakeReply::json(200, done)
        }
    });
    let app = TestApp::start(&config(&provider.url()));
    let ask = r#"{"model":"m","background":true,"input":"01234567"}"#;
    let made = app.post("/v1/responses", ask);
    let get = TestRequest::new("GET", "/v1/responses/resp_1");
    let told: Vec<_> = (0..3).map(|_| app.send(&get)).collect();
    let rows = app.rows(&made);
    assert_eq!(rows[0].usage_source, UsageSource::Estimate);
    let estimated = rows[0].tokens.input();
    assert!(estimated > 0);
    let first = app.rows(&told[0]).remove(0);
    assert_eq!(first.usage_source, UsageSource::Provider);
    assert_eq!((first.tokens.input() + estimated, first.tokens.output()), (100, 40));
    for later in told.iter().skip(1) {
        assert_eq!(app.rows(later)[0].usage_source, UsageSource::None);
    }
}
