//! promptfoo's tests as CSV: columns are variables, `__expected` and `__expected1`, … are
//! assertions in promptfoo's short form.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Row, Rows, Said, Source, promptfoo, table};
use crate::fault::{Fault, Flaw};
use crate::template::render;

/// The tests of a file.
pub(super) fn rows<'a>(source: &'a Source, file: &'a Path) -> Result<Rows<'a>, Fault> {
    Ok(Box::new(table::records(file)?.map(move |read| {
        let (line, columns) = read?;
        row(columns, source)
            .map(|row| Said::row(Row { line: Some(line), ..row }))
            .map_err(|flaw| Fault::of(file, flaw).at(line))
    })))
}

fn row(mut columns: Map<String, Value>, source: &Source) -> Result<Row, Flaw> {
    let special: Vec<String> =
        columns.keys().filter(|name| name.starts_with("__")).cloned().collect();
    let mut row = Row::default();
    let mut expected = Vec::new();
    for name in special {
        let cell = columns.remove(&name).unwrap_or_default();
        let text = cell.as_str().unwrap_or_default().trim();
        let number = name.strip_prefix("__expected");
        if text.is_empty() || name == "__description" || name == "__metric" {
            continue;
        }
        if number.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit())) {
            expected.push((name, text.to_owned()));
        } else if let Some(key) = name.strip_prefix("__metadata:") {
            row.slices.push(format!("{key}={text}"));
        } else {
            let help = "remove the column, or leave its cells empty";
            return Err(Flaw::new(name, "this column of promptfoo is not supported", help));
        }
    }
    for (name, text) in expected {
        let check = short(&text, source)
            .and_then(|check| render(&check, &columns))
            .map_err(|why| Flaw::new(name, why, ""))?;
        row.checks.push(check);
    }
    row.columns = columns;
    Ok(row)
}

/// `contains: x`, `similar(0.8): x`, `is-json`; a text without a type is `equals`.
fn short(text: &str, source: &Source) -> Result<Value, String> {
    let (head, value) = match text.split_once(':') {
        Some((head, value)) => (head.trim(), Some(value.trim())),
        None => (text, None),
    };
    let (kind, threshold) = match head.split_once('(') {
        Some((kind, rest)) if rest.ends_with(')') => (kind, rest.strip_suffix(')')),
        _ => (head, None),
    };
    let kind = if kind == "grade" { "llm-rubric" } else { kind };
    let is_kind = |kind: &str| {
        let plain = kind.strip_prefix("not-").unwrap_or(kind);
        let known = ["equals", "contains", "icontains", "regex", "similar", "latency", "cost"];
        known.contains(&plain) || is_named(plain)
    };
    if !is_kind(kind) {
        return Ok(json!({ "type": "equals", "any": [text] }));
    }
    let mut assertion = Map::new();
    assertion.insert("type".to_owned(), kind.into());
    if let Some(value) = value {
        assertion.insert("value".to_owned(), value.into());
    }
    if let Some(threshold) = threshold {
        let number: f64 =
            threshold.trim().parse().map_err(|_| format!("`{threshold}` is not a number"))?;
        assertion.insert("threshold".to_owned(), number.into());
    }
    promptfoo::check(&assertion, source)
}

/// Names that promptfoo reads as types, supported here or not: a test whose check we do not know
/// must not become a comparison with its text.
fn is_named(kind: &str) -> bool {
    let other = ["javascript", "python", "ruby", "fn", "eval", "file", "webhook", "levenshtein"];
    let more = ["llm-rubric", "factuality", "perplexity", "moderation", "select-best", "bleu"];
    let parts = ["contains-", "icontains-", "starts-with", "is-", "rouge-", "model-graded-"];
    other.contains(&kind)
        || more.contains(&kind)
        || kind == "finish-reason"
        || kind == "word-count"
        || parts.iter().any(|part| kind.starts_with(part))
}
