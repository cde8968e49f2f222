//! What models write by themselves: reported, hidden, or blocked.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;
use tb_guard::{Action, Kind};

use super::{VALUES, guarded, json as parsed, pass, pieces};
use crate::restoration::{AnswerBlocked, Restoration};

const SSN: &str = "536-90-4399";
const CARD: &str = "4111 1111 1111 1111";

fn looking(answers: &[(Kind, Action)]) -> Restoration {
    Restoration::of(&guarded(answers, false), Surface::ChatCompletions).unwrap()
}

fn whole(restoration: &mut Restoration, content: &str) -> Result<String, AnswerBlocked> {
    let body = json!({"id": "x", "choices": [{"message": {"content": content}}]});
    let given = restoration.whole(Bytes::from(body.to_string()))?;
    let value: Value = serde_json::from_slice(&given).unwrap();
    Ok(value["choices"][0]["message"]["content"].as_str().unwrap().to_owned())
}

fn chunk(content: &str) -> SseEvent {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": content}}]});
    SseEvent::data(Bytes::from(chunk.to_string()))
}

fn end() -> [SseEvent; 2] {
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let done = Bytes::from_static(b"[DONE]");
    [SseEvent::data(Bytes::from(stop.to_string())), SseEvent::data(done)]
}

/// What the client adds up of the answer in pieces of this size.
fn streamed(
    restoration: &mut Restoration,
    content: &str,
    size: usize,
) -> Result<String, AnswerBlocked> {
    let mut events: Vec<SseEvent> = pieces(content, size).iter().map(|it| chunk(it)).collect();
    events.extend(end());
    let given = pass(restoration, events)?;
    Ok(contents(&given))
}

fn contents(events: &[SseEvent]) -> String {
    let chunks = events.iter().filter(|event| *event.data != *b"[DONE]").map(parsed);
    let content = |chunk: Value| {
        chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    };
    chunks.map(content).collect()
}

fn found(restoration: &mut Restoration) -> Vec<(String, &'static str, u64)> {
    let found = restoration.take_tally().found;
    found.into_iter().map(|((kind, action), n)| (kind.to_string(), action, n)).collect()
}

#[test]
fn what_is_reported_stays_and_is_counted_once() {
    let text = format!("it is {SSN} or {CARD}.");
    let rules = [(Kind::US_SSN, Action::Report)];
    let mut restoration = looking(&rules);
    assert_eq!(whole(&mut restoration, &text).unwrap(), text);
    assert_eq!(found(&mut restoration), [("us_ssn".to_owned(), "report", 1)]);
    for size in [1, 7, 4_000] {
        let mut restoration = looking(&rules);
        let events = pieces(&text, size);
        let mut out = Vec::new();
        for piece in &events {
            restoration.event(chunk(piece), &mut out).unwrap();
        }
        assert_eq!(contents(&out), text, "nothing is held back");
        restoration.finish(&mut out).unwrap();
        assert_eq!(found(&mut restoration), [("us_ssn".to_owned(), "report", 1)]);
    }
}

#[test]
fn what_is_reported_is_counted_once_in_a_long_stream() {
    let filler = "some words of an answer that go on for long. ".repeat(40);
    let text = [filler.as_str(); 12].join(&format!("my ssn is {SSN} . "));
    let mut restoration = looking(&[(Kind::US_SSN, Action::Report)]);
    assert_eq!(streamed(&mut restoration, &text, 9).unwrap(), text);
    assert_eq!(found(&mut restoration), [("us_ssn".to_owned(), "report", 11)]);
}

#[test]
fn what_is_hidden_is_hidden_in_both() {
    let filler = "some words of an answer that go on for long. ".repeat(30);
    let text = format!("my ssn is {SSN} {filler} card {CARD} {filler} ssn {SSN}.");
    let rules = [(Kind::US_SSN, Action::Redact), (Kind::CREDIT_CARD, Action::Mask)];
    let want = text.replace(SSN, "[US_SSN]").replace(CARD, "**** **** **** 1111");
    assert_eq!(whole(&mut looking(&rules), &text).unwrap(), want);
    for size in [1, 3, 50, 600, 9_000] {
        let mut restoration = looking(&rules);
        assert_eq!(streamed(&mut restoration, &text, size).unwrap(), want, "{size}");
        let found = found(&mut restoration);
        let want = [("credit_card".to_owned(), "mask", 1), ("us_ssn".to_owned(), "redact", 2)];
        assert_eq!(found, want, "{size}");
    }
}

#[test]
fn what_is_blocked_ends_the_answer() {
    let rules = [(Kind::US_SSN, Action::Block)];
    let text = format!("well: my ssn is {SSN}, {}", "and so on ".repeat(200));
    let blocked = AnswerBlocked { found: "us_ssn=1".to_owned() };
    assert_eq!(whole(&mut looking(&rules), &text), Err(blocked.clone()));
    for size in [1, 40, 9_000] {
        let mut out = Vec::new();
        let mut restoration = looking(&rules);
        let outcome = pieces(&text, size)
            .iter()
            .map(|piece| chunk(piece))
            .chain(end())
            .try_for_each(|event| restoration.event(event, &mut out));
        assert_eq!(outcome, Err(blocked.clone()));
        assert!(!contents(&out).contains("536"), "{}", contents(&out));
    }
    let error = blocked.refusal().api_error();
    assert_eq!(error.code.as_deref(), Some("pii_blocked"));
    assert_eq!((error.origin, error.message.contains("us_ssn=1")), ("policy", true));
}

#[test]
fn restored_values_are_exempt() {
    let rules = [(Kind::EMAIL, Action::Block), (Kind::SECRET, Action::Block)];
    let text =
        "write to <EMAIL_7f3a_1> or [EMAIL_7f3a_4], password: [SECRET], &lt;EMAIL_7f3a_1&gt;";
    let want = text
        .replace("<EMAIL_7f3a_1>", VALUES[0])
        .replace("[EMAIL_7f3a_4]", VALUES[3])
        .replace("&lt;EMAIL_7f3a_1&gt;", VALUES[0]);
    assert_eq!(whole(&mut looking(&rules), text).unwrap(), want);
    for size in [1, 11, 500] {
        assert_eq!(streamed(&mut looking(&rules), text, size).unwrap(), want);
    }
    let invented = "write to eve@example.net";
    assert!(whole(&mut looking(&rules), invented).is_err());
    assert!(streamed(&mut looking(&rules), invented, 3).is_err());
}

#[test]
fn identifiers_of_the_protocol_are_not_looked_at() {
    let rules = [(Kind::EMAIL, Action::Block)];
    let body = json!({"id": "jo@example.com", "model": "m@example.com", "choices": []});
    let body = Bytes::from(body.to_string());
    assert_eq!(looking(&rules).whole(body.clone()).unwrap(), body);
}

#[test]
fn arguments_of_tools_stay_json() {
    let rules = [(Kind::US_SSN, Action::Redact), (Kind::EMAIL, Action::Redact)];
    let arguments =
        format!(r#"{{"ssn": "{SSN}", "to":"eve@example.net","again":["my ssn is {SSN}"]}}"#);
    for size in [1, 5, 300] {
        let mut events: Vec<SseEvent> = pieces(&arguments, size)
            .iter()
            .map(|piece| {
                let call = json!([{"index": 0, "function": {"arguments": piece}}]);
                let chunk = json!({"choices": [{"index": 0, "delta": {"tool_calls": call}}]});
                SseEvent::data(Bytes::from(chunk.to_string()))
            })
            .collect();
        events.extend(end());
        let given = pass(&mut looking(&rules), events).unwrap();
        let chunks = given.iter().filter(|event| *event.data != *b"[DONE]").map(parsed);
        let piece = |chunk: Value| {
            let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
            call["function"]["arguments"].as_str().unwrap_or_default().to_owned()
        };
        let all: String = chunks.map(piece).collect();
        let value: Value = serde_json::from_str(&all).unwrap_or_else(|_| panic!("{all}"));
        let want = json!({"ssn": "[US_SSN]", "to": "[EMAIL]", "again": ["my ssn is [US_SSN]"]});
        assert_eq!(value, want);
    }
}

#[test]
fn a_bare_number_that_is_hidden_becomes_a_string() {
    let rules = [(Kind::CREDIT_CARD, Action::Mask)];
    let arguments = r#"{"card": 4111111111111111, "n": 1}"#;
    let body = json!({"choices": [{"message": {"tool_calls": [
        {"function": {"arguments": arguments}}]}}]});
    let given = looking(&rules).whole(Bytes::from(body.to_string())).unwrap();
    let value: Value = serde_json::from_slice(&given).unwrap();
    let call = &value["choices"][0]["message"]["tool_calls"][0];
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"card": "************1111", "n": 1}));
}

#[test]
fn the_key_of_an_argument_says_what_it_is() {
    let rules = guarded(&[(Kind::SECRET, Action::Redact), (Kind::US_SSN, Action::Redact)], false);
    let input = json!({"password": "hunter2-Xq", "id": "x", "ssn": 536_904_399, "n": 12});
    let body = json!({"content": [{"type": "tool_use", "id": "toolu_1", "input": input}]});
    let mut restoration = Restoration::of(&rules, Surface::Messages).unwrap();
    let given = restoration.whole(Bytes::from(body.to_string())).unwrap();
    let value: Value = serde_json::from_slice(&given).unwrap();
    let want = json!({"password": "[SECRET]", "id": "x", "ssn": "[US_SSN]", "n": 12});
    assert_eq!(value["content"][0]["input"], want);
}

#[test]
fn a_long_text_without_white_space_does_not_stay_for_ever() {
    let mut restoration = looking(&[(Kind::US_SSN, Action::Redact)]);
    let mut out = Vec::new();
    for _ in 0..4_000 {
        restoration.event(chunk("漢字テスト"), &mut out).unwrap();
    }
    let before = contents(&out).len();
    assert!(before > 45_000, "{before}");
    restoration.finish(&mut out).unwrap();
    assert_eq!(contents(&out), "漢字テスト".repeat(4_000));
}

#[test]
fn an_echo_of_the_request_is_not_an_answer() {
    let rules = guarded(&[(Kind::EMAIL, Action::Block)], false);
    let response = json!({"response": {"instructions": "ask eve@example.net", "output": []}});
    let mut event = response.clone();
    event["type"] = json!("response.completed");
    let mut restoration = Restoration::of(&rules, Surface::Responses).unwrap();
    let event = SseEvent::named("response.completed", Bytes::from(event.to_string()));
    assert_eq!(pass(&mut restoration, vec![event.clone()]).unwrap(), [event]);
    let mut restoration = Restoration::of(&rules, Surface::Responses).unwrap();
    let body = Bytes::from(response["response"].to_string());
    assert_eq!(restoration.whole(body.clone()).unwrap(), body);
}

proptest! {
    #[test]
    fn a_stream_hides_what_the_whole_answer_hides(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "my ssn is 536-90-4399", "4111 1111 1111 1111", "<EMAIL_7f3a_1>", "a few words here",
                "eve@example.net", "\n", "\"quoted\"", "😀", "<EMAIL_7f",
            ]),
            0..40,
        ),
        size in 1_usize..60,
    ) {
        let rules =
            [(Kind::US_SSN, Action::Redact), (Kind::CREDIT_CARD, Action::Mask), (Kind::EMAIL, Action::Mask)];
        // Far enough from each other that no value gives context to another one.
        let text = parts.join(" . Then comes something else, which goes on for a while. ");
        let want = whole(&mut looking(&rules), &text).unwrap();
        prop_assert_eq!(streamed(&mut looking(&rules), &text, size).unwrap(), want);
    }
}

#[test]
fn the_odds_of_tokens_are_left_out_where_something_may_be_hidden() {
    let odds = json!({"content": [{"token": SSN, "bytes": [53], "top_logprobs": []}]});
    let list = json!([{"token": SSN, "logprob": -0.1}]);
    let part = json!({"type": "output_text", "text": "x", "logprobs": list});
    let item = json!({"type": "message", "content": [part]});
    let chat = json!({"choices": [{"index": 0, "message": {"content": "x"}, "logprobs": odds}]});
    let cases = [
        (Surface::ChatCompletions, chat, "/choices/0/logprobs", Value::Null),
        (
            Surface::Completions,
            json!({"choices": [{"text": "x", "logprobs": {"tokens": [SSN]}}]}),
            "/choices/0/logprobs",
            Value::Null,
        ),
        (
            Surface::Responses,
            json!({"object": "response", "output": [item]}),
            "/output/0/content/0/logprobs",
            json!([]),
        ),
        (
            Surface::AudioTranscriptions,
            json!({"text": "x", "logprobs": list}),
            "/logprobs",
            json!([]),
        ),
    ];
    for (surface, body, place, without) in cases {
        let given = |action| {
            let rules = guarded(&[(Kind::CREDIT_CARD, action)], false);
            let mut restoration = Restoration::of(&rules, surface).unwrap();
            let given = restoration.whole(Bytes::from(body.to_string())).unwrap();
            serde_json::from_slice::<Value>(&given).unwrap()
        };
        for action in [Action::Mask, Action::Redact, Action::Block] {
            assert_eq!(given(action).pointer(place), Some(&without), "{surface:?}");
        }
        assert_eq!(given(Action::Report), body, "{surface:?}");
    }
}

#[test]
fn the_odds_of_pieces_are_left_out_too() {
    let list = json!([{"token": SSN, "logprob": -0.1}]);
    let part = json!({"type": "output_text", "text": "x", "logprobs": list});
    let item = json!({"type": "message", "content": [part]});
    let named = |kind: &'static str, mut data: Value| {
        data["type"] = json!(kind);
        SseEvent::named(kind, Bytes::from(data.to_string()))
    };
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "x"},
        "logprobs": {"content": [{"token": SSN}]}}]});
    let streams = [
        (Surface::ChatCompletions, vec![SseEvent::data(Bytes::from(chunk.to_string()))]),
        (
            Surface::Responses,
            vec![
                named("response.output_text.delta", json!({"delta": "x", "logprobs": list})),
                named("response.output_text.done", json!({"text": "x", "logprobs": list})),
                named("response.content_part.done", json!({"part": part})),
                named("response.output_item.done", json!({"item": item})),
                named("response.completed", json!({"response": {"output": [item]}})),
            ],
        ),
    ];
    for (surface, events) in streams {
        let rules = guarded(&[(Kind::CREDIT_CARD, Action::Redact)], false);
        let mut restoration = Restoration::of(&rules, surface).unwrap();
        let given = pass(&mut restoration, events).unwrap();
        for event in &given {
            let text = parsed(event).to_string();
            assert!(!text.contains(SSN), "{text}");
        }
    }
}
