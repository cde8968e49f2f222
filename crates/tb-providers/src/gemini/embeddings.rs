//! Embeddings through `batchEmbedContents`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tb_core::TokenCounts;

use crate::pivot::{Object, count_at, given, invalid};
use crate::{AnswerFacts, EncodeError, Malformed};

/// Translates an embeddings request; `name` is the model as a resource name.
///
/// # Errors
/// Input other than texts.
pub(super) fn request(body: &Object, name: &str) -> Result<Object, EncodeError> {
    let refused = || invalid("input", "this provider takes a text or a list of texts");
    let texts = match given(body, "input") {
        Some(text @ Value::String(_)) => std::slice::from_ref(text),
        Some(Value::Array(texts)) if !texts.is_empty() => texts.as_slice(),
        _ => return Err(refused()),
    };
    let mut requests = Vec::new();
    for text in texts {
        let text = text.as_str().ok_or_else(refused)?;
        let mut one = json!({"model": name, "content": {"parts": [{"text": text}]}});
        if let (Some(length), Some(object)) = (given(body, "dimensions"), one.as_object_mut()) {
            object.insert("outputDimensionality".to_owned(), length.clone());
        }
        requests.push(one);
    }
    let mut out = Object::new();
    out.insert("requests".to_owned(), Value::Array(requests));
    Ok(out)
}

/// Translates the answer: floats, or base64 of little-endian 32-bit floats.
///
/// # Errors
/// When it holds no list of vectors.
pub(super) fn answer(answer: &Value, base64: bool) -> Result<(Value, AnswerFacts), Malformed> {
    let vectors = answer.get("embeddings").and_then(Value::as_array);
    let vectors = vectors.ok_or(Malformed("the answer has no embeddings"))?;
    let mut data = Vec::new();
    for (index, vector) in vectors.iter().enumerate() {
        let values = vector.get("values").and_then(Value::as_array);
        let values = values.ok_or(Malformed("an embedding has no values"))?;
        let embedding = if base64 { encoded(values)? } else { json!(values) };
        data.push(json!({"object": "embedding", "index": index, "embedding": embedding}));
    }
    let prompt = answer.get("usageMetadata").and_then(|usage| count_at(usage, "promptTokenCount"));
    let tokens = prompt.map(|count| TokenCounts { input_fresh: count, ..TokenCounts::default() });
    let facts = AnswerFacts {
        tokens,
        tokens_final: tokens.is_some(),
        output_seen: true,
        finished: true,
        ..AnswerFacts::default()
    };
    let count = prompt.unwrap_or(0);
    let usage = json!({"prompt_tokens": count, "total_tokens": count});
    Ok((json!({"object": "list", "data": data, "model": "", "usage": usage}), facts))
}

fn encoded(values: &[Value]) -> Result<Value, Malformed> {
    let mut bytes = Vec::with_capacity(values.len().saturating_mul(4));
    for value in values {
        let number = serde_json::from_value::<f32>(value.clone());
        let number = number.map_err(|_| Malformed("an embedding holds no numbers"))?;
        bytes.extend(number.to_le_bytes());
    }
    Ok(Value::String(STANDARD.encode(bytes)))
}
