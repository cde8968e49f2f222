//! Every route: what is planted in it does not arrive.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tb_core::Surface;

use super::Rig;
use crate::gateway::Ask;

const MAIL: &str = "jo.planted@example.com";
const CARD: &str = "4111 1111 1111 1111";
const KEY: &str = "AKIAQ3EGRTYUIOPLKJHG";

fn is_clean(sent: &str) -> bool {
    [MAIL, CARD, KEY, "4111111111111111"].iter().all(|planted| !sent.contains(planted))
}

#[tokio::test]
async fn nothing_planted_arrives_on_any_route() {
    let rig = Rig::start("").await;
    let text = format!("{MAIL} {CARD} {KEY}");
    let text = text.as_str();
    let parts = json!([{"type": "input_text", "text": text}]);
    let shapes = [
        (
            Surface::ChatCompletions,
            json!({"messages": [
            {"role": "developer", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text},
                {"type": "image_url", "image_url": {"url": format!("https://e.com/?m={MAIL}&k={KEY}")}}]}],
            "tools": [{"type": "function", "function": {"name": "f", "description": text,
                "parameters": {"type": "object", "properties": {"a": {"type": "string",
                    "description": text, "default": text, "enum": [text]}}}}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n",
                "description": text, "schema": {"type": "object", "title": text}}},
            "user": MAIL, "safety_identifier": MAIL, "prompt_cache_key": MAIL, "stop": [text],
            "prediction": {"type": "content", "content": text}, "x_new": {"deep": [[text]]}}),
        ),
        (Surface::Completions, json!({"prompt": [text, text], "suffix": text})),
        (Surface::Completions, json!({"prompt": text})),
        (Surface::Responses, json!({"input": text, "instructions": text, "metadata": {"a": text}})),
        (
            Surface::Responses,
            json!({"input": [
            {"role": "user", "content": parts},
            {"type": "function_call", "call_id": "c", "name": "f",
                "arguments": json!({"mail": MAIL}).to_string()},
            {"type": "function_call_output", "call_id": "c", "output": text}],
            "tools": [{"type": "function", "name": "f", "description": text, "parameters": {}}]}),
        ),
        (Surface::Embeddings, json!({"input": text})),
        (Surface::Embeddings, json!({"input": [text, text]})),
        (Surface::Moderations, json!({"input": [{"type": "text", "text": text}]})),
        (Surface::ImagesGenerations, json!({"prompt": text})),
        (
            Surface::ImagesEdits,
            json!({"prompt": text, "images": [{"image_url": "https://e.com/a.png"}]}),
        ),
        (Surface::AudioSpeech, json!({"input": text, "instructions": text, "voice": "alloy"})),
    ];
    for (surface, mut body) in shapes {
        body["model"] = json!("m");
        let sent = rig.sent_as(surface, body.to_string()).await;
        assert!(is_clean(&sent), "{surface:?}: {sent}");
        assert!(serde_json::from_str::<Value>(&sent).is_ok(), "{sent}");
    }
}

#[tokio::test]
async fn nothing_planted_arrives_in_messages() {
    let rig = Rig::at("anthropic", "").await;
    let text = format!("{MAIL} {CARD} {KEY}");
    let body = json!({"model": "m", "max_tokens": 5,
        "system": [{"type": "text", "text": text}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": text}, {"type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": text}, "title": text}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f",
                "input": {"name": MAIL, "n": 4_111_111_111_111_111_i64}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                "content": [{"type": "text", "text": text}]}]}],
        "tools": [{"name": "f", "description": text, "input_schema": {"type": "object"}}],
        "metadata": {"user_id": MAIL}});
    for surface in [Surface::Messages, Surface::CountTokens] {
        let sent = rig.sent_as(surface, body.to_string()).await;
        assert!(is_clean(&sent), "{sent}");
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "t");
        assert!(sent["messages"][1]["content"][0]["input"]["n"].is_string());
    }
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        body.extend_from_slice(b"--b0undary\r\ncontent-disposition: form-data; ");
        body.extend_from_slice(disposition.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0undary--\r\n");
    body
}

fn form_ask(surface: Surface, parts: &[(&str, &[u8])]) -> Ask {
    Ask::raw(surface, form(parts)).header("content-type", "multipart/form-data; boundary=b0undary")
}

#[tokio::test]
async fn fields_files_and_names_of_forms_are_looked_at() {
    let rig = Rig::start("").await;
    let text = format!("{MAIL} {CARD} {KEY}");
    let sound = b"RIFF\x00\x01\xFFWAVE4111111111111111";
    let parts: &[(&str, &[u8])] = &[
        ("name=\"model\"", b"m"),
        ("name=\"prompt\"", text.as_bytes()),
        ("name=\"file\"; filename=\"jo.planted@example.com.wav\"", sound),
        ("name=\"known_speaker_references[]\"; filename=\"a.txt\"", text.as_bytes()),
    ];
    let _ = rig.gateway.ask(form_ask(Surface::AudioTranscriptions, parts)).await;
    let taken = rig.upstream.taken();
    let sent = taken.first().expect("it arrives");
    assert!(!sent.contains(MAIL) && !sent.contains(CARD) && !sent.contains(KEY), "{sent}");
    assert!(sent.contains("WAVE4111111111111111"), "sound stays as it is");
    assert!(sent.ends_with("--b0undary--\r\n"));
}

#[tokio::test]
async fn the_frame_of_a_form_and_headers_hide_nothing() {
    let rig = Rig::start("").await;
    let name = format!("name=\"{KEY}\"");
    let parts: &[(&str, &[u8])] = &[("name=\"model\"", b"m"), (&name, b"x")];
    let outcome = rig.gateway.ask(form_ask(Surface::AudioTranscriptions, parts)).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (400, "pii_blocked"));
    assert_eq!(outcome.told, json!({"types": {"secret": 1}}));
    let outcome = rig.gateway.ask(Ask::whole("hi").header("openai-beta", KEY)).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (400, "pii_blocked"));
    assert!(!outcome.text.contains(KEY));
    let fine = Ask::whole("hi").header("openai-beta", "assistants=v2");
    assert_eq!(rig.gateway.ask(fine).await.status, 200);
    assert_eq!(rig.upstream.taken().len(), 1);
}

#[tokio::test]
async fn text_in_base64_is_hidden_inside_and_stays_base64() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let rig = Rig::start("").await;
    let data =
        |media: &str, bytes: &[u8]| format!("data:{media};base64,{}", standard.encode(bytes));
    let text = data("text/plain", format!("name,mail\nx,{MAIL}\n").as_bytes());
    let png = data("image/png", b"\x89PNG\r\n\x1a\n jo.planted@example.com");
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "file", "file": {"filename": "a.csv", "file_data": text}},
        {"type": "image_url", "image_url": {"url": png}}]}]});
    let sent = rig.sent(body).await;
    let parts = &sent["messages"][0]["content"];
    assert_eq!(parts[1]["image_url"]["url"], png.as_str());
    let file = parts[0]["file"]["file_data"].as_str().unwrap();
    let coded = file.strip_prefix("data:text/plain;base64,").unwrap();
    let decoded = String::from_utf8(standard.decode(coded).unwrap()).unwrap();
    assert!(decoded.starts_with("name,mail\nx,<EMAIL_"), "{decoded}");
}

#[tokio::test]
async fn attached_texts_with_odd_bytes_are_hidden_too() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let rig = Rig::start("").await;
    let line = format!("user {MAIL} paid with {CARD}, {KEY}\n").repeat(20);
    let coloured = format!("\x1b[31mERROR\x1b[0m \x01 {line}").into_bytes();
    let latin = [b"BM Jos\xE9 ".as_slice(), line.as_bytes()].concat();
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [coloured, latin, wide] {
        let url = format!("data:text/plain;base64,{}", standard.encode(&bytes));
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "file", "file": {"filename": "a.log", "file_data": url}}]}]});
        let sent = rig.sent(body).await;
        let file = sent["messages"][0]["content"][0]["file"]["file_data"].as_str().unwrap();
        let coded = file.strip_prefix("data:text/plain;base64,").unwrap();
        let decoded = String::from_utf8(standard.decode(coded).unwrap()).unwrap();
        assert!(is_clean(&decoded) && decoded.contains("paid with"), "{decoded}");
        let parts: &[(&str, &[u8])] =
            &[("name=\"model\"", b"m"), ("name=\"file\"; filename=\"a.log\"", &bytes)];
        let _ = rig.gateway.ask(form_ask(Surface::AudioTranscriptions, parts)).await;
        let sent = rig.upstream.taken().remove(0);
        assert!(is_clean(&sent) && sent.contains("paid with"), "{sent}");
    }
}

/// Letters and blanks are no base64.
#[tokio::test]
async fn prose_where_attachments_stand_is_looked_at() {
    let rig = Rig::start("").await;
    let prose = format!("here is what you asked for and the key of mine is {KEY} as told ");
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_data": prose.repeat(30)}},
        {"type": "file", "file": {"file_data": format!("{}/{KEY}/{}", "x".repeat(700), "y".repeat(700))}}]}]});
    let sent = rig.sent(body).await.to_string();
    assert!(is_clean(&sent), "{sent}");
}

/// A JSON value with texts out of `texts` at any depth.
fn bodies() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        Just(json!(MAIL)),
        Just(json!(format!("x {CARD} y"))),
        Just(json!(format!("key {KEY}."))),
        Just(json!(4_111_111_111_111_111_i64)),
        Just(json!(json!({"inner": {"mail": MAIL, "card": CARD}}).to_string())),
        Just(json!("plain \u{e9} \"text\" \\ \u{1f600}")),
        Just(json!(12.5)),
        Just(Value::Null),
    ];
    let keys = prop_oneof![
        Just("content"),
        Just("text"),
        Just("input"),
        Just("metadata"),
        Just("arguments"),
        Just("unknown"),
        Just("x y"),
        Just("parameters"),
        Just("messages"),
        Just("name2"),
    ];
    texts.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((keys.clone(), inner), 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

#[test]
fn nothing_planted_in_any_json_arrives() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = runtime.block_on(Rig::start(""));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() };
    proptest!(config, |(value in bodies(), turns in bodies())| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": turns}], "more": value});
        let sent = runtime.block_on(rig.sent(body.clone()));
        prop_assert!(is_clean(&sent.to_string()), "{} {}", body, sent);
        prop_assert_eq!(&sent["messages"][0]["role"], "user");
    });
}
