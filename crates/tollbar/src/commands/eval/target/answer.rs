//! Answers of the public API, whole or as events.

use serde_json::Value;
use tb_eval::case::Measure;
use tb_eval::run::{Answer, ToolCall};

/// A whole chat completion. The error is a message.
pub(super) fn whole(body: &str) -> Result<Answer, String> {
    let body: Value = serde_json::from_str(body).map_err(|_| "the answer is no JSON".to_owned())?;
    let choice = body.pointer("/choices/0").ok_or("the answer has no choice")?;
    let mut answer = Answer { finish_reason: text(choice, "finish_reason"), ..Answer::default() };
    if let Some(message) = choice.get("message") {
        add(&mut answer, message);
    }
    envelope(&mut answer, &body);
    Ok(answer)
}

/// A chat completion as events.
pub(super) fn events(body: &str) -> Result<Answer, String> {
    let mut answer = Answer::default();
    let mut has_end = false;
    for payload in payloads(body) {
        if payload == "[DONE]" {
            has_end = true;
            continue;
        }
        let event: Value =
            serde_json::from_str(payload).map_err(|_| "an event is no JSON".to_owned())?;
        if let Some(error) = event.get("error") {
            return Err(text(error, "code").unwrap_or_else(|| "the stream broke off".to_owned()));
        }
        if let Some(choice) = event.pointer("/choices/0") {
            if let Some(delta) = choice.get("delta") {
                add(&mut answer, delta);
            }
            answer.finish_reason = text(choice, "finish_reason").or(answer.finish_reason);
        }
        envelope(&mut answer, &event);
    }
    if has_end || answer.finish_reason.is_some() {
        Ok(answer)
    } else {
        Err("the stream has no end".to_owned())
    }
}

/// Whether what came until now holds a piece of the answer.
pub(super) fn has_token(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    payloads(&text).any(|payload| {
        let Ok(event) = serde_json::from_str::<Value>(payload) else { return false };
        let Some(delta) = event.pointer("/choices/0/delta") else { return false };
        let mut answer = Answer::default();
        add(&mut answer, delta);
        !answer.text.is_empty() || answer.refusal.is_some() || !answer.tool_calls.is_empty()
    })
}

/// The embeddings in the order of the texts.
pub(super) fn vectors(body: &str) -> Option<Vec<Vec<f64>>> {
    let body: Value = serde_json::from_str(body).ok()?;
    let rows = body.get("data")?.as_array()?;
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|row| row.get("index").and_then(Value::as_u64));
    let vector = |row: &Value| -> Option<Vec<f64>> {
        row.get("embedding")?.as_array()?.iter().map(Value::as_f64).collect()
    };
    sorted.into_iter().map(vector).collect()
}

fn payloads(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A message, or a piece of one.
fn add(answer: &mut Answer, part: &Value) {
    if let Some(more) = part.get("content").and_then(Value::as_str) {
        answer.text.push_str(more);
    }
    if let Some(more) = part.get("refusal").and_then(Value::as_str).filter(|t| !t.is_empty()) {
        answer.refusal.get_or_insert_default().push_str(more);
    }
    for (place, call) in
        part.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let index = call.get("index").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok()).unwrap_or(place);
        // A provider does not number its calls by the thousand; what does is not believed.
        if index > 128 {
            continue;
        }
        while answer.tool_calls.len() <= index {
            answer.tool_calls.push(ToolCall { name: String::new(), arguments: String::new() });
        }
        let Some(kept) = answer.tool_calls.get_mut(index) else { continue };
        let function = call.get("function").unwrap_or(&Value::Null);
        kept.name.push_str(&text(function, "name").unwrap_or_default());
        kept.arguments.push_str(&text(function, "arguments").unwrap_or_default());
    }
}

fn envelope(answer: &mut Answer, body: &Value) {
    if let Some(model) = text(body, "model") {
        answer.served_model = Some(model);
    }
    let tokens = |name: &str| body.pointer(&format!("/usage/{name}")).and_then(Value::as_f64);
    for (measure, name) in
        [(Measure::InputTokens, "prompt_tokens"), (Measure::OutputTokens, "completion_tokens")]
    {
        if let Some(count) = tokens(name) {
            answer.measures.insert(measure, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_give_what_the_whole_answer_gives() {
        let stream = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":\"stop\"}]}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        let plain = r#"{"model":"m","choices":[{"message":{"content":"Hi","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
        assert_eq!(events(stream), whole(plain));
        assert_eq!(whole(plain).unwrap().tool_calls[0].arguments, "{}");
    }

    #[test]
    fn the_first_token_is_the_first_that_says_something() {
        let role =
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
        assert!(!has_token(role.as_bytes()));
        let word = format!("{role}data: {{\"choices\":[{{\"delta\":{{\"content\":\"a\"}}}}]}}\n\n");
        assert!(has_token(word.as_bytes()));
    }

    #[test]
    fn a_broken_stream_is_no_answer() {
        let cut = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        assert!(events(cut).is_err());
        let error = format!("{cut}data: {{\"error\":{{\"code\":\"upstream_exhausted\"}}}}\n\n");
        assert_eq!(events(&error), Err("upstream_exhausted".to_owned()));
    }
}
