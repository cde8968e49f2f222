//! `serve`: keys of other processes, reload, signals.

use rustix::process::Signal;

use crate::gateway::{CONFIG, Folder};

#[test]
fn serves_a_key_made_by_the_command_and_refuses_it_once_revoked() {
    let folder = Folder::new(CONFIG);
    let serve = folder.serve();
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(serve.answers(key, 200), "the key does not work");
    assert_eq!(folder.run(&["keys", "revoke", id]).code(), Some(0));
    assert!(serve.answers(key, 401), "the key still works");
    assert_eq!(serve.chat(key).error_code(), "key_revoked");
}

#[test]
fn the_first_start_shows_a_key_and_a_token_once() {
    let folder = Folder::new(CONFIG);
    let serve = folder.serve();
    serve.signal(Signal::TERM);
    let (_, first) = serve.ended();
    let key = first.lines().find_map(|line| line.strip_prefix("key for the service `app`: "));
    assert!(first.contains("tb_admin_"), "{first}");
    let again = folder.serve();
    assert_eq!(again.chat(key.unwrap()).status, 200);
    again.signal(Signal::TERM);
    assert_eq!(again.ended().1, "");
}

#[test]
fn ends_with_0_on_sigterm_and_has_every_row() {
    let folder = Folder::new(CONFIG);
    let key = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let serve = folder.serve();
    for _ in 0..5 {
        assert_eq!(serve.chat(key["key"].as_str().unwrap()).status, 200);
    }
    serve.signal(Signal::TERM);
    assert_eq!(serve.ended().0.code(), Some(0));
    let usage = folder.run(&["usage", "--by", "service,model", "-o", "json"]).json();
    assert_eq!(usage["rows"][0]["model"], "sim");
    assert_eq!(usage["rows"][0]["requests"], 5);
}

#[test]
fn rows_survive_a_kill() {
    let folder = Folder::new(CONFIG);
    let key = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let serve = folder.serve();
    assert_eq!(serve.chat(key["key"].as_str().unwrap()).status, 200);
    serve.signal(Signal::KILL);
    assert_eq!(serve.ended().0.code(), None);
    let again = folder.serve();
    again.signal(Signal::TERM);
    assert_eq!(again.ended().0.code(), Some(0));
    let usage = folder.run(&["usage", "-o", "json"]).json();
    assert_eq!(usage["rows"][0]["requests"], 1);
}

#[test]
fn a_broken_file_changes_nothing_and_a_good_one_is_applied() {
    let folder = Folder::new(CONFIG);
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let key = made["key"].as_str().unwrap();
    let mut serve = folder.serve();
    folder.write("tollbar.toml", "[server]\nlisten = 7\ncolour = 1\n");
    serve.signal(Signal::HUP);
    serve.logged("has no key");
    serve.logged("the old one stays");
    assert_eq!(serve.chat(key).status, 200);
    folder.write(
        "tollbar.toml",
        &CONFIG.replace("models.sim", "models.new").replace("\"sim\"", "\"new\""),
    );
    serve.signal(Signal::HUP);
    serve.logged("the configuration is reloaded");
    assert_eq!(serve.chat(key).error_code(), "model_not_found");
}

#[test]
fn says_which_changes_wait_for_a_restart() {
    let folder = Folder::new(CONFIG);
    let mut serve = folder.serve();
    let moved = CONFIG.replace("[server]", "[storage]\nurl = \"memory:\"\n[server]");
    folder.write("tollbar.toml", &moved);
    serve.signal(Signal::HUP);
    assert!(serve.logged("needs a restart").contains("storage.url"));
}

#[test]
fn a_second_process_on_the_same_journal_does_not_start() {
    let folder = Folder::new(CONFIG);
    let serve = folder.serve();
    let second = folder.run(&["serve"]);
    assert_eq!(second.code(), Some(75));
    assert!(second.stderr().contains("is in use by another process"), "{}", second.stderr());
    let taken = format!("server.listen={}", serve.address());
    let third = folder.run(&["serve", "--set", &taken]);
    assert_eq!(third.code(), Some(75), "{}", third.stderr());
}

#[test]
fn status_asks_the_running_server() {
    let folder = Folder::new(CONFIG);
    let serve = folder.serve();
    let url = format!("http://{}", serve.admin_address());
    assert_eq!(folder.run(&["status", "--url", &url]).code(), Some(77));
    folder.write("wrong", "tb_admin_x");
    assert_eq!(folder.run(&["status", "--url", &url, "--token-file", "wrong"]).code(), Some(77));
    serve.signal(Signal::TERM);
    let (_, shown) = serve.ended();
    assert_eq!(folder.run(&["status", "--url", &url]).code(), Some(69));
    let token = shown.lines().find_map(|line| line.strip_prefix("admin token: ")).unwrap();
    folder.write("token", token);
    let again = folder.serve();
    let url = format!("http://{}", again.admin_address());
    let status = folder.run(&["status", "--url", &url, "--token-file", "token", "-o", "json"]);
    assert_eq!(status.json()["rows"][0]["draining"], false);
    assert_eq!(status.json()["rows"][0]["targets"][0]["breaker"], "closed");
    let shown = folder.run(&["status", "--url", &url, "--token-file", "token"]).stdout();
    assert!(shown.contains("closed, 0 of 1000 of 0 attempts failed"), "{shown}");
}
