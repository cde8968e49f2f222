//! A check as it is written, made into a [`Check`]: unknown members, wrong types and values that
//! can never hold are faults, found before anything is asked.

use serde_json::{Map, Value};

use crate::case::{Check, CheckKind};
use crate::fault::{Flaw, join};
use crate::score::edit_distance::nearest;

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Texts,
    Flag,
    Number,
    Whole,
    Measure,
    Anything,
}

type Member = (&'static str, Shape, bool);

use Shape::{Anything, Flag, Measure, Number, Text, Texts, Whole};

/// What each kind of check may hold, and what it must.
const KINDS: [(&str, &[Member]); 16] = [
    ("equals", &[("any", Texts, true), ("lenient", Flag, false)]),
    ("contains", &[("texts", Texts, true), ("all", Flag, false), ("ignore_case", Flag, false)]),
    ("starts_with", &[("text", Text, true)]),
    ("regex", &[("pattern", Text, true)]),
    ("json", &[("schema", Anything, false)]),
    ("json_path", &[("path", Text, true), ("equals", Anything, false)]),
    (
        "number",
        &[("value", Number, true), ("absolute", Number, false), ("relative", Number, false)],
    ),
    ("edit_distance", &[("text", Text, true)]),
    ("rouge_l", &[("text", Text, true)]),
    ("label", &[("labels", Texts, true), ("expected", Text, false)]),
    ("similar", &[("text", Text, true), ("model", Text, true)]),
    ("refusal", &[]),
    ("finish_reason", &[("reason", Text, true)]),
    ("tool_call", &[("name", Text, true), ("arguments", Anything, false)]),
    (
        "judge",
        &[
            ("model", Text, true),
            ("rubric", Text, true),
            ("reference", Text, false),
            ("votes", Whole, false),
        ],
    ),
    ("at_most", &[("measure", Measure, true), ("limit", Number, true)]),
];

/// Members of every check.
const COMMON: [Member; 3] =
    [("not", Flag, false), ("weight", Number, false), ("threshold", Number, false)];

const MEASURES: [&str; 5] =
    ["latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_micro_usd"];

/// Holds a written check against the table. Texts with `{{` may become anything later.
pub(crate) fn outline(written: &Value, path: &str, flaws: &mut Vec<Flaw>) {
    let Some(members) = written.as_object() else {
        flaws.push(Flaw::new(path, "a check is a table with a `type`", ""));
        return;
    };
    let names = || KINDS.iter().map(|(name, _)| *name);
    let Some(kind) = members.get("type").and_then(Value::as_str) else {
        let help = format!("one of: {}", names().collect::<Vec<_>>().join(", "));
        flaws.push(Flaw::new(path, "the check has no `type`", help));
        return;
    };
    let Some((_, known)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let help = match nearest(kind, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no check `{kind}`");
        flaws.push(Flaw::new(join(path, "type"), message, help));
        return;
    };
    let all = || known.iter().chain(&COMMON);
    for (name, value) in members.iter().filter(|(name, _)| *name != "type") {
        let place = join(path, name);
        match all().find(|(known, ..)| known == name) {
            Some((_, shape, _)) => wrong(*shape, value)
                .into_iter()
                .for_each(|why| flaws.push(Flaw::new(place.clone(), why, ""))),
            None => {
                let near = nearest(name, all().map(|(name, ..)| *name));
                let help = near.map_or_else(
                    || format!("it has: {}", all().map(|m| m.0).collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("the check `{kind}` has no `{name}`");
                flaws.push(Flaw::new(place, message, help));
            }
        }
    }
    for (name, ..) in known.iter().filter(|(name, _, must)| *must && !members.contains_key(*name)) {
        let message = format!("the check `{kind}` has no `{name}`");
        flaws.push(Flaw::new(path, message, format!("add `{name}`")));
    }
}

fn wrong(shape: Shape, value: &Value) -> Option<String> {
    let late = value.as_str().is_some_and(|text| text.contains("{{"));
    let (fits, wanted) = match shape {
        Text => (value.is_string(), "a text"),
        Texts => (
            value.is_string()
                || value
                    .as_array()
                    .is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string)),
            "a text or a list of texts that is not empty",
        ),
        Flag => (value.is_boolean(), "true or false"),
        Number => (value.is_number(), "a number"),
        Whole => (value.is_u64(), "a whole number"),
        Measure => (
            value.as_str().is_some_and(|name| MEASURES.contains(&name)),
            "one of latency_ms, ttft_ms, input_tokens, output_tokens, cost_micro_usd",
        ),
        Anything => (true, ""),
    };
    (!fits && !late).then(|| format!("this must be {wanted}"))
}

/// The check, its columns inserted; faults are about what was inserted as well.
pub(crate) fn build(written: &Value, path: &str, flaws: &mut Vec<Flaw>) -> Option<Check> {
    let before = flaws.len();
    let mut members = written.as_object().cloned().unwrap_or_default();
    coerce(&mut members);
    let value = Value::Object(members);
    outline(&value, path, flaws);
    if flaws.len() > before {
        return None;
    }
    match serde_json::from_value::<Check>(value) {
        Ok(check) => {
            let found = impossible(&check);
            let is_fine = found.is_empty();
            flaws.extend(found.into_iter().map(|why| Flaw::new(path, why, "")));
            is_fine.then_some(check)
        }
        Err(error) => {
            flaws.push(Flaw::new(path, error.to_string(), ""));
            None
        }
    }
}

/// A column of CSV is a text even where a number is wanted, and a JSON column may hold one text
/// where a list is wanted, or a number where a text is.
fn coerce(members: &mut Map<String, Value>) {
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some((_, known)) = KINDS.iter().find(|(name, _)| *name == kind) else { return };
    // An unknown label: absent, and so not judged.
    let unknown = |value: &Value| value.is_null() || value.as_str() == Some("");
    if kind == "label" && members.get("expected").is_some_and(unknown) {
        members.remove("expected");
    }
    for (name, shape, _) in known.iter().chain(&COMMON) {
        let Some(value) = members.get_mut(*name) else { continue };
        let new = match (shape, &*value) {
            (Number, Value::String(text)) => text
                .trim()
                .replace(',', "")
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map(Value::Number),
            (Text, Value::Number(_) | Value::Bool(_)) => Some(Value::String(value.to_string())),
            (Texts, Value::String(_)) => Some(Value::Array(vec![value.clone()])),
            (Texts, Value::Number(_) | Value::Bool(_)) => {
                Some(Value::Array(vec![Value::String(value.to_string())]))
            }
            _ => None,
        };
        if let Some(new) = new {
            *value = new;
        }
    }
}

/// Why a check can never be judged.
fn impossible(check: &Check) -> Vec<String> {
    let mut found = Vec::new();
    match &check.kind {
        CheckKind::Regex { pattern } => {
            if let Err(error) = regex::Regex::new(pattern) {
                found.push(format!("not a regular expression: {error}"));
            }
        }
        CheckKind::Json { schema: Some(schema) } => {
            if let Err(error) = crate::score::json::validator(schema) {
                found.push(format!("not a JSON Schema 2020-12: {error}"));
            }
        }
        CheckKind::Label { labels, expected: Some(expected) } if !labels.contains(expected) => {
            found.push(format!("`{expected}` is not one of the labels"));
        }
        CheckKind::Judge { votes, .. } if votes % 2 == 0 => {
            found.push("`votes` must be odd, so that they decide".to_owned());
        }
        CheckKind::Number { absolute, relative, .. } if *absolute < 0.0 || *relative < 0.0 => {
            found.push("a tolerance is not negative".to_owned());
        }
        _ => {}
    }
    if !(check.weight.is_finite() && check.weight > 0.0) {
        found.push("`weight` must be above 0".to_owned());
    }
    if check.threshold.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
        found.push("`threshold` is a score, from 0 to 1".to_owned());
    }
    found
}
