//! promptfoo's assertions as checks, for its YAML and for its CSV.

use serde_json::{Map, Value, json};

use super::Source;

/// The checks that promptfoo has and we do not, or judge in another way.
const REFUSED: &str = "use equals, contains, icontains, contains-any, contains-all, icontains-any, \
    icontains-all, starts-with, regex, is-json, similar, llm-rubric, latency, cost, \
    finish-reason or is-refusal";

/// One assertion. The error is a message for people.
pub(super) fn check(assertion: &Map<String, Value>, source: &Source) -> Result<Value, String> {
    for name in assertion.keys() {
        if !["type", "value", "threshold", "weight", "metric"].contains(&name.as_str()) {
            return Err(format!("`{name}` of an assertion is not supported"));
        }
    }
    let kind =
        assertion.get("type").and_then(Value::as_str).ok_or("the assertion has no `type`")?;
    let (not, plain) = match kind.strip_prefix("not-") {
        Some(plain) => (true, plain),
        None => (false, kind),
    };
    let value = assertion.get("value");
    if value.and_then(Value::as_str).is_some_and(|text| text.starts_with("file://")) {
        return Err("a value in a file of its own is not supported".to_owned());
    }
    let mut check = translated(plain, value, assertion, source)?;
    if let Some(members) = check.as_object_mut() {
        if not {
            members.insert("not".to_owned(), true.into());
        }
        if let Some(weight) = assertion.get("weight") {
            members.insert("weight".to_owned(), weight.clone());
        }
        if let Some(threshold) = assertion.get("threshold")
            && plain == "similar"
        {
            members.insert("threshold".to_owned(), threshold.clone());
        }
    }
    Ok(check)
}

fn translated(
    kind: &str,
    value: Option<&Value>,
    assertion: &Map<String, Value>,
    source: &Source,
) -> Result<Value, String> {
    let text = || {
        let text = value.filter(|value| value.is_string() || value.is_number());
        text.cloned().ok_or_else(|| format!("`{kind}` needs a `value`, a text"))
    };
    let list = || match value {
        Some(Value::Array(all)) if !all.is_empty() => Ok(Value::Array(all.clone())),
        Some(Value::String(text)) => {
            Ok(text.split(',').map(|part| Value::from(part.trim())).collect())
        }
        _ => Err(format!("`{kind}` needs a `value`, a list of texts")),
    };
    let limit = || {
        let limit = assertion.get("threshold").and_then(Value::as_f64);
        limit.ok_or_else(|| format!("`{kind}` needs a `threshold`, a number"))
    };
    let model = |name: &Option<String>, key: &str| {
        name.clone().ok_or_else(|| format!("`{kind}` needs {key} = \"…\" in the suite"))
    };
    Ok(match kind {
        "equals" => match value {
            Some(Value::Object(_) | Value::Array(_)) => {
                json!({"type": "json_path", "path": "", "equals": value})
            }
            _ => json!({"type": "equals", "any": [text()?]}),
        },
        "contains" => json!({"type": "contains", "texts": [text()?]}),
        "icontains" => json!({"type": "contains", "texts": [text()?], "ignore_case": true}),
        "contains-any" => json!({"type": "contains", "texts": list()?}),
        "icontains-any" => json!({"type": "contains", "texts": list()?, "ignore_case": true}),
        "contains-all" => json!({"type": "contains", "texts": list()?, "all": true}),
        "icontains-all" => {
            json!({"type": "contains", "texts": list()?, "all": true, "ignore_case": true})
        }
        "starts-with" => json!({"type": "starts_with", "text": text()?}),
        "regex" => json!({"type": "regex", "pattern": text()?}),
        "is-json" => match value {
            None | Some(Value::Null) => json!({"type": "json"}),
            Some(Value::Object(_)) => json!({"type": "json", "schema": value}),
            Some(_) => return Err("a schema of `is-json` must be written out".to_owned()),
        },
        "similar" => {
            let model = model(&source.embeddings, "embeddings")?;
            json!({"type": "similar", "text": text()?, "model": model})
        }
        "llm-rubric" => {
            let model = model(&source.judge, "judge")?;
            json!({"type": "judge", "rubric": text()?, "model": model})
        }
        "latency" => json!({"type": "at_most", "measure": "latency_ms", "limit": limit()?}),
        "cost" => {
            json!({"type": "at_most", "measure": "cost_micro_usd", "limit": limit()? * 1e6})
        }
        "finish-reason" => json!({"type": "finish_reason", "reason": text()?}),
        "is-refusal" => json!({"type": "refusal"}),
        other => return Err(format!("the assertion `{other}` is not supported: {REFUSED}")),
    })
}
