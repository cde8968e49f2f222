//! Who may ask for what.

use tb_core::{ModelName, Timestamp};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::chat::ANSWER;

const ASK: &str = r#"{"model":"m","messages":[]}"#;

fn app(provider: &FakeProvider) -> TestApp {
    TestApp::start(&format!(
        r#"
        [providers.up]
        dialect = "openai"
        base_url = "{}"
        api_keys = []
        data_classes = ["public", "internal"]
        [models.m]
        targets = [{{ provider = "up", model = "x" }}]
        [models.n]
        targets = [{{ provider = "up", model = "x" }}]
        [services.a]
        purposes = ["support"]
        models = ["*"]
        data_classes = ["public", "internal", "health"]
        [services.b]
        purposes = ["one", "two"]
        models = ["m"]
        networks = ["10.0.0.0/8", "127.0.0.0/8"]
        "#,
        provider.url()
    ))
}

fn ask(app: &TestApp, key: &str) -> (u16, String) {
    let response = TestRequest::post("/v1/chat/completions", ASK).key(key).send(app.address);
    let code = if response.status == 200 { String::new() } else { response.error_code() };
    (response.status, code)
}

#[test]
fn unproven_keys_learn_nothing() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider);
    let revoked = app.make_key("a", |key| key.revoked_at = Some(Timestamp(1)));
    let expired = app.make_key("a", |key| key.scope.expires_at = Some(Timestamp(1)));
    let mut bodies = Vec::new();
    for key in
        ["", "tb_live_x", "sk-123", &tampered(&revoked), &tampered(&expired), &tampered(&app.key)]
    {
        let response = TestRequest::post("/v1/chat/completions", ASK).key(key).send(app.address);
        assert_eq!(response.status, 401);
        let mut body = response.json();
        body["error"]["tollbar"]["request_id"] = "".into();
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(bodies[0]["error"]["code"], "invalid_api_key");
    assert_eq!(ask(&app, &revoked), (401, "key_revoked".to_owned()));
    assert_eq!(ask(&app, &expired), (401, "key_expired".to_owned()));
    assert!(provider.requests().is_empty());
}

/// The same key with another secret and a wrong checksum.
fn tampered(key: &str) -> String {
    let mut bytes = key.as_bytes().to_vec();
    bytes[25] = if bytes[25] == b'a' { b'b' } else { b'a' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_credential_header_is_understood() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = app(&provider);
    for (name, value) in [
        ("authorization", format!("bearer {}", app.key)),
        ("x-api-key", app.key.clone()),
        ("api-key", app.key.clone()),
    ] {
        let request = TestRequest::post("/v1/chat/completions", ASK).header(name, &value);
        assert_eq!(request.send(app.address).status, 200, "{name}");
    }
}

#[test]
fn a_key_calls_only_its_models_and_lists_only_those() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider);
    let narrow = app.make_key("a", |key| key.scope.models = Some(vec![ModelName::from("n")]));
    assert_eq!(ask(&app, &narrow), (403, "model_not_allowed".to_owned()));
    let listed = TestRequest::new("GET", "/v1/models").key(&narrow).send(app.address).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["id"], "n");
    let hidden = TestRequest::new("GET", "/v1/models/m").key(&narrow).send(app.address);
    assert_eq!(hidden.status, 404);
    assert!(provider.requests().is_empty());
}

#[test]
fn purposes_come_from_the_closed_list() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider);
    let key = app.make_key("b", |_| {});
    assert_eq!(ask(&app, &key), (403, "purpose_required".to_owned()));
    let request = TestRequest::post("/v1/chat/completions", ASK).key(&key);
    let other = request.clone().header("x-tollbar-purpose", "three").send(app.address);
    assert_eq!(other.error_code(), "purpose_not_allowed");
    let stated = request.header("x-tollbar-purpose", "two").send(app.address);
    assert_eq!(stated.status, 200);
    assert_eq!(app.rows(&stated)[0].purpose.as_str(), "two");
}

#[test]
fn keys_are_tied_to_their_networks() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider);
    let elsewhere = app.make_key("a", |key| {
        key.scope.networks = vec!["192.0.2.0/24".to_owned().try_into().unwrap()];
    });
    assert_eq!(ask(&app, &elsewhere), (403, "network_not_allowed".to_owned()));
}

#[test]
fn a_class_that_no_provider_may_receive_is_sent_nowhere() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let app = app(&provider);
    let request = TestRequest::post("/v1/chat/completions", ASK);
    let health = app.send(&request.clone().header("x-tollbar-data-class", "health"));
    assert_eq!(health.error_code(), "no_eligible_provider");
    let personal = app.send(&request.clone().header("x-tollbar-data-class", "personal"));
    assert_eq!(personal.error_code(), "data_class_not_allowed");
    assert_eq!(app.send(&request.header("x-tollbar-data-class", "nonsense")).status, 400);
    assert!(provider.requests().is_empty());
}
