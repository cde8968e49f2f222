//! `{{name}}` in the texts of a suite, replaced by the columns of a case. Values are inserted
//! once and never read again: a column that holds `{{x}}` stays as it is.

use serde_json::{Map, Value};

/// The value with every `{{name}}` in its texts replaced. A text that is nothing but one
/// `{{name}}` becomes the value of that column, be it a number or a list. The error is a message
/// for people.
pub(crate) fn render(value: &Value, columns: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => rendered(text, columns)?,
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| render(item, columns)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let rendered = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), render(value, columns)?)))
                .collect::<Result<_, String>>()?;
            Value::Object(rendered)
        }
        other => other.clone(),
    })
}

/// Whether anything would be replaced.
pub(crate) fn has_places(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(has_places),
        Value::Object(members) => members.values().any(has_places),
        _ => false,
    }
}

fn rendered(text: &str, columns: &Map<String, Value>) -> Result<Value, String> {
    if let Some(inner) = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))
        && !inner.contains("{{")
        && !inner.contains("}}")
    {
        return found(inner, columns).cloned();
    }
    let mut rest = text;
    let mut whole = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) =
            after.split_once("}}").ok_or_else(|| "`{{` is never closed by `}}`".to_owned())?;
        whole.push_str(before);
        whole.push_str(&shown(found(name, columns)?));
        rest = after;
    }
    whole.push_str(rest);
    Ok(Value::String(whole))
}

/// A value inside a text: texts as they are, the rest as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn found<'a>(name: &str, columns: &'a Map<String, Value>) -> Result<&'a Value, String> {
    let name = name.trim();
    if let Some(value) = columns.get(name) {
        return Ok(value);
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(format!(
            "`{{{{{name}}}}}` is more than the name of a column; expressions and filters are not \
             supported"
        ));
    }
    let mut parts = name.split('.');
    let first = parts.next().and_then(|part| columns.get(part));
    let value = parts.try_fold(first, |value, part| {
        let inner = match value? {
            Value::Object(members) => members.get(part),
            Value::Array(items) => part.parse::<usize>().ok().and_then(|place| items.get(place)),
            _ => None,
        };
        Some(inner)
    });
    value.flatten().ok_or_else(|| {
        let mut known: Vec<&str> = columns.keys().map(String::as_str).collect();
        known.sort_unstable();
        known.truncate(12);
        format!("`{{{{{name}}}}}` names no column; there are: {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ready(value: &Value) -> Result<Value, String> {
        let columns = json!({"a": "x", "n": 7, "item": {"b": ["y", "z"]}, "t": "{{a}}"});
        render(value, columns.as_object().unwrap())
    }

    #[test]
    fn replaces_names_and_paths_and_keeps_the_type_of_a_lone_name() {
        assert_eq!(ready(&json!(["{{a}}-{{ n }}", {"k": "{{n}}"}])), Ok(json!(["x-7", {"k": 7}])));
        assert_eq!(ready(&json!("{{item.b.1}}")), Ok(json!("z")));
    }

    #[test]
    fn what_was_inserted_is_not_read_again() {
        assert_eq!(ready(&json!("<{{t}}>")), Ok(json!("<{{a}}>")));
    }

    #[test]
    fn an_unknown_name_and_an_expression_are_errors() {
        assert!(ready(&json!("{{b}}")).unwrap_err().contains("there are: a, item, n, t"));
        assert!(ready(&json!("{{a | upper}}")).unwrap_err().contains("filters"));
        assert!(ready(&json!("{{a")).is_err());
    }
}
