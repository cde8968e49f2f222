//! A chat-completions request as a Messages request.

use serde_json::{Value, json};

use super::turns::{Turns, turns};
use crate::EncodeError;
use crate::pivot::{self, Object, given, invalid, refuse_functions, text_at};

/// The `max_tokens` sent when the client named none: Anthropic requires one.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Fields with Anthropic's meaning that pass through a chat request unchanged.
const EXTENSIONS: [&str; 3] = ["top_k", "cache_control", "inference_geo"];

/// Fields that Anthropic has no counterpart for.
const UNKNOWN_THERE: [&str; 17] = [
    "logprobs",
    "top_logprobs",
    "seed",
    "logit_bias",
    "frequency_penalty",
    "presence_penalty",
    "prediction",
    "audio",
    "store",
    "metadata",
    "verbosity",
    "web_search_options",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "moderation",
    "modalities",
];

/// Translates `chat` for `model`; gives the body and the fields that were dropped.
///
/// # Errors
/// What a Messages request cannot express and must not be dropped.
pub(super) fn from_chat(
    chat: &Object,
    model: &str,
    stream: bool,
) -> Result<(Object, Vec<&'static str>), EncodeError> {
    refuse(chat)?;
    let mut dropped = dropped_fields(chat);
    let Turns { system, messages } = turns(pivot::messages(chat)?)?;
    let mut out = Object::new();
    out.insert("model".to_owned(), json!(model));
    out.insert("max_tokens".to_owned(), max_tokens(chat)?);
    if !system.is_empty() {
        out.insert("system".to_owned(), Value::Array(system));
    }
    out.insert("messages".to_owned(), Value::Array(messages));
    tools(chat, &mut out)?;
    output(chat, &mut out, &mut dropped)?;
    sampling(chat, &mut out, &mut dropped);
    rest(chat, &mut out)?;
    if stream {
        out.insert("stream".to_owned(), Value::Bool(true));
    }
    Ok((out, dropped))
}

fn refuse(chat: &Object) -> Result<(), EncodeError> {
    if given(chat, "n").is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(invalid("n", "this provider gives one choice: n must be 1"));
    }
    refuse_functions(chat)
}

/// Only fields whose value asks for something: defaults that change nothing are not worth a
/// warning.
fn dropped_fields(chat: &Object) -> Vec<&'static str> {
    let asks = |name: &&&'static str| match given(chat, name) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Number(n)) if name.ends_with("_penalty") => n.as_f64() != Some(0.0),
        Some(Value::Array(kinds)) if **name == "modalities" => kinds.iter().any(|k| k != "text"),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    };
    UNKNOWN_THERE.iter().filter(asks).copied().collect()
}

fn max_tokens(chat: &Object) -> Result<Value, EncodeError> {
    for name in ["max_completion_tokens", "max_tokens"] {
        match given(chat, name).map(Value::as_u64) {
            None => {}
            Some(Some(limit)) => return Ok(json!(limit)),
            Some(None) => return Err(invalid(name, "the limit must be a whole number")),
        }
    }
    Ok(json!(DEFAULT_MAX_TOKENS))
}

fn tools(chat: &Object, out: &mut Object) -> Result<(), EncodeError> {
    let Some(tools) = given(chat, "tools").and_then(Value::as_array).filter(|t| !t.is_empty())
    else {
        return Ok(());
    };
    let tools = tools.iter().enumerate().map(|(n, tool)| translated_tool(tool, n));
    out.insert("tools".to_owned(), tools.collect::<Result<_, _>>()?);
    let mut choice = match given(chat, "tool_choice") {
        None => None,
        Some(choice) => Some(tool_choice(choice)?),
    };
    if given(chat, "parallel_tool_calls") == Some(&Value::Bool(false)) {
        let choice = choice.get_or_insert_with(|| json!({"type": "auto"}));
        if let Some(object) =
            choice.as_object_mut().filter(|c| c.get("type") != Some(&json!("none")))
        {
            object.insert("disable_parallel_tool_use".to_owned(), Value::Bool(true));
        }
    }
    if let Some(choice) = choice {
        out.insert("tool_choice".to_owned(), choice);
    }
    Ok(())
}

fn translated_tool(tool: &Value, position: usize) -> Result<Value, EncodeError> {
    let function = match text_at(tool, "type") {
        Some("function") => tool.get("function").unwrap_or(&Value::Null),
        Some("custom") | None => {
            let message = "this provider takes tools of type function";
            return Err(invalid(format!("tools[{position}].type"), message));
        }
        // A server tool of Anthropic's own (`web_search_…`): its shape is the provider's.
        Some(_) => return Ok(tool.clone()),
    };
    let name = text_at(function, "name").ok_or_else(|| {
        invalid(format!("tools[{position}].function.name"), "a tool needs a name")
    })?;
    let mut schema = match function.get("parameters") {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Object::new(),
    };
    if !schema.contains_key("type") {
        schema.insert("type".to_owned(), json!("object"));
    }
    let mut out = Object::new();
    out.insert("name".to_owned(), json!(name));
    if let Some(description) = text_at(function, "description") {
        out.insert("description".to_owned(), json!(description));
    }
    out.insert("input_schema".to_owned(), Value::Object(schema));
    if function.get("strict") == Some(&Value::Bool(true)) {
        out.insert("strict".to_owned(), Value::Bool(true));
    }
    if let Some(mark) = tool.get("cache_control") {
        out.insert("cache_control".to_owned(), mark.clone());
    }
    Ok(Value::Object(out))
}

fn tool_choice(choice: &Value) -> Result<Value, EncodeError> {
    match choice.as_str() {
        Some("auto") => return Ok(json!({"type": "auto"})),
        Some("required") => return Ok(json!({"type": "any"})),
        Some("none") => return Ok(json!({"type": "none"})),
        _ => {}
    }
    match choice.get("function").and_then(|function| text_at(function, "name")) {
        Some(name) => Ok(json!({"type": "tool", "name": name})),
        None => Err(invalid("tool_choice", "must be auto, required, none or one function")),
    }
}

/// `response_format` and `reasoning_effort`, which share `output_config`.
fn output(
    chat: &Object,
    out: &mut Object,
    dropped: &mut Vec<&'static str>,
) -> Result<(), EncodeError> {
    let mut config = Object::new();
    match given(chat, "response_format").map(|format| (text_at(format, "type"), format)) {
        None | Some((Some("text"), _)) => {}
        Some((Some("json_schema"), format)) => {
            let schema = format.get("json_schema").and_then(|wrapped| wrapped.get("schema"));
            let schema = schema.ok_or_else(|| {
                invalid("response_format.json_schema.schema", "a schema is needed")
            })?;
            config.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
        }
        // "Any JSON" has no counterpart: a schema that allows everything is refused there.
        Some(_) => dropped.push("response_format"),
    }
    let thinking = given(chat, "thinking").cloned();
    match given(chat, "reasoning_effort").and_then(Value::as_str) {
        None => {}
        Some("none") => {
            out.insert("thinking".to_owned(), json!({"type": "disabled"}));
        }
        Some(effort) => {
            let effort = if effort == "minimal" { "low" } else { effort };
            config.insert("effort".to_owned(), json!(effort));
            // A forced tool and thinking exclude each other there.
            if !forces_tool(out) {
                out.insert("thinking".to_owned(), json!({"type": "adaptive"}));
            }
        }
    }
    if let Some(thinking) = thinking {
        out.insert("thinking".to_owned(), thinking);
    }
    if !config.is_empty() {
        out.insert("output_config".to_owned(), Value::Object(config));
    }
    Ok(())
}

fn forces_tool(out: &Object) -> bool {
    let choice = out.get("tool_choice").and_then(|choice| text_at(choice, "type"));
    matches!(choice, Some("any" | "tool"))
}

/// Sampling. Values that equal the default are left out: they change nothing, and models since
/// API version 2026-10-21 refuse the fields. `temperature` reaches 2 at OpenAI and 1 here.
fn sampling(chat: &Object, out: &mut Object, dropped: &mut Vec<&'static str>) {
    let thinking = out.get("thinking").and_then(|thinking| text_at(thinking, "type"));
    let thinking = matches!(thinking, Some("adaptive" | "enabled"));
    for name in ["temperature", "top_p"] {
        let Some(value) =
            given(chat, name).and_then(Value::as_f64).filter(|v| (v - 1.0).abs() > 1e-9)
        else {
            continue;
        };
        if thinking {
            dropped.push(name);
        } else if value < 1.0 {
            out.insert(name.to_owned(), json!(value));
        } else {
            // The nearest allowed value is the default, so nothing is sent.
            dropped.push(if name == "temperature" { "temperature above 1" } else { "top_p" });
        }
    }
}

fn rest(chat: &Object, out: &mut Object) -> Result<(), EncodeError> {
    match given(chat, "stop") {
        None => {}
        Some(Value::String(stop)) => {
            out.insert("stop_sequences".to_owned(), json!([stop]));
        }
        Some(stops @ Value::Array(_)) => {
            out.insert("stop_sequences".to_owned(), stops.clone());
        }
        Some(_) => return Err(invalid("stop", "must be a text or a list of texts")),
    }
    let user = given(chat, "safety_identifier").or_else(|| given(chat, "user"));
    if let Some(user) = user.and_then(Value::as_str) {
        out.insert("metadata".to_owned(), json!({"user_id": user}));
    }
    match given(chat, "service_tier").and_then(Value::as_str) {
        Some("default") => {
            out.insert("service_tier".to_owned(), json!("standard_only"));
        }
        Some("auto" | "priority") => {
            out.insert("service_tier".to_owned(), json!("auto"));
        }
        _ => {}
    }
    for name in EXTENSIONS {
        if let Some(value) = given(chat, name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    Ok(())
}

/// Whether the body has a field that API version 2026-10-21 removed.
pub(super) fn samples(body: &Object) -> bool {
    ["temperature", "top_p", "top_k"].iter().any(|name| body.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(chat: Value) -> Result<(Object, Vec<&'static str>), EncodeError> {
        let mut chat: Object = serde_json::from_value(chat).expect("object");
        chat.entry("messages").or_insert(json!([{"role": "user", "content": "hi"}]));
        from_chat(&chat, "claude", false)
    }

    #[test]
    fn refuses_more_than_one_choice() {
        let error = translated(json!({"n": 2})).expect_err("n");
        assert!(matches!(error, EncodeError::Invalid { param, .. } if param == "n"));
        assert!(translated(json!({"n": 1})).is_ok());
    }

    #[test]
    fn names_what_it_drops_and_keeps_quiet_about_defaults() {
        let (_, dropped) = translated(json!({
            "seed": 1, "logprobs": false, "frequency_penalty": 0, "presence_penalty": 0.5,
            "logit_bias": {}, "modalities": ["text"],
        }))
        .expect("request");
        assert_eq!(dropped, ["seed", "presence_penalty"]);
    }

    #[test]
    fn sampling_stays_within_what_the_provider_accepts() {
        let (body, dropped) =
            translated(json!({"temperature": 1.7, "top_p": 0.5})).expect("request");
        assert_eq!((body.get("temperature"), body.get("top_p")), (None, Some(&json!(0.5))));
        assert_eq!(dropped, ["temperature above 1"]);
        let (body, dropped) =
            translated(json!({"temperature": 0.2, "reasoning_effort": "high"})).expect("request");
        assert!(!samples(&body));
        assert_eq!(dropped, ["temperature"]);
    }

    #[test]
    fn a_forced_tool_switches_thinking_off() {
        let (body, _) = translated(json!({
            "reasoning_effort": "minimal", "tool_choice": "required",
            "tools": [{"type": "function", "function": {"name": "f"}}],
        }))
        .expect("request");
        assert_eq!(body.get("thinking"), None);
        assert_eq!(body["output_config"], json!({"effort": "low"}));
        assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object"}));
    }
}
