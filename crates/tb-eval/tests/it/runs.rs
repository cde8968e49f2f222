//! Runs: errors are not failures, a killed run goes on, and neither money nor memory runs away.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tb_eval::case::Measure;
use tb_eval::results::{CaseResult, Outcome, RunHeader};
use tb_eval::run::{
    Answer, AskFault, Asking, Embedded, Ended, FaultKind, Pace, Plan, Progress, RunFault, Stopped,
    Target,
};
use tb_eval::suite::Suite;

use crate::suites::Folder;

/// Answers with what a function says of the question.
struct Script<F>(F);

impl<F> Target for Script<F>
where
    F: Fn(&str, &Asking<'_>) -> Result<Answer, AskFault> + Send + Sync,
{
    fn ask(&self, request: &Map<String, Value>, how: &Asking<'_>) -> Result<Answer, AskFault> {
        let request = Value::Object(request.clone());
        self.0(request.pointer("/messages/0/content").and_then(Value::as_str).unwrap(), how)
    }

    fn embed(&self, _: &str, _: &[&str]) -> Result<Embedded, AskFault> {
        Ok(Embedded { vectors: vec![vec![1.0, 0.0], vec![0.6, 0.8]], cost_micro_usd: Some(5.0) })
    }
}

fn says(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        served_model: Some("m-1".to_owned()),
        finish_reason: Some("stop".to_owned()),
        measures: [(Measure::CostMicroUsd, 100.0)].into_iter().collect(),
        ..Answer::default()
    }
}

fn fault(kind: FaultKind, retry_after: Option<u64>) -> AskFault {
    let retry_after = retry_after.map(Duration::from_secs);
    AskFault { kind, retry_after, message: "refused".to_owned(), request_id: None }
}

/// A clock that moves only when somebody waits.
#[derive(Default)]
struct Fake(Mutex<Duration>);

impl Pace for Fake {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn date(&self) -> String {
        "2026-11-24T03:00:00.000Z".to_owned()
    }
}

/// How a run is made.
#[derive(Default, Clone, Copy)]
struct How {
    resume: bool,
    max_cost: Option<f64>,
    limit: Option<u64>,
}

fn make(
    folder: &Folder,
    suite: &Suite,
    how: How,
    target: &dyn Target,
) -> (Result<Ended, RunFault>, Duration) {
    let survey = suite.survey(how.limit).unwrap();
    let plan = Plan {
        suite,
        survey: &survey,
        limit: how.limit,
        target: "model",
        folder: folder.path().join("run"),
        id: "run_1",
        resume: how.resume,
        max_cost_micro_usd: how.max_cost,
        streamed: false,
    };
    let pace = Fake::default();
    let ended = tb_eval::run::run(&plan, target, &pace, &|_: &Progress| ());
    (ended, pace.now())
}

fn results(folder: &Folder) -> Vec<CaseResult> {
    let text = std::fs::read_to_string(folder.path().join("run/results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn header(folder: &Folder) -> RunHeader {
    let text = std::fs::read_to_string(folder.path().join("run/run.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Cases `0` to `count`, each to be answered with `ok`.
fn numbers(count: u32, more: &str) -> Folder {
    let cases: String = (0..count).map(|n| format!("{{\"input\":\"{n}\"}}\n")).collect();
    let suite = format!(
        "name = \"s\"\ndata = {{ file = \"c.jsonl\" }}\n{more}\n[[checks]]\ntype = \"equals\"\nany = \"ok\"\n"
    );
    Folder::new(&[("suite.toml", &suite), ("c.jsonl", &cases)])
}

#[test]
fn faults_are_errors_and_wrong_answers_failures() {
    let folder = numbers(10, "");
    let target = Script(|text: &str, _: &Asking<'_>| match text {
        "3" => Err(fault(FaultKind::Failed, None)),
        "4" => Ok(says("no")),
        "5" => Ok(Answer { finish_reason: Some("length".to_owned()), ..says("o") }),
        _ => Ok(says("ok")),
    });
    let ended = make(&folder, &folder.suite(), How::default(), &target).0.unwrap();
    let Progress { passed, failed, errors, invalid, done, .. } = ended.progress;
    assert_eq!((done, passed, failed, errors, invalid), (10, 7, 1, 1, 1));
    assert_eq!(header(&folder).served_models["m-1"], 9);
    assert!(header(&folder).ended_at.is_some());
    let wrong = results(&folder).into_iter().find(|r| r.outcome == Outcome::Error).unwrap();
    assert_eq!((wrong.id.as_str(), wrong.reasons), ("4", vec!["refused".to_owned()]));
}

#[test]
fn a_killed_run_goes_on_and_asks_no_case_twice() {
    let folder = numbers(40, "repeats = 2\nconcurrency = 3");
    let suite = folder.suite();
    let whole = Script(|_: &str, _: &Asking<'_>| Ok(says("ok")));
    make(&folder, &suite, How::default(), &whole).0.unwrap();
    let path = folder.path().join("run/results.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    // What kill -9 leaves: some lines, and half of one.
    let lines: Vec<&str> = text.lines().take(30).collect();
    std::fs::write(&path, format!("{}\n{{\"id\":\"7\",\"outc", lines.join("\n"))).unwrap();
    let asked = AtomicU64::new(0);
    let counting = Script(|_: &str, _: &Asking<'_>| {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(says("ok"))
    });
    let how = How { resume: true, ..How::default() };
    let ended = make(&folder, &suite, how, &counting).0.unwrap();
    assert_eq!((asked.into_inner(), ended.progress.done), (50, 80));
    let mut pairs: Vec<_> = results(&folder).into_iter().map(|r| (r.id, r.repeat)).collect();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), 80);
    assert_eq!(header(&folder).served_models["m-1"], 80);
}

#[test]
fn a_run_whose_checks_changed_does_not_go_on() {
    let folder = numbers(2, "");
    let target = Script(|_: &str, _: &Asking<'_>| Ok(says("ok")));
    make(&folder, &folder.suite(), How::default(), &target).0.unwrap();
    let path = folder.path().join("suite.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"ok\"", "\"fine\"");
    std::fs::write(&path, text).unwrap();
    let how = How { resume: true, ..How::default() };
    let refused = make(&folder, &folder.suite(), how, &target).0.unwrap_err();
    assert!(refused.to_string().contains("the checks changed"), "{refused}");
}

#[test]
fn a_busy_target_is_asked_again_after_the_time_it_names() {
    let folder = numbers(6, "concurrency = 1");
    let asked = AtomicU64::new(0);
    let target = Script(|_: &str, _: &Asking<'_>| match asked.fetch_add(1, Ordering::Relaxed) {
        1 | 2 => Err(fault(FaultKind::Busy, Some(7))),
        _ => Ok(says("ok")),
    });
    let (ended, waited) = make(&folder, &folder.suite(), How::default(), &target);
    assert_eq!(ended.unwrap().progress.passed, 6);
    assert_eq!(waited, Duration::from_secs(14));
}

#[test]
fn a_target_that_stays_busy_is_an_error_and_one_that_is_gone_ends_the_run() {
    let folder = numbers(1, "");
    let busy = Script(|_: &str, _: &Asking<'_>| Err(fault(FaultKind::Busy, None)));
    let ended = make(&folder, &folder.suite(), How::default(), &busy).0.unwrap();
    assert_eq!((ended.progress.errors, ended.stopped), (1, None));
    let folder = numbers(5, "");
    let gone = Script(|_: &str, _: &Asking<'_>| Err(fault(FaultKind::Away, None)));
    let ended = make(&folder, &folder.suite(), How::default(), &gone).0.unwrap();
    assert_eq!(ended.stopped, Some(Stopped::Hopeless("refused".to_owned())));
    assert_eq!(results(&folder), []);
    assert_eq!(header(&folder).ended_at, None);
}

#[test]
fn money_ends_a_run_before_it_is_exceeded_and_what_was_spent_counts_when_it_goes_on() {
    let folder = numbers(100, "concurrency = 8");
    let suite = folder.suite();
    let target = Script(|_: &str, _: &Asking<'_>| Ok(says("ok")));
    let how = How { max_cost: Some(1_050.0), ..How::default() };
    let ended = make(&folder, &suite, how, &target).0.unwrap();
    assert_eq!((ended.progress.done, ended.stopped), (10, Some(Stopped::MaxCost)));
    let how = How { max_cost: Some(1_500.0), resume: true, ..How::default() };
    assert_eq!(make(&folder, &suite, how, &target).0.unwrap().progress.done, 15);
}

#[test]
fn a_limit_of_money_needs_a_price() {
    let folder = numbers(5, "");
    let free = Script(|_: &str, _: &Asking<'_>| {
        Ok(Answer { measures: std::collections::BTreeMap::new(), ..says("ok") })
    });
    let how = How { max_cost: Some(1e6), ..How::default() };
    let ended = make(&folder, &folder.suite(), how, &free).0.unwrap();
    assert_eq!((ended.progress.done, ended.stopped), (1, Some(Stopped::PriceUnknown)));
}

fn one(check: &Value, target: &dyn Target) -> CaseResult {
    let check = serde_json::to_string(&json!({"input": "q", "checks": [check]})).unwrap();
    let suite = "name = \"s\"\ndata = { file = \"c.jsonl\" }\n";
    let folder = Folder::new(&[("suite.toml", suite), ("c.jsonl", &check)]);
    make(&folder, &folder.suite(), How::default(), target).0.unwrap();
    results(&folder).remove(0)
}

#[test]
fn a_judge_that_prefers_the_first_place_is_outvoted_and_one_that_fails_is_an_error() {
    let judge = json!({"type": "judge", "model": "j", "rubric": "good", "reference": "r"});
    let biased = Script(|_: &str, how: &Asking<'_>| {
        Ok(if how.model.is_some() { says("FIRST") } else { says("a") })
    });
    let result = one(&judge, &biased);
    assert_eq!(result.outcome, Outcome::Fail);
    // Both orders of two opinions; the third could not change anything.
    assert_eq!(result.checks_cost_micro_usd, Some(400.0));
    let tie = Script(|_: &str, how: &Asking<'_>| {
        Ok(if how.model.is_some() { says("Equal.\nTIE") } else { says("a") })
    });
    assert_eq!(one(&judge, &tie).outcome, Outcome::Pass);
    let broken = Script(|_: &str, how: &Asking<'_>| match how.model {
        Some(_) => Err(fault(FaultKind::Failed, None)),
        None => Ok(says("a")),
    });
    assert_eq!(one(&judge, &broken).outcome, Outcome::Error);
}

#[test]
fn a_first_no_of_a_judge_is_overruled_by_two_others() {
    let opinions = AtomicU64::new(0);
    let target = Script(|_: &str, how: &Asking<'_>| {
        Ok(match how.model {
            None => says("a"),
            Some(_) if opinions.fetch_add(1, Ordering::Relaxed) == 0 => says("FAIL"),
            Some(_) => says("PASS"),
        })
    });
    let judge = json!({"type": "judge", "model": "j", "rubric": "good"});
    assert_eq!(one(&judge, &target).outcome, Outcome::Pass);
    assert_eq!(opinions.into_inner(), 3);
}

#[test]
fn json_is_judged_by_its_schema_and_not_at_all_when_it_is_cut() {
    let check = json!({"type": "json", "schema": {"type": "object", "required": ["a"]}});
    let with =
        |answer: Answer| one(&check, &Script(move |_: &str, _: &Asking<'_>| Ok(answer.clone())));
    assert_eq!(with(says("{\"a\": 1}")).outcome, Outcome::Pass);
    let wrong = with(says("{\"secret\": 1}"));
    assert_eq!(wrong.outcome, Outcome::Fail);
    assert!(!wrong.reasons[0].contains("secret"), "{:?}", wrong.reasons);
    let cut = Answer { finish_reason: Some("length".to_owned()), ..says("{\"a\": ") };
    assert_eq!(with(cut).outcome, Outcome::Invalid);
    let refused = Answer { refusal: Some("no".to_owned()), ..says("") };
    assert_eq!(with(refused).outcome, Outcome::Fail);
}

#[test]
fn labels_give_what_recall_needs_and_unknown_ones_are_not_judged() {
    let target = Script(|_: &str, _: &Asking<'_>| Ok(says("It is spam.")));
    let label = json!({"type": "label", "labels": ["spam", "ham"], "expected": "ham"});
    let result = one(&label, &target);
    assert_eq!(result.outcome, Outcome::Fail);
    assert!(result.labels["spam"].found && !result.labels["spam"].expected);
    assert!(!result.labels["ham"].found && result.labels["ham"].expected);
    let unknown = one(&json!({"type": "label", "labels": ["spam", "ham"]}), &target);
    assert_eq!((unknown.outcome, unknown.labels.len()), (Outcome::Invalid, 0));
}

#[test]
fn similarity_is_the_cosine_of_embeddings_and_its_cost_is_counted() {
    let target = Script(|_: &str, _: &Asking<'_>| Ok(says("a")));
    let result = one(&json!({"type": "similar", "text": "b", "model": "e"}), &target);
    assert_eq!(result.outcome, Outcome::Fail);
    assert!((result.score.unwrap() - 0.6).abs() < 1e-12);
    assert_eq!(result.checks_cost_micro_usd, Some(5.0));
}

/// The high-water mark of this process, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_memory_of_a_run_does_not_grow_with_the_suite() {
    let text = "word ".repeat(400);
    let suite = "name = \"s\"\ndata = { file = \"c.jsonl\" }\nkeep_answers = true\n[[checks]]\ntype = \"equals\"\nany = \"ok\"\n";
    let folder = Folder::new(&[("suite.toml", suite)]);
    let mut file = BufWriter::new(File::create(folder.path().join("c.jsonl")).unwrap());
    for n in 0..20_000 {
        writeln!(file, "{{\"input\":\"{n} {text}\",\"id\":\"{n}\"}}").unwrap();
    }
    drop(file);
    let answer = "x".repeat(2_000);
    let target = Script(|_: &str, _: &Asking<'_>| Ok(says(&answer)));
    let suite = folder.suite();
    // The questions are 40 MB, and so are the answers.
    let before = most_memory();
    let ended = make(&folder, &suite, How::default(), &target).0.unwrap();
    assert_eq!(ended.progress.failed, 20_000);
    assert!(most_memory() < before + 16 * 1024, "{before} -> {} KiB", most_memory());
    assert!(most_memory() < 300 * 1024);
}
