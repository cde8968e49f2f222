//! Requests with something sensitive in every place.
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use serde_json::{Value, json};
use tb_testkit::TestRequest;

/// What comes back in answers.
pub(super) const NAME: &str = "Margaret Whitcombe";
pub(super) const MAIL: &str = "margaret.qzx@canary-mail.org";
pub(super) const BADGE: &str = "QZX-481516";

/// What never comes back. Cards keep their last four digits.
pub(super) const CARD: &str = "4539 1488 0343";
pub(super) const SSN: &str = "512-84-7391";
pub(super) const SECRET: &str = concat!("sk_live", "_51QzxCanaryH3x9Kd2Lm7Pq4Rt8Vw");
pub(super) const PROJECT: &str = "qzxprojectalder";

/// Whom the spend is accounted to: kept as a hash.
const USER: &str =
    concat!("margaret.qzx@canary-mail.org sk_live", "_51QzxCanaryH3x9Kd2Lm7Pq4Rt8Vw");

/// One request, and what is expected of its answer.
pub(super) struct Case {
    pub(super) request: TestRequest,
    pub(super) path: String,
    /// The provider repeats the text, and the caller reads its own values.
    pub(super) reads_right: bool,
}

/// A sentence with all of it.
pub(super) fn said() -> String {
    format!(
        "My name is {NAME}, mail {MAIL}, badge {BADGE}. Card {CARD} 6467, SSN {SSN}, the key is \
         {SECRET}, project {PROJECT}."
    )
}

/// Every route that takes JSON.
pub(super) fn in_json(model: &str, stream: bool) -> Vec<Case> {
    let said = said();
    let with = |mut body: Value, reads_right: bool, path: &str| {
        body["model"] = json!(model);
        if reads_right && !path.contains("images") {
            body["stream"] = json!(stream);
        }
        let request = TestRequest::post(path, body.to_string());
        Case { request, path: path.to_owned(), reads_right }
    };
    let image = json!({ "prompt": said, "n": 1, "user": USER });
    vec![
        with(chat(&said), true, "/v1/chat/completions"),
        with(anthropic(&said), true, "/v1/messages"),
        with(anthropic(&said), false, "/v1/messages/count_tokens"),
        with(json!({ "prompt": said, "suffix": said }), true, "/v1/completions"),
        with(json!({ "input": said, "instructions": said }), true, "/v1/responses"),
        with(response_items(&said), true, "/v1/responses"),
        with(json!({ "input": [said, said] }), false, "/v1/embeddings"),
        with(json!({ "input": said }), false, "/v1/moderations"),
        with(image, true, "/v1/images/generations"),
        with(json!({ "input": said, "voice": "alloy" }), false, "/v1/audio/speech"),
    ]
}

/// A chat with text in every place that the API knows, and some that it does not.
pub(super) fn chat(said: &str) -> Value {
    let arguments = json!({ "to": MAIL, "note": said }).to_string();
    let call = json!({ "id": "call_1", "type": "function",
        "function": { "name": "note", "arguments": arguments } });
    let schema = json!({ "type": "object", "description": said,
        "properties": { "to": { "type": "string", "enum": [MAIL, SSN] } } });
    json!({
        "max_tokens": 9,
        "user": USER,
        "stop": [BADGE],
        "metadata": { "owner": MAIL, "password": SECRET, "card": format!("{CARD} 6467") },
        "x_future": { "deep": [{ "note": said }], format!("key {SECRET}"): 1,
            "number": 4_539_148_803_436_467_u64 },
        "tools": [{ "type": "function", "function": { "name": "note", "description": said,
            "parameters": schema } }],
        "messages": [
            { "role": "system", "content": said, "name": "desk" },
            { "role": "user", "content": [{ "type": "text", "text": said }] },
            { "role": "user", "content": [
                { "type": "text", "text": "My card is 4539 1488" },
                { "type": "text", "text": " 0343 6467, thank you" }] },
            { "role": "user", "content": disguised() },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "call_1", "content": arguments },
            { "role": "user", "content": said }],
    })
}

/// The same values in other writings.
fn disguised() -> String {
    let percent = MAIL.replace('@', "%40");
    let spaced = "4539\u{a0}1488\u{a0}0343\u{a0}6467";
    // `SSN 512-84-7391 of margaret.qzx@canary-mail.org`
    let encoded = "U1NOIDUxMi04NC03MzkxIG9mIG1hcmdhcmV0LnF6eEBjYW5hcnktbWFpbC5vcmc=";
    format!("See https://example.org/?mail={percent}&x=1, the card {spaced}, and {encoded}")
}

fn anthropic(said: &str) -> Value {
    json!({
        "max_tokens": 9,
        "system": [{ "type": "text", "text": said }],
        "metadata": { "user_id": USER },
        "tools": [{ "name": "note", "description": said, "input_schema": { "type": "object" } }],
        "messages": [
            { "role": "user", "content": said },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1",
                "name": "note", "input": { "to": MAIL, "note": said } }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "content": said },
                { "type": "text", "text": said }] }],
    })
}

fn response_items(said: &str) -> Value {
    json!({
        "metadata": { "owner": MAIL },
        "input": [
            { "type": "function_call", "call_id": "call_1", "name": "note",
              "arguments": json!({ "note": said }).to_string() },
            { "type": "function_call_output", "call_id": "call_1", "output": said },
            { "role": "user", "content": [{ "type": "input_text", "text": said }] }],
    })
}

/// Every route that takes a form.
pub(super) fn in_forms(model: &str) -> Vec<Case> {
    let said = said();
    let upload = |name: &str, kind: &str, reads_right: bool| {
        let part = |name: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = format!(
            "--b\r\ncontent-disposition: form-data; name=\"{kind}\"; filename=\"{MAIL}.bin\"\r\n\
             content-type: application/octet-stream\r\n\r\nRIFF\r\n"
        );
        let body = [
            part("model", model),
            part("prompt", &said),
            part("user", USER),
            file,
            "--b--\r\n".into(),
        ]
        .concat();
        let path = format!("/v1/{name}");
        let request = TestRequest::form(&path, "multipart/form-data; boundary=b", body);
        Case { request, path, reads_right }
    };
    vec![
        upload("audio/transcriptions", "file", true),
        upload("audio/translations", "file", true),
        upload("images/edits", "image", true),
        upload("images/variations", "image", true),
    ]
}

/// One question, for whatever model.
pub(super) fn question(model: &str, stream: bool) -> TestRequest {
    let body = json!({ "model": model, "stream": stream,
        "messages": [{ "role": "user", "content": said() }] });
    TestRequest::post("/v1/chat/completions", body.to_string())
}

/// What no API is made for, and yet is passed on to the provider that may know better.
pub(super) fn odd() -> TestRequest {
    let body = json!({ "model": "echo", "messages": said(), SECRET: { "x": [[said()]] } });
    TestRequest::post("/v1/chat/completions", body.to_string())
}

/// What is refused before anything is sent.
pub(super) fn refused() -> Vec<TestRequest> {
    let said = said();
    let mut requests = Vec::new();
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
        for body in [
            said.clone(),
            format!(r#"{{"model":"echo","messages":[{{"role":"user","content":"{said}"#),
            format!(r#"{{"model":["{said}"],"messages":[],"input":"x"}}"#),
            format!(r#"{{"model":"echo","messages":[],"input":"{}"}}"#, said.repeat(600)),
        ] {
            requests.push(TestRequest::post(path, body));
        }
    }
    for name in ["openai-beta", "idempotency-key"] {
        requests.push(question("echo", false).header(name, SECRET));
    }
    requests.push(question(SECRET, false));
    requests.push(question(&format!("fake/{SECRET}"), false).header("x-tollbar-user", USER));
    requests
        .push(question("echo", false).header("x-tollbar-user", MAIL).header("openai-beta", SECRET));
    requests.push(TestRequest::form(
        "/v1/audio/transcriptions",
        "multipart/form-data; boundary=b",
        said,
    ));
    requests
}
