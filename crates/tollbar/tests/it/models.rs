//! `models`: which versions are called, when they retire, and the lock file.

use crate::gateway::Folder;

/// Names of the built-in table: one floats, one is pinned, one is retired.
const CONFIG: &str = r#"
[pinning]
policy = "resolve"
[storage]
url = "sqlite:tollbar.db"
[providers.up]
dialect = "openai"
vendor = "openai"
base_url = "http://127.0.0.1:9/v1"
[models.floating]
targets = [{ provider = "up", model = "gpt-4o-mini" }]
[models.pinned]
targets = [{ provider = "up", model = "gpt-6.1-sol-2026-09-29" }]
[models.gone]
targets = [{ provider = "up", model = "gpt-4-0613" }]
"#;

fn column(rows: &serde_json::Value, name: &str) -> Vec<String> {
    let rows = rows["rows"].as_array().unwrap();
    rows.iter().map(|row| row[name].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn lists_what_is_called_and_what_should_not_be() {
    let folder = Folder::new(CONFIG);
    let rows = folder.run(&["models", "list", "-o", "json"]).json();
    assert_eq!(column(&rows, "model"), ["floating", "gone", "pinned"]);
    assert_eq!(column(&rows, "standing"), ["floating", "pinned", "pinned"]);
    assert_eq!(column(&rows, "snapshot"), ["gpt-4o-mini-2024-07-18", "-", "-"]);
    let states = column(&rows, "state");
    assert!(states[0].starts_with("retire"), "once it is, this one is retired too: {states:?}");
    assert_eq!(states[1..], ["retired", "unknown"]);
    let rows = folder.run(&["models", "outdated", "-o", "json"]).json();
    assert_eq!(column(&rows, "model"), ["floating", "gone"]);
    assert_eq!(column(&rows, "last_day")[1], "2026-10-23");
}

#[test]
fn an_audit_fails_when_a_version_retires_soon() {
    let folder = Folder::new(CONFIG);
    let audit = folder.run(&["models", "audit", "--fail-within", "30d", "-o", "json"]);
    assert_eq!(audit.code(), Some(1));
    let due: serde_json::Value = serde_json::from_str(&audit.stdout()).unwrap();
    assert!(column(&due, "model").contains(&"gone".to_owned()));
    assert_eq!(folder.run(&["models", "audit", "--fail-within", "soon"]).code(), Some(2));
    let fine = CONFIG.replace("gpt-4-0613", "gpt-6.1-sol-2026-09-29");
    let fine = fine.replace("\"gpt-4o-mini\"", "\"gpt-6.1-sol-2026-09-29\"");
    assert_eq!(Folder::new(&fine).run(&["models", "audit"]).code(), Some(0));
}

#[test]
fn a_lock_needs_evidence_or_a_reason_and_is_written_down() {
    let folder = Folder::new(CONFIG);
    let lock = |more: &[&str]| {
        let mut arguments = vec!["models", "lock", "up/gpt-4o-mini", "--to"];
        arguments.extend(more);
        folder.run(&arguments)
    };
    assert_eq!(lock(&["gpt-4o-mini-2024-07-18"]).code(), Some(2));
    assert_ne!(lock(&["gpt-4o-mini-2024-07-18", "--evidence", "run_none"]).code(), Some(0));
    let floats = lock(&["gpt-4o-mini", "--override", "first pin"]);
    assert_eq!(floats.code(), Some(2));
    assert!(floats.stderr().contains("gpt-4o-mini-2024-07-18"), "{}", floats.stderr());
    let rows = folder.run(&["models", "list", "-o", "json"]).json();
    assert_eq!(column(&rows, "standing")[0], "floating");

    let locked = lock(&["gpt-4o-mini-2024-07-18", "--override", "first \"pin\""]);
    assert_eq!(locked.code(), Some(0), "{}", locked.stderr());
    let rows = folder.run(&["models", "list", "-o", "json"]).json();
    assert_eq!(column(&rows, "standing")[0], "locked");
    assert_eq!(column(&rows, "version")[0], "gpt-4o-mini-2024-07-18");
    assert_eq!(column(&rows, "written")[0], "gpt-4o-mini");
    let again = lock(&["gpt-4o-mini-2025-01-01", "--override", "second"]);
    assert_eq!(again.code(), Some(0));
    let unknown = folder.run(&["models", "lock", "down/m", "--to", "m-1", "--override", "x"]);
    assert!(unknown.stderr().contains("there are: up"), "{}", unknown.stderr());
}

#[test]
fn a_difference_says_what_breaks_and_what_gets_dearer() {
    let folder = Folder::new(CONFIG);
    let diff = |from: &str, to: &str| folder.run(&["models", "diff", from, to, "-o", "json"]);
    let rows = diff("up/gpt-3.5-turbo-0125", "anthropic/claude-opus-4-8").json();
    let found: std::collections::BTreeMap<_, _> =
        column(&rows, "what").into_iter().zip(column(&rows, "change")).collect();
    assert_eq!(found["rejects sampling_params"], "breaks");
    assert_eq!(found["input_price"], "dearer");
    assert_eq!(found["context_tokens"], "gains");
    assert_eq!(diff("up/gpt-3.5-turbo-0125", "nobody/knows").code(), Some(2));
}
