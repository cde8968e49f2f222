//! The golden matrix: case × dialect × client surface.
//!
//! * `fixtures/requests/<surface>/<case>.json`: what a client sends;
//! * `fixtures/<dialect>/provider.json`: base URL, model and quirks;
//! * `fixtures/<dialect>/answers/<case>.json`, `.sse` or `.<status>.json`: what the provider
//!   answers;
//! * `fixtures/<dialect>/golden/<surface>-<case>.snap`: the request that we send and what the
//!   client gets, reviewed by hand and kept by insta;
//! * `fixtures/MATRIX.md`: which pairs exist.
//!
//! New files are found by themselves.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as the tests themselves do"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tb_api::json::Document;
use tb_api::sse::SseEvent;
use tb_core::{Secret, Surface};
use tb_providers::{
    AnswerFacts, AnswerShape, BaseUrl, Call, CallBody, Dialect, DialectName, EncodeError, Endpoint,
    Quirks, StreamDecoder, UpstreamError, WireRequest, dialect,
};

/// The streams with every kind of block: these are also cut in two at each third byte. All
/// are taken byte by byte and in small pieces.
const CUT_EVERYWHERE: [&str; 2] = ["parallel_tools_stream", "reasoning_stream"];

const KEY: &str = "sk-golden-canary";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The names in a folder, sorted; none when it does not exist.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[derive(Deserialize)]
struct Provider {
    base_url: String,
    model: String,
    #[serde(default)]
    quirks: Quirks,
}

/// A dialect with the answers of its provider.
struct Column {
    name: String,
    dialect: &'static dyn Dialect,
    provider: Provider,
    answers: BTreeMap<String, RawAnswer>,
}

struct RawAnswer {
    status: u16,
    stream: bool,
    bytes: Bytes,
}

fn columns() -> Vec<Column> {
    let root = fixtures();
    let folders =
        names(&root).into_iter().filter(|name| root.join(name).join("provider.json").exists());
    folders
        .map(|name| {
            let folder = root.join(&name);
            let read = fs::read(folder.join("provider.json")).expect("provider.json");
            let dialect_name: DialectName = serde_json::from_value(json!(name)).expect("a dialect");
            let answers = names(&folder.join("answers")).into_iter().map(|file| {
                let bytes =
                    Bytes::from(fs::read(folder.join("answers").join(&file)).expect("answer"));
                let mut words = file.split('.');
                let case = words.next().expect("case").to_owned();
                let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
                (case, RawAnswer { status, stream: file.ends_with(".sse"), bytes })
            });
            Column {
                dialect: dialect(dialect_name),
                provider: serde_json::from_slice(&read).expect("provider.json"),
                answers: answers.collect(),
                name,
            }
        })
        .collect()
}

/// Case → body, by surface.
fn requests() -> Vec<(Surface, BTreeMap<String, Bytes>)> {
    let root = fixtures().join("requests");
    let surfaces = names(&root).into_iter().map(|label| {
        let surface = Surface::ALL.into_iter().find(|surface| surface.label() == label);
        let folder = root.join(&label);
        let cases = names(&folder).into_iter().map(|file| {
            let body = Bytes::from(fs::read(folder.join(&file)).expect("request"));
            (file.trim_end_matches(".json").to_owned(), body)
        });
        (surface.expect("a surface"), cases.collect())
    });
    surfaces.collect()
}

fn encode(column: &Column, surface: Surface, body: &Bytes) -> Result<WireRequest, EncodeError> {
    let document = Document::parse(body.clone()).expect("a valid request");
    let base_url = BaseUrl::parse(&column.provider.base_url).expect("base URL");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer client-canary"));
    headers.insert("anthropic-beta", HeaderValue::from_static("beta-1"));
    let call = Call {
        surface,
        model: &column.provider.model,
        stream: document.get("stream").and_then(|stream| stream.as_bool()).unwrap_or(false),
        body: CallBody::Json(&document),
        headers: &headers,
        response_id: None,
    };
    let secret = Secret::new(KEY.to_owned());
    let quirks = &column.provider.quirks;
    column.dialect.encode(
        &call,
        &Endpoint { base_url: &base_url, api_key: Some(&secret), quirks, zero_retention: false },
    )
}

fn shape(surface: Surface, body: &Bytes) -> AnswerShape {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    AnswerShape {
        surface,
        stream_usage: body["stream_options"]["include_usage"] == true,
        base64_embeddings: body["encoding_format"] == "base64",
        created: 0,
    }
}

/// What a decoder gave for one way of cutting the bytes.
#[derive(Debug, PartialEq)]
struct Decoding {
    events: Vec<SseEvent>,
    error: Option<UpstreamError>,
    facts: AnswerFacts,
}

fn decode_stream(mut decoder: Box<dyn StreamDecoder>, pieces: &[Bytes]) -> Decoding {
    let mut events = Vec::new();
    let pushed = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut events));
    let ended = pushed.and_then(|()| decoder.finish(&mut events));
    Decoding { events, error: ended.err(), facts: decoder.facts().clone() }
}

fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

fn write_request(request: &WireRequest, out: &mut String) {
    writeln!(out, "{} {}", request.method, request.path).expect("write");
    let mut headers: Vec<(&HeaderName, &HeaderValue)> = request.headers.iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        let text = if value.is_sensitive() { "[sensitive]" } else { value.to_str().expect("text") };
        writeln!(out, "{name}: {text}").expect("write");
    }
    writeln!(out, "dropped: {:?}\n{}\n", request.dropped, pretty(&request.body)).expect("write");
}

fn write_facts(facts: &AnswerFacts, out: &mut String) {
    let facts = json!({
        "tokens": facts.tokens, "tokens_final": facts.tokens_final,
        "served_model": facts.served_model, "output_bytes": facts.output_bytes,
        "output_seen": facts.output_seen, "finished": facts.finished,
    });
    writeln!(out, "facts: {facts}").expect("write");
}

fn write_error(error: &UpstreamError, out: &mut String) {
    writeln!(
        out,
        "error: {:?} {} kind={} code={:?} param={:?} retry_after_ms={:?}\n{}",
        error.class,
        error.status,
        error.kind,
        error.code,
        error.param,
        error.retry_after_ms,
        error.message
    )
    .expect("write");
}

fn write_answer(
    column: &Column,
    surface: Surface,
    body: &Bytes,
    answer: &RawAnswer,
    out: &mut String,
) {
    if answer.status != 200 {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        write_error(&column.dialect.classify(answer.status, &headers, &answer.bytes), out);
        return;
    }
    let shape = shape(surface, body);
    if !answer.stream {
        match column.dialect.decode(shape, &answer.bytes) {
            Ok(decoded) => {
                writeln!(out, "{}\n", pretty(&decoded.body)).expect("write");
                write_facts(&decoded.facts, out);
            }
            Err(malformed) => writeln!(out, "{malformed}").expect("write"),
        }
        return;
    }
    let decoder = column.dialect.stream(shape, &column.provider.model);
    let decoding = decode_stream(decoder, std::slice::from_ref(&answer.bytes));
    for event in &decoding.events {
        if let Some(name) = &event.event {
            writeln!(out, "event: {}", String::from_utf8_lossy(name)).expect("write");
        }
        writeln!(out, "data: {}", String::from_utf8_lossy(&event.data)).expect("write");
    }
    out.push('\n');
    if let Some(error) = &decoding.error {
        write_error(error, out);
    }
    write_facts(&decoding.facts, out);
}

/// Every pair of a request and an answer, with the surface and the case.
fn each_pair(mut visit: impl FnMut(&Column, Surface, &str, &Bytes, &RawAnswer)) {
    let columns = columns();
    for (surface, cases) in &requests() {
        for column in columns.iter().filter(|column| column.dialect.serves(*surface)) {
            for (case, body) in cases {
                if let Some(answer) = column.answers.get(case) {
                    visit(column, *surface, case, body, answer);
                }
            }
        }
    }
}

/// Every whole answer as its client gets it.
pub(crate) fn each_decoded_answer(mut visit: impl FnMut(Surface, &str, &Bytes)) {
    each_pair(|column, surface, case, body, answer| {
        if answer.status == 200
            && !answer.stream
            && let Ok(decoded) = column.dialect.decode(shape(surface, body), &answer.bytes)
        {
            visit(surface, case, &decoded.body);
        }
    });
}

#[test]
fn translates_every_case_as_reviewed() {
    let mut seen = Vec::new();
    each_pair(|column, surface, case, body, answer| {
        let mut text = String::new();
        match encode(column, surface, body) {
            Ok(request) => {
                write_request(&request, &mut text);
                write_answer(column, surface, body, answer, &mut text);
            }
            Err(error) => writeln!(text, "refused: {error:?}").expect("write"),
        }
        assert!(!text.contains("canary"), "a credential is shown: {case}");
        let name = format!("{}-{case}", surface.label());
        seen.push(format!("{}/{name}.snap", column.name));
        insta::with_settings!({
            snapshot_path => fixtures().join(&column.name).join("golden"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, text);
        });
    });
    for column in columns() {
        for file in names(&fixtures().join(&column.name).join("golden")) {
            let file = format!("{}/{file}", column.name);
            assert!(seen.contains(&file), "{file} belongs to no case");
        }
    }
}

#[test]
fn decodes_streams_alike_however_they_are_cut() {
    let mut streams = 0;
    each_pair(|column, surface, case, body, answer| {
        if !answer.stream {
            return;
        }
        streams += 1;
        let decoder = || column.dialect.stream(shape(surface, body), &column.provider.model);
        let bytes = &answer.bytes;
        let whole = decode_stream(decoder(), std::slice::from_ref(bytes));
        let name = &column.name;
        if CUT_EVERYWHERE.contains(&case) {
            for cut in (0..=bytes.len()).step_by(3) {
                let pieces = [bytes.slice(..cut), bytes.slice(cut..)];
                assert_eq!(decode_stream(decoder(), &pieces), whole, "{name} {case} cut at {cut}");
            }
        }
        for length in [1, 2, 3, 17, 100] {
            let starts = (0..bytes.len()).step_by(length);
            let pieces: Vec<Bytes> =
                starts.map(|at| bytes.slice(at..bytes.len().min(at + length))).collect();
            assert_eq!(decode_stream(decoder(), &pieces), whole, "{name} {case} by {length}");
        }
    });
    assert!(streams > 0);
}

/// Whether a client that reads this event has something to show.
fn shows(surface: Surface, event: &SseEvent) -> bool {
    let Ok(data) = serde_json::from_slice::<Value>(&event.data) else { return false };
    let holds = |part: &Value, keys: &[&str]| {
        keys.iter().any(|key| match &part[*key] {
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        })
    };
    if surface == Surface::Messages {
        let parts = [&data["content_block"], &data["delta"]];
        let called =
            data["content_block"]["type"].as_str().is_some_and(|k| k.ends_with("tool_use"));
        return called
            || parts.iter().any(|part| holds(part, &["text", "thinking", "partial_json"]));
    }
    let texts = ["content", "refusal", "reasoning_content", "reasoning", "tool_calls", "images"];
    let choices = data["choices"].as_array().into_iter().flatten();
    choices.into_iter().any(|choice| holds(&choice["delta"], &texts) || holds(choice, &["text"]))
}

#[test]
fn output_is_seen_with_the_first_event_that_shows_any() {
    let (mut silent, mut shown) = (0, 0);
    each_pair(|column, surface, case, body, answer| {
        if !answer.stream {
            return;
        }
        let mut decoder = column.dialect.stream(shape(surface, body), &column.provider.model);
        let mut visible = false;
        for at in 0..answer.bytes.len() {
            let mut events = Vec::new();
            let pushed = decoder.push(&answer.bytes.slice(at..=at), &mut events);
            visible |= events.iter().any(|event| shows(surface, event));
            let seen = decoder.facts().output_seen;
            assert_eq!(seen, visible, "{} {case} after byte {at}", column.name);
            silent += usize::from(!events.is_empty() && !seen);
            if pushed.is_err() {
                break;
            }
        }
        shown += usize::from(visible);
    });
    assert!(silent > 10 && shown > 10, "{silent} {shown}");
}

#[test]
fn a_stream_that_ends_early_is_an_error_wherever_it_ends() {
    each_pair(|column, surface, case, body, answer| {
        let decoder = || column.dialect.stream(shape(surface, body), &column.provider.model);
        if !CUT_EVERYWHERE.contains(&case) {
            return;
        }
        let whole = decode_stream(decoder(), std::slice::from_ref(&answer.bytes));
        assert_eq!((whole.error, whole.facts.finished), (None, true), "{} {case}", column.name);
        // Anything up to the last event that tells the end; a cut inside the closing white
        // space is no loss.
        let text = std::str::from_utf8(&answer.bytes).expect("UTF-8");
        let marks = ["\"finishReason\"", "\"finish_reason\":\"", "event: message_stop"];
        let end = marks.iter().filter_map(|mark| text.find(mark)).min().expect("an end mark");
        for cut in (0..end).step_by(3) {
            let decoding = decode_stream(decoder(), &[answer.bytes.slice(..cut)]);
            let name = &column.name;
            assert!(decoding.error.is_some(), "{name} {case} cut at {cut} looks complete");
            assert!(!decoding.facts.finished, "{name} {case} cut at {cut} looks finished");
            assert!(decoding.events.iter().all(|event| event.data.as_ref() != b"[DONE]"));
        }
    });
}

#[test]
fn a_whole_answer_that_is_cut_is_malformed() {
    each_pair(|column, surface, case, body, answer| {
        if answer.stream || answer.status != 200 {
            return;
        }
        let end = answer.bytes.trim_ascii_end().len();
        for cut in (0..end).step_by(7) {
            let decoded = column.dialect.decode(shape(surface, body), &answer.bytes.slice(..cut));
            assert!(decoded.is_err(), "{} {case} cut at {cut} is accepted", column.name);
        }
    });
}

#[test]
fn the_matrix_is_the_committed_one() {
    let columns = columns();
    let requests = requests();
    let mut table = String::from(
        "# Golden matrix\n\nWhich case of which client surface is tested against which dialect. \
         `no fixture`: the dialect serves the surface, the case has no answer of that provider. \
         `unsupported`: the dialect does not serve the surface.\n\n| surface | case |",
    );
    for column in &columns {
        write!(table, " {} |", column.name).expect("write");
    }
    write!(table, "\n|---|---|{}\n", "---|".repeat(columns.len())).expect("write");
    for (surface, cases) in &requests {
        for case in cases.keys() {
            write!(table, "| {} | {case} |", surface.label()).expect("write");
            for column in &columns {
                let cell =
                    match (column.dialect.serves(*surface), column.answers.contains_key(case)) {
                        (false, _) => "unsupported",
                        (true, true) => "yes",
                        (true, false) => "no fixture",
                    };
                write!(table, " {cell} |").expect("write");
            }
            table.push('\n');
        }
    }
    let committed = fs::read_to_string(fixtures().join("MATRIX.md")).unwrap_or_default();
    assert_eq!(committed, table, "tests/fixtures/MATRIX.md should read:\n{table}");
}
