//! What the `openai` dialect sends and understands.

use bytes::Bytes;
use http::{HeaderMap, Method};
use tb_api::multipart::Form;
use tb_core::Surface;
use tb_providers::{
    AnswerShape, CallBody, DialectName, EncodeError, ErrorClass, Quirks, WireRequest, dialect,
};

use crate::support::{KEY, Sent, body, document, played, shape, wire};

fn text(wire: &WireRequest) -> &str {
    std::str::from_utf8(&wire.body).unwrap()
}

fn encoded(surface: Surface, json: &str, quirks: Quirks) -> String {
    let document = document(json);
    let mut sent = Sent::new(surface, CallBody::Json(&document));
    sent.stream = json.contains(r#""stream":true"#);
    sent.quirks = quirks;
    text(&sent.encode().unwrap()).to_owned()
}

#[test]
fn replaces_the_model_and_leaves_every_other_byte() {
    let json = r#" {"x_new" : {"keep": [1, 2]},"model": "alias" , "messages":[{"role":"user","content":"\u00e9"}], "n" :1} "#;
    let sent = wire(Surface::ChatCompletions, json);
    assert_eq!(text(&sent), json.replace("alias", "upstream-model"));
    assert_eq!((sent.method, sent.path.as_str()), (Method::POST, "/v1/chat/completions"));
    assert!(sent.dropped.is_empty());
}

#[test]
fn asks_for_usage_in_every_stream() {
    for (given, sent) in [
        ("", r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options":null"#, r#","stream_options":{"include_usage":true}"#),
        (
            r#","stream_options":{"include_usage":false,"a":1}"#,
            r#","stream_options":{"include_usage":true,"a":1}"#,
        ),
        (
            r#","stream_options":{"include_usage": true}"#,
            r#","stream_options":{"include_usage": true}"#,
        ),
    ] {
        let json =
            |options: &str| format!(r#"{{"model":"upstream-model","stream":true{options}}}"#);
        for surface in [Surface::ChatCompletions, Surface::Completions] {
            assert_eq!(encoded(surface, &json(given), Quirks::default()), json(sent));
        }
        let responses = encoded(Surface::Responses, &json(given), Quirks::default());
        assert_eq!(responses, json(given), "the Responses API always sends usage");
    }
    let plain = r#"{"model":"upstream-model"}"#;
    assert_eq!(encoded(Surface::ChatCompletions, plain, Quirks::default()), plain);
    let wrong = document(r#"{"model":"m","stream":true,"stream_options":7}"#);
    let mut sent = Sent::new(Surface::ChatCompletions, CallBody::Json(&wrong));
    sent.stream = true;
    let error = sent.encode().unwrap_err();
    assert!(matches!(error, EncodeError::Invalid { param, .. } if param == "stream_options"));
}

#[test]
fn bends_to_the_quirks_of_a_vendor() {
    let quirks = Quirks {
        stream_options: false,
        max_completion_tokens: false,
        base64_embeddings: false,
        developer_role: false,
        api_version: None,
    };
    let chat = r#"{"model":"upstream-model","stream":true,"stream_options":{"include_usage":true},"messages":[{"role": "developer" ,"content":"developer"},{"role":"user","content":"x"},{"content":"y","role":"developer"}],"max_completion_tokens":5}"#;
    let sent: serde_json::Value =
        serde_json::from_str(&encoded(Surface::ChatCompletions, chat, quirks.clone())).unwrap();
    let expected = serde_json::json!({
        "model": "upstream-model", "stream": true, "max_tokens": 5,
        "messages": [
            {"role": "system", "content": "developer"}, {"role": "user", "content": "x"},
            {"role": "system", "content": "y"},
        ],
    });
    assert_eq!(sent, expected);
    let embeddings = r#"{"model":"upstream-model","encoding_format":"base64","input":"x"}"#;
    assert_eq!(
        encoded(Surface::Embeddings, embeddings, quirks),
        r#"{"model":"upstream-model","input":"x"}"#
    );
    assert_eq!(encoded(Surface::Embeddings, embeddings, Quirks::default()), embeddings);
}

#[test]
fn forwards_only_headers_it_knows() {
    let json = document(r#"{"model":"m"}"#);
    let mut sent = Sent::new(Surface::ChatCompletions, CallBody::Json(&json));
    for (name, value) in [
        ("authorization", "Bearer tb_live_canary"),
        ("x-api-key", "tb_live_canary"),
        ("api-key", "tb_live_canary"),
        ("cookie", "canary"),
        ("x-tollbar-user", "canary"),
        ("openai-organization", "canary"),
        ("openai-beta", "assistants=v2"),
        ("idempotency-key", "once"),
        ("x-client-request-id", "mine"),
    ] {
        sent.headers.insert(name, value.parse().unwrap());
    }
    let wire = sent.encode().unwrap();
    let mut names: Vec<&str> = wire.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-type",
        "idempotency-key",
        "openai-beta",
        "user-agent",
        "x-client-request-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(wire.headers["authorization"], format!("Bearer {KEY}"));
    assert!(!format!("{wire:?}").contains("canary"), "no key and no text in Debug output");
}

#[test]
fn reaches_stored_responses_by_their_id() {
    for (surface, method, path) in [
        (Surface::ResponsesGet, Method::GET, "/v1/responses/resp_1"),
        (Surface::ResponsesDelete, Method::DELETE, "/v1/responses/resp_1"),
        (Surface::ResponsesCancel, Method::POST, "/v1/responses/resp_1/cancel"),
    ] {
        let mut sent = Sent::new(surface, CallBody::Empty);
        sent.response_id = Some("resp_1");
        let wire = sent.encode().unwrap();
        assert_eq!((wire.method, wire.path.as_str()), (method, path));
        assert!(wire.body.is_empty() && !wire.headers.contains_key("content-type"));
    }
}

#[test]
fn replaces_the_model_of_forms_and_leaves_the_file() {
    let content_type = "multipart/form-data; boundary=XX";
    let form_text = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF alias\r\n--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nalias\r\n--XX--\r\n";
    let form = Form::parse(content_type, Bytes::from(form_text)).unwrap();
    let sent = Sent::new(Surface::AudioTranscriptions, CallBody::Form(&form, content_type));
    let wire = sent.encode().unwrap();
    assert_eq!(text(&wire), form_text.replace("\r\nalias", "\r\nupstream-model"));
    assert_eq!(wire.headers["content-type"], content_type);
    let without = form_text.replace("name=\"model\"", "name=\"other\"");
    let form = Form::parse(content_type, Bytes::from(without)).unwrap();
    let sent = Sent::new(Surface::AudioTranscriptions, CallBody::Form(&form, content_type));
    assert!(matches!(sent.encode(), Err(EncodeError::Invalid { param, .. }) if param == "model"));
}

#[test]
fn does_not_count_tokens() {
    let json = document("{}");
    let sent = Sent::new(Surface::CountTokens, CallBody::Json(&json));
    assert!(matches!(sent.encode(), Err(EncodeError::Unsupported { .. })));
    assert!(!dialect(DialectName::OpenAi).serves(Surface::CountTokens));
}

#[test]
fn gives_embeddings_in_the_form_that_was_asked() {
    let floats = r#"{"model":"m","input":["a","b"]}"#;
    let base64 = r#"{"model":"m","input":["a","b"],"encoding_format":"base64"}"#;
    let decoded = |json: &str, base64_embeddings: bool| {
        let shape = AnswerShape {
            surface: Surface::Embeddings,
            stream_usage: false,
            base64_embeddings,
            created: 0,
        };
        let answer = body(&played(Surface::Embeddings, json));
        dialect(DialectName::OpenAi).decode(shape, &answer).unwrap()
    };
    assert_eq!(decoded(floats, true).body, decoded(base64, true).body);
    let as_json =
        |json| -> serde_json::Value { serde_json::from_slice(&decoded(json, false).body).unwrap() };
    let vector = |answer: &serde_json::Value| -> Vec<f32> {
        serde_json::from_value(answer["data"][1]["embedding"].clone()).unwrap()
    };
    let (plain, converted) = (as_json(floats), as_json(base64));
    assert_eq!(vector(&plain), vector(&converted));
    assert_eq!(decoded(floats, true).facts.tokens.unwrap().input(), 2);
}

#[test]
fn reads_errors_and_asks_to_wait() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "2".parse().unwrap());
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","type":"invalid_request_error","code":"invalid_api_key","param":null}}}}"#
    );
    let error = dialect(DialectName::OpenAi).classify(401, &headers, body.as_bytes());
    assert_eq!(error.class, ErrorClass::BadCredentials);
    assert_eq!(error.message, "Incorrect API key provided: [redacted]");
    assert_eq!(error.retry_after_ms, Some(2_000));
}

#[test]
fn answers_messages_clients_through_chat() {
    let answer = body(&played(
        Surface::ChatCompletions,
        r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#,
    ));
    let decoded =
        dialect(DialectName::OpenAi).decode(shape(Surface::Messages, false), &answer).unwrap();
    let message: serde_json::Value = serde_json::from_slice(&decoded.body).unwrap();
    assert_eq!(message["type"], "message");
    assert_eq!(message["content"][0]["text"], "hello");
    let sent = wire(
        Surface::Messages,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    );
    assert_eq!(sent.path, "/v1/chat/completions");
    assert!(text(&sent).contains("\"model\":\"upstream-model\""));
}
