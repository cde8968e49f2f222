//! Each admitted request is accounted exactly once.

use tb_core::{Cost, EndReason, UsageSource};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::{ANSWER, config};

#[test]
fn refused_requests_have_a_row_without_an_attempt() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", "{");
    let rows = app.rows(&response);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].attempt, rows[0].status), (0, 400));
    assert_eq!(rows[0].error_code.as_deref(), Some("invalid_json"));
    assert_eq!((rows[0].usage_source, rows[0].cost), (UsageSource::None, Cost::Free));
}

#[test]
fn a_model_without_a_price_is_unpriced_not_free() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()).replace("[prices", "[prices.\"a/b\"]\ninput = 1.0\noutput = 1.0\n[models.other]\ntargets = [{ provider = \"up\", model = \"unknown\" }]\n[prices"));
    let response = app.post("/v1/chat/completions", r#"{"model":"other","messages":[]}"#);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-tollbar-cost-usd"), None);
    assert_eq!(app.rows(&response)[0].cost, Cost::Unpriced);
    assert!(app.engine.metrics().prometheus_text(0).contains("tollbar_unpriced_requests_total 1"));
}

#[test]
fn responses_stay_with_the_tenant_that_made_them() {
    let provider = FakeProvider::start(|request| {
        if request.request_line.starts_with("POST") {
            FakeReply::json(
                200,
                r#"{"id":"resp_9","object":"response","model":"x","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":1}}"#,
            )
        } else if request.request_line.starts_with("DELETE") {
            FakeReply::json(200, r#"{"id":"resp_9","object":"response","deleted":true}"#)
        } else {
            FakeReply::json(
                200,
                r#"{"id":"resp_9","object":"response","model":"x","status":"completed","output":[]}"#,
            )
        }
    });
    let mut app = TestApp::start(&format!(
        "{}\n[services.a]\npurposes=[\"p\"]\nmodels=[\"*\"]\n[services.b]\npurposes=[\"p\"]\nmodels=[\"*\"]\n",
        config(&provider.url())
    ));
    let other = app.make_key("b", |_| {});
    assert_eq!(app.post("/v1/responses", r#"{"model":"m","input":"hi"}"#).status, 200);
    let get = TestRequest::new("GET", "/v1/responses/resp_9");
    assert_eq!(app.send(&get).status, 200);
    let foreign = get.clone().key(&other).send(app.address);
    let unknown = app.send(&TestRequest::new("GET", "/v1/responses/resp_0"));
    assert_eq!((foreign.status, unknown.status), (404, 404));
    assert_eq!(foreign.error_code(), unknown.error_code());
    let reached = provider.requests().len();
    let on = r#"{"model":"m","input":"more","previous_response_id":"resp_9"}"#;
    let foreign = TestRequest::post("/v1/responses", on).key(&other).send(app.address);
    assert_eq!((foreign.status, provider.requests().len()), (404, reached));
    assert_eq!(app.send(&TestRequest::new("DELETE", "/v1/responses/resp_9")).status, 200);
    assert_eq!(app.send(&get).status, 404);
}

#[test]
fn bogus_model_names_leave_the_metrics_page_as_it_is() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = TestApp::start(&config(&provider.url()));
    let bogus = |number: u32| {
        let body = format!(r#"{{"model":"bogus-{number}","messages":[]}}"#);
        assert_eq!(app.post("/v1/chat/completions", &body).status, 404);
    };
    bogus(0);
    let before = app.engine.metrics().prometheus_text(0).lines().count();
    (1..200).for_each(bogus);
    let page = app.engine.metrics().prometheus_text(0);
    assert_eq!(page.lines().count(), before);
    assert!(!page.contains("bogus"));
    assert!(app.all_rows().iter().all(|row| row.model_requested.as_str() == "other"));
}

#[test]
fn the_end_of_a_refused_request_says_whose_fault_it_was() {
    let provider = FakeProvider::start(|_| {
        FakeReply::json(400, r#"{"error":{"message":"no","type":"t","code":"c","param":null}}"#)
    });
    let app = TestApp::start(&config(&provider.url()));
    let response = app.post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#);
    let rows = app.rows(&response);
    assert_eq!((rows[0].attempt, rows[0].status), (1, 400));
    assert_eq!(rows[0].end_reason, EndReason::Complete);
    assert_eq!(rows[0].tokens.input(), 0, "a refused request is not charged");
}
