//! One text for one JSON value, for hashes: members sorted by name, no white space, numbers as
//! `serde_json` writes them.

use ring::digest::{Context, Digest, SHA256};
use serde_json::Value;

/// Appends the canonical text.
pub(crate) fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            to.push('{');
            for (place, (name, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                to.push_str(&Value::from(name.as_str()).to_string());
                to.push(':');
                write(value, to);
            }
            to.push('}');
        }
        Value::Array(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        other => to.push_str(&other.to_string()),
    }
}

/// SHA-256 over lines of canonical JSON.
pub(crate) struct Lines(Context);

impl Lines {
    /// No lines yet.
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, value: &Value) {
        let mut text = String::new();
        write(value, &mut text);
        text.push('\n');
        self.0.update(text.as_bytes());
    }

    /// In hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finish())
    }
}

/// In hexadecimal.
pub(crate) fn hex(digest: &Digest) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_nothing_is_added() {
        let mut text = String::new();
        write(&json!({"b": [1, "x"], "a": {"d": null, "c": 1.5}}), &mut text);
        assert_eq!(text, r#"{"a":{"c":1.5,"d":null},"b":[1,"x"]}"#);
    }
}
