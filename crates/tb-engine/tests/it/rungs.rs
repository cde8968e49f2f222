//! Which targets a request may go to, and in which order.

use std::collections::HashSet;

use serde_json::json;
use tb_config::FixedEnvironment;
use tb_core::{EndReason, Rung};

use crate::gateway::{Ask, Gateway, TWO, failing};

/// The model `m` at a provider that fails, with the fallback models `n` and `o`.
fn with_fallbacks(more: &str) -> String {
    format!(
        r#"
        {broken}
        {TWO}
        [models.m]
        targets = [{{ provider = "broken", model = "x" }}]
        retry = {{ attempts = 2, backoff = "1ms", max_backoff = "1ms" }}
        {more}
        [models.n]
        targets = [{{ provider = "a", model = "small" }}]
        [models.o]
        targets = [{{ provider = "b", model = "tiny" }}]
        "#,
        broken = failing("broken", 500),
    )
}

#[tokio::test(start_paused = true)]
async fn fallback_models_answer_in_order_and_say_so() {
    let gateway = Gateway::start(&with_fallbacks(r#"fallbacks = ["n", "o"]"#));
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!(outcome.attempts(), "broken/x=500;a/small=200");
    assert_eq!(outcome.header("x-tollbar-degraded"), "fallback_model");
    assert_eq!(outcome.header("x-tollbar-model-requested"), "m");
    assert_eq!(outcome.header("x-tollbar-model-resolved"), "small");
    let row = outcome.rows.last().unwrap();
    assert_eq!((row.rung, row.cause.as_str()), (Rung::FallbackModel, "fallback_model"));
    assert_eq!(row.model_requested.as_str(), "m");
    let counted = r#"tollbar_fallbacks_total{from="m",to="n",reason="provider_server_error"}"#;
    assert_eq!(gateway.metric(counted).as_deref(), Some("1"));
    let counted = r#"tollbar_degraded_total{level="fallback_model"}"#;
    assert_eq!(gateway.metric(counted).as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn each_fallback_model_has_its_attempt() {
    let gateway = Gateway::start(&with_fallbacks(r#"fallbacks = ["n", "o"]"#));
    let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
    assert_eq!(outcome.attempts(), "broken/x=500;a/small=500;b/tiny=500");
    assert_eq!((outcome.code.as_str(), outcome.should_retry), ("upstream_exhausted", Some(false)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_decline_fallbacks() {
    let gateway = Gateway::start(&with_fallbacks(r#"fallbacks = ["n"]"#));
    let outcome = gateway.ask(Ask::whole("hi").header("x-tollbar-fallback", "off")).await;
    assert_eq!(outcome.attempts(), "broken/x=500;broken/x=500");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_model_that_the_caller_may_not_name_is_passed_over() {
    let config = format!(
        "{}\n[services.default]\npurposes = [\"general\"]\nmodels = [\"m\", \"o\"]\n",
        with_fallbacks(r#"fallbacks = ["n", "o"]"#)
    );
    let gateway = Gateway::start(&config);
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert!(outcome.attempts().ends_with("b/tiny=200"), "{}", outcome.attempts());
    let passed_over = outcome.rows[1].passed_over.as_deref().unwrap();
    assert!(passed_over.contains("n=not_allowed"), "{passed_over}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lacks_an_ability_is_never_asked() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let image = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {}}});
    for (ability, key, value, word) in [
        ("tools = false", "tools", tools, "needs_tools"),
        ("vision = false", "messages", image, "needs_vision"),
        ("json_schema = false", "response_format", schema, "needs_json_schema"),
        ("context_tokens = 1", "stop", json!("a rather long text"), "context_too_long"),
    ] {
        let lacking = format!(r#"{{ provider = "a", model = "x", abilities = {{ {ability} }} }}"#);
        let config = format!(
            r#"{TWO}
            [models.m]
            targets = [{lacking}, {{ provider = "b", model = "y", weight = 0 }}]
            "#
        );
        let ask = Ask::whole("hello there, how are you").with(key, value.clone());
        let outcome = Gateway::start(&config).ask(ask.clone()).await;
        assert_eq!(outcome.attempts(), "b/y=200", "{ability}");
        let noted = format!("a/x={word}");
        assert_eq!(outcome.rows[0].passed_over.as_deref(), Some(noted.as_str()));
        if word == "context_too_long" {
            continue;
        }
        let alone = Gateway::start(&format!("{TWO}\n[models.m]\ntargets = [{lacking}]"));
        let outcome = alone.ask(ask).await;
        assert_eq!((outcome.status, outcome.code.as_str()), (403, "no_eligible_provider"));
        assert_eq!(outcome.rows[0].attempt, 0, "nothing was sent");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guess_at_the_length_of_a_prompt_takes_no_target_away() {
    let config = format!(
        r#"{TWO}
        [models.m]
        targets = [{{ provider = "a", model = "x", abilities = {{ vision = true, context_tokens = 2000 }} }}]
        fallbacks = ["n"]
        [models.n]
        targets = [{{ provider = "b", model = "y" }}]
        "#
    );
    let gateway = Gateway::start(&config);
    let url = format!("data:image/png;base64,{}", "A".repeat(600_000));
    let image = json!([{"role": "user", "content": [{"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": url}}]}]);
    let outcome = gateway.ask(Ask::whole("").with("messages", image)).await;
    assert_eq!((outcome.attempts(), outcome.header("x-tollbar-degraded")), ("a/x=200", "none"));
    // About 3,000 tokens, which may as well be 2,000.
    let outcome = gateway.ask(Ask::whole(&"word and ".repeat(1_333))).await;
    assert_eq!(outcome.attempts(), "a/x=200");
    let outcome = gateway.ask(Ask::whole(&"word and ".repeat(2_000))).await;
    assert_eq!(outcome.attempts(), "b/y=200", "more than twice as many as fit");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_model_serves_what_the_model_itself_may_not_have() {
    let config = format!(
        r#"{TWO}
        [providers.open]
        dialect = "simulated"
        data_classes = ["public"]
        [providers.safe]
        dialect = "simulated"
        data_classes = ["public", "internal", "personal"]
        [models.m]
        targets = [{{ provider = "open", model = "x" }}]
        fallbacks = ["n"]
        [models.n]
        targets = [{{ provider = "safe", model = "y" }}]
        [services.default]
        purposes = ["general"]
        data_classes = ["public", "internal", "personal"]
        "#
    );
    let gateway = Gateway::start(&config);
    let ask = Ask::whole("hi").header("x-tollbar-data-class", "personal");
    let outcome = gateway.ask(ask.clone()).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "safe/y=200"));
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some("open/x=data_class"));
    let outcome = gateway.ask(ask.header("x-tollbar-fallback", "off")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (403, "no_eligible_provider"));
}

#[tokio::test(start_paused = true)]
async fn typed_fallbacks_answer_their_own_kind_of_error_only() {
    let config = format!(
        r#"{TWO}
        [models.m]
        targets = [{{ provider = "a", model = "x" }}]
        fallbacks = {{ default = ["n"], context_too_long = ["long"], content_policy = ["free"] }}
        [models.n]
        targets = [{{ provider = "b", model = "n" }}]
        [models.long]
        targets = [{{ provider = "b", model = "long" }}]
        [models.free]
        targets = [{{ provider = "b", model = "free" }}]
        "#
    );
    let gateway = Gateway::start(&config);
    let to = |prompt: &str| gateway.ask(Ask::whole(prompt));
    assert_eq!(to("[[faults:context,ok]]").await.attempts(), "a/x=400;b/long=200");
    assert_eq!(to("[[faults:filter,ok]]").await.attempts(), "a/x=400;b/free=200");
    let outcome = to("[[fault:context]]").await;
    assert_eq!(outcome.attempts(), "a/x=400;b/long=400");
    assert_eq!(outcome.code, "context_length_exceeded");
    assert_eq!(to("[[faults:400,ok]]").await.attempts(), "a/x=400");
    assert!(to("[[faults:500,500,ok]]").await.attempts().ends_with("b/n=200"));
}

#[tokio::test(start_paused = true)]
async fn typed_fallbacks_make_no_more_attempts_than_others() {
    for (attempts, tried) in [(1, "a/x=400;b/c=500;b/d=500"), (3, "a/x=500;a/x=500;a/x=400")] {
        let config = format!(
            r#"{TWO}
            [models.m]
            targets = [{{ provider = "a", model = "x" }}]
            fallbacks = {{ context_too_long = ["c", "d"] }}
            retry = {{ attempts = {attempts} }}
            [models.c]
            targets = [{{ provider = "b", model = "c" }}]
            [models.d]
            targets = [{{ provider = "b", model = "d" }}]
            "#
        );
        let first = if attempts == 1 { "context" } else { "500,500,context" };
        let prompt = format!("[[faults:{first},500,500,500,500]]");
        let outcome = Gateway::start(&config).ask(Ask::whole(&prompt)).await;
        assert_eq!(outcome.attempts(), tried);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_models_refusal_is_not_what_the_client_hears() {
    let gateway = Gateway::start(&with_fallbacks(r#"fallbacks = ["n", "o"]"#));
    let outcome = gateway.ask(Ask::whole("[[faults:500,400,500]]")).await;
    assert_eq!(outcome.attempts(), "broken/x=500;a/small=400;b/tiny=500");
    let outcome = gateway.ask(Ask::whole("[[faults:500,500,400]]")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (502, "upstream_exhausted"));
    let outcome = gateway.ask(Ask::whole("[[faults:500,401,quota]]")).await;
    assert_eq!(outcome.code, "upstream_exhausted", "nor is what is wrong with keys");
}

#[tokio::test(start_paused = true)]
async fn users_and_sessions_keep_their_target() {
    let config = format!(
        r#"{TWO}
        [models.m]
        targets = [{{ provider = "a", model = "x" }}, {{ provider = "b", model = "y" }}]
        "#
    );
    let gateway = Gateway::start(&config);
    let again = Gateway::start(&config);
    let mut seen = HashSet::new();
    for user in 0..20 {
        let ask = Ask::whole("hi").with("user", json!(format!("u{user}")));
        let first = gateway.ask(ask.clone()).await.attempts().to_owned();
        for gateway in [&gateway, &again] {
            assert_eq!(gateway.ask(ask.clone()).await.attempts(), first);
        }
        let session = ask.with("prompt_cache_key", json!("one"));
        seen.insert(("session", gateway.ask(session).await.attempts().to_owned()));
        seen.insert(("user", first));
    }
    assert_eq!(seen.len(), 3, "users spread over both, one session has one: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn rules_answer_after_everything_failed() {
    let rules = "[[rules]]\nname = \"any\"\nanswer = \"We will be back soon.\"\n";
    let environment = FixedEnvironment::default().with_file("/rules.toml", rules);
    let more = "on_exhausted = [\"rules\"]\nrules = \"rules.toml\"\nfallbacks = [\"n\"]";
    let gateway = Gateway::start_with(&with_fallbacks(more), &environment);
    let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
    assert_eq!((outcome.status, outcome.header("x-tollbar-degraded")), (200, "rules"));
    assert!(outcome.text.contains("We will be back soon."), "{}", outcome.text);
    assert_eq!(outcome.attempts(), "broken/x=500;a/small=500");
    let [first, second, answer] = outcome.rows.as_slice() else { panic!("{outcome:?}") };
    assert!(!first.is_final && !second.is_final);
    assert_eq!((answer.rung, answer.end_reason), (Rung::Rules, EndReason::Complete));
    assert!(answer.passed_over.as_ref().is_some_and(|text| text.contains("attempts_spent")));
    let counted = r#"tollbar_degraded_total{level="rules"}"#;
    assert_eq!(gateway.metric(counted).as_deref(), Some("1"));
    let ask = Ask::whole("[[fault:500]]").header("x-tollbar-fallback", "off");
    assert_eq!(gateway.ask(ask).await.status, 502);
    let outcome = gateway.ask(Ask::whole("[[fault:400]]")).await;
    assert_eq!(outcome.status, 400, "a fault of the caller's is told");
}
