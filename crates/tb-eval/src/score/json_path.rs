//! A place of a JSON answer has a value.

use serde_json::Value;

use super::Finding;

pub(super) fn find(text: &str, path: &str, wanted: Option<&Value>) -> Finding {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return Finding::Score(0.0, "json_path: no JSON".to_owned());
    };
    match (at(&value, path), wanted) {
        (None, _) => Finding::Score(0.0, format!("json_path: nothing at {path}")),
        (Some(found), Some(wanted)) => {
            Finding::holds(same(found, wanted), || format!("json_path: another value at {path}"))
        }
        (Some(_), None) => Finding::Score(1.0, String::new()),
    }
}

/// `1` and `1.0` are the same number; lists and objects are compared member by member.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(name, x)| y.get(name).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// A JSON pointer, or `$.a.b[0]`.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() || path.starts_with('/') {
        return value.pointer(path);
    }
    let path = path.strip_prefix('$').unwrap_or(path);
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    steps.filter(|step| !step.is_empty()).try_fold(value, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn understands_pointers_and_dots() {
        let value = json!({"a": [{"b": 1}], "c/d": 2});
        for path in ["/a/0/b", "$.a[0].b", "a[0].b", "a.0.b"] {
            assert_eq!(at(&value, path), Some(&json!(1)), "{path}");
        }
        assert_eq!(at(&value, "/c~1d"), Some(&json!(2)));
        assert_eq!(at(&value, "a[1]"), None);
    }

    #[test]
    fn one_is_one_point_nothing() {
        assert!(same(&json!({"a": [1]}), &json!({"a": [1.0]})));
        assert!(!same(&json!([1, 2]), &json!([1])));
    }
}
