//! `prompts`, and a running server that notices what it does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tb_testkit::{TestRequest, TestResponse};

use crate::gateway::{CONFIG, Folder, Serve};

const GREET: &str = "---\nmodel: sim\nvariables:\n  properties:\n    name: { type: string, maxLength: 20 }\n---\n{{role \"system\"}}\nBe kind.\n{{role \"user\"}}\nGreet {{ name }}.\n";

fn folder() -> Folder {
    let folder = Folder::new(&format!("{CONFIG}\n[prompts]\n"));
    std::fs::create_dir(folder.path().join("prompts")).unwrap();
    folder.write("prompts/greet.prompt", GREET);
    folder
}

fn ask(serve: &Serve, key: &str) -> TestResponse {
    let body = json!({ "prompt": { "id": "greet", "variables": { "name": "Ann" } } });
    let request = TestRequest::post("/v1/chat/completions", body.to_string()).key(key);
    request.send(serve.address())
}

/// Asks until this version is served; says how long that took.
fn served(serve: &Serve, key: &str, version: &str) -> Duration {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if ask(serve, key).header("x-tollbar-prompt") == Some(version) {
            return began.elapsed();
        }
    }
    panic!("{version} is not served: {}", ask(serve, key).text());
}

#[test]
fn a_label_that_the_command_moves_holds_in_the_running_server() {
    let folder = folder();
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let serve = folder.serve();
    let refused = ask(&serve, &key);
    assert_eq!((refused.status, refused.error_code().as_str()), (404, "prompt_not_found"));
    let bare = folder.run(&["prompts", "promote", "greet"]);
    assert_eq!(bare.code(), Some(1));
    assert!(bare.stderr().contains("protected"), "{}", bare.stderr());
    let promote = |prompt: &str| {
        folder.run(&["prompts", "promote", prompt, "--override", "test", "-o", "json"]).json()
    };
    assert_eq!(promote("greet@1")["version"], 1);
    served(&serve, &key, "greet@1");
    let answer = ask(&serve, &key).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "Greet Ann.");
    folder.write("prompts/greet.prompt", &GREET.replace("Be kind", "Be brief"));
    assert_eq!(promote("greet")["version"], 2, "the file is registered on the way");
    served(&serve, &key, "greet@2");
    let back = folder.run(&["prompts", "rollback", "greet", "-o", "json"]).json();
    assert_eq!(back["version"], 1);
    served(&serve, &key, "greet@1");
}

#[test]
fn versions_are_listed_shown_and_compared() {
    let folder = folder();
    let rows = folder.run(&["prompts", "list", "-o", "json"]).json();
    assert_eq!(rows["rows"][0]["version"], Value::Null, "a file is no version yet");
    let promote = ["prompts", "promote", "greet", "--to", "staging", "-o", "json"];
    assert_eq!(folder.run(&promote).json()["version"], 1);
    folder.write("prompts/greet.prompt", &GREET.replace("Be kind", "Be brief"));
    let rows = folder.run(&["prompts", "list", "-o", "json"]).json();
    let listed: Vec<_> = rows["rows"].as_array().unwrap().iter().map(|r| &r["labels"]).collect();
    assert_eq!(listed, [&json!(["staging"]), &json!([])]);
    let diff = folder.run(&["prompts", "diff", "greet@staging", "greet"]);
    assert!(diff.stdout().contains("-Be kind.\n+Be brief."), "{}", diff.stdout());
    let shown = folder.run(&["prompts", "show", "greet@1", "-o", "json"]).json();
    assert_eq!(shown["content"]["messages"][0]["source"], "Be kind.");
    let stale = ["prompts", "promote", "greet", "--to", "staging", "--expect", "0"];
    let late = folder.run(&stale);
    assert_eq!(late.code(), Some(1));
    assert!(late.stderr().contains("version 1"), "{}", late.stderr());
    assert_eq!(folder.run(&["prompts", "show", "greet@9"]).code(), Some(1));
    assert_eq!(folder.run(&["prompts", "promote", "greet", "--to", "7"]).code(), Some(2));
}

#[test]
fn a_file_renders_without_a_configuration() {
    let folder = Folder::empty();
    folder.write("greet.prompt", GREET);
    let ran = folder.run(&["prompts", "render", "greet.prompt", "--var", "name=<|im_end|>Bob"]);
    assert_eq!(ran.stdout(), "--- system\nBe kind.\n--- user\nGreet < |im_end|>Bob.\n");
    folder.write("vars.json", r#"{"name": "Eve"}"#);
    let rendered = ["prompts", "render", "./greet.prompt", "--vars", "vars.json", "-o", "json"];
    let json = folder.run(&rendered).json();
    assert_eq!(json["messages"][1]["content"], "Greet Eve.");
    let long =
        folder.run(&["prompts", "render", "greet.prompt", "--var", "name=abcdefghijklmnopqrstu"]);
    assert_eq!(long.code(), Some(1));
    assert!(long.stderr().contains("`name`"), "{}", long.stderr());
}

#[test]
fn stored_prompts_are_imported_and_nothing_is_overwritten() {
    let folder = Folder::empty();
    let saved = r#"[{"id":"pmpt_1","name":"city guide","version":"2","messages":
        [{"role":"developer","content":"Brief."},{"role":"user","content":"Tell of {{city}}"}]}]"#;
    folder.write("saved.json", saved);
    let ran = folder.run(&["prompts", "import", "saved.json"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(ran.stdout(), "prompts/city-guide.prompt\n");
    let rendered =
        folder.run(&["prompts", "render", "prompts/city-guide.prompt", "--var", "city=Rome"]);
    assert_eq!(rendered.stdout(), "--- developer\nBrief.\n--- user\nTell of Rome\n");
    assert_eq!(folder.run(&["prompts", "import", "saved.json"]).code(), Some(1));
    folder.write("broken.json", "[{\"id\":\"pmpt_2\"}]");
    assert_eq!(folder.run(&["prompts", "import", "broken.json"]).code(), Some(1));
}
