//! `eval compare`, `eval bless` and `eval report`: exit codes, and what is written where.

use serde_json::{Value, json};

use crate::gateway::Folder;

/// A run of 500 cases of which some fail, in `evaluations/faq/<id>`.
fn write_run(folder: &Folder, id: &str, failing: usize, ended: bool) {
    let place = folder.path().join("evaluations/faq").join(id);
    std::fs::create_dir_all(&place).unwrap();
    let mut header = json!({
        "schema_version": 1, "id": id, "suite": "faq", "target": format!("p/{id}"),
        "data_hash": "d", "checks_hash": "c", "repeats": 1, "started_at": "2026-11-24T00:00:00Z"
    });
    if ended {
        header["ended_at"] = json!("2026-11-24T00:01:00Z");
    }
    std::fs::write(place.join("run.json"), header.to_string()).unwrap();
    let lines: String = (0..500)
        .map(|case| {
            let outcome = if case < failing { "fail" } else { "pass" };
            format!("{}\n", json!({"id": format!("q{case}"), "outcome": outcome}))
        })
        .collect();
    std::fs::write(place.join("results.jsonl"), lines).unwrap();
}

#[test]
fn a_blessed_baseline_holds_later_runs_to_it() {
    let folder = Folder::empty();
    write_run(&folder, "run_a", 10, true);
    write_run(&folder, "run_b", 10, true);
    write_run(&folder, "run_c", 60, true);
    write_run(&folder, "run_d", 10, false);
    let code = |arguments: &[&str]| folder.run(arguments).code();
    assert_eq!(code(&["eval", "compare", "run_b"]), Some(2), "nothing is blessed yet");
    assert_eq!(code(&["eval", "bless", "run_d"]), Some(2), "a part of a run is no baseline");
    assert_eq!(code(&["eval", "bless", "run_a", "--by", "ada"]), Some(0));
    let pointer = folder.path().join("evaluations/faq/baseline.toml");
    assert!(std::fs::read_to_string(pointer).unwrap().contains("blessed_by = \"ada\""));
    assert_eq!(code(&["eval", "compare", "run_b"]), Some(0));
    assert_eq!(code(&["eval", "compare", "run_c"]), Some(1));
    assert_eq!(code(&["eval", "compare", "run_b", "--margin", "0.1%"]), Some(3));
    assert_eq!(code(&["eval", "compare", "run_d"]), Some(2));
    assert_eq!(code(&["eval", "compare", "run_e"]), Some(2));
    let ran = folder.run(&["eval", "compare", "run_a", "run_b", "-o", "json"]);
    let found: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!((&found["verdict"], &found["n"]), (&json!("non_inferior"), &json!(500)));
    // What was blessed may not change afterwards.
    write_run(&folder, "run_a", 11, true);
    assert_eq!(code(&["eval", "compare", "run_b"]), Some(2));
}

#[test]
fn reports_are_written_where_they_are_wanted() {
    let folder = Folder::empty();
    write_run(&folder, "run_a", 10, true);
    write_run(&folder, "run_b", 60, true);
    let files = ["--html", "r.html", "--markdown", "r.md", "--junit", "r.xml"];
    let ran = folder.run(&[&["eval", "compare", "run_a", "run_b"], &files[..]].concat());
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(ran.stdout().contains("REGRESSED"), "{}", ran.stdout());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("r.html").contains("regressed") && read("r.md").contains("newly failing"));
    assert!(read("r.xml").contains("failures=\"61\""), "60 cases and the verdict");
    let ran = folder.run(&["eval", "report", "run_b", "-o", "json"]);
    let summary: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!((&summary["failed"], &summary["complete"]), (&json!(60), &json!(true)));
}
