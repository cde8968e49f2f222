//! The guard on the whole binary: what is sensitive leaves for nobody, and answers read right.
//!
//! A provider repeats all that it is told. Requests with marked values in every place go through
//! every route, well and with faults; the gateway is killed in the middle, and started again.
//! Then everything that left or was written or is shown is searched for the values, in every
//! form that programs write texts in.
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

mod requests;
mod upstream;

use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tb_testkit::{FakeProvider, TestRequest, TestResponse};

use self::requests::{BADGE, CARD, Case, MAIL, NAME, PROJECT, SECRET, SSN};
use super::found_everywhere;
use super::observed::Gateway;
use super::writings::{Canary, found};
use crate::gateway::Folder;

/// What the caller must read in answers.
const BACK: [&str; 3] = [NAME, MAIL, BADGE];

/// What only answers may hold; a surname alone would be too much elsewhere.
const REVERSIBLE: [&str; 5] = [NAME, "Whitcombe", MAIL, "margaret.qzx", BADGE];

/// What no answer may hold.
const IRREVERSIBLE: [&str; 7] =
    [CARD, "453914880343", SSN, "512847391", SECRET, "51QzxCanaryH3x9Kd2Lm7Pq4Rt8Vw", PROJECT];

fn config(provider: &FakeProvider) -> String {
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
        max_body = \"64KiB\"\n\
        [storage]\nurl = \"sqlite:data/tollbar.db\"\n[journal]\npath = \"data/journal/\"\n\
        [services.app]\npurposes = [\"testing\"]\nmodels = [\"*\"]\n\
        [services.strict]\npurposes = [\"testing\"]\nmodels = [\"*\"]\n\
        guard = { actions = { us_ssn = \"block\" } }\n\
        [guard]\nactions = { badge = \"tokenize\", project = \"redact\" }\n\
        [[guard.detectors]]\ntype = \"badge\"\npatterns = ['\\bQZX-[0-9]{6}\\b']\n\
        [[guard.detectors]]\ntype = \"project\"\npatterns = ['\\bqzxproject[a-z]+\\b']\n\
        [providers.simulated]\ndialect = \"simulated\"\n\
        [models.sim]\ntargets = [{ provider = \"simulated\", model = \"sim-1\" }]\n"
        .to_owned();
    for (name, dialect) in [("fake", "openai"), ("claude", "anthropic")] {
        text.push_str(&format!(
            "[providers.{name}]\ndialect = \"{dialect}\"\nbase_url = \"{}/v1\"\n\
             api_keys = [{{ file = \"provider.key\" }}]\n",
            provider.url()
        ));
    }
    let mut model = |name: &str, provider: &str, target: &str, more: &str| {
        text.push_str(&format!(
            "[models.{name}]\ntargets = [{{ provider = \"{provider}\", model = \"fake-{target}\" }}]\n\
             retry = {{ attempts = 2, backoff = \"1ms\" }}\n{more}"
        ));
    };
    for name in upstream::MODELS {
        model(name, "fake", name, "");
    }
    model("claude", "claude", "echo", "");
    model(
        "kept",
        "fake",
        "echo",
        "cache = { mode = \"on\", ttl = \"1h\", data_classes = [\"internal\", \"public\", \"personal\"] }\n",
    );
    model("fallback", "fake", "e500", "fallbacks = [\"echo\"]\n");
    let rules = "rules = \"rules.toml\"\non_exhausted = [\"rules\"]\n";
    model("rules", "fake", "e500", rules);
    let stale = "cache = { mode = \"on\", ttl = \"1s\", data_classes = [\"internal\", \"public\", \"personal\"] }\non_exhausted = [\"stale_cache\"]\n";
    model("stale", "fake", "once", stale);
    text
}

/// The rule repeats what the message says.
const RULES: &str = "[[rules]]\nname = \"repeat\"\nwhen = { regex = \"(?s)(?<said>.*)\" }\n\
    answer = \"Nobody can answer: {{said}}\"\n";

/// What the caller reads: the texts of a whole answer, or the pieces of a stream put together.
fn read(answer: &TestResponse) -> String {
    let is_stream = answer.header("content-type").is_some_and(|kind| kind.contains("event-stream"));
    if !is_stream {
        let mut texts = String::new();
        strings(&serde_json::from_slice(&answer.body).unwrap_or_default(), &mut texts);
        return texts;
    }
    let mut text = String::new();
    for line in answer.text().lines() {
        let event = line.strip_prefix("data: ").unwrap_or_default();
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let choice = &event["choices"][0];
        for piece in [
            &choice["text"],
            &choice["delta"]["content"],
            &choice["delta"]["tool_calls"][0]["function"]["arguments"],
            &event["delta"],
            &event["delta"]["text"],
            &event["delta"]["partial_json"],
        ] {
            text.push_str(piece.as_str().unwrap_or_default());
        }
    }
    text
}

fn strings(value: &Value, texts: &mut String) {
    match value {
        Value::String(text) => texts.push_str(&format!("{text}\n")),
        Value::Array(values) => values.iter().for_each(|value| strings(value, texts)),
        Value::Object(members) => members.values().for_each(|value| strings(value, texts)),
        _ => {}
    }
}

/// The answers so far, and what was wrong with them.
struct Traffic {
    answers: Vec<TestResponse>,
    faults: Vec<String>,
    key: String,
    public: SocketAddr,
}

impl Traffic {
    fn send(&mut self, request: TestRequest) -> TestResponse {
        let answer = request.key(&self.key).send(self.public);
        self.answers.push(answer.clone());
        answer
    }

    /// The caller must read its own values.
    fn reads_right(&mut self, what: &str, request: TestRequest) -> TestResponse {
        let answer = self.send(request);
        let text = read(&answer);
        let missing: Vec<_> = BACK.iter().filter(|value| !text.contains(**value)).collect();
        if answer.status != 200 || !missing.is_empty() || answer.header("x-tollbar-guard").is_none()
        {
            self.faults.push(format!("{what}: {}, {missing:?} not in {text}", answer.status));
        }
        answer
    }

    fn every_route(&mut self, model: &str, is_whole: bool) {
        for stream in [false, true] {
            let forms = if stream { Vec::new() } else { requests::in_forms(model) };
            for Case { request, path, reads_right } in
                requests::in_json(model, stream).into_iter().chain(forms)
            {
                if reads_right && is_whole {
                    self.reads_right(&format!("{model} {path} stream={stream}"), request);
                } else {
                    self.send(request);
                }
            }
        }
    }

    fn everything(&mut self) {
        self.every_route("echo", true);
        for model in ["e400", "e500", "garbage", "claude", "sim"] {
            self.every_route(model, false);
        }
        for (model, header, value) in [
            ("claude", "x-tollbar-cache", "bypass"),
            ("sim", "x-tollbar-cache", "bypass"),
            ("tools", "x-tollbar-cache", "bypass"),
            ("flaky", "x-tollbar-attempts", "fake/fake-flaky=500;fake/fake-flaky=200"),
            ("fallback", "x-tollbar-degraded", "fallback_model"),
            ("rules", "x-tollbar-degraded", "rules"),
            ("kept", "x-tollbar-cache", "miss"),
            ("kept", "x-tollbar-cache", "hit"),
        ] {
            for stream in [false, true] {
                let what = format!("{model} {value} stream={stream}");
                let answer = self.reads_right(&what, requests::question(model, stream));
                // A whole answer serves streams too.
                let is_kept = model == "kept" && stream;
                if answer.header(header) != Some(value) && !is_kept {
                    self.faults.push(format!("{what}: {header} is {:?}", answer.header(header)));
                }
            }
        }
        for model in ["cut", "event"] {
            self.send(requests::question(model, true));
        }
        self.send(requests::odd());
        for request in requests::refused() {
            let answer = self.send(request);
            if !(400..500).contains(&answer.status) {
                self.faults.push(format!("not refused: {} {}", answer.status, answer.text()));
            }
        }
        for method in ["GET", "DELETE"] {
            self.send(TestRequest::new(method, "/v1/responses/resp_1"));
        }
    }
}

/// The searches.
impl Traffic {
    /// Asks until the kept answer is past its time, of a provider that fails from now on.
    fn goes_stale(&mut self) {
        let give_up = Instant::now() + Duration::from_secs(20);
        let question = || requests::question("stale", false);
        while Instant::now() < give_up {
            let answer = question().key(&self.key).send(self.public);
            if answer.header("x-tollbar-degraded") == Some("stale_cache") {
                break;
            }
        }
        let stale = self.reads_right("stale", question());
        self.expect(&stale, "x-tollbar-degraded", "stale_cache");
    }

    fn expect(&mut self, answer: &TestResponse, header: &str, value: &str) {
        let is = answer.header(header);
        if is != Some(value) {
            self.faults.push(format!("{header} is {is:?}, not {value}: {}", answer.text()));
        }
    }

    /// Nothing of it in what the gateway shows and has written.
    fn check_shown(&mut self, gateway: &Gateway<'_>, token: &str, canaries: &[Canary]) {
        let id = |answer: &TestResponse| answer.header("x-request-id").map(str::to_owned);
        let ids: Vec<String> = self.answers.iter().filter_map(id).collect();
        let shown = gateway.shown(token, &ids);
        for (path, text) in &shown {
            let seen = found(text.as_bytes(), canaries);
            if !seen.is_empty() {
                self.faults.push(format!("{seen:?} in {path}: {text}"));
            }
        }
        let counts = |(path, text): &(String, String)| {
            path == "/metrics" && text.contains("tollbar_guard_findings_total{")
        };
        assert!(shown.iter().any(counts), "the metrics do not count findings");
        self.faults.extend(found_everywhere(gateway.folder, canaries));
    }

    /// Nothing in any answer that must not come back.
    fn check_answers(&mut self) {
        let hidden: Vec<Canary> = IRREVERSIBLE.into_iter().map(Canary::new).collect();
        for answer in &self.answers {
            let bytes = [format!("{:?}", answer.headers).as_bytes(), &answer.body].concat();
            let seen = found(&bytes, &hidden);
            if !seen.is_empty() {
                self.faults.push(format!("{seen:?} in {} {}", answer.status, answer.text()));
            }
        }
    }

    /// Nothing of it in any byte that left.
    fn check_upstream(&mut self, provider: &FakeProvider, canaries: &[Canary]) {
        let sent = provider.requests();
        assert!(sent.len() > 50, "only {} requests left", sent.len());
        for request in sent {
            let head = format!("{} {:?}", request.request_line, request.headers);
            let bytes = [head.as_bytes(), b"\n", &request.body].concat();
            let seen = found(&bytes, canaries);
            if !seen.is_empty() {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                self.faults.push(format!("{seen:?} left in {head}: {body}"));
            }
        }
    }
}

#[test]
fn what_is_sensitive_leaves_for_nobody_and_answers_read_right() {
    let provider = upstream::start();
    let folder = Folder::new(&config(&provider));
    folder.write("provider.key", "sk-provider");
    folder.write("rules.toml", RULES);
    let key_of = |service: &str| {
        let made = folder.run(&["keys", "create", "--service", service, "-o", "json"]).json();
        made["key"].as_str().unwrap().to_owned()
    };
    let (key, strict) = (key_of("app"), key_of("strict"));
    let gateway = Gateway::start(&folder);
    let token = gateway.token();
    let mut traffic =
        Traffic { answers: Vec::new(), faults: Vec::new(), key, public: gateway.public };
    traffic.reads_right("fresh, stale later", requests::question("stale", false));
    traffic.everything();
    traffic.goes_stale();
    let blocked: Vec<_> = requests::in_json("echo", true)
        .into_iter()
        .map(|case| case.request.key(&strict).send(gateway.public))
        .collect();
    for answer in blocked {
        if answer.status != 400 || !answer.text().contains("pii_blocked") {
            traffic.faults.push(format!("not blocked: {} {}", answer.status, answer.text()));
        }
        traffic.answers.push(answer);
    }
    // One client leaves in the middle, and the gateway is killed in the middle of the other.
    let begun = |model: &str| {
        let mut stream = requests::question(model, true).key(&traffic.key).start(gateway.public);
        stream.read_exact(&mut [0; 600]).unwrap();
        stream
    };
    drop(begun("hang"));
    let running = begun("hang");

    let all: Vec<Canary> = IRREVERSIBLE.into_iter().chain(REVERSIBLE).map(Canary::new).collect();
    traffic.check_shown(&gateway, &token, &all);
    gateway.kill();
    drop(running);
    traffic.faults.extend(found_everywhere(&folder, &all));

    let gateway = Gateway::start(&folder);
    traffic.public = gateway.public;
    let hit = traffic.reads_right("kept over the restart", requests::question("kept", false));
    traffic.expect(&hit, "x-tollbar-cache", "hit");
    traffic.check_shown(&gateway, &token, &all);
    assert!(gateway.end().success());
    traffic.faults.extend(found_everywhere(&folder, &all));
    traffic.check_answers();
    traffic.check_upstream(&provider, &all);
    assert!(traffic.faults.is_empty(), "{:#?}", traffic.faults);
    // The same search does find what is there to be found.
    let control: Vec<String> =
        all.iter().map(|canary| canary.written().collect::<Vec<_>>().join("\n")).collect();
    folder.write("data/control", &control.join("\n"));
    assert_eq!(found_everywhere(&folder, &all).len(), all.len());
}
