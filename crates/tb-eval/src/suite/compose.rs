//! A row of the data and what is common to the suite make a case.

use serde_json::{Map, Value, json};

use super::{PromptPin, Suite, checks};
use crate::case::Case;
use crate::fault::{Flaw, join};
use crate::read::Row;
use crate::template::{render, shown};

/// The case; else what is wrong, and in which line.
pub(super) fn case(suite: &Suite, row: Row, ordinal: u64) -> Result<Case, (Flaw, Option<u64>)> {
    let line = row.line;
    let path = row.path.clone();
    composed(suite, row, ordinal).map_err(|mut flaw| {
        if !path.is_empty() {
            flaw.path = join(&path, &flaw.path).trim_end_matches('.').to_owned();
        }
        (flaw, line)
    })
}

fn composed(suite: &Suite, row: Row, ordinal: u64) -> Result<Case, Flaw> {
    let slices = slices(suite, &row)?;
    let group = match (&row.group, &suite.group) {
        (Some(group), _) => Some(group.clone()),
        (None, Some(name)) => Some(column(&row.columns, name)?),
        (None, None) => None,
    };
    let checks = all_checks(suite, &row)?;
    let request = request(suite, &row)?;
    let id = row.id.unwrap_or_else(|| ordinal.to_string());
    Ok(Case { id, request, checks, group, slices })
}

fn column(columns: &Map<String, Value>, name: &str) -> Result<String, Flaw> {
    match columns.get(name) {
        Some(Value::Null) | None => {
            let known: Vec<&str> = columns.keys().map(String::as_str).take(12).collect();
            let help = format!("there are: {}", known.join(", "));
            Err(Flaw::new("", format!("the case has no column `{name}`"), help))
        }
        Some(value) => Ok(shown(value)),
    }
}

fn slices(suite: &Suite, row: &Row) -> Result<Vec<String>, Flaw> {
    let mut slices = row.slices.clone();
    for name in &suite.slices {
        slices.push(format!("{name}={}", column(&row.columns, name)?));
    }
    Ok(slices)
}

fn all_checks(suite: &Suite, row: &Row) -> Result<Vec<crate::case::Check>, Flaw> {
    let mut flaws = Vec::new();
    let mut built = Vec::new();
    for (place, written) in row.checks.iter().enumerate() {
        built.extend(checks::build(written, &format!("checks[{place}]"), &mut flaws));
    }
    for (place, written) in suite.checks.iter().enumerate() {
        let path = format!("checks[{place}] of the suite");
        let written = render(written, &row.columns).map_err(|why| Flaw::new(&path, why, ""))?;
        built.extend(checks::build(&written, &path, &mut flaws));
    }
    match flaws.into_iter().next() {
        Some(flaw) => Err(flaw),
        None if built.is_empty() => {
            let help = "add `checks` to the case, or [[checks]] to the suite";
            Err(Flaw::new("", "the case has no checks", help))
        }
        None => Ok(built),
    }
}

fn request(suite: &Suite, row: &Row) -> Result<Map<String, Value>, Flaw> {
    let mut request = Map::new();
    for (name, value) in &suite.request {
        // Messages of its own: those of the suite may name columns that this case has not.
        if !row.request.contains_key(name) {
            let value = render(value, &row.columns)
                .map_err(|why| Flaw::new(format!("request.{name} of the suite"), why, ""))?;
            request.insert(name.clone(), value);
        }
    }
    request.extend(row.request.clone());
    if let Some(pin) = &suite.prompt {
        request.insert("prompt".to_owned(), prompt(pin, row)?);
    }
    if !request.contains_key("messages") && !request.contains_key("prompt") {
        let messages = match row.columns.get("input") {
            Some(Value::String(text)) => json!([{ "role": "user", "content": text }]),
            Some(Value::Array(messages)) => Value::Array(messages.clone()),
            _ => {
                let help = "give the case `input`, `messages` or `request`, or the suite \
                            [request] messages = […] or [prompt]";
                return Err(Flaw::new("", "there is nothing to ask", help));
            }
        };
        request.insert("messages".to_owned(), messages);
    }
    match ["model", "stream"].into_iter().find(|name| request.contains_key(*name)) {
        Some(name) => {
            let message = format!("`{name}` is not the suite's to say");
            Err(Flaw::new(format!("request.{name}"), message, "remove it; see --target"))
        }
        None => Ok(request),
    }
}

fn prompt(pin: &PromptPin, row: &Row) -> Result<Value, Flaw> {
    let variables = match (row.columns.get("variables"), &pin.columns) {
        (Some(Value::Object(variables)), _) => variables.clone(),
        (_, None) => row.columns.clone(),
        (_, Some(names)) => names
            .iter()
            .map(|name| match row.columns.get(name) {
                Some(value) => Ok((name.clone(), value.clone())),
                None => Err(Flaw::new("", format!("the case has no column `{name}`"), "")),
            })
            .collect::<Result<_, _>>()?,
    };
    let mut prompt = json!({ "id": pin.id, "variables": variables });
    if let (Some((name, value)), Some(members)) = (&pin.which, prompt.as_object_mut()) {
        members.insert((*name).to_owned(), Value::from(value.as_str()));
    }
    Ok(prompt)
}
