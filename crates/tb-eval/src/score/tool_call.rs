//! A tool is called, with arguments.

use serde_json::Value;

use super::Finding;
use super::json_path::same;
use crate::run::ToolCall;

pub(super) fn find(calls: &[ToolCall], name: &str, wanted: Option<&Value>) -> Finding {
    let mut named = calls.iter().filter(|call| call.name == name).peekable();
    if named.peek().is_none() {
        return Finding::Score(0.0, "tool_call: it is not called".to_owned());
    }
    let fits = |call: &ToolCall| {
        wanted.is_none_or(|wanted| {
            serde_json::from_str(&call.arguments).is_ok_and(|found| has(&found, wanted))
        })
    };
    Finding::holds(named.any(fits), || "tool_call: other arguments".to_owned())
}

/// Whether `found` has all that `wanted` has; lists are whole.
fn has(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| found.get(name).is_some_and(|found| has(found, wanted))),
        _ => same(found, wanted),
    }
}
