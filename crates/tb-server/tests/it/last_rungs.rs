//! Answers by rule when no provider answers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tb_config::{FixedEnvironment, Overrides, Source, load};
use tb_core::{Cost, EndReason, Rung, UsageSource};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};

use crate::chat::{ANSWER, config};

const RULES: &str = r#"
[[rules]]
name = "password"
when = { keywords = [["password"]] }
answer = "Reset it at /reset, {{service}} says."

[[rules]]
name = "any"
answer = "We will be back soon."
json = { label = "unknown", sure = false }
"#;

const CHAT: &str = "/v1/chat/completions";
const HELP: &str = r#"{"model":"m","messages":[{"role":"user","content":"my password, please"}]}"#;

/// A gateway whose provider fails, and whose model `m` answers by rule.
struct Outage {
    app: TestApp,
    _provider: FakeProvider,
}

impl Outage {
    fn new(more: &str) -> Self {
        let provider = FakeProvider::start(|_| FakeReply::json(500, r#"{"error":{}}"#));
        Self { app: with_rules(&config(&provider.url()), more), _provider: provider }
    }

    fn post(&self, path: &str, body: &str) -> TestResponse {
        self.app.post(path, body)
    }

    fn assert_refused(&self, response: &TestResponse) {
        assert_eq!(response.status, 502, "{}", response.text());
        assert_eq!(response.header("x-tollbar-degraded"), None);
        assert_eq!(self.app.rows(response).last().unwrap().rung, Rung::Target);
    }
}

/// A gateway with this configuration, whose models answer by rule.
fn with_rules(config: &str, more: &str) -> TestApp {
    with_last_rungs(config, &format!("on_exhausted = [\"rules\"]\n{more}"))
}

fn with_last_rungs(config: &str, rungs: &str) -> TestApp {
    let app = TestApp::start(config);
    let more = format!("{rungs}\nrules = \"rules.toml\"\nretry = {{ attempts = 1 }}\n");
    let text = config.replace("targets =", &format!("{more}targets ="));
    let source = Source::Text { name: "t.toml".into(), folder: "/nonexistent".into(), text };
    let files = FixedEnvironment::default().with_file("/nonexistent/rules.toml", RULES);
    let loaded =
        load(&source, &Overrides::default(), &files).map_err(|report| report.render()).unwrap();
    app.engine.apply(loaded.snapshot);
    app
}

/// The data of the events of a stream.
fn events(response: &TestResponse) -> Vec<Value> {
    let text = response.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn mark() -> Value {
    json!({ "level": "rules", "reason": "upstream_exhausted", "rule": "password" })
}

const SAID: &str = "Reset it at /reset, default says.";

#[test]
fn a_rule_answers_a_chat_and_says_so() {
    let outage = Outage::new("");
    let response = outage.post(CHAT, HELP);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-tollbar-degraded"), Some("rules"));
    assert_eq!(response.header("x-tollbar-provider"), None);
    assert_eq!(response.header("x-tollbar-model-requested"), Some("m"));
    assert_eq!(response.header("x-tollbar-attempts"), Some("up/gpt-x-2026-01-01=500"));
    let body = response.json();
    assert_eq!(body["tollbar"]["degraded"], mark());
    assert_eq!((&body["object"], &body["model"]), (&"chat.completion".into(), &"m".into()));
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(body["choices"][0]["message"]["content"], SAID);
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["total_tokens"], 0);
    let rows = outage.app.rows(&response);
    let last = rows.last().unwrap();
    assert_eq!((rows.len(), last.rung, last.is_final), (2, Rung::Rules, true));
    assert_eq!((last.status, last.end_reason), (200, EndReason::Complete));
    assert_eq!((last.cost, last.usage_source), (Cost::Free, UsageSource::None));
}

#[test]
fn a_rule_answers_on_every_route_with_messages() {
    let outage = Outage::new("");
    let response = outage.post("/v1/responses", r#"{"model":"m","input":"my password, please"}"#);
    let body = response.json();
    assert_eq!((response.status, &body["object"]), (200, &"response".into()), "{body}");
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!((&body["status"], &body["usage"]["total_tokens"]), (&"completed".into(), &0.into()));
    assert_eq!(body["output"][0]["content"][0]["text"], SAID);
    assert_eq!(body["tollbar"]["degraded"], mark());
    let body = r#"{"model":"m","prompt":"my password, please"}"#;
    let body = outage.post("/v1/completions", body).json();
    assert_eq!(body["choices"][0]["text"], SAID, "{body}");
    assert_eq!(body["tollbar"]["degraded"], mark());
}

#[test]
fn a_rule_answers_streams_as_streams() {
    let outage = Outage::new("");
    let response = outage.post(CHAT, &HELP.replace("{\"model\"", "{\"stream\":true,\"model\""));
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    assert_eq!(response.header("x-tollbar-degraded"), Some("rules"));
    assert!(response.text().ends_with("data: [DONE]\n\n"), "{}", response.text());
    let chunks = events(&response);
    assert_eq!(chunks[0]["tollbar"]["degraded"], mark());
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, SAID);
    assert_eq!(chunks.iter().filter(|c| c["choices"][0]["finish_reason"] == "stop").count(), 1);
    let row = outage.app.rows(&response).pop().unwrap();
    assert_eq!((row.rung, row.stream, row.is_final), (Rung::Rules, true, true));
    let body = r#"{"model":"m","stream":true,"input":"my password, please"}"#;
    let all = events(&outage.post("/v1/responses", body));
    assert_eq!(all[0]["type"], "response.created");
    assert_eq!(all[0]["tollbar"]["degraded"], mark());
    let last = all.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], SAID);
}

#[test]
fn a_rule_answers_messages_in_their_shape() {
    // The failing provider must serve the route, so that there is an attempt at all.
    let provider = FakeProvider::start(|_| FakeReply::json(500, r#"{"type":"error"}"#));
    let text = format!(
        "[providers.up]\ndialect = \"anthropic\"\nbase_url = \"{}\"\napi_keys = [\"sk\"]\n\
         [models.m]\ntargets = [{{ provider = \"up\", model = \"c-2026-01-01\" }}]\n",
        provider.url()
    );
    let app = with_rules(&text, "");
    let ask = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"password?"}]}]}"#;
    let body = app.post("/v1/messages", ask).json();
    assert_eq!((&body["type"], &body["stop_reason"]), (&"message".into(), &"end_turn".into()));
    assert_eq!(
        (&body["content"][0]["text"], &body["usage"]["output_tokens"]),
        (&SAID.into(), &0.into())
    );
    assert_eq!(body["tollbar"]["degraded"], mark());
    let all =
        events(&app.post("/v1/messages", &ask.replace("{\"model\"", "{\"stream\":true,\"model\"")));
    assert_eq!(
        (&all[0]["type"], &all[0]["tollbar"]["degraded"]),
        (&"message_start".into(), &mark())
    );
    assert_eq!(all.last().unwrap()["type"], "message_stop");
}

#[test]
fn an_asked_form_is_kept_to() {
    let outage = Outage::new("");
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["label", "sure"],
        "properties": { "label": { "type": "string" }, "sure": { "type": "boolean" } },
    });
    let chat = json!({
        "model": "m", "messages": [{ "role": "user", "content": "my password" }],
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema } },
    });
    let said = outage.post(CHAT, &chat.to_string()).json();
    assert_eq!(said["tollbar"]["degraded"]["rule"], "any", "the first that has JSON: {said}");
    let text = said["choices"][0]["message"]["content"].as_str().unwrap();
    let read: Value = serde_json::from_str(text).unwrap();
    assert_eq!(read, json!({ "label": "unknown", "sure": false }));
    let response = json!({
        "model": "m", "input": "x",
        "text": { "format": { "type": "json_schema", "name": "n", "schema": schema } },
    });
    let said = outage.post("/v1/responses", &response.to_string()).json();
    let text = said["output"][0]["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), read);
    let other = chat.to_string().replace("\"boolean\"", "\"number\"");
    outage.assert_refused(&outage.post(CHAT, &other));
}

#[test]
fn tool_turns_are_never_answered_by_rule() {
    let outage = Outage::new("");
    let result = r#"{"model":"m","messages":[{"role":"user","content":"password"},
        {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c","content":"42"}]}"#;
    outage.assert_refused(&outage.post(CHAT, result));
    let demand = HELP.replace("{\"model\"", "{\"tool_choice\":\"required\",\"model\"");
    outage.assert_refused(&outage.post(CHAT, &demand));
    let output =
        r#"{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"42"}]}"#;
    outage.assert_refused(&outage.post("/v1/responses", output));
}

#[test]
fn callers_data_classes_and_other_routes_can_forbid_it() {
    let outage = Outage::new("");
    let request = TestRequest::post(CHAT, HELP).header("x-tollbar-fallback", "off");
    let off = outage.app.send(&request);
    outage.assert_refused(&off);
    outage.assert_refused(&outage.post("/v1/embeddings", r#"{"model":"m","input":"password"}"#));
    let outage = Outage::new("on_exhausted_data_classes = [\"public\"]");
    outage.assert_refused(&outage.post(CHAT, HELP));
}

#[test]
fn faults_of_the_caller_are_told_to_the_caller() {
    let provider = FakeProvider::start(|_| {
        FakeReply::json(400, r#"{"error":{"message":"no","type":"invalid_request_error"}}"#)
    });
    let app = with_rules(&config(&provider.url()), "");
    let response = app.post(CHAT, HELP);
    assert_eq!((response.status, response.header("x-tollbar-degraded")), (400, None));
}

/// A gateway whose provider answers once, and whose answers are stale after a moment.
fn answered_once(rungs: &str) -> (TestApp, FakeProvider) {
    let is_first = AtomicBool::new(true);
    let provider = FakeProvider::start(move |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            FakeReply::json(200, ANSWER)
        } else {
            FakeReply::json(500, r#"{"error":{}}"#)
        }
    });
    let cache = "cache = { mode = \"on\", ttl = \"1ms\" }";
    let app = with_last_rungs(&config(&provider.url()), &format!("{rungs}\n{cache}"));
    assert_eq!(app.post(CHAT, HELP).text(), ANSWER);
    (app, provider)
}

/// The first answer to `request` that is no hit.
fn after_its_time(app: &TestApp, request: &TestRequest) -> TestResponse {
    let found = Mutex::new(None);
    assert!(app.eventually(|app| {
        let response = app.send(request);
        let is_over = response.header("x-tollbar-cache") != Some("hit");
        *found.lock().unwrap() = is_over.then_some(response);
        is_over
    }));
    found.into_inner().unwrap().unwrap()
}

#[test]
fn a_kept_answer_serves_past_its_time_before_a_rule_does() {
    let (app, _provider) = answered_once("on_exhausted = [\"stale_cache\", \"rules\"]");
    let response = after_its_time(&app, &TestRequest::post(CHAT, HELP));
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-tollbar-degraded"), Some("stale_cache"));
    assert_eq!(response.header("x-tollbar-cache"), Some("stale"));
    let body = response.json();
    assert_eq!(body["choices"][0]["message"]["content"], "Hello");
    let degraded = &body["tollbar"]["degraded"];
    assert_eq!(degraded["level"], "stale_cache");
    assert_eq!(degraded["reason"], "upstream_exhausted");
    assert!(degraded["age_s"].is_u64(), "{degraded}");
    let row = app.rows(&response).pop().unwrap();
    assert_eq!((row.rung, row.cost, row.is_final), (Rung::StaleCache, Cost::Free, true));
    assert!(row.saved.0 > 0);
    let other = app.post(CHAT, &HELP.replace("please", "now"));
    assert_eq!(other.header("x-tollbar-degraded"), Some("rules"), "nothing is kept for it");
}

#[test]
fn a_stale_answer_that_calls_a_tool_is_not_given() {
    let is_first = AtomicBool::new(true);
    let provider = FakeProvider::start(move |_| {
        if !is_first.swap(false, Ordering::Relaxed) {
            return FakeReply::json(500, r#"{"error":{}}"#);
        }
        let call = r#""tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
        let answer = format!(
            r#"{{"id":"x","object":"chat.completion","created":1,"model":"gpt-x","choices":[{{"index":0,"message":{{"role":"assistant","content":null,{call}}},"finish_reason":"tool_calls"}}]}}"#
        );
        FakeReply::json(200, &answer)
    });
    let cache = "on_exhausted = [\"stale_cache\"]\ncache = { mode = \"on\", ttl = \"1ms\" }";
    let app = with_last_rungs(&config(&provider.url()), cache);
    assert!(app.post(CHAT, HELP).text().contains("tool_calls"));
    assert_eq!(app.engine.cache_view().entries, 1);
    let refused = after_its_time(&app, &TestRequest::post(CHAT, HELP));
    assert_eq!((refused.status, refused.header("x-tollbar-degraded")), (502, None));
}

#[test]
fn a_stale_answer_is_streamed_to_who_streams() {
    let (app, _provider) = answered_once("on_exhausted = [\"stale_cache\"]");
    let ask = HELP.replace("{\"model\"", "{\"stream\":true,\"model\"");
    let response = after_its_time(&app, &TestRequest::post(CHAT, ask));
    assert_eq!(response.header("x-tollbar-degraded"), Some("stale_cache"), "{}", response.text());
    let chunks = events(&response);
    assert_eq!(chunks[0]["tollbar"]["degraded"]["level"], "stale_cache");
    assert!(response.text().contains("Hello") && response.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn order_and_absence_of_the_rungs_are_kept_to() {
    let (app, _provider) = answered_once("on_exhausted = [\"rules\", \"stale_cache\"]");
    let response = after_its_time(&app, &TestRequest::post(CHAT, HELP));
    assert_eq!(response.header("x-tollbar-degraded"), Some("rules"));
    let (app, _provider) = answered_once("");
    let response = after_its_time(&app, &TestRequest::post(CHAT, HELP));
    assert_eq!((response.status, response.header("x-tollbar-degraded")), (502, None));
}
