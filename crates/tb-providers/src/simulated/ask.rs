//! What a request asks of the simulated provider.

use http::Method;
use serde_json::Value;

use crate::WireRequest;

/// The routes that the simulated provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Completions,
    Responses,
    StoredResponse { method: Method, id: String },
    Embeddings,
    Moderations,
    Images,
    Speech,
    Transcription,
    Models(Option<String>),
    Unknown,
}

/// A request, read once.
pub(super) struct Ask {
    pub(super) route: Route,
    pub(super) model: String,
    pub(super) stream: bool,
    /// `stream_options.include_usage`.
    pub(super) include_usage: bool,
    /// The last user message, or the prompt or input.
    pub(super) prompt: String,
    /// What the last message says when it is a tool's result.
    pub(super) tool_result: Option<String>,
    /// Characters of all messages.
    pub(super) prompt_chars: usize,
    /// The body; null for forms and requests without one.
    pub(super) body: Value,
}

impl Ask {
    /// Reads a request; the error is a message for its sender.
    pub(super) fn read(request: &WireRequest) -> Result<Self, String> {
        let route = route(&request.method, &request.path);
        let needs_json = !matches!(
            route,
            Route::StoredResponse { .. } | Route::Transcription | Route::Models(_) | Route::Unknown
        );
        let is_json = request
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_none_or(|value| value.starts_with("application/json"));
        let body = if needs_json && is_json {
            serde_json::from_slice(&request.body)
                .map_err(|_| "We could not parse the JSON body of your request.".to_owned())?
        } else {
            Value::Null
        };
        let turns = turns(&route, &body);
        let prompt = turns.iter().rev().find(|turn| turn.role == "user");
        let tool_result = turns.last().filter(|turn| turn.role == "tool");
        Ok(Self {
            model: body.get("model").and_then(Value::as_str).unwrap_or("simulated-1").to_owned(),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            include_usage: body
                .pointer("/stream_options/include_usage")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            prompt: prompt.map(|turn| turn.text.clone()).unwrap_or_default(),
            tool_result: tool_result.map(|turn| turn.text.clone()),
            prompt_chars: turns.iter().map(|turn| turn.text.chars().count()).sum(),
            route,
            body,
        })
    }
}

struct Turn {
    role: String,
    text: String,
}

fn route(method: &Method, path: &str) -> Route {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = before.rsplit('/').next().unwrap_or_default();
    match (parent, last) {
        ("chat", "completions") => Route::Chat,
        (_, "completions") => Route::Completions,
        (_, "responses") => Route::Responses,
        ("responses", id) => Route::StoredResponse { method: method.clone(), id: id.to_owned() },
        (id, "cancel") => Route::StoredResponse { method: Method::POST, id: id.to_owned() },
        (_, "embeddings") => Route::Embeddings,
        (_, "moderations") => Route::Moderations,
        ("images", _) => Route::Images,
        ("audio", "speech") => Route::Speech,
        ("audio", _) => Route::Transcription,
        (_, "models") => Route::Models(None),
        ("models", id) => Route::Models(Some(id.to_owned())),
        _ => Route::Unknown,
    }
}

/// The messages of a request, in order, as roles and texts.
fn turns(route: &Route, body: &Value) -> Vec<Turn> {
    let key = match route {
        Route::Chat => "messages",
        Route::Completions | Route::Images => "prompt",
        _ => "input",
    };
    let mut turns = Vec::new();
    if let Some(instructions) = body.get("instructions").and_then(Value::as_str) {
        turns.push(Turn { role: "system".to_owned(), text: instructions.to_owned() });
    }
    match body.get(key) {
        Some(Value::Array(items)) => turns.extend(items.iter().map(turn)),
        Some(Value::String(text)) => {
            turns.push(Turn { role: "user".to_owned(), text: text.clone() });
        }
        _ => {}
    }
    turns
}

fn turn(item: &Value) -> Turn {
    let is_output = item.get("type").is_some_and(|kind| kind == "function_call_output");
    let role = match item.get("role").and_then(Value::as_str) {
        Some(role) => role,
        None if is_output => "tool",
        None => "user",
    };
    let text = match item {
        Value::String(text) => text.clone(),
        _ => content_text(item.get("content").or_else(|| item.get("output"))),
    };
    Turn { role: role.to_owned(), text }
}

fn content_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}
