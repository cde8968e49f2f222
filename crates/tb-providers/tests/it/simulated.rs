//! The simulated provider plays OpenAI's API, faults included.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tb_api::multipart::Form;
use tb_core::Surface;
use tb_providers::simulated::{Ending, Failure, Fault, Script, SimulatedSettings, Turn, play};
use tb_providers::{CallBody, DialectName, ErrorClass, dialect};

use crate::support::{Sent, TURN, body, played, shape, streamed, wire};

fn answered(surface: Surface, request: &Value) -> Value {
    let script = played(surface, &request.to_string());
    assert_eq!(script.status, Some(200));
    serde_json::from_slice(&body(&script)).unwrap()
}

fn chat(content: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": content}]})
}

fn chat_stream(content: &str) -> Script {
    let mut request = chat(content);
    request["stream"] = json!(true);
    played(Surface::ChatCompletions, &request.to_string())
}

fn bytes_of(script: &Script) -> Bytes {
    Bytes::from(script.pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect::<Vec<u8>>())
}

#[test]
fn echoes_and_counts() {
    let answer = answered(Surface::ChatCompletions, &chat("Grüße an alle"));
    assert_eq!(answer["choices"][0]["message"]["content"], "Grüße an alle");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["model"], "upstream-model");
    assert_eq!(
        (&answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]),
        (&json!(4), &json!(4))
    );
    let mut limited = chat("one two three four");
    limited["max_tokens"] = json!(2);
    let answer = answered(Surface::ChatCompletions, &limited);
    assert_eq!(answer["choices"][0]["message"]["content"], "one two ");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[test]
fn gives_scripted_answers() {
    let settings = SimulatedSettings {
        answers: vec![("hi".to_owned(), "hello".to_owned()), ("*".to_owned(), "what?".to_owned())],
        ..SimulatedSettings::default()
    };
    for (prompt, expected) in [("hi", "hello"), ("hm", "what?")] {
        let request = wire(Surface::ChatCompletions, &chat(prompt).to_string());
        let answer: Value =
            serde_json::from_slice(&body(&play(&settings, &request, TURN))).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], expected);
    }
}

#[test]
fn calls_tools_with_arguments_that_fit() {
    let parameters = json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}});
    let mut request = chat("please call the tool");
    request["tools"] =
        json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    let answer = answered(Surface::ChatCompletions, &request);
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "weather", "arguments": "{\"city\":\"example\"}"}));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "tool", "tool_call_id": "x", "content": "sunny"}));
    let answer = answered(Surface::ChatCompletions, &request);
    assert_eq!(answer["choices"][0]["message"]["content"], "The tool answered: sunny");
    let responses = json!({"model": "m", "input": "x", "tool_choice": {"type": "function", "name": "weather"},
        "tools": [{"type": "function", "name": "weather", "parameters": parameters}]});
    let answer = answered(Surface::Responses, &responses);
    assert_eq!(answer["output"][0]["name"], "weather");
    assert_eq!(answer["output"][0]["arguments"], "{\"city\":\"example\"}");
}

#[test]
fn keeps_to_the_schema_that_was_asked() {
    let mut request = chat("x");
    request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "a",
        "schema": {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}}});
    let answer = answered(Surface::ChatCompletions, &request);
    assert_eq!(answer["choices"][0]["message"]["content"], "{\"ok\":true}");
}

#[test]
fn streams_the_chunks_and_pauses_that_were_asked() {
    let script = chat_stream("[[chunks:50]][[delay_ms:500]]");
    assert_eq!(script.pieces[0].0, Duration::from_millis(500));
    let with_content = script.pieces.iter().filter(|(_, piece)| {
        piece.windows(5).any(|window| window == b"\"word")
            || piece.windows(7).any(|window| window == b":\"word1")
    });
    assert_eq!(with_content.count(), 50);
    let settings = SimulatedSettings {
        latency: Duration::from_millis(40),
        tokens_per_second: 10,
        ..SimulatedSettings::default()
    };
    let mut request = chat("four four");
    request["stream"] = json!(true);
    let script = play(&settings, &wire(Surface::ChatCompletions, &request.to_string()), TURN);
    let pauses: Vec<u128> = script.pieces.iter().map(|(pause, _)| pause.as_millis()).collect();
    assert_eq!(pauses, [40, 200, 100, 0, 0, 0]);
}

#[test]
fn follows_include_usage_as_openai_does() {
    let request = json!({"model": "upstream-model", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut sent = wire(Surface::ChatCompletions, &request.to_string());
    let with_usage = bytes_of(&play(&SimulatedSettings::default(), &sent, TURN));
    sent.body = Bytes::from(request.to_string());
    let without = bytes_of(&play(&SimulatedSettings::default(), &sent, TURN));
    let lines = |bytes: &Bytes| -> Vec<String> {
        std::str::from_utf8(bytes).unwrap().split("\n\n").map(str::to_owned).collect()
    };
    assert!(lines(&without).iter().all(|line| !line.contains("usage")));
    let with_usage = lines(&with_usage);
    assert_eq!(with_usage.len(), lines(&without).len() + 1);
    assert_eq!(
        with_usage.iter().filter(|line| line.contains("\"usage\":null")).count(),
        with_usage.len() - 3
    );
}

#[test]
fn plays_every_status_as_openai_words_it() {
    for (name, status, class, wait) in [
        ("429", 429, ErrorClass::RateLimit, Some(100)),
        ("429:20", 429, ErrorClass::RateLimit, Some(20)),
        ("401", 401, ErrorClass::BadCredentials, None),
        ("403", 403, ErrorClass::BadCredentials, None),
        ("529", 529, ErrorClass::Overloaded, None),
        ("404", 404, ErrorClass::ModelNotFound, None),
        ("500", 500, ErrorClass::ServerError, None),
        ("503", 503, ErrorClass::Overloaded, Some(100)),
        ("quota", 429, ErrorClass::QuotaExhausted, None),
        ("context", 400, ErrorClass::ContextTooLong, None),
        ("filter", 400, ErrorClass::ContentPolicy, None),
        ("html", 502, ErrorClass::ServerError, None),
    ] {
        let script = chat_stream(&format!("[[fault:{name}]]"));
        assert_eq!(script.status, Some(status), "{name}");
        let mut headers = HeaderMap::new();
        for (name, value) in &script.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        let error = dialect(DialectName::OpenAi).classify(status, &headers, &bytes_of(&script));
        assert_eq!((error.class, error.retry_after_ms), (class, wait), "{name}");
    }
}

#[test]
fn breaks_connections_and_streams() {
    let reset = chat_stream("[[fault:reset]]");
    assert_eq!((reset.status, reset.pieces.len(), reset.ending), (None, 0, Ending::Cut));
    let hang = chat_stream("[[fault:hang]]");
    assert_eq!((hang.pieces.len(), hang.ending), (0, Ending::Hang));
    for (name, ending) in
        [("cut", Ending::Cut), ("stall", Ending::Hang), ("truncate", Ending::Clean)]
    {
        let script = chat_stream(&format!("a b c d [[fault:{name}]]"));
        assert_eq!((script.status, script.ending), (Some(200), ending), "{name}");
        let decoded = streamed(shape(Surface::ChatCompletions, false), &[bytes_of(&script)]);
        assert!(decoded.outcome.is_err() && decoded.facts.output_seen, "{name}");
    }
    for name in ["garbage", "error_event"] {
        let script = chat_stream(&format!("a b c d [[fault:{name}]]"));
        let decoded = streamed(shape(Surface::ChatCompletions, false), &[bytes_of(&script)]);
        let expected =
            if name == "garbage" { ErrorClass::Malformed } else { ErrorClass::ServerError };
        assert_eq!(decoded.outcome.unwrap_err().class, expected);
    }
    let cut = played(Surface::ChatCompletions, &chat("a [[fault:cut]]").to_string());
    assert_eq!(cut.ending, Ending::Cut);
    let plain = shape(Surface::ChatCompletions, false);
    assert!(dialect(DialectName::OpenAi).decode(plain, &bytes_of(&cut)).is_err());
    let garbage = played(Surface::ChatCompletions, &chat("a [[fault:garbage]]").to_string());
    assert!(dialect(DialectName::OpenAi).decode(plain, &bytes_of(&garbage)).is_err());
}

#[test]
fn breaks_responses_with_their_own_error_event() {
    let request = json!({"model": "m", "stream": true, "input": "a b [[fault:error_event]]"});
    let script = played(Surface::Responses, &request.to_string());
    assert!(bytes_of(&script).windows(12).any(|window| window == b"event: error"));
    let decoded = streamed(shape(Surface::Responses, false), &[bytes_of(&script)]);
    let error = decoded.outcome.unwrap_err();
    assert_eq!((error.class, error.status), (ErrorClass::ServerError, 500));
    assert_eq!(decoded.facts.response_id.as_deref(), Some("resp_sim0000000000000007"));
}

#[test]
fn fails_before_any_output() {
    const CHAT: &str =
        r#"{"model":"m","messages":[{"role":"user","content":"a b [[fault:NAME]]"}]}"#;
    const TOOL: &str = r#"{"model":"m","messages":[{"role":"user","content":"[[fault:NAME]]"}],
        "tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}]}"#;
    for (surface, request, startup_events) in [
        (Surface::ChatCompletions, CHAT, 1),
        (Surface::ChatCompletions, TOOL, 0),
        (Surface::Completions, r#"{"model":"m","prompt":"a b [[fault:NAME]]"}"#, 0),
        (Surface::Responses, r#"{"model":"m","input":"a b [[fault:NAME]]"}"#, 4),
    ] {
        for (fault, ending) in [
            ("early_error", Ending::Clean),
            ("early_cut", Ending::Cut),
            ("startup_hang", Ending::Hang),
        ] {
            let plain = request.replace("NAME", fault);
            let script = played(surface, &plain.replacen('{', r#"{"stream":true,"#, 1));
            assert_eq!((script.status, script.ending), (Some(200), ending), "{fault}");
            assert!(!script.pieces.is_empty(), "the head is sent");
            let decoded = streamed(shape(surface, false), &[bytes_of(&script)]);
            assert!(decoded.outcome.is_err() && !decoded.facts.output_seen, "{fault}");
            assert_eq!(decoded.events.len(), startup_events, "{surface:?} {fault}");
            let plain = played(surface, &plain);
            match fault {
                "early_error" => assert_eq!(plain.status, Some(500)),
                _ => assert_eq!((bytes_of(&plain).len(), plain.ending), (0, ending)),
            }
        }
    }
}

#[test]
fn each_attempt_of_a_request_has_its_own_fault() {
    let settings = SimulatedSettings {
        failures: vec![Failure { fault: Fault::Html, share: 1.0, retry_after: None }],
        ..SimulatedSettings::default()
    };
    let request = wire(Surface::ChatCompletions, &chat("[[faults:429,reset,ok]]").to_string());
    let statuses =
        [1, 2, 3, 4].map(|attempt| play(&settings, &request, Turn { attempt, ..TURN }).status);
    assert_eq!(statuses, [Some(429), None, Some(200), Some(200)]);
}

#[test]
fn directives_win_over_the_dice() {
    let settings = SimulatedSettings {
        failures: vec![Failure { fault: Fault::Status(500), share: 1.0, retry_after: None }],
        ..SimulatedSettings::default()
    };
    let status = |prompt: &str| {
        let request = wire(Surface::ChatCompletions, &chat(prompt).to_string());
        play(&settings, &request, TURN).status
    };
    assert_eq!(status("x"), Some(500));
    assert_eq!(status("[[fault:429]]"), Some(429));
}

#[test]
fn remembers_responses_by_their_id() {
    let made = answered(Surface::Responses, &json!({"model": "m", "input": "x"}));
    let id = made["id"].as_str().unwrap();
    let stored = |surface, id| {
        let mut sent = Sent::new(surface, CallBody::Empty);
        sent.response_id = Some(id);
        play(&SimulatedSettings::default(), &sent.encode().unwrap(), TURN)
    };
    let json = |script: &Script| -> Value { serde_json::from_slice(&bytes_of(script)).unwrap() };
    let got = stored(Surface::ResponsesGet, id);
    assert_eq!((&json(&got)["id"], &json(&got)["status"]), (&json!(id), &json!("completed")));
    assert_eq!(json(&stored(Surface::ResponsesCancel, id))["status"], "cancelled");
    assert_eq!(json(&stored(Surface::ResponsesDelete, id))["deleted"], true);
    assert_eq!(stored(Surface::ResponsesGet, "resp_other").status, Some(404));
}

#[test]
fn makes_unit_vectors_that_depend_on_the_text() {
    let answer = answered(
        Surface::Embeddings,
        &json!({"model": "m", "input": ["a", "b", "a"], "dimensions": 8}),
    );
    let vector = |at: usize| -> Vec<f32> {
        serde_json::from_value(answer["data"][at]["embedding"].clone()).unwrap()
    };
    assert_eq!(vector(0).len(), 8);
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    let norm: f32 = vector(0).iter().map(|n| n * n).sum();
    assert!((norm - 1.0).abs() < 1e-5);
}

#[test]
fn serves_moderations_images_audio_and_models() {
    let flagged =
        answered(Surface::Moderations, &json!({"model": "m", "input": ["nice", "I hate it"]}));
    assert_eq!(
        (&flagged["results"][0]["flagged"], &flagged["results"][1]["flagged"]),
        (&json!(false), &json!(true))
    );
    let image = answered(Surface::ImagesGenerations, &json!({"model": "m", "prompt": "cat"}));
    assert!(image["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBOR"));
    let speech = played(
        Surface::AudioSpeech,
        &json!({"model": "m", "input": "hi", "voice": "alloy"}).to_string(),
    );
    let wav = bytes_of(&speech);
    assert!(wav.starts_with(b"RIFF") && wav.len() == 60);
    let models = play(
        &SimulatedSettings::default(),
        &Sent::new(Surface::Models, CallBody::Empty).encode().unwrap(),
        TURN,
    );
    let models: Value = serde_json::from_slice(&bytes_of(&models)).unwrap();
    assert_eq!(models["object"], "list");
    assert!(models["data"][0]["created"].is_u64());
}

#[test]
fn transcribes_forms_in_the_format_asked() {
    let content_type = "multipart/form-data; boundary=XX";
    for (format, expected) in [("json", "application/json"), ("text", "text/plain; charset=utf-8")]
    {
        let text = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--XX\r\nContent-Disposition: form-data; name=\"response_format\"\r\n\r\n{format}\r\n--XX--\r\n"
        );
        let form = Form::parse(content_type, Bytes::from(text)).unwrap();
        let sent = Sent::new(Surface::AudioTranscriptions, CallBody::Form(&form, content_type));
        let script = play(&SimulatedSettings::default(), &sent.encode().unwrap(), TURN);
        assert_eq!(script.headers[0], ("content-type", expected.to_owned()));
    }
}
