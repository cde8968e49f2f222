//! What the simulated model says: text, or a call of a tool.

use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::fault::Directives;
use super::{SimulatedSettings, token_count};

/// Schemas nested deeper than this get an empty object.
const MAX_DEPTH: usize = 8;

/// What the model produces, in the pieces in which it is streamed.
pub(super) struct Output {
    pub(super) content: Content,
    /// The pieces of the text or of the arguments.
    pub(super) chunks: Vec<String>,
    /// Cut off by the request's token limit.
    pub(super) limited: bool,
    /// Input tokens.
    pub(super) input_tokens: u64,
    /// Output tokens.
    pub(super) output_tokens: u64,
}

/// The kind of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    /// A call of the function of this name.
    ToolCall(String),
}

impl Output {
    /// Composes the answer to a request.
    pub(super) fn compose(settings: &SimulatedSettings, ask: &Ask) -> Self {
        let (content, chunks) = match tool_call(ask) {
            Some((name, arguments)) => (Content::ToolCall(name), pieces(&arguments, 8)),
            None => (Content::Text, text_chunks(settings, ask)),
        };
        let limit = ["max_completion_tokens", "max_tokens", "max_output_tokens"]
            .iter()
            .find_map(|key| ask.body.get(*key).and_then(Value::as_u64));
        let mut output = Self {
            content,
            chunks,
            limited: false,
            input_tokens: token_count(ask.prompt_chars),
            output_tokens: 0,
        };
        if let Some(limit) = limit.filter(|_| output.content == Content::Text) {
            output.limit(limit);
        }
        output.output_tokens = token_count(output.text().chars().count());
        output
    }

    /// The whole text, or the whole arguments.
    pub(super) fn text(&self) -> String {
        self.chunks.concat()
    }

    fn limit(&mut self, tokens: u64) {
        let chars = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(4);
        let text = self.text();
        if let Some((at, _)) = text.char_indices().nth(chars) {
            self.limited = true;
            self.chunks = words(text.get(..at).unwrap_or_default());
        }
    }
}

fn text_chunks(settings: &SimulatedSettings, ask: &Ask) -> Vec<String> {
    if let Some(count) = Directives::read(&ask.prompt, 1).chunks {
        return (1..=count).map(|number| format!("word{number} ")).collect();
    }
    let scripted = settings
        .answers
        .iter()
        .find(|(prompt, _)| prompt == "*" || *prompt == ask.prompt)
        .map(|(_, answer)| answer.clone());
    let text = match (scripted, &ask.tool_result) {
        (Some(answer), _) => answer,
        (None, Some(result)) => format!("The tool answered: {result}"),
        (None, None) => formatted(ask).unwrap_or_else(|| ask.prompt.clone()),
    };
    words(&text)
}

/// The JSON that a `response_format` (chat) or `text.format` (responses) asks for.
fn formatted(ask: &Ask) -> Option<String> {
    let format = ask.body.get("response_format").or_else(|| ask.body.pointer("/text/format"))?;
    match format.get("type")?.as_str()? {
        "json_object" => Some(json!({"answer": ask.prompt}).to_string()),
        "json_schema" => {
            let schema = format.pointer("/json_schema/schema").or_else(|| format.get("schema"))?;
            Some(example(schema, 0).to_string())
        }
        _ => None,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

fn pieces(text: &str, chars: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(chars).map(|piece| piece.iter().collect()).collect()
}

/// The function to call and its arguments, when the request wants a call.
fn tool_call(ask: &Ask) -> Option<(String, String)> {
    let tools = ask.body.get("tools")?.as_array()?;
    let choice = ask.body.get("tool_choice");
    let chosen = choice
        .and_then(|choice| choice.pointer("/function/name").or_else(|| choice.get("name")))
        .and_then(Value::as_str);
    let required = choice.is_some_and(|choice| choice == "required") || chosen.is_some();
    let refused = choice.is_some_and(|choice| choice == "none");
    let asked = ask.tool_result.is_none() && ask.prompt.contains("call the tool");
    if refused || !(required || asked) {
        return None;
    }
    let functions = tools.iter().map(|tool| tool.get("function").unwrap_or(tool));
    let mut functions = functions.filter(|function| function.get("name").is_some());
    let function = match chosen {
        Some(name) => functions.find(|function| function.get("name").is_some_and(|n| n == name))?,
        None => functions.next()?,
    };
    let arguments = function.get("parameters").map_or_else(|| json!({}), |s| example(s, 0));
    Some((function.get("name")?.as_str()?.to_owned(), arguments.to_string()))
}

/// The smallest value that fits a JSON schema: required properties only.
fn example(schema: &Value, depth: usize) -> Value {
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    if depth > MAX_DEPTH {
        return json!({});
    }
    let alternative = ["/anyOf/0", "/oneOf/0", "/allOf/0"].iter().find_map(|p| schema.pointer(p));
    if let Some(alternative) = alternative {
        return example(alternative, depth + 1);
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind));
    match kind.and_then(Value::as_str) {
        Some("string") => json!("example"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            match (schema.get("minItems").and_then(Value::as_u64), schema.get("items")) {
                (Some(1..), Some(items)) => json!([example(items, depth + 1)]),
                _ => json!([]),
            }
        }
        _ => example_object(schema, depth),
    }
}

fn example_object(schema: &Value, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let members: Map<String, Value> = names
        .map(|name| {
            let property = schema.get("properties").and_then(|all| all.get(name));
            let value = property.map_or_else(|| json!("example"), |p| example(p, depth + 1));
            (name.to_owned(), value)
        })
        .collect();
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_the_smallest_value_that_fits() {
        let schema = json!({"type": "object", "required": ["city", "days", "unit", "tags"],
        "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
            "unit": {"enum": ["c", "f"]}, "extra": {"type": "string"},
            "tags": {"type": "array", "minItems": 1, "items": {"type": ["boolean", "null"]}},
        }});
        let expected = json!({"city": "example", "days": 3, "unit": "c", "tags": [true]});
        assert_eq!(example(&schema, 0), expected);
        assert_eq!(example(&json!({}), 0), json!({}));
    }

    #[test]
    fn ends_on_schemas_without_end() {
        let mut schema = json!({"type": "string"});
        for _ in 0..100 {
            schema = json!({"type": "object", "required": ["a"], "properties": {"a": schema}});
        }
        assert!(example(&schema, 0).to_string().len() < 200);
    }
}
