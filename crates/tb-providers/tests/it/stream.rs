//! Streams: the same events however the bytes are cut, and no cut passes for an end.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tb_core::Surface;
use tb_providers::{AnswerShape, DialectName, ErrorClass, dialect};

use crate::support::{Streamed, body, played, shape, streamed};

/// Every scripted stream, with what its client asked for.
fn scripted() -> Vec<(AnswerShape, Bytes)> {
    const TOOL: &str = r#"{"type":"function","function":{"name":"look","parameters":{"type":"object","required":["q"],"properties":{"q":{"type":"string"}}}}}"#;
    const FLAT_TOOL: &str = r#"{"type":"function","name":"look","parameters":{"type":"object","required":["q"],"properties":{"q":{"type":"string"}}}}"#;
    let chat =
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Grüße \"an\" alle"}]}"#;
    let two = chat.replace(r#""stream":true"#, r#""stream":true,"n":2"#);
    let tools = chat.replace(
        r#""stream":true"#,
        &format!(r#""stream":true,"tool_choice":"required","tools":[{TOOL}]"#),
    );
    let responses = r#"{"model":"m","stream":true,"input":"Grüße an alle"}"#;
    let response_tools = responses.replace(
        r#""stream":true"#,
        &format!(r#""stream":true,"tool_choice":"required","tools":[{FLAT_TOOL}]"#),
    );
    let completion = r#"{"model":"m","stream":true,"prompt":"Once upon"}"#;
    let image = r#"{"model":"m","stream":true,"prompt":"a cat"}"#;
    [
        (shape(Surface::ChatCompletions, false), chat),
        (shape(Surface::ChatCompletions, true), chat),
        (shape(Surface::ChatCompletions, false), &two),
        (shape(Surface::ChatCompletions, false), &tools),
        (shape(Surface::Completions, false), completion),
        (shape(Surface::Responses, false), responses),
        (shape(Surface::Responses, false), &response_tools),
        (shape(Surface::ImagesGenerations, false), image),
    ]
    .into_iter()
    .map(|(shape, json)| (shape, body(&played(shape.surface, json))))
    .collect()
}

/// The text and arguments that a client puts together.
fn assembled(streamed: &Streamed) -> String {
    let mut text = String::new();
    for data in streamed.data() {
        let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
        let choices = event["choices"].as_array().into_iter().flatten();
        for choice in choices {
            let delta = &choice["delta"];
            let parts = [
                &choice["text"],
                &delta["content"],
                &delta["tool_calls"][0]["function"]["arguments"],
            ];
            text.extend(parts.into_iter().filter_map(Value::as_str));
        }
        text.extend([&event["delta"], &event["b64_json"]].into_iter().filter_map(Value::as_str));
    }
    text
}

#[test]
fn gives_the_same_events_however_the_bytes_are_cut() {
    for (shape, bytes) in scripted() {
        let whole = streamed(shape, std::slice::from_ref(&bytes));
        assert_eq!(whole.outcome, Ok(()));
        assert!(whole.facts.finished && whole.facts.output_seen, "{shape:?}");
        for at in 0..=bytes.len() {
            let cut = streamed(shape, &[bytes.slice(..at), bytes.slice(at..)]);
            assert_eq!(cut.outcome, Ok(()));
            assert_eq!(cut.events, whole.events, "cut at {at}");
            assert_eq!(cut.facts, whole.facts, "cut at {at}");
        }
        let bytewise: Vec<Bytes> = (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect();
        assert_eq!(streamed(shape, &bytewise).events, whole.events);
    }
}

#[test]
fn a_truncated_stream_is_an_error_or_complete() {
    for (shape, bytes) in scripted() {
        let whole = assembled(&streamed(shape, std::slice::from_ref(&bytes)));
        assert!(!whole.is_empty());
        let mut errors = 0;
        for at in 0..bytes.len() {
            let cut = streamed(shape, &[bytes.slice(..at)]);
            match &cut.outcome {
                Ok(()) => {
                    assert_eq!(assembled(&cut), whole, "{shape:?} cut at {at}");
                    assert!(cut.facts.finished);
                }
                Err(error) => {
                    errors += 1;
                    assert_eq!(error.class, ErrorClass::ServerError, "cut at {at}");
                    assert_eq!(error.message, "the provider closed the stream before its end");
                    assert!(!cut.data().contains(&"[DONE]"));
                }
            }
        }
        assert!(errors > bytes.len() / 2, "{shape:?}");
    }
}

#[test]
fn sends_done_exactly_once_and_nothing_after_it() {
    let finish =
        r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
    for tail in [
        "",
        "\n",
        "\n\n",
        "\n\ndata: [DONE]",
        "\n\ndata: [DONE]\n\ndata: [DONE]\n\ndata: {\"choices\":[]}\n\n",
    ] {
        let bytes = Bytes::from(format!("{finish}{tail}"));
        let streamed = streamed(shape(Surface::ChatCompletions, true), &[bytes]);
        assert_eq!(streamed.outcome, Ok(()), "{tail:?}");
        let data = streamed.data();
        assert_eq!(data.len(), 2, "{tail:?}");
        assert_eq!(data.last(), Some(&"[DONE]"));
    }
    for (shape, bytes) in scripted() {
        let done =
            streamed(shape, &[bytes]).data().iter().filter(|data| **data == "[DONE]").count();
        let wanted =
            usize::from(matches!(shape.surface, Surface::ChatCompletions | Surface::Completions));
        assert_eq!(done, wanted);
    }
}

#[test]
fn hides_usage_from_clients_that_did_not_ask() {
    let json =
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"four by four"}]}"#;
    let bytes = body(&played(Surface::ChatCompletions, json));
    let hidden = streamed(shape(Surface::ChatCompletions, false), std::slice::from_ref(&bytes));
    let shown = streamed(shape(Surface::ChatCompletions, true), std::slice::from_ref(&bytes));
    assert!(
        hidden
            .data()
            .iter()
            .all(|data| !data.contains("usage") && !data.contains("\"choices\":[]"))
    );
    assert_eq!(shown.events.len(), hidden.events.len() + 1);
    assert!(shown.data().iter().all(|data| *data == "[DONE]" || data.contains("\"usage\":")));
    for facts in [&hidden.facts, &shown.facts] {
        let tokens = facts.tokens.unwrap();
        assert_eq!((tokens.input(), tokens.output()), (3, 3));
        assert!(facts.tokens_final);
        assert_eq!(facts.served_model.as_deref(), Some("upstream-model"));
        assert_eq!(facts.output_bytes, 12);
    }
}

#[test]
fn forwards_chunks_byte_for_byte() {
    let chunk = r#"{ "id":"c", "choices" : [{"index":0,"delta":{"content":"a\u00e9","reasoning_content":"r"},"finish_reason":null}],"x_new":{"b":[1, 2]} , "obfuscation":"zz"}"#;
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let bytes = Bytes::from(format!(": ping\n\ndata: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"));
    let streamed = streamed(shape(Surface::ChatCompletions, false), &[bytes]);
    assert_eq!(streamed.data(), [chunk, end, "[DONE]"]);
}

#[test]
fn drops_azure_notes_and_keeps_their_usage_out() {
    let lines = [
        r#"{"choices":[],"model":"","id":"","prompt_filter_results":[]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"model":"gpt-4o"}"#,
        r#"{"choices":[{"index":0,"content_filter_offsets":{},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":1}}"#,
    ];
    let bytes = Bytes::from(lines.map(|line| format!("data: {line}\n\n")).concat());
    let streamed = streamed(shape(Surface::ChatCompletions, false), &[bytes]);
    assert_eq!(streamed.outcome, Ok(()));
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    assert_eq!(streamed.data(), [lines[1], end, "[DONE]"]);
    assert_eq!(streamed.facts.served_model.as_deref(), Some("gpt-4o"));
    assert_eq!(streamed.facts.tokens.unwrap().input(), 4);
}

#[test]
fn raises_the_providers_error_events() {
    let start = r#"data: {"choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    for (event, class, status) in [
        (
            r#"data: {"error":{"message":"busy","type":"overloaded_error"}}"#,
            ErrorClass::Overloaded,
            503,
        ),
        (
            "event: error\ndata: {\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}",
            ErrorClass::RateLimit,
            429,
        ),
        (r#"data: {"object":"error","message":"boom","code":500}"#, ErrorClass::ServerError, 500),
        ("data: <html>", ErrorClass::Malformed, 502),
        ("data: [1]", ErrorClass::Malformed, 502),
    ] {
        let bytes = Bytes::from(format!("{start}\n\n{event}\n\ndata: [DONE]\n\n"));
        let streamed = streamed(shape(Surface::ChatCompletions, false), &[bytes]);
        let error = streamed.outcome.clone().unwrap_err();
        assert_eq!((error.class, error.status), (class, status), "{event}");
        assert_eq!(streamed.events.len(), 1);
    }
    for surface in [Surface::Responses, Surface::ImagesGenerations] {
        let event = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"boom\"}\n\n";
        let error = streamed(shape(surface, false), &[Bytes::from(event)]).outcome.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::ServerError, "boom"));
    }
}

#[test]
fn a_stream_without_choices_or_end_is_an_error() {
    for text in
        ["", "data: [DONE]\n\n", ": ping\n\n", "data: {\"type\":\"ping\"}\n\ndata: [DONE]\n\n"]
    {
        let streamed = streamed(shape(Surface::ChatCompletions, false), &[Bytes::from(text)]);
        assert!(streamed.outcome.is_err(), "{text:?}");
    }
}

#[test]
fn an_empty_finish_reason_is_no_end() {
    let chunk = r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}]}"#;
    let bytes = Bytes::from(format!("{chunk}\n\n"));
    let streamed = streamed(shape(Surface::ChatCompletions, false), &[bytes]);
    assert_eq!(streamed.outcome.unwrap_err().class, ErrorClass::ServerError);
}

#[test]
fn a_choice_without_its_end_is_an_error() {
    let chunk = |index: u32, finish: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let begun = [chunk(0, "null"), chunk(1, "null"), chunk(0, "\"stop\"")].concat();
    let cut = streamed(shape(Surface::ChatCompletions, false), &[Bytes::from(begun.clone())]);
    assert!(cut.outcome.is_err());
    let whole = Bytes::from(begun + &chunk(1, "\"length\""));
    assert_eq!(streamed(shape(Surface::ChatCompletions, false), &[whole]).outcome, Ok(()));
}

#[test]
fn refuses_endless_events() {
    let mut decoder_input = vec![Bytes::from_static(b"data: ")];
    decoder_input.extend(vec![Bytes::from(vec![b'x'; 1 << 20]); 5]);
    let streamed = streamed(shape(Surface::ChatCompletions, false), &decoder_input);
    assert_eq!(streamed.outcome.unwrap_err().class, ErrorClass::Malformed);
}

#[test]
fn learns_the_id_and_usage_of_responses() {
    let bytes =
        body(&played(Surface::Responses, r#"{"model":"m","stream":true,"input":"hello you"}"#));
    let facts = streamed(shape(Surface::Responses, false), &[bytes]).facts;
    assert_eq!(facts.response_id.as_deref(), Some("resp_sim0000000000000007"));
    assert_eq!(facts.tokens.unwrap().output(), 3);
    assert!(facts.tokens_final && facts.finished);
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}}\n\nevent: late\ndata: {}\n\n";
    let streamed = streamed(shape(Surface::Responses, false), &[Bytes::from(failed)]);
    assert_eq!((streamed.outcome, streamed.events.len()), (Ok(()), 1));
    assert!(!streamed.facts.output_seen, "a failure is no output");
}

/// How many of these events come before the decoder has seen output.
fn before_output(surface: Surface, events: &[Value]) -> usize {
    let mut decoder = dialect(DialectName::OpenAi).stream(shape(surface, false), "m");
    let mut silent = events.iter().take_while(|event| {
        let bytes = Bytes::from(format!("data: {event}\n\n"));
        decoder.push(&bytes, &mut Vec::new()).unwrap();
        !decoder.facts().output_seen
    });
    silent.by_ref().count()
}

#[test]
fn sees_output_of_every_kind() {
    let start = |kind: &str| json!({"type": kind, "response": {"id": "r", "status": "queued"}});
    let added = |item: Value| json!({"type": "response.output_item.added", "item": item});
    let done = |item: Value| json!({"type": "response.output_item.done", "item": item});
    let message = added(json!({"type": "message", "id": "m", "role": "assistant", "content": []}));
    let part =
        json!({"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}});
    let thought = json!({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"});
    let begun = vec![
        start("response.created"),
        start("response.in_progress"),
        added(thought.clone()),
        done(thought),
        message,
        part,
    ];
    for last in [
        json!({"type": "response.output_text.delta", "delta": "a"}),
        json!({"type": "response.refusal.delta", "delta": "a"}),
        json!({"type": "response.reasoning_summary_text.delta", "delta": "a"}),
        json!({"type": "response.audio.delta", "delta": "UklG"}),
        json!({"type": "response.output_text.done", "text": "a"}),
        json!({"type": "response.image_generation_call.partial_image", "partial_image_b64": "iV"}),
        added(json!({"type": "function_call", "name": "f", "arguments": ""})),
        added(json!({"type": "web_search_call", "status": "in_progress"})),
        done(json!({"type": "message", "content": [{"type": "output_text", "text": "a"}]})),
    ] {
        let events = [begun.clone(), vec![last.clone()]].concat();
        assert_eq!(before_output(Surface::Responses, &events), begun.len(), "{last}");
        assert_eq!(before_output(Surface::Responses, &begun), begun.len());
    }
    for (surface, event) in [
        (
            Surface::ImagesGenerations,
            json!({"type": "image_generation.partial_image", "b64_json": "iV"}),
        ),
        (Surface::AudioSpeech, json!({"type": "speech.audio.delta", "audio": "UklG"})),
        (Surface::AudioTranscriptions, json!({"type": "transcript.text.delta", "delta": "a"})),
        (Surface::AudioTranscriptions, json!({"type": "transcript.text.segment", "text": "a"})),
    ] {
        assert_eq!(before_output(surface, &[event]), 0);
    }
    let chunk =
        |delta: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let role =
        chunk(json!({"role": "assistant", "content": "", "refusal": null, "annotations": []}));
    for delta in [
        json!({"content": "a"}),
        json!({"refusal": "a"}),
        json!({"reasoning_content": "a"}),
        json!({"reasoning": "a"}),
        json!({"audio": {"id": "x", "data": "UklG"}}),
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}),
        json!({"function_call": {"name": "f"}}),
    ] {
        assert_eq!(before_output(Surface::ChatCompletions, &[role.clone(), chunk(delta)]), 1);
    }
}

#[test]
fn serves_messages_clients_through_chat() {
    let json =
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello there"}]}"#;
    let bytes = body(&played(Surface::ChatCompletions, json));
    let streamed = streamed(shape(Surface::Messages, false), &[bytes]);
    assert_eq!(streamed.outcome, Ok(()));
    let names: Vec<_> = streamed.events.iter().filter_map(|event| event.event.as_deref()).collect();
    assert_eq!(names.first(), Some(&b"message_start".as_slice()));
    assert_eq!(names.last(), Some(&b"message_stop".as_slice()));
    assert!(streamed.facts.finished);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn damaged_streams_give_the_same_events_however_cut(
        stream in 0usize..8,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let (shape, bytes) = scripted().swap_remove(stream);
        let mut damaged = bytes.to_vec();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let damaged = Bytes::from(damaged);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(damaged.len())).collect();
        places.extend([0, damaged.len()]);
        places.sort_unstable();
        let pieces: Vec<Bytes> =
            places.windows(2).map(|pair| damaged.slice(pair[0]..pair[1])).collect();
        let whole = streamed(shape, std::slice::from_ref(&damaged));
        let cut = streamed(shape, &pieces);
        prop_assert_eq!(whole.events, cut.events);
        prop_assert_eq!(whole.outcome, cut.outcome);
        prop_assert_eq!(whole.facts, cut.facts);
    }
}
