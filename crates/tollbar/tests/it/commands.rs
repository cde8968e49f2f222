//! Commands without a server.

use crate::gateway::{CONFIG, Folder};

#[test]
fn check_ends_with_78_and_shows_the_place() {
    let folder = Folder::new("[server]\nlisten = 7\n");
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code(), Some(78));
    assert!(ran.stderr().contains("tollbar.toml:2:10"), "{}", ran.stderr());
    assert_eq!(ran.stdout(), "");
    let ran = folder.run(&["check", "tollbar.toml", "-o", "json"]);
    assert_eq!(ran.code(), Some(78));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(report["valid"], false);
    let lines: Vec<_> =
        report["diagnostics"].as_array().unwrap().iter().map(|d| &d["line"]).collect();
    assert!(lines.contains(&&serde_json::json!(2)), "{report}");
}

#[test]
fn serve_with_an_invalid_file_ends_with_78() {
    let folder = Folder::new("[server]\ncolour = 1\n");
    assert_eq!(folder.run(&["serve"]).code(), Some(78));
}

#[test]
fn init_writes_a_file_that_check_accepts_and_keeps_one_that_is_there() {
    let folder = Folder::empty();
    assert_eq!(folder.run(&["init"]).code(), Some(0));
    assert_eq!(folder.run(&["check"]).code(), Some(0));
    folder.write("tollbar.toml", "# mine\n");
    assert_eq!(folder.run(&["init"]).code(), Some(2));
    assert_eq!(std::fs::read_to_string(folder.path().join("tollbar.toml")).unwrap(), "# mine\n");
    assert_eq!(folder.run(&["init", "--yes"]).code(), Some(0));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_help_with_0() {
    let folder = Folder::empty();
    assert_eq!(folder.run(&["srve"]).code(), Some(2));
    assert_eq!(folder.run(&["usage", "--by", "colour"]).code(), Some(2));
    let help = folder.run(&["--help"]);
    assert_eq!(help.code(), Some(0));
    assert!(help.stdout().starts_with("Examples:"), "{}", help.stdout());
}

#[test]
fn config_show_says_where_values_come_from() {
    let folder = Folder::new(CONFIG);
    let rows = folder.run(&["config", "show", "--effective", "--sources", "-o", "json"]).json();
    let rows = rows["rows"].as_array().unwrap();
    let source = |key: &str| {
        rows.iter().find(|row| row["key"] == key).map(|row| row["source"].clone()).unwrap()
    };
    assert_eq!(source("server.listen"), "tollbar.toml:3");
    assert_eq!(source("server.drain_timeout"), "default");
    let flag = folder.run(&["config", "show", "--sources", "--set", "server.workers=3"]);
    assert!(
        flag.stdout().lines().any(|line| line.contains("server.workers") && line.contains("flag"))
    );
    let schema = folder.run(&["config", "schema"]).json();
    assert_eq!(schema["type"], "object");
}

#[test]
fn keys_are_shown_once_and_listed_without_secrets() {
    let folder = Folder::new(CONFIG);
    let made = folder.run(&["keys", "create", "--service", "app", "--name", "x", "-o", "json"]);
    let made = made.json();
    let mut members: Vec<&String> = made.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["expires_at", "id", "key", "schema_version", "service"]);
    let key = made["key"].as_str().unwrap();
    let secret = key.rsplit('_').next().unwrap();
    for format in ["table", "json", "jsonl", "csv"] {
        let listed = folder.run(&["keys", "list", "-o", format]).stdout();
        assert!(listed.contains(made["id"].as_str().unwrap()), "{listed}");
        assert!(!listed.contains(secret) && !listed.contains("digest"), "{listed}");
    }
    assert_eq!(folder.run(&["keys", "show", "00000000"]).code(), Some(1));
    let pasted = folder.run(&["keys", "revoke", key]);
    assert_eq!(pasted.code(), Some(2));
    assert!(!pasted.stderr().contains(secret), "the key is repeated");
}

#[test]
fn a_key_needs_names_that_the_configuration_has() {
    let folder = Folder::new(CONFIG);
    let ran = folder.run(&["keys", "create", "--service", "ap"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("there are: app"), "{}", ran.stderr());
    let ran = folder.run(&["keys", "create", "--service", "app", "--models", "sim,other"]);
    assert!(ran.stderr().contains("`other`"), "{}", ran.stderr());
    let ran = folder.run(&["keys", "create", "--service", "app", "--models", "simm"]);
    assert!(ran.stderr().contains("did you mean `sim`?"), "{}", ran.stderr());
    let ran = folder.run(&["keys", "create", "--service", "app", "--purpose", "tesing"]);
    assert!(ran.stderr().contains("did you mean `testing`?"), "{}", ran.stderr());
}

#[test]
fn commands_on_memory_storage_say_why_they_cannot() {
    let folder = Folder::new(&format!("[storage]\nurl = \"memory:\"\n{CONFIG}"));
    let ran = folder.run(&["keys", "list"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("memory:"), "{}", ran.stderr());
}

#[test]
fn the_demo_ends_as_its_script_says() {
    let folder = Folder::empty();
    let ran = folder.run(&["demo", "--once"]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("failed over"), "{}", ran.stdout());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn prints_completions_and_a_manual() {
    let folder = Folder::empty();
    assert!(folder.run(&["completions", "bash"]).stdout().contains("tollbar"));
    assert!(folder.run(&["man"]).stdout().contains(".TH tollbar"));
}

#[test]
fn a_command_that_looks_makes_no_database() {
    let folder = Folder::new(CONFIG);
    for arguments in [&["usage"][..], &["keys", "list"], &["db", "stats"]] {
        assert_eq!(folder.run(arguments).code(), Some(1));
    }
    assert!(!folder.path().join("tollbar.db").exists());
}
