//! Whole answers: the bytes pass through, what is known of them is read on the way.

use bytes::Bytes;
use tb_api::json::{Document, Kind};
use tb_core::Surface;

use super::{embeddings, usage};
use crate::scan::{self, Scan};
use crate::{AnswerFacts, AnswerShape, Decoded, Malformed};

/// Decodes a whole JSON answer of an OpenAI-compatible server.
pub(crate) fn answer(shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed> {
    let document =
        Document::parse(body.clone()).map_err(|_| Malformed("the body is not a JSON object"))?;
    let mut facts = AnswerFacts { finished: true, ..AnswerFacts::default() };
    let text = |name: &str| {
        let found = document.get(name).and_then(|value| value.as_str());
        found.filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned)
    };
    facts.served_model = text("model");
    facts.fingerprint = text("system_fingerprint");
    facts.tokens = document.get("usage").and_then(|value| usage::token_counts(value.raw));
    facts.tokens_final = facts.tokens.is_some();
    let mut out = body.clone();
    match shape.surface {
        Surface::ChatCompletions | Surface::Completions | Surface::Messages => {
            let choices = document.get("choices").filter(|value| value.kind == Kind::Array);
            let choices = choices.ok_or(Malformed("`choices` is missing"))?;
            if facts.tokens.is_none() {
                facts.output_bytes = choices_bytes(choices.raw)?;
            }
        }
        Surface::Responses | Surface::ResponsesGet | Surface::ResponsesCancel => {
            let raw = document.bytes();
            facts.response_id = stored_id(raw);
            if let (None, Some(output)) = (&facts.tokens, document.get("output")) {
                facts.output_bytes = text_bytes(output.raw, 0);
            }
        }
        Surface::Embeddings => {
            let data = document.get("data").filter(|value| value.kind == Kind::Array);
            let data = data.ok_or(Malformed("`data` is missing"))?;
            if let Some(converted) = embeddings::convert(body, data, shape.base64_embeddings)? {
                out = converted;
            }
        }
        _ => {}
    }
    facts.output_seen = true;
    Ok(Decoded { body: out, facts })
}

/// The id of a response object, unless it says that it was not stored.
pub(crate) fn stored_id(response: &[u8]) -> Option<String> {
    if scan::member(response, "store") == Some(b"false") {
        return None;
    }
    scan::text(scan::member(response, "id")?).map(std::borrow::Cow::into_owned)
}

fn choices_bytes(choices: &[u8]) -> Result<u64, Malformed> {
    let mut scan = Scan::array(choices)?;
    let mut bytes = 0u64;
    while let Some((_, choice)) = scan.element()? {
        let produced = ["message", "text"].iter().filter_map(|key| scan::member(choice, key));
        for value in produced {
            bytes = bytes.saturating_add(text_bytes(value, 0));
        }
    }
    Ok(bytes)
}

/// Members that name or sort things and were not written by the model.
const LABELS: [&[u8]; 7] = [b"role", b"id", b"type", b"status", b"call_id", b"object", b"phase"];

/// Nesting below which output is not looked for; real answers stay under 10.
const MAX_DEPTH: usize = 16;

/// Bytes of all strings in a value, labels apart.
pub(crate) fn text_bytes(value: &[u8], depth: usize) -> u64 {
    let mut bytes = 0u64;
    if depth > MAX_DEPTH {
        return bytes;
    }
    match value.first() {
        Some(b'"') => return scan::string_bytes(value),
        Some(b'{') => {
            let Ok(mut scan) = Scan::object(value) else { return 0 };
            while let Ok(Some(member)) = scan.member() {
                if !LABELS.contains(&member.key) {
                    bytes = bytes.saturating_add(text_bytes(member.value, depth + 1));
                }
            }
        }
        Some(b'[') => {
            let Ok(mut scan) = Scan::array(value) else { return 0 };
            while let Ok(Some((_, element))) = scan.element() {
                bytes = bytes.saturating_add(text_bytes(element, depth + 1));
            }
        }
        _ => {}
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = r#"{"id":"c1","object":"chat.completion","model":"gpt-4o-2024-08-06","x_new":{"keep": [1, 2]},"choices":[{"index":0,"message":{"role":"assistant","content":"Hello","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#;

    fn shape(surface: Surface, base64_embeddings: bool) -> AnswerShape {
        AnswerShape { surface, stream_usage: false, base64_embeddings, created: 0 }
    }

    #[test]
    fn passes_chat_answers_byte_for_byte_and_reads_them() {
        let body = Bytes::from_static(CHAT.as_bytes());
        let decoded = answer(shape(Surface::ChatCompletions, false), &body).unwrap();
        assert_eq!(decoded.body, body);
        assert_eq!(decoded.facts.served_model.as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(decoded.facts.tokens.unwrap().input(), 9);
        assert_eq!(decoded.facts.output_bytes, 0, "counts make an estimate superfluous");
        assert!(decoded.facts.finished && decoded.facts.tokens_final && decoded.facts.output_seen);
    }

    #[test]
    fn counts_the_bytes_of_answers_without_usage() {
        let body = Bytes::from(CHAT.replace("usage", "other"));
        let decoded = answer(shape(Surface::ChatCompletions, false), &body).unwrap();
        assert_eq!((decoded.facts.tokens, decoded.facts.output_bytes), (None, 8));
    }

    #[test]
    fn refuses_answers_without_choices() {
        for body in ["hello", "[]", "{}", r#"{"choices":null}"#, r#"{"choices":[}"#] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            assert!(answer(shape(Surface::ChatCompletions, false), &body).is_err());
        }
    }

    #[test]
    fn keeps_the_id_of_stored_responses_only() {
        let stored = br#"{"id":"resp_1","object":"response","status":"completed","output":[]}"#;
        let body = Bytes::from_static(stored);
        let facts = answer(shape(Surface::Responses, false), &body).unwrap().facts;
        assert_eq!(facts.response_id.as_deref(), Some("resp_1"));
        assert_eq!(stored_id(br#"{"id":"resp_1","store":false}"#), None);
    }
}
