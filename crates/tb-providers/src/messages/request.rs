//! The fields of a Messages request as those of a chat request.

use serde_json::{Value, json};

use super::turns::turns;
use crate::pivot::{Object, count_at, given, invalid, text_at};
use crate::{EncodeError, Quirks};

/// Fields that chat has no counterpart for.
const UNKNOWN_THERE: [&str; 4] = ["top_k", "container", "context_management", "inference_geo"];

/// Fields that have the same name and meaning.
const SAME: [&str; 2] = ["temperature", "top_p"];

/// Translates `request` for `model`; gives the chat body and the fields that were dropped.
///
/// # Errors
/// What chat cannot express and must not be dropped.
pub(super) fn to_chat(
    request: &Object,
    model: &str,
    quirks: &Quirks,
) -> Result<(Object, Vec<&'static str>), EncodeError> {
    if given(request, "mcp_servers").is_some() {
        return Err(invalid("mcp_servers", "this provider connects to no MCP servers"));
    }
    let mut out = Object::new();
    out.insert("model".to_owned(), json!(model));
    out.insert("messages".to_owned(), Value::Array(turns(request)?));
    let limit = given(request, "max_tokens").and_then(Value::as_u64);
    let limit = limit.ok_or_else(|| invalid("max_tokens", "a whole number is needed"))?;
    let name = if quirks.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    out.insert(name.to_owned(), json!(limit));
    tools(request, &mut out)?;
    output(request, &mut out)?;
    for name in SAME {
        if let Some(value) = given(request, name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(stops) = given(request, "stop_sequences").filter(|s| **s != json!([])) {
        out.insert("stop".to_owned(), stops.clone());
    }
    if let Some(user) = given(request, "metadata").and_then(|metadata| text_at(metadata, "user_id"))
    {
        out.insert("user".to_owned(), json!(user));
    }
    let dropped = UNKNOWN_THERE.iter().filter(|name| given(request, name).is_some());
    Ok((out, dropped.copied().collect()))
}

fn tools(request: &Object, out: &mut Object) -> Result<(), EncodeError> {
    let Some(tools) = given(request, "tools").and_then(Value::as_array).filter(|t| !t.is_empty())
    else {
        return Ok(());
    };
    let tools = tools.iter().enumerate().map(|(position, tool)| function(tool, position));
    out.insert("tools".to_owned(), tools.collect::<Result<_, _>>()?);
    let Some(choice) = given(request, "tool_choice") else {
        return Ok(());
    };
    let translated = match text_at(choice, "type") {
        Some("auto") => json!("auto"),
        Some("any") => json!("required"),
        Some("none") => json!("none"),
        Some("tool") => {
            let name = text_at(choice, "name")
                .ok_or_else(|| invalid("tool_choice.name", "the name of a tool is needed"))?;
            json!({"type": "function", "function": {"name": name}})
        }
        _ => return Err(invalid("tool_choice.type", "must be auto, any, tool or none")),
    };
    out.insert("tool_choice".to_owned(), translated);
    if choice.get("disable_parallel_tool_use") == Some(&Value::Bool(true)) {
        out.insert("parallel_tool_calls".to_owned(), Value::Bool(false));
    }
    Ok(())
}

fn function(tool: &Value, position: usize) -> Result<Value, EncodeError> {
    if !matches!(text_at(tool, "type"), None | Some("custom")) {
        let message = "this provider runs no server tools: only tools with an input_schema";
        return Err(invalid(format!("tools[{position}].type"), message));
    }
    let name = text_at(tool, "name")
        .ok_or_else(|| invalid(format!("tools[{position}].name"), "a tool needs a name"))?;
    let mut function = Object::new();
    function.insert("name".to_owned(), json!(name));
    if let Some(description) = text_at(tool, "description") {
        function.insert("description".to_owned(), json!(description));
    }
    if let Some(schema) = tool.get("input_schema") {
        function.insert("parameters".to_owned(), schema.clone());
    }
    if tool.get("strict") == Some(&Value::Bool(true)) {
        function.insert("strict".to_owned(), Value::Bool(true));
    }
    Ok(json!({"type": "function", "function": function}))
}

/// `output_config` and `thinking`. Chat providers know efforts, not budgets: a budget becomes
/// the effort that spends about as much.
fn output(request: &Object, out: &mut Object) -> Result<(), EncodeError> {
    let config = given(request, "output_config").unwrap_or(&Value::Null);
    if let Some(format) = config.get("format").filter(|format| !format.is_null()) {
        let schema = format
            .get("schema")
            .ok_or_else(|| invalid("output_config.format.schema", "a schema is needed"))?;
        let wrapped = json!({"name": "output", "strict": true, "schema": schema});
        out.insert(
            "response_format".to_owned(),
            json!({"type": "json_schema", "json_schema": wrapped}),
        );
    }
    let budget =
        given(request, "thinking").and_then(|thinking| count_at(thinking, "budget_tokens"));
    let effort = match (text_at(config, "effort"), budget) {
        (Some("xhigh" | "max"), _) => Some("high"),
        (Some(effort), _) => Some(effort),
        (None, Some(..4096)) => Some("low"),
        (None, Some(..16_384)) => Some("medium"),
        (None, Some(_)) => Some("high"),
        (None, None) => None,
    };
    if let Some(effort) = effort {
        out.insert("reasoning_effort".to_owned(), json!(effort));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(request: Value, quirks: &Quirks) -> Result<Object, EncodeError> {
        let mut request: Object = serde_json::from_value(request).expect("object");
        request.entry("max_tokens").or_insert(json!(10));
        request.entry("messages").or_insert(json!([{"role": "user", "content": "hi"}]));
        to_chat(&request, "gpt", quirks).map(|(body, _)| body)
    }

    #[test]
    fn the_limit_has_the_name_that_the_vendor_knows() {
        let old = Quirks { max_completion_tokens: false, ..Quirks::default() };
        let body = translated(json!({}), &old).expect("request");
        assert_eq!(
            (body.get("max_tokens"), body.get("max_completion_tokens")),
            (Some(&json!(10)), None)
        );
        let body = translated(json!({}), &Quirks::default()).expect("request");
        assert_eq!(
            (body.get("max_tokens"), body.get("max_completion_tokens")),
            (None, Some(&json!(10)))
        );
    }

    #[test]
    fn a_thinking_budget_becomes_an_effort() {
        for (request, effort) in [
            (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), Some("low")),
            (json!({"thinking": {"type": "enabled", "budget_tokens": 8000}}), Some("medium")),
            (json!({"thinking": {"type": "enabled", "budget_tokens": 30000}}), Some("high")),
            (
                json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
                Some("high"),
            ),
            (json!({"thinking": {"type": "adaptive"}}), None),
        ] {
            let body = translated(request, &Quirks::default()).expect("request");
            assert_eq!(body.get("reasoning_effort").and_then(Value::as_str), effort);
        }
    }

    #[test]
    fn refuses_server_tools() {
        let tools = json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]});
        let error = translated(tools, &Quirks::default()).expect_err("server tool");
        assert!(matches!(error, EncodeError::Invalid { param, .. } if param == "tools[0].type"));
    }
}
