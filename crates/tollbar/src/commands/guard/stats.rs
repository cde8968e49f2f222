//! `guard test --stats`: precision and recall on labelled texts.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tb_guard::score::{LabelledText, Score, Shares, is_structured};

use super::look::Rules;
use crate::failure::Failed;
use crate::output::{self, Format, Rows};

const WANTED: &str =
    "{\"text\": \"...\", \"spans\": [{\"start\": 0, \"end\": 3, \"type\": \"email\"}]}";

const COLUMNS: [&str; 10] = [
    "type",
    "gold",
    "found",
    "right",
    "precision",
    "recall",
    "recall_low",
    "recall_high",
    "f1",
    "f2",
];

/// Measures and prints.
pub(super) fn print(rules: &Rules, file: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let score = measured(rules, file)?;
    match format {
        Format::Json => output::json_line(&described(&score))?,
        Format::Table => {
            rows(&score).print(format)?;
            output::data(&format!("\n{}", in_words(&score)))?;
        }
        Format::Jsonl | Format::Csv => rows(&score).print(format)?,
    }
    if !score.unknown.is_empty() && format != Format::Json {
        let listed: Vec<_> =
            score.unknown.iter().map(|(label, count)| format!("{label} ({count})")).collect();
        output::message(&format!("labels without a type of ours: {}", listed.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks at all texts. A label that no table knows means a type of the operator's own if that was
/// found somewhere, or has an action.
fn measured(rules: &Rules, file: &Path) -> anyhow::Result<Score> {
    let mut score = Score::default();
    score.own.extend(rules.policy.actions.by_kind.keys().cloned());
    let mut looked = Vec::new();
    super::each_line(file, WANTED, |number, labelled: LabelledText| {
        if !labelled.is_consistent() {
            let fault = format!("line {number}: a span is empty or not within the text");
            return Err(Failed::usage(fault).into());
        }
        let findings = rules.scan(&labelled.text).findings;
        score.own.extend(findings.iter().map(|finding| finding.kind.clone()));
        looked.push((labelled, findings));
        Ok(())
    })?;
    for (labelled, findings) in looked {
        score.add(&labelled, &findings);
    }
    Ok(score)
}

/// The shares of single types, then those of the sums.
fn lines(score: &Score) -> Vec<(String, Shares)> {
    let types = score.by_kind.iter().map(|(kind, tally)| (kind.to_string(), tally.shares()));
    let sums = [
        ("(structured)", score.of(is_structured)),
        ("(names, places)", score.of(|kind| !is_structured(kind))),
        ("(all)", score.of(|_| true)),
    ];
    types.chain(sums.map(|(name, tally)| (name.to_owned(), tally.shares()))).collect()
}

fn rows(score: &Score) -> Rows {
    let mut rows = Rows::new(COLUMNS.to_vec());
    for (name, shares) in lines(score) {
        let [low, high] = shares.recall_interval.map_or([None; 2], |ends| ends.map(Some));
        let mut row =
            vec![json!(name), json!(shares.gold), json!(shares.found), json!(shares.right)];
        let figures = [shares.precision, shares.recall, low, high, shares.f1, shares.f2];
        row.extend(figures.map(rounded));
        rows.push(row);
    }
    rows
}

fn described(score: &Score) -> Value {
    let types: Vec<Value> = score
        .by_kind
        .iter()
        .map(|(kind, tally)| {
            let mut row = shares(&tally.shares());
            if let Some(row) = row.as_object_mut() {
                row.insert("type".to_owned(), json!(kind.as_str()));
            }
            row
        })
        .collect();
    let (characters, covered) = (score.characters(), score.covered());
    json!({
        "schema_version": 1,
        "texts": score.texts,
        "texts_with_findings": score.texts_with_findings,
        "rows": types,
        "structured": shares(&score.of(is_structured).shares()),
        "names": shares(&score.of(|kind| !is_structured(kind)).shares()),
        "all": shares(&score.of(|_| true).shares()),
        "characters": {
            "gold": characters.gold,
            "found": characters.found,
            "shared": characters.shared,
            "recall": rounded(characters.recall),
            "precision": rounded(characters.precision),
        },
        "spans_covered": {
            "gold": covered.gold,
            "covered": covered.covered,
            "share": rounded(covered.share),
        },
        "unknown_labels": score.unknown,
    })
}

fn shares(shares: &Shares) -> Value {
    json!({
        "gold": shares.gold,
        "found": shares.found,
        "right": shares.right,
        "precision": rounded(shares.precision),
        "recall": rounded(shares.recall),
        "recall_interval": shares.recall_interval.map(|ends| ends.map(|end| rounded(Some(end)))),
        "f1": rounded(shares.f1),
        "f2": rounded(shares.f2),
    })
}

fn in_words(score: &Score) -> String {
    let (characters, covered) = (score.characters(), score.covered());
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "characters of labelled spans that were found: {} (of those found, {} are labelled)",
        share(characters.recall),
        share(characters.precision),
    );
    let _ = writeln!(
        text,
        "labelled spans found from end to end, whatever their type: {} ({} of {})",
        share(covered.share),
        covered.covered,
        covered.gold,
    );
    let _ =
        writeln!(text, "texts with a finding: {} of {}", score.texts_with_findings, score.texts);
    text
}

/// Three digits are all that such a figure is good for.
fn rounded(share: Option<f64>) -> Value {
    share.map_or(Value::Null, |share| json!((share * 1_000.0).round() / 1_000.0))
}
