//! A chat-completions request as a generateContent request.

use serde_json::{Value, json};

use super::schema::subset;
use super::turns::{Turns, turns};
use crate::EncodeError;
use crate::pivot::{self, Object, given, invalid, refuse_functions, text_at};

/// Chat fields and their names in `generationConfig`.
const RENAMED: [(&str, &str); 7] = [
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("n", "candidateCount"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
];

/// Fields that Gemini has no counterpart for.
const UNKNOWN_THERE: [&str; 14] = [
    "logit_bias",
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
    "user",
    "safety_identifier",
    "modalities",
];

/// Translates `chat` for `model`; gives the body and the fields that were dropped.
///
/// # Errors
/// What a generateContent request cannot express and must not be dropped.
pub(super) fn from_chat(
    chat: &Object,
    model: &str,
    stream: bool,
) -> Result<(Object, Vec<&'static str>), EncodeError> {
    refuse_functions(chat)?;
    let mut dropped = dropped_fields(chat);
    let Turns { system, contents } = turns(pivot::messages(chat)?, has_levels(model))?;
    let mut out = Object::new();
    if !system.is_empty() {
        out.insert("systemInstruction".to_owned(), json!({"parts": system}));
    }
    out.insert("contents".to_owned(), Value::Array(contents));
    tools(chat, &mut out)?;
    if given(chat, "parallel_tool_calls") == Some(&Value::Bool(false)) {
        dropped.push("parallel_tool_calls");
    }
    let mut config = generation(chat)?;
    logprobs(chat, stream, &mut config, &mut dropped);
    format(chat, &mut config)?;
    if let Some(effort) = given(chat, "reasoning_effort").and_then(Value::as_str) {
        config.insert("thinkingConfig".to_owned(), thinking(effort, model));
    }
    if !config.is_empty() {
        out.insert("generationConfig".to_owned(), Value::Object(config));
    }
    // An extension with Google's own meaning.
    if let Some(settings) = given(chat, "safety_settings") {
        out.insert("safetySettings".to_owned(), settings.clone());
    }
    Ok((out, dropped))
}

fn dropped_fields(chat: &Object) -> Vec<&'static str> {
    let asks = |name: &&&'static str| match given(chat, name) {
        None | Some(Value::Bool(false)) => false,
        // Who asked is for the gateway; it changes nothing in the answer.
        Some(_) if matches!(**name, "user" | "safety_identifier") => false,
        Some(Value::Array(kinds)) if **name == "modalities" => kinds.iter().any(|k| k != "text"),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    };
    UNKNOWN_THERE.iter().filter(asks).copied().collect()
}

fn generation(chat: &Object) -> Result<Object, EncodeError> {
    let mut config = Object::new();
    for (name, there) in RENAMED {
        if let Some(value) = given(chat, name) {
            config.insert(there.to_owned(), value.clone());
        }
    }
    let limit = given(chat, "max_completion_tokens").or_else(|| given(chat, "max_tokens"));
    if let Some(limit) = limit {
        config.insert("maxOutputTokens".to_owned(), limit.clone());
    }
    match given(chat, "stop") {
        None => {}
        Some(Value::String(stop)) => {
            config.insert("stopSequences".to_owned(), json!([stop]));
        }
        Some(stops @ Value::Array(_)) => {
            config.insert("stopSequences".to_owned(), stops.clone());
        }
        Some(_) => return Err(invalid("stop", "must be a text or a list of texts")),
    }
    Ok(config)
}

/// Asked for in whole answers only: in a stream they do not line up with the chunks.
fn logprobs(chat: &Object, stream: bool, config: &mut Object, dropped: &mut Vec<&'static str>) {
    if given(chat, "logprobs") != Some(&Value::Bool(true)) {
        return;
    }
    if stream {
        dropped.push("logprobs");
        return;
    }
    config.insert("responseLogprobs".to_owned(), Value::Bool(true));
    if let Some(top) = given(chat, "top_logprobs").filter(|top| top.as_u64() != Some(0)) {
        config.insert("logprobs".to_owned(), top.clone());
    }
}

fn format(chat: &Object, config: &mut Object) -> Result<(), EncodeError> {
    let Some(format) = given(chat, "response_format") else {
        return Ok(());
    };
    match text_at(format, "type") {
        Some("json_object") => {}
        Some("json_schema") => {
            let param = "response_format.json_schema.schema";
            let schema = format.get("json_schema").and_then(|wrapped| wrapped.get("schema"));
            let schema = schema.ok_or_else(|| invalid(param, "a schema is needed"))?;
            config.insert("responseSchema".to_owned(), subset(schema, param)?);
        }
        _ => return Ok(()),
    }
    config.insert("responseMimeType".to_owned(), json!("application/json"));
    Ok(())
}

/// Whether the model thinks in levels (3.0 and later) or in budgets of tokens.
fn has_levels(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    !(name.starts_with("gemini-2") || name.starts_with("gemini-1"))
}

/// Budgets as Google's own OpenAI-compatible endpoint maps them.
fn thinking(effort: &str, model: &str) -> Value {
    if has_levels(model) {
        let level = match effort {
            "none" | "minimal" => "minimal",
            "low" | "medium" => effort,
            _ => "high",
        };
        return json!({"thinkingLevel": level, "includeThoughts": effort != "none"});
    }
    let budget = match effort {
        "none" => 0,
        "minimal" | "low" => 1_024,
        "medium" => 8_192,
        _ => 24_576,
    };
    json!({"thinkingBudget": budget, "includeThoughts": budget > 0})
}

fn tools(chat: &Object, out: &mut Object) -> Result<(), EncodeError> {
    let Some(tools) = given(chat, "tools").and_then(Value::as_array).filter(|t| !t.is_empty())
    else {
        return Ok(());
    };
    let declarations = tools.iter().enumerate().map(|(n, tool)| declaration(tool, n));
    let declarations = declarations.collect::<Result<Vec<_>, _>>()?;
    out.insert("tools".to_owned(), json!([{"functionDeclarations": declarations}]));
    if let Some(choice) = given(chat, "tool_choice") {
        let config = tool_choice(choice)?;
        out.insert("toolConfig".to_owned(), json!({"functionCallingConfig": config}));
    }
    Ok(())
}

fn declaration(tool: &Value, position: usize) -> Result<Value, EncodeError> {
    let at = format!("tools[{position}]");
    let function = tool.get("function").filter(|_| text_at(tool, "type") == Some("function"));
    let function = function.ok_or_else(|| {
        invalid(format!("{at}.type"), "this provider takes tools of type function")
    })?;
    let name = text_at(function, "name")
        .ok_or_else(|| invalid(format!("{at}.function.name"), "a tool needs a name"))?;
    let mut out = Object::new();
    out.insert("name".to_owned(), json!(name));
    if let Some(description) = text_at(function, "description") {
        out.insert("description".to_owned(), json!(description));
    }
    // An object type without properties is refused there: no parameters say the same.
    let parameters = function.get("parameters").filter(|schema| {
        schema.get("properties").and_then(Value::as_object).is_none_or(|p| !p.is_empty())
            && schema
                .as_object()
                .is_some_and(|s| s.contains_key("properties") || s.contains_key("$ref"))
    });
    if let Some(schema) = parameters {
        let param = format!("{at}.function.parameters");
        out.insert("parameters".to_owned(), subset(schema, &param)?);
    }
    Ok(Value::Object(out))
}

fn tool_choice(choice: &Value) -> Result<Value, EncodeError> {
    match choice.as_str() {
        Some("auto") => return Ok(json!({"mode": "AUTO"})),
        Some("required") => return Ok(json!({"mode": "ANY"})),
        Some("none") => return Ok(json!({"mode": "NONE"})),
        _ => {}
    }
    match choice.get("function").and_then(|function| text_at(function, "name")) {
        Some(name) => Ok(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
        None => Err(invalid("tool_choice", "must be auto, required, none or one function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_is_a_budget_or_a_level_by_generation() {
        assert_eq!(thinking("medium", "gemini-2.5-flash")["thinkingBudget"], 8_192);
        assert_eq!(thinking("none", "gemini-2.5-flash")["includeThoughts"], false);
        assert_eq!(thinking("xhigh", "gemini-3-pro")["thinkingLevel"], "high");
        assert_eq!(thinking("none", "models/gemini-3-flash")["thinkingLevel"], "minimal");
    }

    #[test]
    fn a_tool_without_parameters_has_no_schema() {
        let tool = json!({"type": "function", "function": {"name": "f",
            "parameters": {"type": "object", "properties": {}}}});
        assert_eq!(declaration(&tool, 0).expect("tool"), json!({"name": "f"}));
    }

    #[test]
    fn log_probabilities_in_a_stream_are_named_as_dropped() {
        let chat: Object = serde_json::from_value(json!({"logprobs": true, "top_logprobs": 3,
            "messages": [{"role": "user", "content": "hi"}]}))
        .expect("object");
        let (body, dropped) = from_chat(&chat, "gemini-3", true).expect("request");
        assert_eq!((body.get("generationConfig"), dropped), (None, vec!["logprobs"]));
        let (body, dropped) = from_chat(&chat, "gemini-3", false).expect("request");
        assert_eq!(body["generationConfig"], json!({"responseLogprobs": true, "logprobs": 3}));
        assert!(dropped.is_empty());
    }
}
