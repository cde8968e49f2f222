//! Nothing sensitive leaves, wherever in a request it stands.
//!
//! The public schemas of all routes are walked. Each string and number field of them, in each arm
//! of each union, gets a secret and a card number of its own; the requests go through the gateway
//! to a provider that keeps their bytes. Fields that exclude one another go in different
//! requests, all others together. When such a request is refused, it is halved until the fields
//! that are the reason stand alone: they are held back, and are named by the test.
//! `tests/fixtures/guard_contract/openai.jq` says where the schemas come from.

mod free_form;
mod planted;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use tb_testkit::{FakeProvider, FakeReply, Recorded, TestApp, TestRequest, TestResponse};

use planted::{Planted, Planter, views};
use schema::{Builder, Route, routes};

const BOUNDARY: &str = "the-boundary-of-the-contract";

/// The gateway before a provider that keeps what it gets.
struct Contract {
    app: TestApp,
    _provider: FakeProvider,
    received: Arc<Mutex<Vec<Recorded>>>,
    planter: Planter,
    /// Fields that went through with something else in their place.
    forwarded: usize,
    /// Fields that were refused, by route and path: the code of the error.
    refused: BTreeMap<String, String>,
    leaks: Vec<String>,
}

impl Contract {
    /// `more` is added to the configuration.
    fn start(more: &str) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let provider = FakeProvider::start(move |request| {
            kept.lock().unwrap().push(request.clone());
            answer(&request.request_line)
        });
        let app = TestApp::start(&(config(&provider.url()) + more));
        Self {
            app,
            _provider: provider,
            received,
            planter: Planter::new(),
            forwarded: 0,
            refused: BTreeMap::new(),
            leaks: Vec::new(),
        }
    }

    /// Sends requests until each of `fields` was in one.
    fn cover(&mut self, route: &Route, mut fields: BTreeSet<String>) {
        while !fields.is_empty() {
            let planter = &mut self.planter;
            let plant = &mut || planter.plant();
            let mut builder = Builder { wanted: fields, planted: Vec::new(), plant };
            let body = builder.build(&route.root, "");
            let planted = builder.planted;
            fields = builder.wanted;
            assert!(!planted.is_empty(), "{}: {fields:?} cannot be reached", route.path);
            let response = self.send(&request(route, body, &planted));
            self.judge(route, &response, planted);
        }
    }

    fn send(&self, request: &TestRequest) -> TestResponse {
        self.received.lock().unwrap().clear();
        self.app.send(request)
    }

    fn judge(&mut self, route: &Route, response: &TestResponse, planted: Vec<(String, Planted)>) {
        let named = |field: &str| format!("{} {field}", route.path);
        let arrived = self.look(planted.iter().map(|(field, planted)| (named(field), planted)));
        if arrived {
            self.forwarded += planted.len();
            return;
        }
        let refusal = (400..500).contains(&response.status);
        assert!(refusal, "{}: {} {}", route.path, response.status, response.text());
        let code = response.error_code();
        if let [(field, _)] = planted.as_slice() {
            self.refused.insert(named(field), code);
            return;
        }
        let mut first: Vec<String> = planted.into_iter().map(|(field, _)| field).collect();
        let second = first.split_off(first.len() / 2);
        self.cover(route, first.into_iter().collect());
        self.cover(route, second.into_iter().collect());
    }

    /// Looks for what was planted in what arrived; false when nothing arrived.
    fn look<'p>(&mut self, planted: impl Iterator<Item = (String, &'p Planted)>) -> bool {
        let received = std::mem::take(&mut *self.received.lock().unwrap());
        let views: Vec<String> = received.iter().flat_map(views).collect();
        for (name, planted) in planted {
            if let Some(leak) = planted.leak(&views) {
                self.leaks.push(format!("{name}: {leak}"));
            }
        }
        !received.is_empty()
    }

    /// No leak, and nothing was refused but fields whose path begins so, with this code.
    fn passes(&self, least_forwarded: usize, may_be_refused: &[(&str, &str)]) {
        assert!(self.leaks.is_empty(), "{} leaks:\n{}", self.leaks.len(), self.leaks.join("\n"));
        let is_known = |field: &str, code: &str| {
            let path = field.split_once(' ').map_or(field, |(_, path)| path);
            may_be_refused.iter().any(|(start, known)| path.starts_with(start) && code == *known)
        };
        let unknown: Vec<_> =
            self.refused.iter().filter(|(field, code)| !is_known(field, code)).collect();
        assert!(unknown.is_empty(), "refused without a known reason: {unknown:#?}");
        let forwarded = self.forwarded;
        assert!(forwarded >= least_forwarded, "only {forwarded}, refused {:#?}", self.refused);
    }
}

fn config(url: &str) -> String {
    format!(
        r#"
        [providers.up]
        dialect = "openai"
        base_url = "{url}/v1"
        api_keys = ["upstream-key"]
        [providers.other]
        dialect = "anthropic"
        base_url = "{url}/v1"
        api_keys = ["upstream-key"]
        [models.m]
        targets = [{{ provider = "up", model = "model-2026-01-01" }}]
        [models.n]
        targets = [{{ provider = "other", model = "model-2026-01-01" }}]
        "#
    )
}

/// A request of the route with this body. The model is always a known one, unless it was
/// replaced by what was planted.
fn request(route: &Route, mut body: Json, planted: &[(String, Planted)]) -> TestRequest {
    if !planted.iter().any(|(field, _)| field.starts_with("model/")) {
        let is_other = route.path.starts_with("messages");
        body["model"] = json!(if is_other { "n" } else { "m" });
    }
    let path = format!("/v1/{}", route.path);
    if route.is_form {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        return TestRequest::form(&path, &content_type, form(&body));
    }
    TestRequest::post(&path, body.to_string())
}

/// The body as a form: arrays as fields whose names end in `[]`, objects as JSON.
fn form(body: &Json) -> String {
    let mut out = String::new();
    for (name, value) in body.as_object().unwrap() {
        match value {
            Json::Array(elements) => {
                for element in elements {
                    part(&format!("{name}[]"), element, &mut out);
                }
            }
            value => part(name, value, &mut out),
        }
    }
    out + "--" + BOUNDARY + "--\r\n"
}

fn part(name: &str, value: &Json, out: &mut String) {
    out.push_str(&format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\""));
    match value {
        Json::Object(file) if file.contains_key("file") => {
            let name = file["file"].as_str().unwrap();
            out.push_str(&format!("; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n\u{1}"));
        }
        Json::String(text) => out.push_str(&format!("\r\n\r\n{text}")),
        value => out.push_str(&format!("\r\n\r\n{value}")),
    }
    out.push_str("\r\n");
}

/// A plain answer of the route.
fn answer(request_line: &str) -> FakeReply {
    let path = request_line.split(' ').nth(1).unwrap_or_default();
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 });
    let body = match path.trim_start_matches("/v1") {
        "/responses" => json!({
            "id": "resp_1", "object": "response", "status": "completed", "output": [],
            "usage": { "input_tokens": 1, "output_tokens": 1, "total_tokens": 2 } }),
        "/embeddings" => json!({ "object": "list", "data": [], "usage": usage }),
        "/audio/speech" => return FakeReply::body(200, "audio/mpeg", b"\x01"),
        "/messages" => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "x",
            "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "end_turn",
            "usage": { "input_tokens": 1, "output_tokens": 1 } }),
        "/messages/count_tokens" => json!({ "input_tokens": 1 }),
        _ => json!({
            "id": "1", "object": "chat.completion", "created": 1, "model": "x", "data": [],
            "choices": [{ "index": 0, "finish_reason": "stop", "text": "Hello",
                "message": { "role": "assistant", "content": "Hello" } }],
            "usage": usage }),
    };
    FakeReply::json(200, &body.to_string())
}

/// Fields that the gateway reads itself: it must know the model (the other envelope has no codes)
/// the response that is continued and the prompt that is named, and does not serve conversations.
const READ_BY_THE_GATEWAY: [(&str, &str); 6] = [
    ("model/", "model_not_found"),
    ("model/", ""),
    ("previous_response_id/", "response_not_found"),
    ("conversation/", "invalid_request"),
    ("prompt/", "prompt_not_found"),
    ("prompt/", "invalid_request"),
];

#[test]
fn no_field_of_a_public_schema_lets_a_secret_out() {
    let mut contract = Contract::start("");
    let public = include_str!("../fixtures/guard_contract/openai.json");
    for route in routes(public) {
        let fields = route.root.fields();
        contract.cover(&route, fields);
    }
    contract.passes(1_100, &READ_BY_THE_GATEWAY);
}

#[test]
fn no_field_of_the_messages_schema_lets_a_secret_out() {
    let mut contract = Contract::start("");
    let written = include_str!("../fixtures/guard_contract/anthropic.json");
    for route in routes(written) {
        let fields = route.root.fields();
        contract.cover(&route, fields);
    }
    contract.passes(380, &READ_BY_THE_GATEWAY);
}

#[test]
fn the_search_finds_every_field_when_the_guard_is_off() {
    let mut contract = Contract::start("\n[guard]\nenabled = false\n");
    let public = include_str!("../fixtures/guard_contract/openai.json");
    let is_small = |route: &Route| route.path.starts_with("audio/") || route.path == "embeddings";
    for route in routes(public).into_iter().filter(is_small) {
        contract.cover(&route, route.root.fields());
    }
    let forwarded = contract.forwarded;
    assert!(forwarded > 30 && contract.leaks.len() == forwarded, "{forwarded}");
}
