//! Two versions of word rules on labelled texts: as many decisions are right, but other ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tb_eval::compare::{Arm, Options, Verdict, compare};

/// Stems of words by which texts get a label. Version 2 looks for fewer insults, and for more of
/// what is sexual: what it wins there it loses elsewhere.
const INSULTS: [&str; 13] = [
    "stupid", "dumb", "filthy", "trash", "ugly", "whore", "nasty", "disgust", "idiot", "asshole",
    "rapist", "shitty", "pathetic",
];
const FEWER_INSULTS: [&str; 2] = ["stupid", "idiot"];
const SEXUAL: [&str; 4] = ["naked", "porn", "sexy", "nude"];
const MORE_SEXUAL: [&str; 5] = ["naked", "porn", "sexy", "nude", "love"];

/// The labelled texts; `None` where they are not beside the repository.
fn samples() -> Option<Vec<BTreeMap<String, Value>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evals");
    let file = folder.join("openai_moderation_samples-1680.jsonl.gz");
    let plain = Command::new("gzip").arg("-dc").arg(file.canonicalize().ok()?).output().unwrap();
    let text = String::from_utf8(plain.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn has(words: &[&str], stems: &[&str]) -> bool {
    words.iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)))
}

/// What a version of the rules names in a text.
fn named(text: &str, version: u32) -> [(&'static str, bool); 2] {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).collect();
    match version {
        1 => [("HR", has(&words, &INSULTS)), ("S", has(&words, &SEXUAL))],
        _ => [("HR", has(&words, &FEWER_INSULTS)), ("S", has(&words, &MORE_SEXUAL))],
    }
}

/// Runs a version; a label that the data does not know is left out. A case passes when nothing
/// that is known is wrong.
fn run(samples: &[BTreeMap<String, Value>], version: u32) -> Arm {
    let lines: String = samples
        .iter()
        .enumerate()
        .map(|(id, sample)| {
            let named = named(sample["prompt"].as_str().unwrap(), version);
            let mut labels = serde_json::Map::new();
            let mut is_right = true;
            for (label, found) in named {
                let Some(expected) = sample.get(label).and_then(Value::as_i64) else { continue };
                let expected = expected == 1;
                is_right &= expected == found;
                labels.insert(label.to_owned(), json!({"expected": expected, "found": found}));
            }
            let outcome = if is_right { "pass" } else { "fail" };
            let line = json!({"id": id.to_string(), "outcome": outcome, "labels": labels});
            format!("{line}\n")
        })
        .collect();
    Arm::read(None, lines.as_bytes()).unwrap()
}

#[test]
fn equal_accuracy_does_not_hide_a_category_that_is_found_less() {
    let Some(samples) = samples() else { return };
    let (baseline, candidate) = (run(&samples, 1), run(&samples, 2));
    let found = compare(&baseline, &candidate, &Options::default()).unwrap();
    let label = |name: &str| found.labels.iter().find(|label| label.name == name).unwrap();
    assert_eq!(found.n, 1680);
    assert!(
        found.mcnemar.p > 0.5 && found.difference.value.abs() < 0.005,
        "accuracy says nothing: {:?} {:?}",
        found.mcnemar,
        found.difference
    );
    assert_eq!(label("HR").recall.verdict, Verdict::Regressed);
    assert_ne!(label("S").recall.verdict, Verdict::Regressed);
    assert_eq!(found.verdict, Verdict::Regressed);
    let named: Vec<_> = found.reasons.iter().filter(|it| it.contains("label HR: recall")).collect();
    assert_eq!(named.len(), 1, "{:?}", found.reasons);
}
