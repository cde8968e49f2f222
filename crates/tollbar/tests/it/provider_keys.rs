//! Keys of providers that are renewed while the gateway runs.

use tb_testkit::{FakeProvider, FakeReply};

use crate::gateway::Folder;

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// A provider that knows the keys that begin with `good`.
fn provider() -> FakeProvider {
    FakeProvider::start(|request| {
        let key = request.header("authorization").unwrap_or_default();
        match (key.starts_with("Bearer good"), request.request_line.as_str()) {
            (false, _) => FakeReply::json(401, r#"{"error":{"message":"no","type":"auth"}}"#),
            (true, "GET /v1/models") => FakeReply::json(200, r#"{"object":"list","data":[]}"#),
            (true, _) => FakeReply::json(200, ANSWER),
        }
    })
}

fn config(url: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"[::1]:0\"\n\
         [providers.p]\ndialect = \"openai\"\nbase_url = \"{url}/v1\"\n\
         api_keys = [{{ file = \"provider.key\" }}]\n\
         [models.sim]\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         [services.app]\npurposes = [\"testing\"]\nmodels = [\"sim\"]\n"
    )
}

#[test]
fn a_renewed_key_is_tried_first_and_a_refused_one_is_not_switched_to() {
    let provider = provider();
    let folder = Folder::new(&config(&provider.url()));
    folder.write("provider.key", "good-one\n");
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let key = made["key"].as_str().unwrap();
    let mut serve = folder.serve();
    let sent_with = |serve: &crate::gateway::Serve| {
        assert_eq!(serve.chat(key).status, 200);
        let last = provider.requests().pop().unwrap();
        last.header("authorization").unwrap().to_owned()
    };
    assert_eq!(sent_with(&serve), "Bearer good-one");

    folder.write("provider.key", "bad-two\n");
    let line = serve.logged("the provider refuses the new key");
    assert!(!line.contains("bad-two"), "{line}");
    serve.logged("the configuration is reloaded");
    let probe = provider.requests().pop().unwrap();
    assert_eq!((probe.request_line.as_str(), probe.body.len()), ("GET /v1/models", 0));
    assert_eq!(sent_with(&serve), "Bearer good-one");

    folder.write("provider.key", "good-three\n");
    let line = serve.logged("a new key is in use");
    assert!(!line.contains("good-three"), "{line}");
    serve.logged("the configuration is reloaded");
    assert_eq!(sent_with(&serve), "Bearer good-three");
}

#[test]
fn a_renewed_key_of_a_provider_that_cannot_be_reached_is_switched_to() {
    let stopped = provider().url();
    let folder = Folder::new(&config(&stopped));
    folder.write("provider.key", "good-one\n");
    let mut serve = folder.serve();
    folder.write("provider.key", "good-two\n");
    serve.logged("a new key is in use that could not be tried");
    serve.logged("the configuration is reloaded");
}
