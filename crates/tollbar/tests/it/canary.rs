//! Invariant 7 on the whole binary: text and secrets go where they must and nowhere else.
//!
//! Marked strings are sent in every place of a request, through every route, plain and
//! streamed, well and with faults, with the most verbose log. Then everything that the
//! process wrote or shows is searched for them.

mod guarded;
mod observed;
mod writings;

use std::net::SocketAddr;
use std::time::Duration;

use tb_testkit::{FakeProvider, FakeReply, Recorded, TestRequest, TestResponse};

use self::observed::Gateway;
use self::writings::{Canary, found, found_below};
use crate::gateway::Folder;

const PROMPT: &str = "qzxPromptCanary";
const TOOL: &str = "qzxToolCanary";
const UPLOAD: &str = "qzxUploadCanary";
const ANSWER: &str = "qzxAnswerCanary";
const PROVIDER_KEY: &str = "sk-qzxProviderKeyCanary0123456789";
const WRONG_SECRET: &str = "qzxWrongSecretCanary";

/// Text that no output may hold.
const TEXTS: [&str; 4] = [PROMPT, TOOL, UPLOAD, ANSWER];

/// The models of the fake provider; each answers in a way of its own.
const FAKES: [&str; 10] =
    ["plain", "e400", "e401", "e500", "garbage", "html", "broken", "cut", "event", "redirect"];

/// Routes that take JSON, with a body that has text in every place that the route knows.
fn routes(model: &str, stream: bool) -> Vec<(&'static str, String)> {
    let (text, tool) = (format!("{PROMPT} hello"), format!(r#"{{\"city\":\"{TOOL}\"}}"#));
    let chat = format!(
        r#"{{"model":"{model}","stream":{stream},"max_tokens":9,"user":"u1","messages":[
        {{"role":"system","content":"{text}"}},
        {{"role":"user","content":[{{"type":"text","text":"{text}"}}]}},
        {{"role":"assistant","content":null,"tool_calls":[{{"id":"call_1","type":"function",
          "function":{{"name":"weather","arguments":"{tool}"}}}}]}},
        {{"role":"tool","tool_call_id":"call_1","content":"{TOOL}"}},
        {{"role":"user","content":"{text}"}}]}}"#
    );
    let messages = format!(
        r#"{{"model":"{model}","stream":{stream},"max_tokens":9,"system":"{text}","messages":[
        {{"role":"user","content":"{text}"}},
        {{"role":"assistant","content":[{{"type":"tool_use","id":"toolu_1","name":"weather",
          "input":{{"city":"{TOOL}"}}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1",
          "content":"{TOOL}"}}]}}]}}"#
    );
    let input = format!(r#"{{"model":"{model}","stream":{stream},"input":"{text}"}}"#);
    let prompt = format!(r#"{{"model":"{model}","stream":{stream},"prompt":"{text}"}}"#);
    let plain = input.replace(&format!("\"stream\":{stream},"), "");
    vec![
        ("/v1/chat/completions", chat),
        ("/v1/messages", messages.clone()),
        ("/v1/messages/count_tokens", messages),
        ("/v1/completions", prompt.clone()),
        ("/v1/responses", input),
        ("/v1/embeddings", plain.clone()),
        ("/v1/moderations", plain.clone()),
        ("/v1/images/generations", prompt.replace(&format!("\"stream\":{stream},"), "")),
        ("/v1/audio/speech", plain.replace("}", r#","voice":"alloy"}"#)),
    ]
}

fn form(model: &str) -> Vec<u8> {
    let part = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         content-type: audio/wav\r\n\r\nRIFF{UPLOAD}\r\n"
    );
    [part("model", model), part("prompt", PROMPT), file, "--b--\r\n".to_owned()].concat().into()
}

fn multipart(path: &str, body: Vec<u8>) -> TestRequest {
    TestRequest::form(path, "multipart/form-data; boundary=b", body)
}

/// What the fake provider says to the model in its request; errors repeat all that they got.
fn reply(request: &Recorded) -> FakeReply {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let asked = |model: &str| {
        body.contains(&format!("fake-{model}\"")) || body.contains(&format!("fake-{model}\r\n"))
    };
    let key = request.header("authorization").unwrap_or_default();
    let echo = format!("{key} {PROMPT} {TOOL} {UPLOAD}");
    let error = |text: &str| format!(r#"{{"error":{{"message":"{text}","code":"x"}}}}"#);
    let delta = format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"content":"{ANSWER}"}},"finish_reason":null}}]}}"#
    );
    let event = format!("data: {delta}\n\n");
    let begun = || FakeReply::stream_head().chunk(Duration::ZERO, event.as_bytes());
    let streams = body.contains("\"stream\":true");
    match FAKES.into_iter().find(|model| asked(model)).unwrap_or("plain") {
        // The caller's own text may come back in a refusal of it; keys never.
        "e400" => FakeReply::json(400, &error(key)),
        "e401" => FakeReply::json(401, &error(&echo)),
        "e500" => FakeReply::json(500, &error(&echo)),
        "garbage" => FakeReply::json(200, &format!("{{\"id\": {echo}")),
        "html" => FakeReply::body(502, "text/html", format!("<h1>{echo}</h1>").as_bytes()),
        "broken" => FakeReply::raw(format!("{echo}\r\n\r\n").as_bytes()),
        "cut" => begun(),
        "event" => begun().chunk(Duration::ZERO, format!("data: {}\n\n", error(&echo)).as_bytes()),
        "redirect" => FakeReply::raw(
            format!("HTTP/1.1 302 X\r\nlocation: http://{PROMPT}.invalid/\r\n\r\n").as_bytes(),
        ),
        _ if streams => FakeReply::events(&[&delta, "[DONE]"]),
        _ => FakeReply::json(
            200,
            &format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{ANSWER}"}},"finish_reason":"stop"}}]}}"#
            ),
        ),
    }
}

fn config(provider: &FakeProvider) -> String {
    let provider_of = |name: &str, dialect: &str| {
        format!(
            "[providers.{name}]\ndialect = \"{dialect}\"\nbase_url = \"{}/v1\"\n\
             api_keys = [{{ file = \"provider.key\" }}]\n",
            provider.url()
        )
    };
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
        [storage]\nurl = \"sqlite:data/tollbar.db\"\n[journal]\npath = \"data/journal/\"\n\
        [providers.simulated]\ndialect = \"simulated\"\n[services.app]\npurposes = [\"testing\"]\n\
        models = [\"*\"]\n[models.sim]\ntargets = [{ provider = \"simulated\", model = \"sim-1\" }]\n"
        .to_owned();
    text.push_str(&provider_of("fake", "openai"));
    text.push_str(&provider_of("claude", "anthropic"));
    text.push_str(&provider_of("gemini", "gemini"));
    for name in FAKES {
        text.push_str(&format!(
            "[models.{name}]\ntargets = [{{ provider = \"fake\", model = \"fake-{name}\" }}]\n"
        ));
    }
    for name in ["claude", "gemini"] {
        text.push_str(&format!(
            "[models.{name}]\ntargets = [{{ provider = \"{name}\", model = \"fake-e500\" }}]\n"
        ));
    }
    text
}

/// Sends everything; gives what came back.
fn traffic(public: SocketAddr, key: &str) -> Vec<TestResponse> {
    let mut answers = Vec::new();
    let mut send = |request: TestRequest| answers.push(request.key(key).send(public));
    for model in FAKES.into_iter().chain(["claude", "gemini", "sim", PROMPT]) {
        for stream in [false, true] {
            for (path, body) in routes(model, stream) {
                send(TestRequest::post(path, body));
            }
        }
        for path in ["transcriptions", "translations"]
            .map(|name| format!("/v1/audio/{name}"))
            .iter()
            .chain(&["edits", "variations"].map(|name| format!("/v1/images/{name}")))
        {
            send(multipart(path, form(model)));
        }
    }
    for fault in ["500", "429", "401", "reset", "cut", "garbage", "html", "error_event"] {
        for stream in [false, true] {
            let body = format!(
                r#"{{"model":"sim","stream":{stream},"messages":[{{"role":"user","content":"{PROMPT} [[fault:{fault}]]"}}]}}"#
            );
            send(TestRequest::post("/v1/chat/completions", body));
        }
    }
    for body in broken_bodies() {
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
            send(TestRequest::post(path, body.clone()));
        }
        send(multipart("/v1/audio/transcriptions", body));
    }
    for method in ["GET", "DELETE"] {
        send(TestRequest::new(method, &format!("/v1/responses/resp_{PROMPT}")));
    }
    send(TestRequest::new("GET", &format!("/v1/models/{PROMPT}")));
    send(TestRequest::post(&format!("/v1/{PROMPT}?q={TOOL}"), PROMPT));
    answers
}

fn broken_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        PROMPT.to_owned(),
        format!(r#"{{"model":"plain","messages":[{{"content":"{PROMPT}"#),
        format!(r#"{{"model":"plain","messages":"{PROMPT}"}}"#),
        format!(r#"{{"model":"plain","{PROMPT}":1,"{PROMPT}":2,"messages":[]}}"#),
        format!(r#"{{"model":["{PROMPT}"],"messages":[]}}"#),
        format!(r#"{{"model":"plain","stream":"{PROMPT}","messages":[]}}"#),
    ]
    .map(String::into_bytes)
    .into();
    bodies.push([PROMPT.as_bytes(), b"\xff\xfe"].concat());
    bodies
}

fn has(bytes: &[u8], canary: &str) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
}

#[test]
fn text_and_secrets_go_nowhere_else() {
    let provider = FakeProvider::start(reply);
    let folder = Folder::new(&config(&provider));
    folder.write("provider.key", PROVIDER_KEY);
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let secret = key.rsplit('_').next().unwrap().to_owned();
    let gateway = Gateway::start(&folder);

    let answers = traffic(gateway.public, &key);
    let wrong = format!("tb_live_abcdEF12_{WRONG_SECRET}{}", "x".repeat(29));
    let refused = TestRequest::post("/v1/chat/completions", "{}").key(&wrong).send(gateway.public);
    let secrets = [PROVIDER_KEY, secret.as_str(), WRONG_SECRET];
    // The canaries did go where they must, or the search would prove nothing.
    let sent: Vec<u8> = provider.requests().into_iter().flat_map(|sent| sent.body).collect();
    assert!([PROMPT, TOOL, UPLOAD].iter().all(|canary| has(&sent, canary)));
    assert!(answers.iter().any(|answer| answer.status == 200 && has(&answer.body, ANSWER)));
    let statuses = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert!(statuses(200) > 20 && statuses(502) > 20 && statuses(400) > 10, "too few of a kind");

    for answer in answers.iter().chain([&refused]) {
        let head = format!("{:?}", answer.headers);
        for canary in secrets {
            assert!(!has(&answer.body, canary), "{canary} in {}", answer.text());
            assert!(!head.contains(canary), "{canary} in {head}");
        }
        // A name that does not exist is repeated where it was asked for as a name.
        let names_model = answer.status == 404;
        for canary in TEXTS.into_iter().filter(|_| answer.status >= 400 && !names_model) {
            assert!(!has(&answer.body, canary), "{canary} in {}", answer.text());
        }
    }
    let log = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(log.contains("DEBUG"), "the log is not verbose");
    search(&gateway, &answers, &secrets, &key);
    assert!(gateway.end().success());
    let found = found_everywhere(&folder, &canaries(&secrets));
    assert!(found.is_empty(), "after the end: {found:#?}");
}

fn canaries(secrets: &[&str]) -> Vec<Canary> {
    TEXTS.iter().chain(secrets).map(|text| Canary::new(text)).collect()
}

/// Searches what the running gateway shows and has written so far.
fn search(gateway: &Gateway<'_>, answers: &[TestResponse], secrets: &[&str], key: &str) {
    let canaries = canaries(secrets);
    let ids: Vec<String> = answers
        .iter()
        .filter_map(|answer| answer.header("x-request-id").map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), answers.len(), "an answer without a request id");
    for (path, text) in gateway.shown(&gateway.token(), &ids) {
        let found = found(text.as_bytes(), &canaries);
        assert!(found.is_empty(), "{found:?} in {path}: {text}");
    }
    let found = found_everywhere(gateway.folder, &canaries);
    assert!(found.is_empty(), "while it runs: {found:#?}");
    // The same search does find what is there to be found.
    gateway.folder.write("data/control", &format!("{PROMPT}{key}"));
    let control = found_everywhere(gateway.folder, &canaries);
    assert_eq!(control.len(), 2, "{control:#?}");
    std::fs::remove_file(gateway.folder.path().join("data/control")).unwrap();
}

/// The data folder with everything in it, and both outputs.
fn found_everywhere(folder: &Folder, canaries: &[Canary]) -> Vec<String> {
    let mut places = found_below(&folder.path().join("data"), canaries);
    for name in ["stdout", "stderr"] {
        let written = std::fs::read(folder.path().join(name)).unwrap();
        places.extend(found(&written, canaries).into_iter().map(|one| format!("{one} in {name}")));
    }
    places
}
