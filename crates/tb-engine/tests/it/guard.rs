//! What leaves: every text is looked at, what must not leave is hidden, the rest stays as it is.

mod names;
mod routes;
mod rules;
mod split;
mod upstream;

use serde_json::{Value, json};
use tb_core::{EndReason, Surface};

use self::upstream::Upstream;
use crate::gateway::{Ask, Gateway};

/// An answer to a chat.
const CHAT: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// A gateway before a provider that keeps what it gets.
struct Rig {
    gateway: Gateway,
    upstream: Upstream,
}

impl Rig {
    async fn start(more: &str) -> Self {
        Self::at("openai", more).await
    }

    async fn at(dialect: &str, more: &str) -> Self {
        let upstream = Upstream::start(CHAT).await;
        let gateway = Gateway::start(&upstream.config(dialect, more));
        Self { gateway, upstream }
    }

    /// What reaches the provider of a chat.
    async fn sent(&self, body: Value) -> Value {
        let text = self.sent_as(Surface::ChatCompletions, body.to_string()).await;
        serde_json::from_str(&text).unwrap()
    }

    /// What reaches the provider of these bytes.
    async fn sent_as(&self, surface: Surface, body: String) -> String {
        let outcome = self.gateway.ask(Ask::raw(surface, body)).await;
        let mut taken = self.upstream.taken();
        assert!(!taken.is_empty(), "{outcome:?}");
        taken.remove(0)
    }
}

fn chat(prompt: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": prompt}]})
}

#[tokio::test]
async fn hides_what_is_found_in_a_chat_and_says_so() {
    let rig = Rig::start("").await;
    let ask = Ask::whole("Write to jo@example.com and bill 4111 1111 1111 1111, SSN 536-90-4399.");
    let outcome = rig.gateway.ask(ask).await;
    let sent = rig.upstream.taken().remove(0);
    for hidden in ["jo@example.com", "4111 1111", "536-90-4399"] {
        assert!(!sent.contains(hidden), "{sent}");
    }
    assert!(sent.contains("1111, SSN [US_SSN]"), "{sent}");
    assert!(sent.contains("<EMAIL_"), "{sent}");
    assert_eq!(outcome.header("x-tollbar-guard"), "credit_card=1,email=1,us_ssn=1");
    let row = outcome.rows.last().unwrap();
    let note = "credit_card=1:mask,email=1:tokenize,us_ssn=1:redact";
    assert_eq!(row.guard.as_deref(), Some(note));
    for (line, count) in [
        (r#"tollbar_guard_findings_total{type="email",action="tokenize"}"#, "1"),
        (r#"tollbar_placeholders_total{outcome="issued"}"#, "1"),
        ("tollbar_guard_seconds_count", "1"),
    ] {
        assert_eq!(rig.gateway.metric(line).as_deref(), Some(count), "{line}");
    }
}

#[tokio::test]
async fn everything_else_stays_byte_for_byte() {
    let rig = Rig::start("").await;
    let body = "{ \"model\" : \"m\",\n\t\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \
                \\/ jo@example.com\"},{\"content\":\"caf\\u00e9 \\/\",\"role\":\"assistant\"}],\
                \"x_unknown\": [1.50, 1e3 ,{ \"a\":null}] }";
    let sent = rig.sent_as(Surface::ChatCompletions, body.to_owned()).await;
    let (before, behind) = (r#""content":"#, r#"},{"content":"caf\u00e9 \/","role":"assistant"}]"#);
    assert!(sent.contains(before) && sent.contains(behind), "{sent}");
    assert!(sent.contains("\"x_unknown\": [1.50, 1e3 ,{ \"a\":null}] }"), "{sent}");
    assert!(sent.contains("\n\t\"messages\":["), "{sent}");
    assert!(!sent.contains("jo@example.com"));
    let untouched = body.replace("jo@example.com", "nobody");
    let sent = rig.sent_as(Surface::ChatCompletions, untouched.clone()).await;
    assert_eq!(sent, untouched.replace("\"m\"", "\"x\""));
}

#[tokio::test]
async fn tool_arguments_stay_valid_json_two_levels_deep() {
    let rig = Rig::start("").await;
    let inner = json!({"password": "hunter2x!", "to": "jo@example.com"}).to_string();
    let arguments = json!({"mail": "ann@example.com", "note": "a \"b\" \\ \n", "raw": inner});
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "send",
        "arguments": arguments.to_string()}});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "[{\"card\":4111111111111111}]"}]});
    let sent = rig.sent(body).await;
    let call = &sent["messages"][1]["tool_calls"][0]["function"];
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["mail"].as_str().unwrap().starts_with("<EMAIL_"));
    assert_eq!(arguments["note"], "a \"b\" \\ \n");
    let inner: Value = serde_json::from_str(arguments["raw"].as_str().unwrap()).unwrap();
    assert_eq!(inner["password"], "[SECRET]");
    assert!(inner["to"].as_str().unwrap().starts_with("<EMAIL_"));
    let result = sent["messages"][2]["content"].as_str().unwrap();
    assert_eq!(result, r#"[{"card":"************1111"}]"#);
    assert_eq!(sent["messages"][2]["tool_call_id"], "call_1");
}

#[tokio::test]
async fn numbers_and_keys_of_the_callers_are_looked_at() {
    let rig = Rig::start("").await;
    let mut body = chat("hi");
    body["metadata"] = json!({"ssn": 536_904_399, "password": "correct-horse-7", "n": 12,
        "4111111111111111": "a", "5500005555555559": "b"});
    body["seed"] = json!(4_111_111_111_111_111_i64);
    let outcome = rig.gateway.ask(Ask::on(Surface::ChatCompletions, body)).await;
    let sent = rig.upstream.taken().remove(0);
    for hidden in ["536904399", "correct-horse-7", "4111111111111111", "5500005555555559"] {
        assert!(!sent.contains(hidden), "{sent}");
    }
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["metadata"]["n"], 12);
    assert_eq!(sent["metadata"].as_object().unwrap().len(), 5, "{outcome:?}");
    assert_eq!(sent["seed"], "************1111");
}

#[tokio::test]
async fn values_cut_into_neighbouring_parts_are_hidden_on_both_sides() {
    let rig = Rig::start("").await;
    let part = |text: &str| json!({"type": "text", "text": text});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": [part("my card is 4111 1111 "), part("1111 1111 and jo@exam"),
            part("ple.com, thanks")]},
        {"role": "user", "content": "bill it"}]});
    let sent = rig.sent(body).await.to_string();
    for hidden in ["4111 1111", "1111 1111", "jo@exam", "ple.com"] {
        assert!(!sent.contains(hidden), "{sent}");
    }
    assert!(sent.contains("my card is ") && sent.contains(", thanks"), "{sent}");
}

#[tokio::test]
async fn words_and_ids_are_destroyed_but_never_renamed() {
    let rig = Rig::start("").await;
    let body = json!({"model": "m", "messages": [
        {"role": "user", "name": "jo@example.com", "content": "a@example.com"},
        {"role": "tool", "tool_call_id": "4111111111111111", "content": "x"}]});
    let sent = rig.sent(body).await;
    let name = sent["messages"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("email_") && name.len() == 32, "{name}");
    assert_eq!(sent["messages"][1]["tool_call_id"], "************1111");
}

/// What is done in each place is what is told.
#[tokio::test]
async fn ids_get_hashes_that_stay_the_same_and_names_of_functions_stay() {
    let rig = Rig::start("").await;
    let ask = |content: &str| {
        let call = json!({"id": "jo@example.com", "type": "function",
            "function": {"name": "ann@example.com", "arguments": "{}"}});
        json!({"model": "m", "user": "jo@example.com", "metadata": {"user_id": "jo@example.com"},
            "messages": [
                {"role": "user", "name": "jo@example.com", "content": content},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "jo@example.com", "content": "x"}]})
    };
    let outcome = rig.gateway.ask(Ask::on(Surface::ChatCompletions, ask("bo@example.com"))).await;
    let sent = |at: usize| serde_json::from_str::<Value>(&rig.upstream.taken()[at]).unwrap();
    let first = sent(0);
    let hash = first["user"].as_str().unwrap().to_owned();
    assert!(hash.starts_with("email_") && hash.len() == 32, "{first}");
    assert_eq!(first["metadata"]["user_id"], hash);
    assert_eq!(first["messages"][0]["name"], hash);
    assert_eq!(first["messages"][1]["tool_calls"][0]["id"], hash);
    assert_eq!(first["messages"][1]["tool_calls"][0]["function"]["name"], "ann@example.com");
    assert_eq!(first["messages"][2]["tool_call_id"], hash);
    let row = outcome.rows.last().unwrap();
    let note = row.guard.as_deref().unwrap_or_default();
    for done in ["email=1:tokenize", "email=5:hash", "email=1:report"] {
        assert!(note.contains(done), "{note}");
    }
    assert_eq!(outcome.header("x-tollbar-guard"), "email=7");
    rig.gateway.ask(Ask::on(Surface::ChatCompletions, ask("another@example.com"))).await;
    assert_eq!(sent(0)["user"], hash);
}

#[tokio::test]
async fn the_row_keeps_no_user_and_no_model_that_would_be_hidden() {
    let rig = Rig::start("").await;
    const KEY: &str = "AKIAQ3EGRTYUIOPLKJHG";
    let user = async |user: &str, header: bool| {
        let mut ask = Ask::whole("hi");
        ask =
            if header { ask.header("x-tollbar-user", user) } else { ask.with("user", json!(user)) };
        rig.gateway.ask(ask).await.rows.last().unwrap().user.clone().unwrap()
    };
    for name in ["jo@example.com", KEY, "4111 1111 1111 1111"] {
        let (by_header, by_body) = (user(name, true).await, user(name, false).await);
        assert!(by_body.starts_with("user_") && by_body.len() == 31, "{by_body}");
        assert_eq!(by_header, by_body);
    }
    assert_eq!(user("visitor-1", true).await, "visitor-1");
    let ask = Ask::whole("hi").with("user", json!("jo@example.com")).with("model", json!("none"));
    let refused = rig.gateway.ask(ask).await;
    assert!(refused.rows[0].user.as_deref().unwrap().starts_with("user_"));
    let direct = |model: String| rig.gateway.ask(Ask::whole("hi").with("model", json!(model)));
    let secret = direct(format!("up/{KEY}")).await;
    assert_eq!((secret.status, secret.rows[0].model_requested.as_str()), (400, "other"));
    assert_eq!(direct("up/y".to_owned()).await.rows[0].model_requested.as_str(), "up/y");
}

#[tokio::test]
async fn values_cut_into_three_parts_and_beside_others_are_hidden() {
    let rig = Rig::start("").await;
    let part = |text: &str| json!({"type": "text", "text": text, "id": "part-1"});
    let parts = ["4111", "1111 1111", "1111", " and ", "jo@example.com 4111 1111 ", "1111 1111"];
    let parts: Vec<Value> = parts.into_iter().map(part).collect();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
    let sent = rig.sent(body).await;
    let texts: Vec<&str> =
        (0..6).map(|at| sent["messages"][0]["content"][at]["text"].as_str().unwrap()).collect();
    assert!(texts[..2].concat().chars().all(|symbol| symbol == '*' || symbol == ' '), "{texts:?}");
    assert!(!texts[4].contains("4111") && !texts[5].contains("1111 1111"), "{texts:?}");
}

#[tokio::test]
async fn what_looks_like_a_placeholder_is_escaped() {
    let rig = Rig::start("").await;
    let sent = rig.sent(chat("jo@example.com")).await;
    let placeholder = sent["messages"][0]["content"].as_str().unwrap().to_owned();
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": format!("what is {placeholder}?")},
        {"role": "user", "content": "jo@example.com"}]});
    let sent = rig.sent(body).await;
    let first = sent["messages"][0]["content"].as_str().unwrap();
    assert!(first.starts_with("what is <TEXT_"), "{first}");
    assert_eq!(sent["messages"][1]["content"].as_str().unwrap().split('_').next(), Some("<EMAIL"));
}

#[tokio::test]
async fn the_same_request_twice_finds_its_kept_answer() {
    let rig = Rig::start("cache = { mode = \"on\", ttl = \"1h\" }").await;
    let ask = || Ask::whole("Dear jo@example.com");
    let first = rig.gateway.ask(ask()).await;
    let again = rig.gateway.ask(ask()).await;
    assert_eq!((first.header("x-tollbar-cache"), again.header("x-tollbar-cache")), ("miss", "hit"));
    let other = rig.gateway.ask(Ask::whole("Dear ann@example.com")).await;
    assert_eq!(other.header("x-tollbar-cache"), "miss");
    assert_eq!(rig.upstream.taken().len(), 2);
    assert_eq!(again.rows[0].end_reason, EndReason::Complete);
}

#[tokio::test]
async fn a_large_body_is_looked_at_as_well() {
    let rig = Rig::start("").await;
    let prompt = format!("{} jo@example.com", "nothing to see here. ".repeat(4_000));
    let sent = rig.sent(chat(&prompt)).await;
    let text = sent["messages"][0]["content"].as_str().unwrap();
    assert!(text.contains("<EMAIL_") && !text.contains("jo@example.com"));
}
