//! Reports: every dress says the same, and none obeys what a case is called.

use serde_json::json;
use tb_eval::compare::{Options, compare};
use tb_eval::report;

use crate::comparison::{arm, header, line, run};

/// What a data set may call a case.
const HOSTILE: &str = "<script>alert(1)</script>|](http://x.example)`@team`\"' \u{1b}[2J\u{202e}&";

fn page() -> report::Page {
    let mut lines: Vec<_> = (0..40).map(|id| line(id, "pass")).collect();
    lines.push(json!({"id": HOSTILE, "outcome": "pass", "slice": HOSTILE}));
    let baseline = arm(&lines);
    lines.pop();
    lines.push(json!({"id": HOSTILE, "outcome": "fail", "slice": HOSTILE, "reasons": [HOSTILE]}));
    report::of_comparison(&compare(&baseline, &arm(&lines), &Options::default()).unwrap())
}

#[test]
fn the_terminal_is_not_commanded() {
    let text = report::terminal(&page());
    assert!(text.contains("INCONCLUSIVE") && text.contains("newly failing"));
    let found = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(found, None);
}

#[test]
fn the_page_is_one_file_that_runs_nothing_and_loads_nothing() {
    let html = report::html(&page());
    assert!(html.contains("default-src 'none'") && html.contains("color-scheme:light dark"));
    assert!(html.contains("lang=\"en\"") && html.contains("<th scope=\"col\">"));
    assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("href="));
    assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains("\u{202e}"));
}

#[test]
fn a_pull_request_gets_no_links_mentions_or_broken_tables() {
    let text = report::markdown(&page());
    assert!(text.starts_with("<!-- tollbar-eval -->\n## ⚠️ inconclusive"));
    assert!(!text.contains("http://") && !text.contains("@team") && !text.contains("<script"));
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("newly failing |")).collect();
    assert_eq!((rows.len(), rows[0].matches('|').count()), (1, 7), "{rows:?}");
}

#[test]
fn what_did_not_come_is_an_error_and_what_is_wrong_a_failure() {
    let mut lines = vec![line(0, "pass"), line(1, "fail"), line(2, "error"), line(3, "invalid")];
    lines[1]["reasons"] = json!([HOSTILE]);
    lines[0]["measures"] = json!({"latency_ms": 1250.0});
    let baseline: Vec<_> = (0..4).map(|id| line(id, "pass")).collect();
    let run = run(header("a"), &lines);
    let xml = report::junit(&run, None);
    assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"2\""), "{xml}");
    assert!(xml.contains("<failure type=\"fail\" message=\"&lt;script&gt;"));
    assert!(xml.contains("<error type=\"error\"") && xml.contains("<error type=\"invalid\""));
    assert!(xml.contains("name=\"q0\" time=\"1.250\"") && !xml.contains('\u{1b}'));
    let compared = compare(&arm(&baseline), &run, &Options::default()).unwrap();
    let xml = report::junit(&run, Some(&compared));
    assert!(xml.contains("tests=\"5\" failures=\"1\" errors=\"3\""), "{xml}");
    assert!(xml.contains("type=\"infrastructure_error\""));
}

#[test]
fn one_run_is_summed_up() {
    let mut lines: Vec<_> = (0..8).map(|id| line(id, "pass")).collect();
    lines.extend([line(8, "fail"), line(9, "error")]);
    lines[8]["slice"] = json!("de");
    let run = run(header("a"), &lines);
    let summary = report::summary(&run);
    assert_eq!((summary.passed, summary.failed, summary.errors), (8, 1, 1));
    assert!((summary.rate - 8.0 / 9.0).abs() < 1e-12 && summary.slices["de"] == 0.0);
    let text = report::terminal(&report::of_run(&run));
    assert!(text.contains("88.9 % PASSED") && text.contains("q8"), "{text}");
}
