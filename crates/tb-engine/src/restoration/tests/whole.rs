//! Whole answers and kept streams.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::{VALUES, guarded, restoration};
use crate::restoration::Restoration;

fn whole(surface: Surface, body: &str) -> String {
    let given = restoration(surface).whole(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    String::from_utf8(given.to_vec()).unwrap()
}

#[test]
fn every_string_is_restored_and_the_rest_stays() {
    let body = r#"{ "choices":[ {"message":{"content":"<EMAIL_7f3a_1>", "tool_calls":[{"function":{"arguments":"{\"to\":\"<EMAIL_7f3a_2>\"}"}}]},"n":1.50e3 } ],"x":{"deep":["[EMAIL_7f3a_4]","<EMAIL_7f3a_9>"]},"é":"\u00e9" }"#;
    let given = whole(Surface::ChatCompletions, body);
    let value: Value = serde_json::from_str(&given).unwrap();
    let message = &value["choices"][0]["message"];
    assert_eq!(message["content"], VALUES[0]);
    let arguments = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(arguments["to"], VALUES[1]);
    assert_eq!(value["x"]["deep"], json!([VALUES[3], "<EMAIL_7f3a_9>"]));
    assert!(given.starts_with("{ \"choices\":[ {\"message\":{\"content\":"), "{given}");
    assert!(given.ends_with(",\"é\":\"\\u00e9\" }") && given.contains("\"n\":1.50e3 }"));
}

#[test]
fn an_answer_without_placeholders_stays_the_same_bytes() {
    let body = Bytes::from_static(br#"{"choices":[{"message":{"content":"Hello \"you\""}}]}"#);
    let given = restoration(Surface::ChatCompletions).whole(body.clone()).unwrap();
    assert_eq!(given.as_ptr(), body.as_ptr());
}

#[test]
fn a_value_like_a_placeholder_is_not_restored_twice() {
    let given = whole(Surface::ChatCompletions, r#"{"a":"<EMAIL_7f3a_3>"}"#);
    assert_eq!(given, r#"{"a":"<EMAIL_7f3a_1>"}"#);
}

#[test]
fn json_that_was_asked_for_stays_json() {
    let inner = r#"{"name":"<EMAIL_7f3a_2>"}"#;
    let body = json!({"choices": [{"message": {"content": inner, "reasoning": inner}}]});
    let guarded = guarded(&[], true);
    let mut restoration = Restoration::of(&guarded, Surface::ChatCompletions).unwrap();
    let given = restoration.whole(Bytes::from(body.to_string())).unwrap();
    let value: Value = serde_json::from_slice(&given).unwrap();
    let message = &value["choices"][0]["message"];
    let content: Value = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
    assert_eq!(content["name"], VALUES[1]);
    assert_eq!(message["reasoning"], format!("{{\"name\":\"{}\"}}", VALUES[1]));
}

#[test]
fn the_summary_of_the_reasoning_is_text_also_beside_json() {
    let body = json!({"output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "<EMAIL_7f3a_2>"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "\"<EMAIL_7f3a_2>\""}]},
    ]});
    let guarded = guarded(&[], true);
    let mut restoration = Restoration::of(&guarded, Surface::Responses).unwrap();
    let given = restoration.whole(Bytes::from(body.to_string())).unwrap();
    let value: Value = serde_json::from_slice(&given).unwrap();
    assert_eq!(value["output"][0]["summary"][0]["text"], VALUES[1]);
    let text = value["output"][1]["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<String>(text).unwrap(), VALUES[1]);
}

#[test]
fn what_cannot_be_read_is_restored_as_it_stands() {
    let body = r#"{"a":"<EMAIL_7f3a_2>","a":"\ud83d"}"#;
    let given = whole(Surface::ChatCompletions, body);
    assert_eq!(given, r#"{"a":"\"Jo\" \\ 😀\nO'Neil","a":"\ud83d"}"#);
}

#[test]
fn a_kept_stream_is_restored_with_the_vault_of_the_present_request() {
    let mut kept = BytesMut::new();
    for content in ["to <EMAIL", "_7f3a_1>"] {
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": content}}]});
        SseEvent::data(Bytes::from(chunk.to_string())).write(&mut kept);
    }
    SseEvent::data(Bytes::from_static(b"[DONE]")).write(&mut kept);
    let given = restoration(Surface::ChatCompletions).kept_stream(&kept.freeze()).unwrap();
    let text = String::from_utf8(given.to_vec()).unwrap();
    assert!(text.contains(r#"{"content":"jo@example.com"}"#), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}
