//! Everything that is not a conversation: embeddings, moderations, images, audio, models.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tb_api::multipart::Form;

use super::ask::Ask;
use super::fault::ErrorAnswer;
use super::{CREATED, Ending, Script, json_script, stream_script, token_count};
use crate::WireRequest;

/// A PNG of one transparent pixel, in base64.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The length of a vector when the request names none, and the longest one.
const DIMENSIONS: u64 = 16;
const MAX_DIMENSIONS: u64 = 4_096;

/// Words that the simulated moderation flags, with their category.
const FLAGGED: [(&str, &str); 3] =
    [("kill", "violence"), ("bomb", "illicit/violent"), ("hate", "hate")];

/// What every transcription says.
const TRANSCRIPT: &str = "This is a simulated transcription.";

/// Deterministic unit vectors, one for each input.
pub(super) fn embeddings(ask: &Ask) -> Script {
    let inputs = inputs(ask.body.get("input"));
    let dimensions = ask.body.get("dimensions").and_then(Value::as_u64).unwrap_or(DIMENSIONS);
    let dimensions = dimensions.clamp(1, MAX_DIMENSIONS);
    let base64 = ask.body.get("encoding_format").is_some_and(|format| format == "base64");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = unit_vector(input, dimensions);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: u64 = inputs.iter().map(|input| token_count(input.chars().count())).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    json_script(200, &json!({"object": "list", "data": data, "model": ask.model, "usage": usage}))
}

/// The texts of an input: one, many, or lists of token numbers.
fn inputs(input: Option<&Value>) -> Vec<String> {
    match input {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_number) => {
            vec![json!(items).to_string()]
        }
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

fn unit_vector(text: &str, dimensions: u64) -> Vec<f32> {
    // FNV-1a of the text seeds SplitMix64; both are public constants.
    let seed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let numbers: Vec<f32> = (1..=dimensions)
        .map(|position| {
            let mut z = seed.wrapping_add(position.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let [low, high, ..] = z.to_le_bytes();
            f32::from(i16::from_le_bytes([low, high])) + 0.5
        })
        .collect();
    let norm = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    numbers.into_iter().map(|n| n / norm).collect()
}

/// Flags a few words.
pub(super) fn moderations(ask: &Ask) -> Script {
    let results: Vec<Value> = inputs(ask.body.get("input"))
        .iter()
        .map(|input| {
            let text = input.to_lowercase();
            let hits = FLAGGED.map(|(word, category)| (category, text.contains(word)));
            let categories: serde_json::Map<String, Value> =
                hits.iter().map(|(category, hit)| ((*category).to_owned(), json!(hit))).collect();
            let scores: serde_json::Map<String, Value> = hits
                .iter()
                .map(|(category, hit)| {
                    ((*category).to_owned(), json!(if *hit { 0.99 } else { 0.01 }))
                })
                .collect();
            json!({
                "flagged": hits.iter().any(|(_, hit)| *hit),
                "categories": categories, "category_scores": scores,
            })
        })
        .collect();
    json_script(200, &json!({"id": "modr-sim", "model": ask.model, "results": results}))
}

/// One pixel, whatever was asked.
pub(super) fn images(ask: &Ask) -> Script {
    let input = token_count(ask.prompt_chars);
    let usage = json!({
        "input_tokens": input, "output_tokens": 1, "total_tokens": input.saturating_add(1),
        "input_tokens_details": {"text_tokens": input, "image_tokens": 0},
    });
    if ask.stream {
        let kind = "image_generation.completed";
        let data = json!({
            "type": kind, "b64_json": PIXEL, "created_at": CREATED, "usage": usage,
        });
        let event = Bytes::from(format!("event: {kind}\ndata: {data}\n\n"));
        return stream_script(vec![(Duration::ZERO, event)]);
    }
    json_script(200, &json!({"created": CREATED, "data": [{"b64_json": PIXEL}], "usage": usage}))
}

/// A WAV file of eight silent samples.
pub(super) fn speech() -> Script {
    const SAMPLES: u32 = 16;
    let mut wav = Vec::with_capacity(60);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + SAMPLES).to_le_bytes());
    // One channel, 16 bits, 24 kHz: PCM as OpenAI's speech route gives it.
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&24_000u32.to_le_bytes());
    wav.extend_from_slice(&48_000u32.to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&SAMPLES.to_le_bytes());
    wav.extend_from_slice(&[0; 16]);
    plain("audio/wav", Bytes::from(wav))
}

/// The same words for every file, in the format that the form asks for.
pub(super) fn transcription(request: &WireRequest) -> Script {
    let content_type = request.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(form) = Form::parse(content_type, request.body.clone()) else {
        return ErrorAnswer {
            status: 400,
            code: None,
            message: "the body is not a form".to_owned(),
            retry_after: None,
        }
        .script();
    };
    let usage = json!({
        "type": "tokens", "input_tokens": 10, "output_tokens": token_count(TRANSCRIPT.len()),
        "total_tokens": token_count(TRANSCRIPT.len()).saturating_add(10),
    });
    if form.text("stream") == Some("true") {
        let delta = json!({"type": "transcript.text.delta", "delta": TRANSCRIPT});
        let done = json!({"type": "transcript.text.done", "text": TRANSCRIPT, "usage": usage});
        let events = [("transcript.text.delta", delta), ("transcript.text.done", done)];
        let pieces = events.map(|(kind, data)| {
            (Duration::ZERO, Bytes::from(format!("event: {kind}\ndata: {data}\n\n")))
        });
        return stream_script(pieces.to_vec());
    }
    match form.text("response_format") {
        Some("text" | "srt" | "vtt") => {
            plain("text/plain; charset=utf-8", Bytes::from_static(TRANSCRIPT.as_bytes()))
        }
        _ => json_script(200, &json!({"text": TRANSCRIPT, "usage": usage})),
    }
}

/// The models: one, whatever its name.
pub(super) fn models(id: Option<&str>) -> Script {
    let model = json!({
        "id": id.unwrap_or("simulated-1"), "object": "model", "created": CREATED,
        "owned_by": "tollbar",
    });
    match id {
        Some(_) => json_script(200, &model),
        None => json_script(200, &json!({"object": "list", "data": [model]})),
    }
}

fn plain(content_type: &str, body: Bytes) -> Script {
    Script {
        status: Some(200),
        headers: vec![("content-type", content_type.to_owned())],
        pieces: vec![(Duration::ZERO, body)],
        ending: Ending::Clean,
    }
}
