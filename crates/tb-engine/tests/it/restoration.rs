//! Answers get back what was hidden of their request, and are looked at themselves.

use serde_json::{Value, json};
use tb_core::{EndReason, Surface};

use crate::gateway::{Ask, Gateway, Outcome, ms};

const SSN: &str = "536-90-4399";

/// One model whose provider says this to everybody, with more settings.
fn saying(text: &str, more: &str) -> String {
    format!(
        "[providers.a]\ndialect = \"simulated\"\nanswers = {{ \"*\" = \"{text}\" }}\n\
         [models.m]\ntargets = [{{ provider = \"a\", model = \"x\" }}]\n{more}\n"
    )
}

fn echoing(more: &str) -> String {
    format!(
        "[providers.a]\ndialect = \"simulated\"\n\
         [models.m]\ntargets = [{{ provider = \"a\", model = \"x\" }}]\n{more}\n"
    )
}

/// The text of an answer, whole or streamed.
fn content(outcome: &Outcome) -> String {
    if let Ok(whole) = serde_json::from_str::<Value>(&outcome.text) {
        return whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    }
    let events = outcome.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let piece = |chunk: Value| {
        chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    };
    chunks.map(piece).collect()
}

fn both(prompt: &str) -> [Ask; 2] {
    [Ask::whole(prompt), Ask::stream(prompt)]
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_hidden_comes_back() {
    let gateway = Gateway::start(&echoing("[guard]\nactions = { email = \"tokenize\" }"));
    for ask in both("please write to jo.doe@example.com or to <b>Jo</b> \"today\"") {
        let outcome = gateway.ask(ask).await;
        let content = content(&outcome);
        assert!(content.contains("jo.doe@example.com or to <b>Jo</b> \"today\""), "{content}");
        assert_eq!(outcome.header("x-tollbar-guard"), "email=1");
        assert!(!outcome.text.contains("<EMAIL"), "{}", outcome.text);
    }
    let restored = gateway.metric(r#"tollbar_placeholders_total{outcome="restored"}"#);
    assert_eq!(restored.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_restored_for_each_request() {
    let gateway = Gateway::start(&echoing(
        "cache = { mode = \"on\", ttl = \"1h\" }\n[guard]\nactions = { email = \"tokenize\" }",
    ));
    for _ in 0..2 {
        for ask in both("please write to jo.doe@example.com") {
            let outcome = gateway.ask(ask).await;
            let content = content(&outcome);
            assert!(content.contains("jo.doe@example.com"), "{content}");
        }
    }
    let again = gateway.ask(Ask::stream("please write to jo.doe@example.com")).await;
    assert_eq!(again.header("x-tollbar-cache"), "hit");
    assert_eq!(again.header("x-tollbar-guard"), "email=1");
    assert_eq!(again.text.matches("[DONE]").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_answer_is_refused_and_accounted() {
    let text = format!("well, my ssn is {SSN} as you know");
    let gateway = Gateway::start(&saying(&text, "[guard]\nanswers = { us_ssn = \"block\" }"));
    let outcome = gateway.ask(Ask::whole("hello")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (400, "pii_blocked"));
    assert_eq!(outcome.should_retry, Some(false));
    assert!(outcome.text.contains("us_ssn=1") && !outcome.text.contains(SSN), "{}", outcome.text);
    let row = &outcome.rows[0];
    assert_eq!(
        (row.end_reason, row.error_code.as_deref()),
        (EndReason::Guard, Some("pii_blocked"))
    );
    assert!(row.tokens.output() > 0, "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_stream_ends_with_an_error_event() {
    let text = format!("{} my ssn is {SSN} as you know", "many words come before it. ".repeat(40));
    let gateway = Gateway::start(&saying(&text, "[guard]\nanswers = { us_ssn = \"block\" }"));
    let outcome = gateway.ask(Ask::stream("hello")).await;
    assert_eq!(outcome.status, 200);
    assert!(outcome.text.contains("many words come before it."), "{}", outcome.text);
    assert!(!outcome.text.contains("536") && !outcome.text.contains("[DONE]"), "{}", outcome.text);
    let last = outcome.text.trim_end().rsplit("data: ").next().unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["error"]["code"], "pii_blocked");
    let tollbar = &last["error"]["tollbar"];
    assert_eq!((&tollbar["origin"], &tollbar["types"]), (&json!("policy"), &json!({"us_ssn": 1})));
    let row = &outcome.rows[0];
    assert_eq!((row.end_reason, row.status), (EndReason::Guard, 200));
    assert!(row.tokens.output() > 0, "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_answer_is_not_kept() {
    let text = format!("well, my ssn is {SSN} as you know");
    let more = "cache = { mode = \"on\", ttl = \"1h\" }\n[guard]\nanswers = { us_ssn = \"block\" }";
    let gateway = Gateway::start(&saying(&text, more));
    for ask in both("hello").into_iter().chain(both("hello")) {
        let outcome = gateway.ask(ask).await;
        assert_eq!(outcome.rows.last().unwrap().provider.as_ref().unwrap().as_str(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_looked_at_by_the_rules_of_today() {
    let text = format!("well, my ssn is {SSN} as you know");
    let with = |answers: &str| {
        let more = "cache = { mode = \"on\", ttl = \"1h\" }";
        saying(&text, &format!("{more}\n[guard]\nanswers = {{ {answers} }}"))
    };
    let gateway = Gateway::start(&with("us_ssn = \"report\""));
    for ask in both("hello") {
        assert_eq!(content(&gateway.ask(ask).await), text);
    }
    gateway.apply(&with("us_ssn = \"redact\""));
    for ask in both("hello") {
        let outcome = gateway.ask(ask).await;
        assert_eq!(outcome.header("x-tollbar-cache"), "hit");
        assert_eq!(content(&outcome), text.replace(SSN, "[US_SSN]"));
    }
    gateway.apply(&with("us_ssn = \"block\""));
    for ask in both("hello") {
        let outcome = gateway.ask(ask).await;
        assert_eq!((outcome.status, outcome.code.as_str()), (400, "pii_blocked"));
        assert_eq!(outcome.rows[0].end_reason, EndReason::Guard);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_hidden_of_an_answer_is_counted() {
    let text = format!("well, my ssn is {SSN} as you know");
    let gateway = Gateway::start(&saying(&text, "[guard]\nanswers = { us_ssn = \"mask\" }"));
    for ask in both("hello") {
        let outcome = gateway.ask(ask).await;
        assert_eq!(content(&outcome), text.replace(SSN, "***-**-****"));
        assert_eq!(outcome.rows[0].end_reason, EndReason::Complete);
    }
    let found = gateway.metric(r#"tollbar_guard_findings_total{type="us_ssn",action="mask"}"#);
    assert_eq!(found.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_gives_out_what_was_held_back() {
    let gateway = Gateway::start(&echoing(
        "idle_timeout = \"3s\"\n[guard]\nanswers = { us_ssn = \"redact\" }",
    ));
    let outcome = gateway.ask(Ask::stream("[[fault:stall]] [[chunks:40]]")).await;
    assert!(content(&outcome).len() > 20, "{}", outcome.text);
    assert!(outcome.text.contains("deadline_exceeded"), "{}", outcome.text);
    assert_eq!(outcome.rows[0].end_reason, EndReason::Timeout);
}

#[tokio::test(start_paused = true)]
async fn answers_of_tools_get_their_values_back() {
    let gateway = Gateway::start(&echoing("[guard]\nactions = { email = \"tokenize\" }"));
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    for ask in both("please write to jo.doe@example.com") {
        let outcome = gateway.ask(ask.with("tools", tools.clone())).await;
        assert!(!outcome.text.contains("<EMAIL"), "{}", outcome.text);
    }
}

#[tokio::test(start_paused = true)]
async fn every_route_gets_its_values_back() {
    let gateway = Gateway::start(&echoing("[guard]\nactions = { email = \"tokenize\" }"));
    let text = "please write to jo.doe@example.com or to jane@example.org";
    let messages = json!([{"role": "user", "content": text}]);
    let bodies = [
        (Surface::ChatCompletions, json!({"messages": messages})),
        (Surface::Completions, json!({"prompt": text})),
        (Surface::Responses, json!({"input": text})),
        (Surface::Messages, json!({"messages": messages, "max_tokens": 100})),
    ];
    for (surface, body) in bodies {
        for stream in [false, true] {
            let mut body = body.clone();
            body["model"] = json!("m");
            body["stream"] = json!(stream);
            let outcome = gateway.ask(Ask::on(surface, body)).await;
            assert_eq!(outcome.status, 200, "{surface:?} {outcome:?}");
            assert_eq!(outcome.header("x-tollbar-guard"), "email=2", "{surface:?}");
            let said = said(&outcome.text);
            assert!(said.contains("jo.doe@example.com or to jane@example.org"), "{said}");
            assert!(!outcome.text.contains("<EMAIL"), "{surface:?} {}", outcome.text);
        }
    }
}

/// The texts of an answer of any route, added up; the deltas of a stream only.
fn said(text: &str) -> String {
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    if events.is_empty() {
        return text.to_owned();
    }
    let places = ["/choices/0/delta/content", "/choices/0/text", "/delta/text", "/delta"];
    let piece = |event: &Value| {
        places.iter().find_map(|place| Some(event.pointer(place)?.as_str()?.to_owned()))
    };
    events.iter().filter_map(piece).collect()
}

#[tokio::test(start_paused = true)]
async fn numbers_of_a_responses_stream_go_on_without_a_gap() {
    let gateway = Gateway::start(&echoing("[guard]\nactions = { email = \"tokenize\" }"));
    let body = json!({"model": "m", "stream": true, "input": "to jo.doe@example.com, not <EMAIL"});
    let outcome = gateway.ask(Ask::on(Surface::Responses, body)).await;
    let events = outcome.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let numbers: Vec<u64> = events
        .map(|data| serde_json::from_str::<Value>(data).unwrap())
        .map(|event| event["sequence_number"].as_u64().unwrap())
        .collect();
    let first = numbers[0];
    let count = u64::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (first..first + count).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_a_long_answer_is_looked_at_pays_for_it() {
    let text = "some words of an answer. ".repeat(12_000);
    let config = saying(&text, "[guard]\nanswers = { us_ssn = \"redact\" }");
    let config = config.replacen("\"simulated\"", "\"simulated\"\nlatency = \"1s\"", 1);
    let gateway = Gateway::start(&config);
    // The answer comes in the moment in which the client goes: another thread looks at it then.
    let rows = gateway.leave(Ask::whole("hello"), ms(1_000)).await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.status, row.end_reason), (200, EndReason::ClientGone));
    assert!(row.tokens.output() > 1_000, "{row:?}");
    assert_eq!(row.usage_source, tb_core::UsageSource::Provider);
}

#[tokio::test(start_paused = true)]
async fn kinds_of_other_services_are_not_looked_for_in_answers() {
    let config = |users: &str| {
        let more = format!(
            "[guard]\nanswers = {{ badge = \"redact\" }}\n\
             [[guard.detectors]]\ntype = \"badge\"\npatterns = [\"BADGE-[0-9]{{4}}\"]\n{users}\n\
             [services.default]\npurposes = [\"general\"]\nmodels = [\"m\"]\n\
             [services.other]\npurposes = [\"general\"]\nmodels = [\"m\"]\n"
        );
        saying("it is BADGE-1234", &more)
    };
    for (users, want) in [
        ("services = [\"other\"]", "it is BADGE-1234"),
        ("services = [\"default\", \"other\"]", "it is [BADGE]"),
    ] {
        let gateway = Gateway::start(&config(users));
        for ask in both("hello") {
            assert_eq!(content(&gateway.ask(ask).await), want, "{users}");
        }
    }
}
