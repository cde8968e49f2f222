//! The gateway's own captured traffic, as `tollbar content export -o jsonl` prints it. What was
//! answered then is the column `answer`, for checks that compare with it.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Row, Rows, Said, objects};
use crate::fault::Fault;

/// Members of a body that belong to the call of then.
const DROPPED: [&str; 6] = ["model", "stream", "stream_options", "user", "store", "metadata"];
/// Members of a line that become columns.
const COLUMNS: [&str; 7] =
    ["request_id", "at", "service", "user", "purpose", "data_class", "model"];

/// The cases of a file. Lines that are no whole chat completion are left out with a note.
pub(super) fn rows(file: &Path) -> Result<Rows<'_>, Fault> {
    Ok(Box::new(objects(file)?.map(move |read| {
        let (line, object) = read?;
        Ok(match row(&object) {
            Ok(row) => Said::row(Row { line: Some(line), ..row }),
            Err(why) => Said::Note(format!("{}:{line}: left out, {why}", file.display())),
        })
    })))
}

fn row(object: &Map<String, Value>) -> Result<Row, &'static str> {
    if object.get("is_cut") == Some(&Value::Bool(true)) {
        return Err("it was cut when it was kept");
    }
    let Some(Value::Object(body)) = object.get("request") else {
        return Err("its request is not kept");
    };
    if !body.contains_key("messages") && !body.contains_key("prompt") {
        return Err("it is no chat completion");
    }
    if object.get("route").and_then(Value::as_str).is_some_and(|route| !is_chat(route)) {
        return Err("it is no chat completion");
    }
    let mut request = body.clone();
    for name in DROPPED {
        request.remove(name);
    }
    let mut columns: Map<String, Value> = COLUMNS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())))
        .collect();
    if let Some(answer) = object.get("answer").and_then(answered) {
        columns.insert("answer".to_owned(), Value::String(answer));
    }
    let id = object.get("request_id").and_then(Value::as_str).map(str::to_owned);
    Ok(Row { id, columns, request, ..Row::default() })
}

fn is_chat(route: &str) -> bool {
    matches!(route, "chat_completions" | "chat/completions" | "/v1/chat/completions")
}

/// The text of an answer: a whole one, or the events of a stream.
fn answered(answer: &Value) -> Option<String> {
    if let Value::String(events) = answer {
        let mut text = String::new();
        for line in events.lines() {
            let Some(event) = line.strip_prefix("data:") else { continue };
            let Ok(event) = serde_json::from_str::<Value>(event.trim()) else { continue };
            text.push_str(
                event.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or(""),
            );
        }
        return (!text.is_empty()).then_some(text);
    }
    answer.pointer("/choices/0/message/content").and_then(Value::as_str).map(str::to_owned)
}
