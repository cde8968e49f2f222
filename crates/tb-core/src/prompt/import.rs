//! Stored prompts of a vendor, as JSON that somebody saved, into prompt files.
//!
//! One object, a list of them, or `{"data": […]}`. An object has an `id` (`pmpt_…`), a list of
//! `messages` (or `input`), whose content is a text or a list of `input_text` parts, and perhaps
//! `instructions`, a `model`, parameters. `{{name}}` in texts is a variable; whatever else would
//! mean something to a template is written so that it does not.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// How long an imported variable may be, in characters, until somebody says otherwise.
const USUAL_LENGTH: u32 = 20_000;

/// Request parameters that are taken over, and what chat completions call them.
const PARAMETERS: [(&str, &str); 6] = [
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("max_output_tokens", "max_completion_tokens"),
    ("max_completion_tokens", "max_completion_tokens"),
    ("max_tokens", "max_tokens"),
    ("reasoning_effort", "reasoning_effort"),
];

/// A variable, or the begin of something else of the template language.
static MEANINGFUL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{\{|\{%|\{#").ok());

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The name of the prompt.
    pub name: String,
    /// The text of the file.
    pub text: String,
    /// What could not be taken over.
    pub notes: Vec<String>,
}

/// The files that exported prompts become.
///
/// # Errors
/// When the text is not what it must be; nothing is imported then.
pub fn import(text: &str) -> Result<Vec<Imported>, String> {
    let whole: Value = serde_json::from_str(text).map_err(|fault| format!("not JSON: {fault}"))?;
    let objects = match &whole {
        Value::Array(items) => items.as_slice(),
        Value::Object(members) => match members.get("data").or_else(|| members.get("prompts")) {
            Some(Value::Array(items)) => items.as_slice(),
            _ => std::slice::from_ref(&whole),
        },
        _ => return Err("neither an object nor a list of them".to_owned()),
    };
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    for (place, object) in objects.iter().enumerate() {
        let mut file = one(object).map_err(|why| format!("prompt {}: {why}", place + 1))?;
        let base = file.name.clone();
        let mut number = 2;
        while !names.insert(file.name.clone()) {
            file.name = format!("{base}-{number}");
            number += 1;
        }
        files.push(file);
    }
    Ok(files)
}

fn one(object: &Value) -> Result<Imported, String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let id = text("id").or_else(|| text("prompt_id"));
    let name = text("name").map(slug).filter(|name| !name.is_empty());
    let name = name.or_else(|| id.map(slug)).filter(|name| !name.is_empty());
    let name = name.ok_or("it has neither `id` nor `name`")?;
    let (mut variables, mut notes) = (Vec::new(), Vec::new());
    let mut body = String::new();
    let mut message = |role: &str, text: &str| {
        let text = template(text, &mut variables);
        // Writing to a String cannot fail.
        let _ = writeln!(body, "{{{{role \"{role}\"}}}}\n{text}");
    };
    if let Some(instructions) = text("instructions") {
        message("system", instructions);
    }
    let messages = ["messages", "input", "prompt"].into_iter().find_map(|key| object.get(key));
    match messages {
        Some(Value::Array(items)) => {
            for item in items {
                let role = item.get("role").and_then(Value::as_str).unwrap_or("user");
                if !matches!(role, "system" | "developer" | "user" | "assistant") {
                    notes.push(format!("a message of the role {role:?} is left out"));
                    continue;
                }
                message(role, &spoken(item, &mut notes));
            }
        }
        Some(Value::String(text)) => message("user", text),
        _ => {}
    }
    if body.is_empty() {
        return Err("it has no message".to_owned());
    }
    if object.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty()) {
        notes.push("its tools are left out: requests bring theirs".to_owned());
    }
    let head = head(object, id, &variables);
    Ok(Imported { name, text: format!("---\n{head}---\n{body}"), notes })
}

fn head(object: &Value, id: Option<&str>, variables: &[String]) -> String {
    let mut head = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(head, "{text}");
    };
    // JSON is YAML, so strings are written as JSON has them.
    let quoted = |text: &str| Value::from(text).to_string();
    let version = match object.get("version") {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Number(version)) => version.to_string(),
        _ => "unknown".to_owned(),
    };
    let origin = format!("Imported from {}, version {version}", id.unwrap_or("a stored prompt"));
    line(format_args!("description: {}", quoted(&origin)));
    if let Some(id) = id {
        line(format_args!("aliases: [{}]", quoted(id)));
    }
    if let Some(model) = object.get("model").and_then(Value::as_str) {
        line(format_args!("model: {}", quoted(model)));
    }
    if !variables.is_empty() {
        line(format_args!("variables:\n  type: object\n  properties:"));
        for name in variables {
            line(format_args!("    {name}: {{ type: string, maxLength: {USUAL_LENGTH} }}"));
        }
    }
    let set = PARAMETERS.iter().filter_map(|(theirs, ours)| {
        object.get(*theirs).filter(|value| !value.is_null()).map(|value| (ours, value))
    });
    let mut seen = BTreeSet::new();
    for (place, (name, value)) in set.filter(|(name, _)| seen.insert(**name)).enumerate() {
        if place == 0 {
            line(format_args!("parameters:"));
        }
        line(format_args!("  {name}: {value}"));
    }
    head
}

/// The text of a message.
fn spoken(item: &Value, notes: &mut Vec<String>) -> String {
    match item.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let mut texts = Vec::new();
            for part in parts {
                match part.get("text").and_then(Value::as_str) {
                    Some(text) => texts.push(text),
                    None => {
                        notes.push("a part of a message that is no text is left out".to_owned());
                    }
                }
            }
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The text as a template, and the variables in it.
fn template(text: &str, variables: &mut Vec<String>) -> String {
    let Some(pattern) = MEANINGFUL.as_ref() else { return text.to_owned() };
    let written = pattern.replace_all(text, |found: &regex::Captures<'_>| match found.get(1) {
        Some(name) => {
            if !variables.iter().any(|known| known == name.as_str()) {
                variables.push(name.as_str().to_owned());
            }
            format!("{{{{ {} }}}}", name.as_str())
        }
        None => format!("{{{{ \"{}\" }}}}", found.get(0).map_or("", |all| all.as_str())),
    });
    written.into_owned()
}

/// A name of a file out of what people called it.
fn slug(text: &str) -> String {
    let fit =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.trim().chars().map(fit).take(56).collect();
    name.trim_matches(['-', '.']).to_owned()
}
