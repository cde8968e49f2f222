//! Answers of the gateway's own: a client that adds up the replayed events, as the official
//! SDKs do, gets the whole answer again.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;
use tb_providers::local::{EndingWatch, Spoken, answer, is_whole, mark, mark_stream, replay};
use tb_providers::{DialectName, dialect};

use crate::golden;
use crate::support::{body, played, shape};

fn parsed(event: &SseEvent) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

/// OpenAI's `accumulate_delta`: texts and numbers add up, lists merge by `index`.
fn accumulate(sum: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (key, value) in delta {
        match (sum.get_mut(key), value) {
            (None | Some(Value::Null), _) => _ = sum.insert(key.clone(), value.clone()),
            (Some(_), Value::Null) => {}
            (Some(have), _) if key == "index" || key == "type" => *have = value.clone(),
            (Some(Value::String(have)), Value::String(more)) => have.push_str(more),
            (Some(Value::Object(have)), Value::Object(more)) => accumulate(have, more),
            (Some(Value::Array(have)), Value::Array(more)) => {
                for entry in more {
                    let entry = entry.as_object().unwrap();
                    let index = usize::try_from(entry["index"].as_u64().unwrap()).unwrap();
                    match have.get_mut(index) {
                        Some(have) => accumulate(have.as_object_mut().unwrap(), entry),
                        None => have.push(Value::Object(entry.clone())),
                    }
                }
            }
            (Some(have), _) => panic!("{key}: {have} and {value} do not add up"),
        }
    }
}

/// What a chat or completions client holds at the end; usage as the last chunk told it.
fn summed_chunks(events: &[SseEvent], produced: &str, object: &str) -> Value {
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done, &SseEvent::data(Bytes::from_static(b"[DONE]")));
    let mut whole = parsed(&chunks[0]);
    whole["object"] = json!(object);
    let mut choices: Vec<Value> = Vec::new();
    for chunk in chunks.iter().map(parsed) {
        assert_eq!((&chunk["id"], &chunk["model"]), (&whole["id"], &whole["model"]));
        whole["usage"] = chunk["usage"].clone();
        for part in chunk["choices"].as_array().unwrap() {
            let at = choices.iter().position(|choice| choice["index"] == part["index"]);
            let Some(at) = at else {
                let mut first = part.clone();
                let delta = first.as_object_mut().unwrap().shift_remove(produced).unwrap();
                let name = if produced == "delta" { "message" } else { produced };
                first[name] = delta;
                choices.push(first);
                continue;
            };
            let choice = &mut choices[at];
            match (produced, &part[produced]) {
                ("delta", Value::Object(delta)) => {
                    accumulate(choice["message"].as_object_mut().unwrap(), delta);
                }
                (_, text) => {
                    let sum = choice["text"].as_str().unwrap().to_owned() + text.as_str().unwrap();
                    choice["text"] = json!(sum);
                }
            }
            for told in ["logprobs", "finish_reason"] {
                if !part[told].is_null() {
                    assert!(choice[told].is_null(), "{told} is told twice");
                    choice[told] = part[told].clone();
                }
            }
        }
    }
    for choice in &mut choices {
        for call in choice["message"]["tool_calls"].as_array_mut().into_iter().flatten() {
            call.as_object_mut().unwrap().shift_remove("index");
        }
        if !choice["message"].is_object() {
            choice.as_object_mut().unwrap().shift_remove("message");
        }
    }
    whole["choices"] = json!(choices);
    whole
}

/// What a client of the Messages API holds at the end.
fn summed_message(events: &[SseEvent]) -> Value {
    let mut whole = Value::Null;
    let mut arguments = String::new();
    for event in events {
        let data = parsed(event);
        assert_eq!(event.event.as_deref(), data["type"].as_str().map(str::as_bytes));
        let block = |whole: &Value| whole["content"].as_array().unwrap().len() - 1;
        match data["type"].as_str().unwrap() {
            "message_start" => whole = data["message"].clone(),
            "content_block_start" => {
                let content = whole["content"].as_array_mut().unwrap();
                assert_eq!(data["index"], json!(content.len()));
                content.push(data["content_block"].clone());
            }
            "content_block_delta" => {
                let at = block(&whole);
                let (block, delta) = (&mut whole["content"][at], &data["delta"]);
                let (field, key) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("signature", "signature"),
                    "citations_delta" => {
                        let citations = block["citations"].as_array_mut().unwrap();
                        citations.push(delta["citation"].clone());
                        continue;
                    }
                    "input_json_delta" => {
                        arguments.push_str(delta["partial_json"].as_str().unwrap());
                        continue;
                    }
                    other => panic!("{other}"),
                };
                let sum = block[field].as_str().unwrap().to_owned() + delta[key].as_str().unwrap();
                block[field] = json!(sum);
            }
            "content_block_stop" => {
                let input = std::mem::take(&mut arguments);
                if !input.is_empty() {
                    let at = block(&whole);
                    whole["content"][at]["input"] = serde_json::from_str(&input).unwrap();
                }
            }
            "message_delta" => {
                whole["stop_reason"] = data["delta"]["stop_reason"].clone();
                whole["stop_sequence"] = data["delta"]["stop_sequence"].clone();
                whole["usage"] = data["usage"].clone();
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(parsed(events.last().unwrap())["type"], "message_stop");
    whole
}

/// Adds up the items of a response and checks them against the response of the last event.
fn summed_response(events: &[SseEvent]) -> Value {
    let mut items: Vec<Value> = Vec::new();
    let mut last = Value::Null;
    for (number, event) in events.iter().enumerate() {
        let data = parsed(event);
        assert_eq!(event.event.as_deref(), data["type"].as_str().map(str::as_bytes));
        assert_eq!(data["sequence_number"], json!(number));
        let at = |name: &str| usize::try_from(data[name].as_u64().unwrap()).unwrap();
        let add = |sum: &mut Value| {
            *sum = json!(sum.as_str().unwrap().to_owned() + data["delta"].as_str().unwrap());
        };
        match data["type"].as_str().unwrap().trim_start_matches("response.") {
            "created" | "in_progress" => {
                assert_eq!(data["response"]["status"], "in_progress");
                assert_eq!(data["response"]["output"], json!([]));
            }
            "output_item.added" => items.push(data["item"].clone()),
            "content_part.added" => {
                let content = items[at("output_index")]["content"].as_array_mut().unwrap();
                content.push(data["part"].clone());
            }
            "output_text.delta" => {
                add(&mut items[at("output_index")]["content"][at("content_index")]["text"]);
            }
            "refusal.delta" => {
                add(&mut items[at("output_index")]["content"][at("content_index")]["refusal"]);
            }
            "function_call_arguments.delta" => add(&mut items[at("output_index")]["arguments"]),
            "custom_tool_call_input.delta" => add(&mut items[at("output_index")]["input"]),
            "output_text.annotation.added" => {
                let part = &mut items[at("output_index")]["content"][at("content_index")];
                part["annotations"].as_array_mut().unwrap().push(data["annotation"].clone());
            }
            "output_item.done" => {
                let summed = &mut items[at("output_index")];
                if let (Some(status), Some(_)) = (data["item"].get("status"), summed.get("status"))
                {
                    summed["status"] = status.clone();
                }
                assert_eq!(summed, &data["item"]);
            }
            "completed" | "incomplete" | "failed" => last = data["response"].clone(),
            _ => {}
        }
    }
    assert_eq!(last["output"], json!(items));
    last
}

/// The answer without what no stream carries.
fn expected(surface: Surface, body: &Bytes, with_usage: bool) -> Value {
    let mut whole: Value = serde_json::from_slice(body).unwrap();
    if matches!(surface, Surface::ChatCompletions | Surface::Completions) {
        if !with_usage {
            whole["usage"] = Value::Null;
        }
        for choice in whole["choices"].as_array_mut().unwrap() {
            if choice.get("logprobs").is_none() {
                choice["logprobs"] = Value::Null;
            }
            for call in choice["message"]["tool_calls"].as_array_mut().into_iter().flatten() {
                call.as_object_mut().unwrap().shift_remove("index");
            }
            if !choice["message"].is_object() {
                choice.as_object_mut().unwrap().shift_remove("message");
            }
        }
    }
    whole
}

fn written(events: &[SseEvent]) -> Bytes {
    let mut out = BytesMut::new();
    events.iter().for_each(|event| event.write(&mut out));
    out.freeze()
}

/// Replays an answer, adds it up, and sends it through the decoder that a stream of a provider
/// would have taken.
fn check(surface: Surface, body: &Bytes) {
    for with_usage in [true, false] {
        let events = replay(surface, body, with_usage).unwrap();
        let summed = match surface {
            Surface::ChatCompletions => summed_chunks(&events, "delta", "chat.completion"),
            Surface::Completions => summed_chunks(&events, "text", "text_completion"),
            Surface::Responses => summed_response(&events),
            _ => summed_message(&events),
        };
        assert_eq!(summed, expected(surface, body, with_usage));
        let mut watch = EndingWatch::new(surface);
        events.iter().for_each(|event| watch.see(event));
        assert_eq!(watch.is_whole(), is_whole(surface, body));
        let name = match surface {
            Surface::Messages => DialectName::Anthropic,
            _ => DialectName::OpenAi,
        };
        let mut decoder = dialect(name).stream(shape(surface, with_usage), "m");
        let mut decoded = Vec::new();
        decoder.push(&written(&events), &mut decoded).unwrap();
        decoder.finish(&mut decoded).unwrap();
        assert!(decoder.facts().finished);
        assert!(decoded == events, "the decoder changes a replayed stream");
    }
}

const SPOKEN: [Surface; 4] =
    [Surface::ChatCompletions, Surface::Completions, Surface::Responses, Surface::Messages];

fn spoken(surface: Surface, text: &str) -> Spoken<'_> {
    Spoken { surface, id: "abc-1", created: 1_700_000_000, model: "support \"x\"", text }
}

#[test]
fn speaks_in_the_shape_of_every_route_with_messages() {
    for surface in SPOKEN {
        let body = answer(&spoken(surface, "Grüße \"an\" alle\n")).unwrap();
        assert!(is_whole(surface, &body), "{surface:?}");
        check(surface, &body);
        let whole: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(whole["model"], "support \"x\"");
        let numbers = whole["usage"].as_object().unwrap().values().filter(|v| v.is_number());
        assert!(numbers.clone().count() >= 3 && numbers.into_iter().all(|n| *n == json!(0)));
        check(surface, &answer(&spoken(surface, "")).unwrap());
    }
    let text = |surface, path: &str| {
        let body = answer(&spoken(surface, "hi")).unwrap();
        let whole: Value = serde_json::from_slice(&body).unwrap();
        whole.pointer(path).cloned().unwrap()
    };
    assert_eq!(text(Surface::ChatCompletions, "/choices/0/message/content"), "hi");
    assert_eq!(text(Surface::ChatCompletions, "/created"), 1_700_000_000);
    assert_eq!(text(Surface::ChatCompletions, "/id"), "chatcmpl-abc-1");
    assert_eq!(text(Surface::Completions, "/choices/0/text"), "hi");
    assert_eq!(text(Surface::Responses, "/output/0/content/0/text"), "hi");
    assert_eq!(text(Surface::Responses, "/status"), "completed");
    assert_eq!(text(Surface::Responses, "/store"), false);
    assert_eq!(text(Surface::Messages, "/content/0/text"), "hi");
    assert_eq!(text(Surface::Messages, "/stop_reason"), "end_turn");
    assert_eq!(answer(&spoken(Surface::Embeddings, "hi")), None);
}

#[test]
fn every_whole_answer_of_the_golden_matrix_survives_its_replay() {
    let mut replayed = 0;
    golden::each_decoded_answer(|surface, case, body| {
        let streams = SPOKEN.contains(&surface);
        assert_eq!(replay(surface, body, true).is_some(), streams, "{surface:?} {case}");
        if streams {
            check(surface, body);
            replayed += 1;
        }
    });
    assert!(replayed > 20, "{replayed}");
}

#[test]
fn replays_responses_with_every_kind_of_item() {
    let part = |kind: &str, name: &str, text: &str| json!({"type": kind, name: text});
    let mut cited = part("output_text", "text", &"lang ".repeat(2_000));
    cited["annotations"] = json!([{"type": "url_citation", "url": "https://x"}]);
    cited["logprobs"] = json!([]);
    let output = json!([
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"id": "ws_1", "type": "web_search_call", "status": "completed"},
        {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
            "content": [cited, part("refusal", "refusal", "no"), {"type": "new", "x": 1}]},
        {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "c",
            "name": "f", "arguments": "{\"a\":1}"},
        {"id": "fc_2", "type": "function_call", "call_id": "d", "name": "g", "arguments": ""},
        {"id": "ctc_1", "type": "custom_tool_call", "call_id": "e", "name": "h", "input": "x y"},
    ]);
    let mut response = json!({"id": "resp_1", "object": "response", "created_at": 1,
        "status": "completed", "model": "m", "output": output, "usage": {"input_tokens": 1,
        "output_tokens": 2}, "incomplete_details": null, "error": null, "new": [1]});
    check(Surface::Responses, &Bytes::from(response.to_string()));
    response["status"] = json!("incomplete");
    response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    check(Surface::Responses, &Bytes::from(response.to_string()));
    response["status"] = json!("queued");
    assert_eq!(replay(Surface::Responses, &Bytes::from(response.to_string()), true), None);
    for prompt in [
        "\"hello you\"",
        "\"x\",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]",
    ] {
        let request = format!(r#"{{"model":"m","input":{prompt}}}"#);
        check(Surface::Responses, &body(&played(Surface::Responses, &request)));
    }
}

#[test]
fn keeps_every_digit_of_a_tools_input() {
    let message = r#"{"id":"m","type":"message","role":"assistant","model":"c","content":
        [{"type":"tool_use","id":"t","name":"f","input":{ "n": 12345678901234567890123.10 }}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let events = replay(Surface::Messages, &Bytes::from_static(message.as_bytes()), false).unwrap();
    let delta = parsed(&events[2])["delta"]["partial_json"].clone();
    assert_eq!(delta, "{ \"n\": 12345678901234567890123.10 }");
}

#[test]
fn replays_nothing_that_is_not_of_the_shape() {
    for surface in SPOKEN {
        for other in ["", "text", "[]", "{}", r#"{"choices":[{}],"output":{},"content":1}"#] {
            assert_eq!(
                replay(surface, &Bytes::from_static(other.as_bytes()), true),
                None,
                "{other}"
            );
        }
    }
    assert_eq!(replay(Surface::Embeddings, &Bytes::from_static(b"{\"data\":[]}"), true), None);
}

#[test]
fn a_mark_survives_the_replay_and_a_later_mark_replaces_it() {
    for surface in SPOKEN {
        let body = answer(&spoken(surface, "hi")).unwrap();
        let marked = mark(&body, r#"{"degraded":{"level":"rules"}}"#);
        check(surface, &marked);
        let stream = mark_stream(&written(&replay(surface, &body, false).unwrap()), "{\"a\":1}");
        let twice = mark_stream(&stream, "{\"b\":2}");
        let text = std::str::from_utf8(&twice).unwrap();
        assert_eq!(text.matches("tollbar").count(), 1, "{text}");
        let first = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(first).unwrap()["tollbar"], json!({"b": 2}));
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "\\PC{0,20}",
        "[a\"\\\\\n\u{e9}\u{1f642}]{0,30}",
        (1usize..3_000).prop_map(|n| "漢a".repeat(n)),
    ]
}

fn chat_choice() -> impl Strategy<Value = Value> {
    let calls = proptest::collection::vec((text(), text()), 0..3);
    let content = proptest::option::of(text());
    let finish = prop_oneof![Just("stop"), Just("tool_calls"), Just("length")];
    (content, proptest::option::of(text()), proptest::option::of(text()), calls, finish).prop_map(
        |(content, refusal, reasoning, calls, finish)| {
            let mut message = json!({"role": "assistant", "content": content, "refusal": refusal});
            if message["refusal"] == "" {
                message["refusal"] = Value::Null;
            }
            if let Some(reasoning) = reasoning.filter(|text| !text.is_empty()) {
                message["reasoning_content"] = json!(reasoning);
            }
            if !calls.is_empty() {
                let calls = calls.iter().enumerate().map(|(at, (name, arguments))| {
                    let function = json!({"name": name, "arguments": arguments});
                    json!({"id": format!("call_{at}"), "type": "function", "function": function})
                });
                message["tool_calls"] = calls.collect();
            }
            json!({"message": message, "logprobs": null, "finish_reason": finish})
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_chat_answer_survives_its_replay(choices in proptest::collection::vec(chat_choice(), 1..4)) {
        let mut choices = choices;
        for (index, choice) in choices.iter_mut().enumerate() {
            choice["index"] = json!(index);
        }
        let answer = json!({"id": "c", "object": "chat.completion", "created": 5, "model": "m",
            "choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 1}});
        check(Surface::ChatCompletions, &Bytes::from(answer.to_string()));
    }

    #[test]
    fn any_message_survives_its_replay(
        blocks in proptest::collection::vec((0usize..4, text()), 0..4),
        reason in prop_oneof![Just("end_turn"), Just("tool_use"), Just("max_tokens")],
    ) {
        let blocks = blocks.into_iter().map(|(kind, text)| match kind {
            0 => json!({"type": "text", "text": text}),
            1 => json!({"type": "thinking", "thinking": text, "signature": "sig"}),
            2 => json!({"type": "redacted_thinking", "data": text}),
            _ => json!({"type": "tool_use", "id": "t", "name": "n", "input": {"q": text}}),
        });
        let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "c",
            "content": blocks.collect::<Vec<_>>(), "stop_reason": reason, "stop_sequence": null,
            "usage": {"input_tokens": 3, "output_tokens": 9}});
        check(Surface::Messages, &Bytes::from(answer.to_string()));
    }
}
