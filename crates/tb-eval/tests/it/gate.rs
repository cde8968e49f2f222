//! The gate of promotions.

use tb_eval::compare::{Arm, Options, Vary, compare};
use tb_eval::gate::{Baseline, Evidence, GateRefusal, Unblessable, Wanted, passes};
use tb_eval::results::RunHeader;

use crate::comparison::{arm, header, line, run};

fn lines(failing: usize) -> Vec<serde_json::Value> {
    (0..600).map(|id| line(id, if id < failing { "fail" } else { "pass" })).collect()
}

fn blessed(baseline: &Arm) -> Baseline {
    Baseline::bless(baseline, 0.02, ("2026-11-24T00:00:00Z", "ada")).unwrap()
}

fn candidate(change: impl Fn(&mut RunHeader), failing: usize) -> Arm {
    let mut header = header("run_b");
    header.target = "openai/model-2".to_owned();
    change(&mut header);
    run(header, &lines(failing))
}

fn asked(candidate: &Arm, wanted: Wanted<'_>, vary: Vary) -> Result<Evidence, GateRefusal> {
    let baseline = run(header("run_a"), &lines(10));
    let options = Options { vary, ..Options::default() };
    passes(&compare(&baseline, candidate, &options).unwrap(), &blessed(&baseline), wanted)
}

#[test]
fn a_passing_run_of_exactly_that_model_is_evidence() {
    let candidate = candidate(|_| {}, 8);
    for name in ["openai/model-2", "model-2"] {
        let evidence = asked(&candidate, Wanted::Target(name), Vary::Model).unwrap();
        assert_eq!((evidence.run.as_str(), evidence.hash.len()), ("run_b", 64));
        assert_eq!(evidence.baseline, "run_a");
    }
    for name in ["model-22", "odel-2", "openai/model-1", ""] {
        let refused = asked(&candidate, Wanted::Target(name), Vary::Model);
        assert!(matches!(refused, Err(GateRefusal::Other { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn a_prompt_needs_a_run_of_exactly_its_hash() {
    let candidate = candidate(
        |header| {
            header.target = "openai/model-1".to_owned();
            header.prompt_hash = Some("abc".to_owned());
        },
        8,
    );
    assert!(asked(&candidate, Wanted::PromptHash("abc"), Vary::Prompt).is_ok());
    let refused = asked(&candidate, Wanted::PromptHash("abd"), Vary::Prompt);
    assert!(matches!(refused, Err(GateRefusal::Other { .. })));
}

#[test]
fn a_worse_run_is_no_evidence_and_the_reason_is_said() {
    let refused = asked(&candidate(|_| {}, 100), Wanted::Target("model-2"), Vary::Model);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("regressed") && message.contains("pass rate falls"), "{message}");
}

#[test]
fn only_the_blessed_baseline_counts() {
    let baseline = run(header("run_a"), &lines(10));
    let other = run(header("run_c"), &lines(300));
    let compared = compare(&other, &candidate(|_| {}, 8), &Options::default()).unwrap();
    let refused = passes(&compared, &blessed(&baseline), Wanted::Target("model-2"));
    assert!(matches!(refused, Err(GateRefusal::OtherBaseline { .. })));
    // The same id over other results is another run.
    let renamed = run(header("run_a"), &lines(300));
    let compared = compare(&renamed, &candidate(|_| {}, 8), &Options::default()).unwrap();
    let refused = passes(&compared, &blessed(&baseline), Wanted::Target("model-2"));
    assert!(matches!(refused, Err(GateRefusal::OtherBaseline { .. })));
}

#[test]
fn a_part_of_a_run_is_no_evidence() {
    let baseline = run(header("run_a"), &lines(10));
    let mut part = candidate(|_| {}, 8);
    part.header.as_mut().unwrap().ended_at = None;
    let options = Options { sequential: true, ..Options::default() };
    let compared = compare(&baseline, &part, &options).unwrap();
    let refused = passes(&compared, &blessed(&baseline), Wanted::Target("model-2"));
    assert_eq!(refused, Err(GateRefusal::Partial("run_b".to_owned())));
}

#[test]
fn a_part_of_a_run_is_no_baseline() {
    let mut part = run(header("run_a"), &lines(10));
    part.header.as_mut().unwrap().ended_at = None;
    let at = ("2026-11-24T00:00:00Z", "ada");
    assert_eq!(Baseline::bless(&part, 0.02, at), Err(Unblessable::Partial("run_a".to_owned())));
    assert_eq!(Baseline::bless(&arm(&lines(1)), 0.02, at), Err(Unblessable::NoHeader));
    let mut short = header("run_a");
    short.repeats = 2;
    let short = run(short, &lines(1));
    assert!(matches!(Baseline::bless(&short, 0.02, at), Err(Unblessable::Partial(_))));
    let mut lines = lines(0);
    for line in &mut lines[..100] {
        line["outcome"] = serde_json::json!("error");
    }
    let refused = Baseline::bless(&run(header("run_a"), &lines), 0.02, at);
    assert!(matches!(refused, Err(Unblessable::Errors { errors: 100, .. })));
}

#[test]
fn the_pointer_survives_its_file_with_any_name_in_it() {
    let mut baseline = blessed(&run(header("run_a"), &lines(10)));
    baseline.blessed_by = "a \"b\"\\\n\u{7f}é".to_owned();
    baseline.prompt_hash = Some("abc".to_owned());
    baseline.served_models.insert("model.1 = 2".to_owned(), 600);
    assert_eq!(Baseline::from_toml(&baseline.to_toml()).unwrap(), baseline);
    assert!(Baseline::from_toml("schema_version = 1").is_err());
}
