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

/// A model `m` whose provider fails, so that the fallback model `n` answers.
fn failing_over(up: &str, down: &str) -> String {
    config(up)
        + &format!(
            r#"
            [providers.down]
            dialect = "openai"
            base_url = "{down}"
            [models.first]
            targets = [{{ provider = "down", model = "x" }}]
            fallbacks = ["m"]
            retry = {{ attempts = 1 }}
            "#
        )
}

#[test]
fn a_conversation_goes_on_with_the_fallback_model_that_began_it() {
    let keeper = FakeProvider::start(|_| FakeReply::json(200, r#"{"id":"resp_1","output":[]}"#));
    let down = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let app = TestApp::start(&failing_over(&keeper.url(), &down.url()));
    let begun = app.post("/v1/responses", r#"{"model":"first","input":"hi"}"#);
    assert_eq!(begun.header("x-tollbar-degraded"), Some("fallback_model"));
    let more = r#"{"model":"first","input":"more","previous_response_id":"resp_1"}"#;
    for _ in 0..2 {
        let response = app.post("/v1/responses", more);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("x-tollbar-degraded"), Some("fallback_model"));
        let rows = app.rows(&response);
        assert_eq!((rows.len(), rows[0].provider.as_ref().unwrap().as_str()), (1, "up"));
    }
    assert_eq!((keeper.requests().len(), down.requests().len()), (3, 1), "nobody else is asked");
    let strict = TestRequest::post("/v1/responses", more).header("x-tollbar-fallback", "off");
    let response = app.send(&strict);
    assert_eq!((response.status, response.error_code().as_str()), (404, "response_not_found"));
}

#[test]
fn a_conversation_does_not_go_on_with_a_model_that_the_caller_may_not_call() {
    let keeper = FakeProvider::start(|_| FakeReply::json(200, "{}"));
    let down = FakeProvider::start(|_| FakeReply::json(500, "{}"));
    let narrow = "[services.default]\npurposes = [\"general\"]\nmodels = [\"first\"]\n";
    let text = format!("{}\n{narrow}", failing_over(&keeper.url(), &down.url()));
    let app = TestApp::start(&text);
    app.bind_response(ResponseBinding {
        response_id: "resp_1".to_owned(),
        service: ServiceName::from("default"),
        provider: ProviderName::from("up"),
        model: ModelName::from("m"),
        key_index: 0,
        created_at: Timestamp::from_unix_ms(0),
    });
    let more = r#"{"model":"first","input":"more","previous_response_id":"resp_1"}"#;
    let response = app.post("/v1/responses", more);
    assert_eq!((response.status, response.error_code().as_str()), (404, "response_not_found"));
    assert!(keeper.requests().is_empty() && down.requests().is_empty());
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
