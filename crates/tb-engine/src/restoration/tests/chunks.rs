//! Streams of chat and text completions.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::{
    Sums, guarded, json as parsed, on_the_wire, pass, pieces, read, restoration, restored,
    restored_json, texts,
};
use crate::restoration::Restoration;

/// What clients add up of chunks.
fn sums(events: &[SseEvent]) -> Sums {
    let mut sums = Sums::default();
    for event in events.iter().filter(|event| *event.data != *b"[DONE]") {
        let chunk = parsed(event);
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let index = &choice["index"];
            let delta = &choice["delta"];
            for name in ["content", "refusal", "reasoning", "reasoning_content"] {
                if let Some(text) = delta[name].as_str() {
                    sums.add(format!("{index} {name}"), text);
                }
            }
            if let Some(text) = choice["text"].as_str() {
                sums.add(format!("{index} text"), text);
            }
            if let Some(text) = delta["audio"]["transcript"].as_str() {
                sums.add(format!("{index} transcript"), text);
            }
            if let Some(text) = delta["function_call"]["arguments"].as_str() {
                sums.add(format!("{index} function"), text);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                if let Some(text) = call["function"]["arguments"].as_str() {
                    sums.add(format!("{index} call {}", call["index"]), text);
                }
            }
        }
    }
    sums
}

fn chunk(choice: u64, delta: &Value, finish: &Value) -> SseEvent {
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m",
        "choices": [{"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish}],
        "usage": null,
    });
    SseEvent::data(Bytes::from(chunk.to_string()))
}

fn done() -> SseEvent {
    SseEvent::data(Bytes::from_static(b"[DONE]"))
}

/// The delta of a field of the tests with this text.
fn delta(field: &str, text: &str) -> Value {
    match field {
        "transcript" => json!({"audio": {"transcript": text}}),
        "function" => json!({"function_call": {"arguments": text}}),
        "call 0" | "call 1" => {
            let index = u64::from(field == "call 1");
            json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
        }
        name => json!({name: text}),
    }
}

const FIELDS: [&str; 7] =
    ["content", "refusal", "reasoning", "transcript", "function", "call 0", "call 1"];

/// A stream of these fields: (choice, field, text), their pieces taking turns.
fn stream(fields: &[(u64, &str, String)], size: usize, with_usage: bool) -> Vec<SseEvent> {
    let cut: Vec<Vec<String>> = fields.iter().map(|(.., text)| pieces(text, size)).collect();
    let longest = cut.iter().map(Vec::len).max().unwrap_or_default();
    let mut events = Vec::new();
    for turn in 0..longest {
        for ((choice, field, _), pieces) in fields.iter().zip(&cut) {
            if let Some(piece) = pieces.get(turn) {
                events.push(chunk(*choice, &delta(field, piece), &Value::Null));
            }
        }
    }
    let mut choices: Vec<u64> = fields.iter().map(|(choice, ..)| *choice).collect();
    choices.dedup();
    events.extend(choices.iter().map(|choice| chunk(*choice, &json!({}), &json!("stop"))));
    if with_usage {
        let usage = json!({"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 3}});
        events.push(SseEvent::data(Bytes::from(usage.to_string())));
    }
    events.push(done());
    events
}

proptest! {
    #[test]
    fn every_cut_gives_what_the_whole_text_gives(
        texts in prop::collection::vec((0_u64..3, 0_usize..7, texts()), 1..5),
        size in 1_usize..20,
        style in 0_u8..8,
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut fields: Vec<(u64, &str, String)> = texts
            .into_iter()
            .map(|(choice, field, text)| (choice, FIELDS[field], text))
            .collect();
        fields.sort_by_key(|(choice, field, _)| (*choice, *field));
        fields.dedup_by_key(|(choice, field, _)| (*choice, *field));
        let events = stream(&fields, size, style & 4 == 4);
        let arrived = read(&on_the_wire(&events, style, &cuts));
        let given = pass(&mut restoration(Surface::ChatCompletions), arrived).unwrap();
        let sums = sums(&given);
        for (choice, field, text) in &fields {
            let is_json = field.starts_with("call") || *field == "function";
            let want = if is_json { restored_json(text) } else { restored(text) };
            prop_assert_eq!(sums.of(&format!("{choice} {field}")), want);
        }
        prop_assert_eq!(given.last().map(|event| event.data.clone()), Some(done().data));
        for (choice, ..) in &fields {
            let of_choice = |event: &&SseEvent| {
                *event.data != *b"[DONE]" && parsed(event)["choices"][0]["index"] == *choice
            };
            let last = given.iter().rfind(of_choice).unwrap();
            prop_assert_eq!(&parsed(last)["choices"][0]["finish_reason"], "stop");
        }
    }
}

#[test]
fn every_cut_of_the_bytes_gives_the_same() {
    let text = "é <EMAIL_7f3a_2>, [EMAIL_7f3a_1] & 😀".to_owned();
    let events = stream(&[(0, "content", text.clone()), (1, "call 0", text.clone())], 3, true);
    let wire = on_the_wire(&events, 3, &[]).concat();
    for at in 0..wire.len() {
        let (left, right) = wire.split_at(at);
        let arrived = read(&[Bytes::copy_from_slice(left), Bytes::copy_from_slice(right)]);
        let given = pass(&mut restoration(Surface::ChatCompletions), arrived).unwrap();
        let sums = sums(&given);
        assert_eq!(sums.of("0 content"), restored(&text), "{at}");
        assert_eq!(sums.of("1 call 0"), restored_json(&text), "{at}");
    }
}

#[test]
fn what_is_held_goes_out_before_the_end_like_the_chunks_before_it() {
    let events = vec![
        chunk(0, &json!({"content": "see <EMAIL_7f"}), &Value::Null),
        chunk(0, &json!({}), &json!("stop")),
        done(),
    ];
    let given = pass(&mut restoration(Surface::ChatCompletions), events).unwrap();
    assert_eq!(given.len(), 4);
    assert_eq!(parsed(&given[0])["choices"][0]["delta"], json!({"content": "see "}));
    assert_eq!(
        parsed(&given[1]),
        parsed(&chunk(0, &json!({"content": "<EMAIL_7f"}), &Value::Null))
    );
    assert_eq!(parsed(&given[2])["choices"][0]["finish_reason"], "stop");
}

#[test]
fn what_ends_in_the_chunk_itself_goes_out_in_it() {
    let events = vec![
        chunk(0, &json!({"content": "<EMAIL_7f"}), &Value::Null),
        chunk(0, &json!({"content": "3a_1"}), &json!("length")),
        done(),
    ];
    let given = pass(&mut restoration(Surface::ChatCompletions), events).unwrap();
    assert_eq!(given.len(), 3);
    assert_eq!(parsed(&given[1])["choices"][0]["delta"]["content"], "<EMAIL_7f3a_1");
}

#[test]
fn held_text_goes_out_before_done_and_at_a_break() {
    let open = chunk(0, &json!({"content": "<EMAIL_7f"}), &Value::Null);
    let given = pass(&mut restoration(Surface::ChatCompletions), vec![open.clone(), done()]);
    let given = given.unwrap();
    assert_eq!(sums(&given).of("0 content"), "<EMAIL_7f");
    assert_eq!(*given.last().unwrap().data, *b"[DONE]");
    let given = pass(&mut restoration(Surface::ChatCompletions), vec![open]).unwrap();
    assert_eq!(sums(&given).of("0 content"), "<EMAIL_7f");
}

#[test]
fn chunks_without_a_sign_pass_byte_for_byte() {
    let odd = r#"{ "choices" : [ {"delta":{"content":"a \"b\" \n"},"x":1.50e3} ],"id":"i" }"#;
    let event = SseEvent::data(Bytes::from_static(odd.as_bytes()));
    let mut out = Vec::new();
    restoration(Surface::ChatCompletions).event(event.clone(), &mut out).unwrap();
    assert_eq!(out, [event]);
}

#[test]
fn all_but_the_text_stays_byte_for_byte() {
    let odd = r#"{ "x":1.50e3, "choices":[{"index":0, "delta":{"content":"hi <EMAIL_7f3a_1>"}} ], "y" : "\u00e9<" }"#;
    let want = odd.replace("<EMAIL_7f3a_1>", "jo@example.com");
    let event = SseEvent::data(Bytes::from_static(odd.as_bytes()));
    let mut out = Vec::new();
    restoration(Surface::ChatCompletions).event(event, &mut out).unwrap();
    assert_eq!(out, [SseEvent::data(Bytes::from(want))]);
}

#[test]
fn text_completions_are_restored() {
    let piece = |text: &str, finish: &Value| {
        let chunk = json!({"choices": [{"index": 1, "text": text, "finish_reason": finish}]});
        SseEvent::data(Bytes::from(chunk.to_string()))
    };
    let events = vec![
        piece("to <EMAIL", &Value::Null),
        piece("_7f3a_1> or <EMAIL_", &Value::Null),
        piece("", &json!("stop")),
        done(),
    ];
    let given = pass(&mut restoration(Surface::Completions), events).unwrap();
    assert_eq!(sums(&given).of("1 text"), "to jo@example.com or <EMAIL_");
}

#[test]
fn json_that_was_asked_for_stays_json() {
    let answer = r#"{"name":"<EMAIL_7f3a_2>"}"#;
    for size in 1..answer.len() {
        let events = stream(&[(0, "content", answer.to_owned())], size, false);
        let guarded = guarded(&[], true);
        let mut restoration = Restoration::of(&guarded, Surface::ChatCompletions).unwrap();
        let given = pass(&mut restoration, events).unwrap();
        let value: Value = serde_json::from_str(sums(&given).of("0 content")).unwrap();
        assert_eq!(value["name"], super::VALUES[1]);
    }
}

#[test]
fn what_cannot_be_read_is_restored_as_it_stands() {
    let lone = r#"{"choices":[{"delta":{"content":"\ud83d <EMAIL_7f3a_2>"}}]}"#;
    let events = vec![
        chunk(0, &json!({"content": "<EMAIL_7f"}), &Value::Null),
        SseEvent::data(Bytes::from_static(lone.as_bytes())),
    ];
    let given = pass(&mut restoration(Surface::ChatCompletions), events).unwrap();
    let texts: Vec<&str> =
        given.iter().map(|event| std::str::from_utf8(&event.data).unwrap()).collect();
    assert!(texts[1].contains("<EMAIL_7f"), "{texts:?}");
    assert!(texts[2].contains(r#"\ud83d \"Jo\" \\ 😀\nO'Neil"#), "{texts:?}");
}

#[test]
fn counts_what_was_restored() {
    let events = stream(&[(0, "content", "<EMAIL_7f3a_1> <EMAIL_7f3a_77>".to_owned())], 50, false);
    let mut restoration = restoration(Surface::ChatCompletions);
    pass(&mut restoration, events).unwrap();
    let tally = restoration.take_tally();
    assert_eq!((tally.restored, tally.unknown), (1, 1));
}

/// The texts at this place in all chunks.
fn at(events: &[SseEvent], place: &str) -> String {
    let chunks = events.iter().filter(|event| *event.data != *b"[DONE]").map(parsed);
    chunks.filter_map(|chunk| Some(chunk.pointer(place)?.as_str()?.to_owned())).collect()
}

#[test]
fn texts_in_places_that_are_not_known_are_put_together_by_their_path() {
    type Delta = fn(&str) -> Value;
    let deltas: [(Delta, &str); 4] = [
        (
            |text| json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]}),
            "/choices/0/delta/reasoning_details/0/text",
        ),
        (
            |text| json!({"content": [{"type": "text", "text": text}]}),
            "/choices/0/delta/content/0/text",
        ),
        (
            |text| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}),
            "/choices/0/delta/content/0/thinking/0/text",
        ),
        (|text| json!({"thoughts": text}), "/choices/0/delta/thoughts"),
    ];
    let text = "to <EMAIL_7f3a_1>, or to <EMAIL_7f3a_4>; <EMAIL";
    for (delta, place) in deltas {
        for size in [1, 5, 100] {
            let mut events: Vec<SseEvent> =
                pieces(text, size).iter().map(|it| chunk(0, &delta(it), &Value::Null)).collect();
            events.extend([chunk(0, &json!({}), &json!("stop")), done()]);
            let given = pass(&mut restoration(Surface::ChatCompletions), events.clone()).unwrap();
            assert_eq!(at(&given, place), restored(text), "{place} {size}");
            let rules = guarded(&[(tb_guard::Kind::US_SSN, tb_guard::Action::Redact)], false);
            let mut looking = Restoration::of(&rules, Surface::ChatCompletions).unwrap();
            let given = pass(&mut looking, events).unwrap();
            assert_eq!(at(&given, place), restored(text), "{place} {size}");
            let kept = "/choices/0/delta/reasoning_details/0/type";
            let is_told = |event: &SseEvent| {
                *event.data == *b"[DONE]"
                    || parsed(event).pointer(place).is_none()
                    || !place.contains("details")
                    || parsed(event).pointer(kept) == Some(&json!("reasoning.text"))
            };
            assert!(given.iter().all(is_told), "{place}");
        }
    }
}

#[test]
fn words_of_the_protocol_are_never_held_back() {
    let rules = guarded(&[(tb_guard::Kind::US_SSN, tb_guard::Action::Redact)], false);
    let mut looking = Restoration::of(&rules, Surface::ChatCompletions).unwrap();
    let call = json!({"index": 0, "id": "c", "type": "function",
        "function": {"name": "f", "arguments": ""}});
    let first = chunk(0, &json!({"role": "assistant", "tool_calls": [call]}), &Value::Null);
    let mut out = Vec::new();
    looking.event(first.clone(), &mut out).unwrap();
    assert_eq!(parsed(&out[0]), parsed(&first));
}
