//! The content log through the binary: what is kept, who is shown it, and what lies on the disk.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tb_testkit::{TestRequest, TestResponse};

use crate::gateway::{Folder, Serve};

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[providers.simulated]
dialect = "simulated"
[models.sim]
targets = [{ provider = "simulated", model = "sim-1" }]
cache = { mode = "on" }
[guard.actions]
email = "tokenize"
credit_card = "block"
[content_log]
master_key = { file = "master-key" }
[services.app]
purposes = ["testing"]
models = ["sim"]
content_log = true
[services.quiet]
purposes = ["testing"]
models = ["sim"]
"#;

const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const MAIL: &str = "jane.canary@example.org";
const WORD: &str = "wordcanary";

fn folder() -> Folder {
    let folder = Folder::new(CONFIG);
    folder.write("master-key", MASTER);
    folder
}

fn key(folder: &Folder, service: &str) -> String {
    let made = folder.run(&["keys", "create", "--service", service, "-o", "json"]).json();
    made["key"].as_str().unwrap().to_owned()
}

fn ask(serve: &Serve, key: &str, text: &str, stream: bool) -> TestResponse {
    let body = format!(
        r#"{{"model":"sim","stream":{stream},"user":"u1","messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    TestRequest::post("/v1/chat/completions", body).key(key).send(serve.address())
}

fn id(answer: &TestResponse) -> String {
    answer.header("x-request-id").unwrap().to_owned()
}

/// What `content show` says of a request. It is written behind the answer, soon.
fn shown(folder: &Folder, id: &str) -> Value {
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let ran = folder.run(&["content", "show", id, "-o", "json"]);
        if ran.code() == Some(0) || Instant::now() > give_up {
            return ran.json();
        }
    }
}

/// Every file below the folder of the content log.
fn bytes_on_disk(folder: &Folder) -> Vec<u8> {
    let files = std::fs::read_dir(folder.path().join("content")).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn shows_the_masked_text_and_never_what_was_hidden() {
    let folder = folder();
    let key = key(&folder, "app");
    let serve = folder.serve();
    let answer = ask(&serve, &key, &format!("{WORD} write to {MAIL}"), false);
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains(MAIL), "{}", answer.text());
    let view = shown(&folder, &id(&answer));
    assert_eq!(view["service"], "app");
    assert_eq!(view["user"], "u1");
    assert_eq!(view["route"], "chat_completions");
    let asked = view["request"]["messages"][0]["content"].as_str().unwrap();
    let answered = view["answer"]["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(asked.contains(WORD) && answered.contains(WORD), "{view}");
    assert!(!view.to_string().contains(MAIL), "{view}");

    let kept = ask(&serve, &key, &format!("{WORD} write to {MAIL}"), false);
    assert_eq!(kept.header("x-tollbar-cache"), Some("hit"));
    let kept = shown(&folder, &id(&kept));
    assert!(kept["answer"].to_string().contains(WORD) && !kept.to_string().contains(MAIL));

    let stream = ask(&serve, &key, &format!("stream {WORD} to {MAIL}"), true);
    assert_eq!(stream.status, 200);
    let view = shown(&folder, &id(&stream));
    let events = view["answer"].as_str().unwrap();
    assert!(events.contains("data: ") && events.contains("[DONE]"), "{events}");
    assert!(!view.to_string().contains(MAIL), "{view}");

    serve.signal(Signal::TERM);
    assert_eq!(serve.ended().0.code(), Some(0));
    let bytes = bytes_on_disk(&folder);
    assert!(!holds(&bytes, WORD) && !holds(&bytes, MAIL) && !holds(&bytes, "u1\""));
}

#[test]
fn keeps_nothing_of_other_services_nor_of_what_the_guard_refuses() {
    let folder = folder();
    let (app, quiet) = (key(&folder, "app"), key(&folder, "quiet"));
    let serve = folder.serve();
    let blocked = ask(&serve, &app, "pay with 4111 1111 1111 1111", false);
    assert_eq!(blocked.error_code(), "pii_blocked");
    assert_eq!(ask(&serve, &quiet, "hello", false).status, 200);
    let first = id(&ask(&serve, &app, "one", false));
    let second = id(&ask(&serve, &app, "two", false));
    serve.signal(Signal::TERM);
    assert_eq!(serve.ended().0.code(), Some(0));
    let rows = folder.run(&["content", "list", "--since", "1d", "-o", "json"]).json();
    let ids: Vec<&Value> =
        rows["rows"].as_array().unwrap().iter().map(|row| &row["request_id"]).collect();
    assert_eq!(ids, [&second, &first]);
    let none = folder.run(&["content", "list", "--service", "quiet", "-o", "json"]).json();
    assert_eq!(none["rows"].as_array().unwrap().len(), 0);
    assert_eq!(folder.run(&["content", "show", &id(&blocked)]).code(), Some(1));
    let export = folder.run(&["content", "export", "--since", "1d", "-o", "jsonl"]).stdout();
    let lines: Vec<Value> =
        export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let asked = |line: &Value| line["request"]["messages"][0]["content"].clone();
    assert_eq!(lines.iter().map(asked).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn the_admin_api_shows_it_and_every_reading_is_recorded() {
    let folder = folder();
    let key = key(&folder, "app");
    let token = |role: &str| {
        let made = folder.run(&["tokens", "create", "--role", role, "-o", "json"]).json();
        made["token"].as_str().unwrap().to_owned()
    };
    let (owner, auditor) = (token("owner"), token("auditor"));
    let serve = folder.serve();
    let id = id(&ask(&serve, &key, WORD, false));
    shown(&folder, &id);
    let get_as = |token: &str, path: &str| {
        TestRequest::new("GET", path).key(token).send(serve.admin_address())
    };
    let get = |path: &str| get_as(&owner, path);
    assert_eq!(get_as(&auditor, "/admin/v1/content").status, 403);
    let list = get("/admin/v1/content?service=app&limit=5");
    assert!(list.text().contains(&id) && !list.text().contains(WORD), "{}", list.text());
    assert!(get(&format!("/admin/v1/content/{id}")).text().contains(WORD));
    assert_eq!(get("/admin/v1/content/req_00000000000000000000000000000000").status, 404);
    assert_eq!(get("/admin/v1/content?limit=0").status, 400);
    serve.signal(Signal::TERM);
    assert_eq!(serve.ended().0.code(), Some(0));
    let acts = folder.run(&["audit", "list", "--kind", "content.read", "-o", "json"]).stdout();
    for object in [format!("\"{id}\""), "\"list\"".to_owned()] {
        assert!(acts.contains(&object), "{object}: {acts}");
    }
    assert!(!acts.contains(WORD));
}

#[test]
fn does_not_start_with_another_master_key() {
    let folder = folder();
    let serve = folder.serve();
    serve.signal(Signal::TERM);
    assert_eq!(serve.ended().0.code(), Some(0));
    folder.write("master-key", &MASTER.replace("00", "ff"));
    let ran = folder.run(&["serve"]);
    assert_ne!(ran.code(), Some(0));
    assert!(ran.stderr().contains("content_log.master_key"), "{}", ran.stderr());
    assert!(!ran.stderr().contains("010203"), "{}", ran.stderr());
}
