//! The JSON Schema (2020-12) of the file and the reference for people, both made from the table
//! of keys.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::codes::Code;
use crate::keys::{Default, Key, Kind, LOCK_FILE, ROOT, RULES_FILE, Table};
use crate::reader::variable_name;
use crate::refused::REFUSED;
use crate::sections::MAX_WEIGHT;

/// The JSON Schema of `tollbar.toml`, for editors; those of the rules file and the lock file
/// stand in it as `#/$defs/rules_file` and `#/$defs/lock_file`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = table_schema(&ROOT);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".into(), "Tollbar configuration".into());
        object.insert("$defs".into(), json!({ "lock_file": table_schema(&LOCK_FILE), "rules_file": table_schema(&RULES_FILE) }));
    }
    schema
}

fn table_schema(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), key_schema(key))).collect();
    let required: Vec<_> =
        table.keys.iter().filter(|key| key.default == Default::Required).map(|k| k.name).collect();
    json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn key_schema(key: &Key) -> Value {
    let mut schema = kind_schema(&key.kind);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), key.doc.into());
        if let Default::Value(default) = key.default {
            object.insert("default".into(), default_json(&key.kind, default));
        }
    }
    schema
}

/// The default as the file would have it: lists, numbers and booleans read alike in TOML and
/// JSON, everything else is a string.
fn default_json(kind: &Kind, default: &str) -> Value {
    match kind {
        Kind::Flag
        | Kind::Whole { .. }
        | Kind::Share
        | Kind::Texts
        | Kind::TextOrTexts
        | Kind::TextsOrTable(_)
        | Kind::Choices(_)
        | Kind::Classes
        | Kind::Networks
        | Kind::Secrets => serde_json::from_str(default).unwrap_or(Value::Null),
        _ => default.into(),
    }
}

fn kind_schema(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Path | Kind::Address => json!({ "type": "string" }),
        Kind::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" }),
        Kind::DurationOrForever { .. } => {
            json!({ "type": "string", "pattern": "^(forever|([0-9]+(ms|s|m|h|d))+)$" })
        }
        Kind::Size { .. } => json!({ "type": ["string", "integer"] }),
        Kind::Dollars => json!({ "type": ["number", "string"], "minimum": 0 }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Texts | Kind::Classes | Kind::Networks => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        Kind::Choices(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        Kind::Secrets => json!({ "type": "array", "items": secret_schema(true) }),
        Kind::Secret => secret_schema(false),
        Kind::TextOrTexts => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::TextSets => json!({
            "type": "array",
            "items": { "type": ["string", "array"], "items": { "type": "string" } },
        }),
        Kind::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::WordMap(words) => json!({
            "type": "object",
            "additionalProperties": { "type": "string", "enum": words },
        }),
        Kind::ShareMap => json!({
            "type": "object",
            "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1 },
        }),
        Kind::Json => json!({}),
        Kind::Table(below) => table_schema(below),
        Kind::TextsOrTable(below) => texts_or_table_schema(below),
        Kind::Tables(below) => json!({ "type": "array", "items": table_schema(below) }),
        Kind::Named(below) => {
            json!({ "type": "object", "additionalProperties": table_schema(below) })
        }
    }
}

/// `properties` hold for objects only, and `items` for arrays only.
fn texts_or_table_schema(table: &Table) -> Value {
    let mut schema = table_schema(table);
    if let Some(object) = schema.as_object_mut() {
        object.insert("type".into(), json!(["array", "object"]));
        object.insert("items".into(), json!({ "type": "string" }));
    }
    schema
}

/// A string is accepted with a warning; the schema lets editors advise against it.
fn secret_schema(weighted: bool) -> Value {
    let weight = json!({ "type": "integer", "minimum": 0, "maximum": MAX_WEIGHT, "default": 1 });
    let reference = |key: &str| {
        let mut properties = json!({ key: { "type": "string" } });
        if let Some(object) = properties.as_object_mut().filter(|_| weighted) {
            object.insert("weight".into(), weight.clone());
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({ "oneOf": [
        reference("env"),
        reference("file"),
        { "type": "string", "deprecated": true },
    ] })
}

/// The reference of all keys and codes, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from("# Configuration reference\n");
    table_reference(&ROOT, &mut text);
    table_reference(&RULES_FILE, &mut text);
    table_reference(&LOCK_FILE, &mut text);
    text.push_str("\n## Not in this version\n\nThe contract names these keys; this version refuses them rather than ignore them.\n\n");
    for line in REFUSED {
        let place = if line.place.is_empty() { "top level" } else { line.place };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "* `{}` ({place})", line.key);
    }
    text.push_str("\n## Codes\n\n| code | severity | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        let severity = code.severity().as_str();
        let _ = writeln!(text, "| {} | {severity} | {} |", code.as_str(), code.doc());
    }
    text
}

fn table_reference(table: &Table, text: &mut String) {
    if !table.place.is_empty() {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "\n## `{}`", table.place);
    }
    let _ = write!(
        text,
        "\n{}\n\n| key | type | default | what it is |\n|---|---|---|---|\n",
        table.doc
    );
    for key in table.keys {
        let variable = if table.overridable && key.kind.below().is_none() {
            format!(" Variable `{}`.", variable_name(&format!("{}.{}", table.place, key.name)))
        } else {
            String::new()
        };
        let default = match key.default {
            Default::Required => "required".to_owned(),
            Default::Absent => "–".to_owned(),
            Default::Value(value) => format!("`{value}`"),
            Default::Depends(words) => words.to_owned(),
        };
        let kind = kind_word(&key.kind);
        let _ = writeln!(text, "| `{}` | {kind} | {default} | {}{variable} |", key.name, key.doc);
    }
    for below in table.keys.iter().filter_map(|key| key.kind.below()) {
        table_reference(below, text);
    }
}

fn kind_word(kind: &Kind) -> String {
    let words = |words: &[&str]| {
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    match kind {
        Kind::Text | Kind::Path => "string".to_owned(),
        Kind::Flag => "boolean".to_owned(),
        Kind::Whole { min, max: i64::MAX } => format!("integer, at least {min}"),
        Kind::Whole { min, max } => format!("integer, {min} to {max}"),
        Kind::Share => "number, 0 to 1".to_owned(),
        Kind::Duration { .. } => "duration".to_owned(),
        Kind::DurationOrForever { .. } => "duration, or `forever`".to_owned(),
        Kind::Size { .. } => "size".to_owned(),
        Kind::Address => "IP address and port".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::Dollars => "dollars".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Choice(list) => words(list),
        Kind::Texts => "list of strings".to_owned(),
        Kind::Choices(list) => format!("list of {}", words(list)),
        Kind::Classes => "list of data classes".to_owned(),
        Kind::Networks => "list of networks".to_owned(),
        Kind::Secrets => "list of secrets".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::TextOrTexts => "string or list of strings".to_owned(),
        Kind::TextSets => "list of lists of strings, or list of strings".to_owned(),
        Kind::TextMap => "table of strings".to_owned(),
        Kind::WordMap(list) => format!("table of {}", words(list)),
        Kind::ShareMap => "table of numbers, 0 to 1".to_owned(),
        Kind::Json => "anything but dates".to_owned(),
        Kind::Table(below) => format!("table `{}`", below.place),
        Kind::TextsOrTable(below) => format!("list of strings, or table `{}`", below.place),
        Kind::Tables(below) => format!("list of tables `{}`", below.place),
        Kind::Named(below) => format!("tables `{}`", below.place),
    }
}
