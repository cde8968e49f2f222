//! Two runs, compared.

use std::collections::BTreeMap;

use serde_json::json;
use tb_eval::case::Measure;
use tb_eval::compare::{Arm, Change, Comparison, Options, Refusal, Vary, Verdict, compare};
use tb_eval::results::RunHeader;

/// One line of results.
pub(crate) fn line(id: usize, outcome: &str) -> serde_json::Value {
    json!({"id": format!("q{id}"), "outcome": outcome})
}

pub(crate) fn arm(lines: &[serde_json::Value]) -> Arm {
    Arm::read(None, text(lines).as_bytes()).unwrap()
}

fn text(lines: &[serde_json::Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(crate) fn header(id: &str) -> RunHeader {
    serde_json::from_value(json!({
        "schema_version": 1, "id": id, "suite": "faq", "target": "openai/model-1",
        "data_hash": "d1", "checks_hash": "c1", "repeats": 1,
        "started_at": "2026-11-24T00:00:00Z", "ended_at": "2026-11-24T00:01:00Z"
    }))
    .unwrap()
}

pub(crate) fn run(header: RunHeader, lines: &[serde_json::Value]) -> Arm {
    Arm::read(Some(header), text(lines).as_bytes()).unwrap()
}

/// A pair of runs from counts of outcomes: (baseline, candidate, how many).
fn arms(counts: &[(&str, &str, usize)]) -> (Arm, Arm) {
    let pairs = counts.iter().flat_map(|(b, c, times)| std::iter::repeat_n((*b, *c), *times));
    let (baseline, candidate): (Vec<_>, Vec<_>) =
        pairs.enumerate().map(|(id, (b, c))| (line(id, b), line(id, c))).unzip();
    (arm(&baseline), arm(&candidate))
}

fn compared(counts: &[(&str, &str, usize)]) -> Comparison {
    let (baseline, candidate) = arms(counts);
    compare(&baseline, &candidate, &Options::default()).unwrap()
}

/// The committed outcomes of two models, question by question.
fn gsm8k() -> Vec<(&'static str, &'static str)> {
    let text = include_str!("../fixtures/gsm8k_outcomes.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(str::chars)
        .map(|pair| match pair {
            '=' => ("pass", "pass"),
            '.' => ("fail", "fail"),
            'b' => ("pass", "fail"),
            _ => ("fail", "pass"),
        })
        .collect()
}

#[test]
fn two_real_models_are_told_apart_in_both_directions() {
    let lines = |of: fn(&(&'static str, &'static str)) -> &'static str| {
        gsm8k().iter().enumerate().map(|(id, pair)| line(id, of(pair))).collect::<Vec<_>>()
    };
    let (weak, strong) = (arm(&lines(|pair| pair.0)), arm(&lines(|pair| pair.1)));
    let found = compare(&weak, &strong, &Options::default()).unwrap();
    assert_eq!((found.verdict, found.n), (Verdict::Improved, 1319));
    assert_eq!((found.mcnemar.b, found.mcnemar.c), (95, 383));
    // scipy.stats.binomtest(95, 478) and statsmodels' Wilson; `tests/stats` holds these to 1e-9.
    assert!((found.mcnemar.p / 5.116157326697284e-42 - 1.0).abs() < 1e-9);
    let ends = [0.18804409723639853, 0.2486572913076217];
    for (ours, theirs) in found.difference.interval.into_iter().zip(ends) {
        assert!((ours - theirs).abs() < 1e-9);
    }
    assert_eq!(found.flips.len(), 478);
    assert!(found.flips[..95].iter().all(|flip| flip.change == Change::NewlyFailing));
    let back = compare(&strong, &weak, &Options::default()).unwrap();
    assert_eq!(back.verdict, Verdict::Regressed);
    assert!(back.reasons[0].contains("pass rate falls"), "{:?}", back.reasons);
}

#[test]
fn the_json_has_the_members_that_programs_rely_on() {
    let found = compared(&[("pass", "pass", 30), ("pass", "fail", 2)]);
    let value = serde_json::to_value(&found).unwrap();
    for member in [
        "schema_version",
        "verdict",
        "margin",
        "n",
        "baseline",
        "candidate",
        "difference",
        "mcnemar",
        "minimum_detectable_effect",
        "slices",
        "flips",
    ] {
        assert!(value.get(member).is_some(), "{member}");
    }
    assert_eq!(value["baseline"]["passed"], 32);
    assert!(value["candidate"]["interval"][1].is_number() && value["mcnemar"]["p"].is_number());
    assert_eq!(serde_json::from_value::<Comparison>(value).unwrap(), found);
}

#[test]
fn few_cases_are_inconclusive_and_not_a_pass() {
    let found = compared(&[("pass", "pass", 45), ("fail", "fail", 5)]);
    assert_eq!(found.verdict, Verdict::Inconclusive);
    assert!(
        found.minimum_detectable_effect > 0.02 && found.reasons[0].contains("needs more cases")
    );
    let enough = compared(&[("pass", "pass", 450), ("fail", "fail", 50)]);
    assert_eq!(enough.verdict, Verdict::NonInferior);
}

#[test]
fn a_certain_loss_that_is_too_small_to_matter_is_no_alarm() {
    let found = compared(&[("pass", "pass", 9_940), ("pass", "fail", 50), ("fail", "pass", 10)]);
    assert!(found.mcnemar.p_worse < 0.001);
    assert_eq!(found.verdict, Verdict::NonInferior);
}

#[test]
fn answers_that_are_cut_off_are_a_regression_and_never_dropped() {
    let found = compared(&[("pass", "pass", 940), ("pass", "invalid", 60)]);
    assert_eq!(found.n, 940);
    assert_eq!(found.verdict, Verdict::Regressed);
    assert!(found.reasons[0].contains("can be judged"), "{:?}", found.reasons);
    assert_eq!(found.flips[0].change, Change::NewlyInvalid);
    let whole = compared(&[("pass", "invalid", 60)]);
    assert_eq!(whole.verdict, Verdict::Regressed, "even when nothing is left to compare");
}

#[test]
fn a_few_cut_off_answers_hold_up_a_pass_that_they_could_spoil() {
    let none = compared(&[("pass", "pass", 300)]);
    assert_eq!(none.verdict, Verdict::NonInferior);
    let some = compared(&[("pass", "pass", 296), ("pass", "invalid", 4)]);
    assert_eq!(some.verdict, Verdict::Inconclusive);
    assert!(some.reasons[0].contains("count as failed"), "{:?}", some.reasons);
}

#[test]
fn a_suite_that_cuts_off_both_runs_is_a_fault_of_the_suite() {
    let found = compared(&[("pass", "pass", 900), ("invalid", "invalid", 100)]);
    assert_eq!(found.verdict, Verdict::InfrastructureError);
}

#[test]
fn answers_that_did_not_come_are_no_failures_of_the_model() {
    let found = compared(&[("pass", "pass", 995), ("pass", "error", 5)]);
    assert_eq!((found.verdict, found.n, found.candidate.errors), (Verdict::NonInferior, 995, 5));
    let many = compared(&[("pass", "pass", 900), ("pass", "error", 100)]);
    assert_eq!(many.verdict, Verdict::InfrastructureError);
    assert!(many.reasons[0].contains("100 of 1000 answers of the candidate"));
}

#[test]
fn a_slice_that_falls_is_named_though_the_whole_stays() {
    let mut lines = (Vec::new(), Vec::new());
    for id in 0..2_000 {
        let slice = if id % 10 == 0 { "de" } else { "en" };
        let with = |outcome: &str| {
            let mut line = line(id, outcome);
            line["slice"] = json!([slice, "all"]);
            line
        };
        lines.0.push(with(if id % 40 == 1 { "fail" } else { "pass" }));
        lines.1.push(with(if id % 50 == 0 { "fail" } else { "pass" }));
    }
    let found = compare(&arm(&lines.0), &arm(&lines.1), &Options::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Regressed);
    assert!(found.reasons[0].starts_with("slice de"), "{:?}", found.reasons);
    let verdict =
        |name: &str| found.slices.iter().find(|slice| slice.name == name).unwrap().verdict;
    assert_eq!(verdict("de"), Verdict::Regressed);
    assert!(verdict("en").passes() && verdict("all").passes());
}

#[test]
fn a_repeat_that_fails_sometimes_is_seen() {
    let lines = |failing: usize| {
        let all = (0..400).flat_map(move |id| {
            (0..3).map(move |repeat| {
                let outcome = if repeat < failing && id % 4 == 0 { "fail" } else { "pass" };
                json!({"id": format!("q{id}"), "outcome": outcome, "repeat": repeat})
            })
        });
        arm(&all.collect::<Vec<_>>())
    };
    let found = compare(&lines(0), &lines(1), &Options::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Regressed);
    assert_eq!((found.n, found.mcnemar.b, found.flips[0].candidate), (400, 100, Some(2.0 / 3.0)));
    assert!((found.difference.value + 100.0 / 3.0 / 400.0).abs() < 1e-12);
}

#[test]
fn the_last_line_of_a_case_holds() {
    let first = arm(&[line(0, "error"), line(1, "pass"), line(0, "pass")]);
    assert_eq!((first.answers(), first.count(tb_eval::results::Outcome::Pass)), (2, 2));
}

#[test]
fn cases_of_one_group_do_not_count_as_many() {
    let lines = |outcome: fn(usize) -> &'static str, grouped: bool| {
        let all = (0..200).map(|id| {
            let mut line = line(id, outcome(id));
            if grouped {
                line["group"] = json!(format!("document {}", id / 20));
            }
            line
        });
        arm(&all.collect::<Vec<_>>())
    };
    // One document of ten goes wrong as a whole.
    let fallen = |id: usize| if id / 20 == 3 { "fail" } else { "pass" };
    let found = |grouped| {
        let options = Options::default();
        compare(&lines(|_| "pass", grouped), &lines(fallen, grouped), &options).unwrap()
    };
    assert_eq!(found(false).verdict, Verdict::Regressed);
    assert_eq!(found(true).verdict, Verdict::Inconclusive);
    let width = |found: &Comparison| found.difference.interval[1] - found.difference.interval[0];
    assert!(width(&found(true)) > 2.0 * width(&found(false)));
}

#[test]
fn a_label_that_nobody_knows_is_neither_right_nor_wrong() {
    let line = |id: usize, label: Option<(bool, bool)>| {
        let mut line = line(id, "pass");
        if let Some((expected, found)) = label {
            line["labels"] = json!({"spam": {"expected": expected, "found": found}});
        }
        line
    };
    let all = |found: bool| {
        let known = (0..40).map(|id| line(id, Some((true, found))));
        arm(&known.chain((40..500).map(|id| line(id, None))).collect::<Vec<_>>())
    };
    let found = compare(&all(true), &all(false), &Options::default()).unwrap();
    assert_eq!((found.labels[0].recall.n, found.verdict), (40, Verdict::Regressed));
    assert!(found.reasons[0].starts_with("label spam: recall"), "{:?}", found.reasons);
}

#[test]
fn a_slower_candidate_is_refused_where_a_limit_is_stated() {
    let lines = |slower: f64| {
        let all = (0..600).map(|id| {
            let mut line = line(id, "pass");
            line["measures"] = json!({"latency_ms": slower * (100.0 + (id % 50) as f64)});
            line
        });
        arm(&all.collect::<Vec<_>>())
    };
    let mut options = Options { draws: 200, ..Options::default() };
    let free = compare(&lines(1.0), &lines(1.5), &options).unwrap();
    assert_eq!((free.verdict, free.measures.len()), (Verdict::NonInferior, 2));
    options.limits = BTreeMap::from([(Measure::LatencyMs, 1.2)]);
    let held = compare(&lines(1.0), &lines(1.5), &options).unwrap();
    assert_eq!(held.verdict, Verdict::Regressed);
    assert!(held.reasons[0].contains("latency_ms p95 is 1.50 times"), "{:?}", held.reasons);
}

#[test]
fn a_stop_after_any_case_keeps_the_verdict() {
    let baseline: Vec<_> = (0..2_000).map(|id| line(id, "pass")).collect();
    let falling = |id: usize| if id.is_multiple_of(5) { "fail" } else { "pass" };
    let candidate: Vec<_> = (0..150).map(|id| line(id, falling(id))).collect();
    let options = Options { sequential: true, ..Options::default() };
    let found = compare(&arm(&baseline), &arm(&candidate), &options).unwrap();
    let looks = found.sequential.unwrap();
    assert_eq!((found.verdict, looks.verdict), (Verdict::Regressed, Verdict::Regressed));
    assert!(looks.decided_after.unwrap() < 60 && looks.not_asked == 1_850);
    let whole = compare(&arm(&baseline), &arm(&candidate), &Options::default());
    assert!(matches!(whole, Err(Refusal::Cases { count: 1_850, .. })), "{whole:?}");
}

#[test]
fn runs_that_answer_another_question_are_not_compared() {
    let lines: Vec<_> = (0..10).map(|id| line(id, "pass")).collect();
    let refused = |change: fn(&mut RunHeader), options: &Options| {
        let mut other = header("b");
        change(&mut other);
        let (one, other) = (run(header("a"), &lines), run(other, &lines));
        compare(&one, &other, options).map_err(|refusal| refusal.to_string())
    };
    let model = Options::default();
    let prompt = Options { vary: Vary::Prompt, ..Options::default() };
    for (change, options, word) in [
        ((|it| it.data_hash = "d2".into()) as fn(&mut RunHeader), &model, "data"),
        (|it| it.checks_hash = "c2".into(), &model, "checks"),
        (|it| it.suite = "other".into(), &model, "suite"),
        (|it| it.repeats = 3, &model, "repeats"),
        (|it| it.prompt_hash = Some("p2".into()), &model, "prompt"),
        (|it| it.target = "openai/model-2".into(), &prompt, "target"),
        (|it| it.ended_at = None, &model, "not complete"),
    ] {
        let refusal = refused(change, options).unwrap_err();
        assert!(refusal.contains(word), "{refusal}");
    }
    assert!(refused(|it| it.target = "openai/model-2".into(), &model).is_ok());
    assert!(refused(|it| it.prompt_hash = Some("p2".into()), &prompt).is_ok());
}

#[test]
fn nonsense_is_refused_and_not_computed() {
    let one = arm(&[line(0, "pass")]);
    for options in [
        Options { margin: 0.0, ..Options::default() },
        Options { alpha: 0.7, ..Options::default() },
        Options { limits: BTreeMap::from([(Measure::TtftMs, f64::NAN)]), ..Options::default() },
    ] {
        assert!(matches!(compare(&one, &one, &options), Err(Refusal::Option(_))));
    }
    assert!(Arm::read(None, &b""[..]).is_err());
    let fault = Arm::read(None, &b"{\"id\":\"a\",\"outcome\":\"pass\"}\n{\n"[..]).unwrap_err();
    assert!(fault.to_string().starts_with("line 2"), "{fault}");
}
