//! Whose words are judged.

use serde_json::json;

use super::*;

fn request(surface: Surface, body: &serde_json::Value) -> Result<Vec<String>, Unreadable> {
    let document = Document::parse(body.to_string().into()).unwrap();
    of_request(surface, &Body::Json(document))
}

fn answer(body: &serde_json::Value) -> Vec<String> {
    of_answer(Surface::ChatCompletions, &body.to_string().into()).unwrap()
}

fn stream(events: &[serde_json::Value]) -> Vec<String> {
    let event = |data: &serde_json::Value| SseEvent::data(data.to_string().into());
    let mut events: Vec<SseEvent> = events.iter().map(event).collect();
    events.push(SseEvent::data(Bytes::from_static(b"[DONE]")));
    of_events(&events)
}

#[test]
fn people_and_tools_are_heard_instructions_are_not() {
    let body = json!({"model": "m", "tools": [{"description": "no"}], "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "name": "x", "content": [{"type": "text", "text": "one"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"q\":1}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "result"},
        {"role": "developer", "content": "hidden"}, {"role": "user", "content": " "}]});
    let texts = request(Surface::ChatCompletions, &body).unwrap();
    assert_eq!(texts, ["one\ntwo", "{\"q\":1}", "result"]);
}

#[test]
fn each_route_has_its_own_texts() {
    let of = |surface, body: serde_json::Value| request(surface, &body).unwrap();
    assert_eq!(of(Surface::Responses, json!({"input": "hi", "instructions": "no"})), ["hi"]);
    let items = json!({"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "a"}]},
        {"type": "function_call_output", "call_id": "c", "output": "b"}],
        "prompt": {"id": "p", "variables": {"city": "Rome"}}});
    assert_eq!(of(Surface::Responses, items), ["Rome", "a", "b"]);
    assert_eq!(of(Surface::Completions, json!({"prompt": ["a", "b"]})), ["a", "b"]);
    assert_eq!(of(Surface::Embeddings, json!({"input": "e"})), ["e"]);
    assert_eq!(of(Surface::ImagesGenerations, json!({"prompt": "p"})), ["p"]);
    assert_eq!(of(Surface::AudioSpeech, json!({"input": "s", "voice": "v"})), ["s"]);
    let blocks = json!({"system": "no", "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}]}]});
    assert_eq!(of(Surface::Messages, blocks), ["r"]);
    assert_eq!(of(Surface::Moderations, json!({"input": "x"})), [""; 0]);
}

#[test]
fn tokens_cannot_be_read() {
    for input in [json!([1, 2]), json!([[1, 2], [3]]), json!(["a", [1]])] {
        let read = request(Surface::Embeddings, &json!({"input": input}));
        assert_eq!(read, Err(Unreadable));
    }
}

#[test]
fn a_short_attachment_is_a_text_and_so_is_a_long_one_elsewhere() {
    let long = "A".repeat(1_024);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "x", "data": "kill"}, {"type": "x", "data": long}, {"type": "text", "text": long}]}]});
    assert_eq!(request(Surface::ChatCompletions, &body).unwrap(), [format!("kill\n{long}")]);
}

#[test]
fn all_words_of_an_answer_are_found() {
    let chat = json!({"id": "i", "object": "chat.completion", "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant",
            "content": "a", "reasoning_content": "b", "refusal": null}},
        {"index": 1, "message": {"content": "a", "tool_calls": [
            {"function": {"name": "f", "arguments": "{}"}}]}}]});
    assert_eq!(answer(&chat), ["a", "b", "{}"]);
    let response = json!({"object": "response", "id": "r", "instructions": "no", "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "t"}]}]});
    assert_eq!(answer(&response), ["s", "t"]);
    let message = json!({"type": "message", "role": "assistant", "content": [
        {"type": "thinking", "thinking": "h", "signature": "no"},
        {"type": "text", "text": "t"}, {"type": "tool_use", "name": "f", "input": {"name": "v"}}]});
    assert_eq!(answer(&message), ["h", "t", "v"]);
    let nonsense = Bytes::from_static(b"nonsense");
    assert_eq!(of_answer(Surface::Messages, &nonsense), Err(Unreadable));
}

#[test]
fn what_is_no_text_of_anybody_is_left_out() {
    let vectors = json!({"object": "list", "data": [{"embedding": "AAAA"}]}).to_string();
    assert_eq!(of_answer(Surface::Embeddings, &vectors.into()), Ok(Vec::new()));
    let image = json!({"created": 1, "size": "1x1", "data": [
        {"url": "https://example.com/a.png", "revised_prompt": "a cat"}]});
    assert_eq!(answer(&image), ["a cat"]);
    let spoken = json!({"text": "one two", "segments": [{"text": "one"}, {"text": "two"}]});
    let texts = of_answer(Surface::AudioTranscriptions, &spoken.to_string().into());
    assert_eq!(texts, Ok(vec!["one two".to_owned()]));
}

#[test]
fn pieces_of_choices_are_put_together() {
    let chunk = |choices: serde_json::Value| json!({"object": "x", "choices": choices});
    let delta = |index: u64, text: &str| json!({"index": index, "delta": {"content": text}});
    let texts = stream(&[
        chunk(json!([delta(0, "ki"), delta(1, "a")])),
        chunk(json!([delta(1, "b")])),
        chunk(json!([delta(0, "ll")])),
    ]);
    assert_eq!(texts, ["kill", "ab"]);
}

#[test]
fn what_a_stream_repeats_is_judged_once() {
    let part = |kind: &str, member: &str, text: &str| json!({"type": kind, "item_id": "i", "output_index": 0, "content_index": 0, member: text});
    let item = json!({"type": "message", "content": [{"type": "output_text", "text": "kill"}]});
    let texts = stream(&[
        json!({"type": "response.created", "response":
            {"object": "response", "instructions": "no", "output": []}}),
        part("response.output_text.delta", "delta", "ki"),
        part("response.output_text.delta", "delta", "ll"),
        part("response.output_text.done", "text", "kill"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response":
            {"object": "response", "output": [item]}}),
    ]);
    assert_eq!(texts, ["kill"]);
    let delta = |text: &str| {
        json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": text}})
    };
    assert_eq!(stream(&[delta("ki"), delta("ll")]), ["kill"]);
}
