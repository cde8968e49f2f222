//! Whether an answer asks its reader to run tools.

use bytes::Bytes;
use serde_json::Value;
use tb_api::sse::SseParser;

/// Items of a response that the client is to act upon; other calls run at the provider.
const CALLS: [&str; 7] = [
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "mcp_approval_request",
];

/// Whether an answer (JSON, or the events of a stream) asks for a tool or function to be run.
/// True when that cannot be told.
#[must_use]
pub fn calls_tools(body: &Bytes, is_stream: bool) -> bool {
    if !is_stream {
        return serde_json::from_slice(body).map_or(true, |answer| tells_a_call(&answer));
    }
    let (mut parser, mut events) = (SseParser::new(body.len()), Vec::new());
    if parser.push(body, &mut events).and_then(|()| parser.finish(&mut events)).is_err() {
        return true;
    }
    // The last event of some streams is no JSON.
    let told = events.iter().filter_map(|event| serde_json::from_slice(&event.data).ok());
    let mut told = told.map(|event: Value| tells_a_call(&event));
    told.any(|calls| calls)
}

/// The same of a whole answer or of one event, whatever the route.
fn tells_a_call(value: &Value) -> bool {
    let any = |pointer: &str, is: fn(&Value) -> bool| {
        let items = value.pointer(pointer).and_then(Value::as_array);
        items.is_some_and(|items| items.iter().any(is))
    };
    any("/choices", choice_calls)
        || any("/output", is_call)
        || any("/response/output", is_call)
        || value.get("item").is_some_and(is_call)
        || any("/content", is_tool_use)
        || value.get("content_block").is_some_and(is_tool_use)
}

fn choice_calls(choice: &Value) -> bool {
    ["message", "delta"].iter().filter_map(|holder| choice.get(holder)).any(|said| {
        let calls = said.get("tool_calls").and_then(Value::as_array);
        calls.is_some_and(|calls| !calls.is_empty())
            || said.get("function_call").is_some_and(Value::is_object)
    })
}

fn is_call(item: &Value) -> bool {
    item.get("type").and_then(Value::as_str).is_some_and(|kind| CALLS.contains(&kind))
}

fn is_tool_use(block: &Value) -> bool {
    block.get("type").is_some_and(|kind| kind == "tool_use")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_answers_that_ask_for_a_tool_from_all_others() {
        let calls = [
            json!({"choices": [{"message": {"tool_calls": [{"id": "c"}]}}]}),
            json!({"choices": [{}, {"message": {"function_call": {"name": "f"}}}]}),
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}),
            json!({"output": [{"type": "message"}, {"type": "function_call"}]}),
            json!({"type": "response.completed", "response": {"output": [{"type": "shell_call"}]}}),
            json!({"type": "response.output_item.added", "item": {"type": "custom_tool_call"}}),
            json!({"content": [{"type": "text"}, {"type": "tool_use"}]}),
            json!({"type": "content_block_start", "content_block": {"type": "tool_use"}}),
        ];
        let others = [
            json!({"choices": [{"message": {"content": "tool_calls", "tool_calls": []}}]}),
            json!({"choices": [{"message": {"tool_calls": null, "function_call": null}}]}),
            json!({"output": [{"type": "web_search_call"}, {"type": "message"}]}),
            json!({"content": [{"type": "text", "text": "tool_use"}]}),
        ];
        for (answers, expected) in [(calls.as_slice(), true), (&others, false)] {
            for answer in answers {
                let stream =
                    format!("data: {{\"choices\":[]}}\n\ndata: {answer}\n\ndata: [DONE]\n\n");
                assert_eq!(calls_tools(&answer.to_string().into(), false), expected, "{answer}");
                assert_eq!(calls_tools(&stream.into(), true), expected, "{answer}");
            }
        }
        assert!(calls_tools(&Bytes::from_static(b"no JSON"), false));
    }
}
