//! Places that no schema names: unknown fields, keys, numbers, JSON and files inside texts,
//! values cut in two, forms and headers.

use tb_testkit::TestRequest;

use super::{BOUNDARY, Contract};
use crate::guard_contract::planted::Planted;

/// Members of a chat request. `{S}`, `{C}`, `{P}`, `{B}`, `{U}`, `{H}`: see `Planted::fill`.
const MEMBERS: [(&str, &str); 32] = [
    ("an unknown field", r#""x_new":"{S} {C}""#),
    ("an unknown list", r#""x_new":[["{S}"],[[{"a":"{C}"}]]]"#),
    ("an unknown number", r#""x_new":{C}"#),
    ("a number with a fraction", r#""x_new":[{C}.0, {C}.00]"#),
    ("a negative number", r#""x_new":-{C}"#),
    ("a key", r#""{S}":1"#),
    ("a key below", r#""x_new":{"a":{"{C}":{"b":[{"my {S}":true}]}}}"#),
    ("a key in escapes", r#""x_new":{"{U}":true}"#),
    ("a password by its key", r#""x_new":{"password":"{P}"}"#),
    ("metadata", r#""metadata":{"note":"{S}","{C}":"x"}"#),
    ("a number in metadata", r#""metadata":{"card":{C}}"#),
    ("a password in metadata", r#""metadata":{"db_password":"{P}"}"#),
    ("a key of logit_bias", r#""logit_bias":{"{C}":1}"#),
    ("a text in \\u escapes", r#""x_new":"{U}""#),
    ("a text in percent escapes", r#""x_new":"{H}""#),
    ("a text in base64", r#""x_new":"{B}""#),
    ("JSON in a string", r#""x_new":"{\"a\":\"{S}\",\"b\":[{C}]}""#),
    ("JSON in JSON in a string", r#""x_new":"{\"a\":\"[{\\\"b\\\":\\\"{S} {C}\\\"}]\"}""#),
    ("JSON with escapes in a string", r#""x_new":"{\"a\":\"\\u002d {S} \\u0034 {C}\"}""#),
    ("a key of JSON in a string", r#""x_new":"{\"{S}\":{\"{C}\":0}}""#),
    ("broken JSON in a string", r#""x_new":"{\"a\":\"{S}\",\"card\":{C}""#),
    (
        "arguments of a tool",
        r#""messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"{S}\",\"card\":{C},\"password\":\"{P}\"}"}}]}]"#,
    ),
    (
        "a key of a tool's arguments",
        r#""messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"{S}\":\"{C}\"}"}}]}]"#,
    ),
    (
        "a tool's result",
        r#""messages":[{"role":"tool","tool_call_id":"c","content":"[{\"secret\":\"{S}\"},{\"n\":{C}}]"}]"#,
    ),
    (
        "a schema's default",
        r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"{S}":{"type":"string","default":"{C}","enum":["password={P}"]}}}}}]"#,
    ),
    (
        "a file of text as base64",
        r#""messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,{B}"}}]}]"#,
    ),
    (
        "a file of text in percent escapes",
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:text/plain,{H}"}}]}]"#,
    ),
    (
        "a query string",
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png?card={C}&token={S}"}}]}]"#,
    ),
    (
        "credentials in a URL",
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://jo:{P}@example.com/a.png"}}]}]"#,
    ),
    ("a password in prose", r#""messages":[{"role":"user","content":"the password is {P}"}]"#),
    ("a role that is none", r#""messages":[{"role":"{S}","content":"hi","name":"{C}"}]"#),
    (
        "a message of another shape",
        r#""messages":["{S}",{"role":"user","content":{"deep":["{C}"]}}]"#,
    ),
];

/// Two halves of each value in two parts of one message, and in two fragments of JSON.
fn halves(planted: &Planted) -> String {
    let (first, second) = planted.card.split_at(8);
    let (begin, end) = planted.secret.split_at(planted.secret.len() / 2);
    let part = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
    let parts = [part(begin), part(end), part("and"), part(first), part(second)].join(",");
    format!(r#""messages":[{{"role":"user","content":[{parts}]}}]"#)
}

/// Parts of a form: headers and content.
const PARTS: [(&str, &str, &str); 10] = [
    ("a field", "name=\"prompt\"", "my {S} and {C}"),
    ("an unknown field", "name=\"x_new\"", "{S} {C}"),
    ("JSON in a field", "name=\"chunking_strategy\"", r#"{"type":"{S}","n":{C}}"#),
    ("a field's name", "name=\"{S}\"", "x"),
    ("a file's name", "name=\"other\"; filename=\"{S} {C}.wav\"", "\u{1}"),
    ("a file's long name", "name=\"other\"; filename=\"a\"; filename*=UTF-8''{H}.txt", "\u{1}"),
    (
        "a file of text",
        "name=\"other\"; filename=\"a.txt\"\r\nContent-Type: text/plain",
        "{S}\n{C}",
    ),
    ("a parameter of a part", "name=\"x\"; note=\"{S}\"", "x"),
    ("a header of a part", "name=\"x\"\r\nX-Note: {C}", "x"),
    ("a content type", "name=\"f\"; filename=a\r\nContent-Type: text/plain; note=\"{S}\"", "x"),
];

/// Headers that some provider may understand.
const HEADERS: [&str; 9] = [
    "anthropic-beta",
    "openai-beta",
    "openai-organization",
    "idempotency-key",
    "x-client-request-id",
    "user-agent",
    "accept-language",
    "x-note",
    "cookie",
];

/// What is forwarded as it is, so that it is refused instead.
const CANNOT_BE_REWRITTEN: [(&str, &str); 8] = [
    ("a field's name", "pii_blocked"),
    ("a parameter of a part", "pii_blocked"),
    ("a header of a part", "pii_blocked"),
    ("a content type", "pii_blocked"),
    ("anthropic-beta", "pii_blocked"),
    ("openai-beta", "pii_blocked"),
    ("idempotency-key", "pii_blocked"),
    ("x-client-request-id", "pii_blocked"),
];

impl Contract {
    /// Sends one request; what was planted is there or it is not.
    fn once(&mut self, name: &str, make: impl FnOnce(&Planted) -> TestRequest) {
        let planted = self.planter.plant();
        let response = self.send(&make(&planted));
        if self.look([(name.to_owned(), &planted)].into_iter()) {
            self.forwarded += 1;
        } else {
            assert!((400..500).contains(&response.status), "{name}: {}", response.text());
            self.refused.insert(name.to_owned(), response.error_code());
        }
    }
}

fn chat(members: &str) -> TestRequest {
    let messages = r#""messages":[{"role":"user","content":"hi"}],"#;
    let messages = if members.contains("\"messages\"") { "" } else { messages };
    TestRequest::post("/v1/chat/completions", format!("{{\"model\":\"m\",{messages}{members}}}"))
}

fn form(before: &str, parts: &str, behind: &str) -> TestRequest {
    let field = |head: &str, content: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    };
    let body = before.to_owned()
        + &field("name=\"model\"", "m")
        + &field("name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav", "\u{1}")
        + parts
        + &format!("--{BOUNDARY}--\r\n{behind}");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    TestRequest::form("/v1/audio/transcriptions", &content_type, body)
}

#[test]
fn no_place_outside_of_the_schemas_lets_a_secret_out() {
    let mut contract = Contract::start("");
    for (name, members) in MEMBERS {
        contract.once(&format!("member {name}"), |planted| chat(&planted.fill(members)));
    }
    contract.once("member values cut in two", |planted| chat(&halves(planted)));
    contract.once("path its query", |planted| {
        let path = format!("/v1/chat/completions?note={}", planted.secret);
        TestRequest::post(&path, r#"{"model":"m","messages":[]}"#)
    });
    for (name, head, content) in PARTS {
        contract.once(&format!("form {name}"), |planted| {
            let head = planted.fill(head);
            let content = planted.fill(content);
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
            );
            form("", &part, "")
        });
    }
    contract.once("form around the parts", |planted| {
        form(&format!("{}\r\n", planted.secret), "", &planted.card)
    });
    for name in HEADERS {
        contract.once(&format!("header {name}"), |planted| {
            chat(r#""n":1"#).header(name, &planted.text())
        });
    }
    contract.passes(44, &CANNOT_BE_REWRITTEN);
}
