//! Values whose names do not stand right before them.

use serde_json::{Value, json};
use tb_core::Surface;

use super::{Rig, chat};

/// What is sent of `extra` in the metadata of a chat.
async fn kept(rig: &Rig, extra: Value) -> String {
    let mut body = chat("hi");
    body["metadata"] = extra;
    let sent: String = rig.sent_as(Surface::ChatCompletions, body.to_string()).await;
    serde_json::from_str::<Value>(&sent).unwrap()["metadata"].to_string()
}

#[tokio::test]
async fn a_name_beside_a_value_says_what_it_is() {
    let rig = Rig::start("").await;
    for pair in [
        json!({"name": "DB_PASSWORD", "value": "hunter2xyz"}),
        json!({"value": "hunter2xyz", "name": "DB_PASSWORD"}),
        json!({"env": [{"name": "LANG", "value": "de"}, {"name": "DB_PASSWORD", "value": "hunter2xyz"}]}),
        json!({"key": "password", "value": "hunter2xyz"}),
        json!({"type": "password", "text": "hunter2xyz"}),
        json!({"headers": [["Accept", "text/html"], ["Authorization", "Bearer hunter2xyzhunter2xyz"]]}),
        json!({"headers": ["Accept", "text/html", "X-Password", "hunter2xyz"]}),
    ] {
        let sent = kept(&rig, pair.clone()).await;
        assert!(!sent.contains("hunter2"), "{sent}");
        assert!(sent.contains("SECRET"), "{sent}");
    }
    for pair in [
        json!({"name": "colour", "value": "hunter2xyz"}),
        json!({"a": {"name": "password"}, "b": {"value": "hunter2xyz"}}),
        json!(["Accept", "password", "hunter2xyz"]),
    ] {
        assert_eq!(kept(&rig, pair.clone()).await, pair.to_string());
    }
}

#[tokio::test]
async fn a_number_beside_its_name_is_hidden() {
    let rig = Rig::start("").await;
    for pair in
        [json!({"name": "ssn", "value": 536_904_399}), json!({"value": 536_904_399, "name": "ssn"})]
    {
        let sent = kept(&rig, pair).await;
        assert!(!sent.contains("536904399"), "{sent}");
    }
}

#[tokio::test]
async fn a_name_above_a_value_says_what_it_is() {
    let rig = Rig::start("").await;
    for nested in [
        json!({"password": {"value": "hunter2xyz"}}),
        json!({"password": {"current": {"text": "hunter2xyz"}}}),
        json!({"passwords": ["hunter2xyz", "hunter2xyw"]}),
        json!({"db_password": {"prod": "hunter2xyz", "test": "hunter2xyw"}}),
        json!({"user": {"passwords": [{"value": "hunter2xyz"}]}}),
    ] {
        let sent = kept(&rig, nested).await;
        assert!(!sent.contains("hunter2"), "{sent}");
    }
    let described =
        json!({"password": {"type": "string", "max_length": 4_000, "hint": "hunter2xyz"}});
    assert_eq!(kept(&rig, described.clone()).await, described.to_string());
    let far = json!({"password": {"rules": {"form": {"value": "hunter2xyz"}}}});
    assert_eq!(kept(&rig, far.clone()).await, far.to_string());
}

#[tokio::test]
async fn a_part_of_a_message_that_says_it_is_a_password_is_one() {
    let rig = Rig::start("").await;
    let part = |kind: &str, text: &str| json!({"type": kind, "text": text});
    let parts = json!([part("password", "hunter2xyz"), part("text", "hunter3xyz")]);
    let sent =
        rig.sent(json!({"model": "m", "messages": [{"role": "user", "content": parts}]})).await;
    assert_eq!(sent["messages"][0]["content"][0]["text"], "[SECRET]");
    assert_eq!(sent["messages"][0]["content"][1]["text"], "hunter3xyz");
}

#[tokio::test]
async fn the_default_of_a_property_is_the_propertys() {
    let rig = Rig::start("").await;
    let properties = json!({"password": {"type": "string", "default": "hunter2xyz",
        "description": "At least hunter3xyz signs."}});
    let tool = json!({"type": "function", "function": {"name": "log_in",
        "parameters": {"type": "object", "properties": properties}}});
    let mut body = chat("hi");
    body["tools"] = json!([tool]);
    let sent = rig.sent(body).await.to_string();
    assert!(!sent.contains("hunter2xyz") && sent.contains("hunter3xyz"), "{sent}");
}
