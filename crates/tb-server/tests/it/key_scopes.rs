//! What a key may ask for: its own narrower scopes.

use tb_core::{KeyRecord, KeyScope, NewKey, Pepper, Seed, Surface, Timestamp};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};

use crate::chat::ANSWER;

const ASK: &str = r#"{"model":"m","messages":[]}"#;
const DAY_MS: i64 = 86_400_000;

fn app(provider: &FakeProvider, more: &str) -> TestApp {
    TestApp::start(&format!(
        r#"
        [providers.up]
        dialect = "openai"
        base_url = "{}"
        api_keys = []
        data_classes = ["public", "internal", "personal"]
        [models.m]
        targets = [{{ provider = "up", model = "x" }}]
        [services.a]
        purposes = ["one", "two", "three"]
        models = ["m"]
        data_classes = ["public", "internal", "personal"]
        {more}
        "#,
        provider.url()
    ))
}

fn ask(app: &TestApp, key: &str, headers: &[(&str, &str)]) -> TestResponse {
    let request = TestRequest::post("/v1/chat/completions", ASK).key(key);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.send(app.address)
}

/// What became of it: `200`, or a status and a code.
fn outcome(response: &TestResponse) -> String {
    if response.status == 200 {
        return "200".to_owned();
    }
    format!("{} {}", response.status, response.error_code())
}

fn scoped(app: &mut TestApp, change: impl FnOnce(&mut KeyScope)) -> String {
    app.make_key("a", |key| {
        key.scope.purpose = Some("one".into());
        change(&mut key.scope);
    })
}

#[test]
fn a_key_uses_only_its_routes() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "");
    let chat = scoped(&mut app, |key| key.routes = Some(vec![Surface::ChatCompletions]));
    let other = scoped(&mut app, |key| key.routes = Some(vec![Surface::Embeddings]));
    assert_eq!(outcome(&ask(&app, &chat, &[])), "200");
    assert_eq!(outcome(&ask(&app, &other, &[])), "403 route_not_allowed");
    let models = TestRequest::new("GET", "/v1/models").key(&chat).send(app.address);
    assert_eq!(outcome(&models), "403 route_not_allowed");
}

#[test]
fn a_key_declares_only_its_purposes() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "");
    let header = |purpose| [("x-tollbar-purpose", purpose)];
    let two = app.make_key("a", |key| {
        key.scope.purposes = Some(vec!["one".into(), "two".into(), "gone".into()]);
    });
    assert_eq!(outcome(&ask(&app, &two, &[])), "403 purpose_required");
    assert_eq!(outcome(&ask(&app, &two, &header("two"))), "200");
    assert_eq!(outcome(&ask(&app, &two, &header("three"))), "403 purpose_not_allowed");
    assert_eq!(outcome(&ask(&app, &two, &header("gone"))), "403 purpose_not_allowed");
    let one = app.make_key("a", |key| key.scope.purposes = Some(vec!["two".into()]));
    let only = ask(&app, &one, &[]);
    assert_eq!(outcome(&only), "200");
    assert_eq!(app.rows(&only)[0].purpose.as_str(), "two");
    // A default that the key may not declare is none.
    let bad = scoped(&mut app, |key| key.purposes = Some(vec!["two".into(), "three".into()]));
    assert_eq!(outcome(&ask(&app, &bad, &[])), "403 purpose_required");
}

#[test]
fn a_key_sends_only_its_classes_of_data() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "");
    let header = |class| [("x-tollbar-data-class", class)];
    let narrow = scoped(&mut app, |key| {
        key.data_classes = Some(vec!["public".to_owned(), "internal".to_owned()]);
    });
    let wide = scoped(&mut app, |_| {});
    assert_eq!(outcome(&ask(&app, &narrow, &header("internal"))), "200");
    assert_eq!(outcome(&ask(&app, &narrow, &header("personal"))), "403 data_class_not_allowed");
    assert_eq!(outcome(&ask(&app, &wide, &header("personal"))), "200");
}

#[test]
fn a_key_works_from_its_beginning_to_its_end() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "");
    let now = app.engine.clock().now();
    let early = scoped(&mut app, |key| key.not_before = Some(now.plus_ms(DAY_MS)));
    assert_eq!(outcome(&ask(&app, &early, &[])), "401 key_not_yet_valid");
    let ending = scoped(&mut app, |key| key.expires_at = Some(now.plus_ms(DAY_MS)));
    let answer = ask(&app, &ending, &[]);
    assert_eq!(outcome(&answer), "200");
    assert_eq!(
        answer.header("x-tollbar-key-expires"),
        Some(now.plus_ms(DAY_MS).to_rfc3339().as_str())
    );
    let far = scoped(&mut app, |key| key.expires_at = Some(now.plus_ms(40 * DAY_MS)));
    assert_eq!(ask(&app, &far, &[]).header("x-tollbar-key-expires"), None);
}

fn aged(app: &mut TestApp, days: i64) -> String {
    let created_at = app.engine.clock().now().plus_ms(-days * DAY_MS);
    app.make_key("a", |key| {
        key.scope.purpose = Some("one".into());
        key.secrets[0].created_at = created_at;
    })
}

#[test]
fn a_secret_past_the_maximum_age_is_refused_with_the_remedy() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "[keys]\nmax_age = \"90d\"");
    let (young, old, too_old) = (aged(&mut app, 10), aged(&mut app, 70), aged(&mut app, 91));
    assert_eq!(ask(&app, &young, &[]).header("x-tollbar-key-expires"), None);
    assert!(ask(&app, &old, &[]).header("x-tollbar-key-expires").is_some());
    let refused = ask(&app, &too_old, &[]);
    assert_eq!(outcome(&refused), "401 key_expired");
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("tollbar keys rotate"), "{message}");
}

/// What a rotation at `now` makes of a key: the record, and the text of the new secret.
fn rotated(record: &KeyRecord, now: Timestamp) -> NewKey {
    let pepper = Pepper::from_bytes(&[7; 32]);
    NewKey::rotated(record, Seed::derived(&pepper, &["new"]), &pepper, (now, DAY_MS)).unwrap()
}

#[test]
fn an_old_secret_says_when_it_ends_and_rows_say_which_was_used() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let mut app = app(&provider, "");
    let now = app.engine.clock().now();
    let mut new = String::new();
    let old = app.make_key("a", |key| {
        key.scope.purpose = Some("one".into());
        let made = rotated(key, now);
        new = made.key.expose().to_owned();
        *key = made.record;
    });
    let by_old = ask(&app, &old, &[]);
    assert_eq!(outcome(&by_old), "200");
    assert_eq!(by_old.header("sunset"), Some(now.plus_ms(DAY_MS).to_http_date().as_str()));
    let since = format!("@{}", now.unix_ms() / 1_000);
    assert_eq!(by_old.header("deprecation"), Some(since.as_str()));
    assert_eq!(app.rows(&by_old)[0].secret_version, Some(1));
    let by_new = ask(&app, &new, &[]);
    assert_eq!(by_new.header("sunset"), None);
    assert_eq!(app.rows(&by_new)[0].secret_version, Some(2));
}
