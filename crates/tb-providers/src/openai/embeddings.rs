//! Embeddings as floats or as base64 of little-endian `f32`, converted both ways: official
//! SDKs ask for base64 by default and misread floats, many servers know only floats.

use std::fmt::Write;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tb_api::json::{Kind, Value};

use crate::Malformed;

/// The body with every embedding in the wanted form, or `None` when they are so already.
pub(crate) fn convert(
    body: &Bytes,
    data: Value<'_>,
    base64: bool,
) -> Result<Option<Bytes>, Malformed> {
    let mut replaced: Vec<(Range<usize>, String)> = Vec::new();
    for item in data.elements() {
        let Some(embedding) = item.get("embedding") else { continue };
        let other = match (embedding.kind, base64) {
            (Kind::Array, true) => to_base64(embedding)?,
            (Kind::String, false) => to_floats(embedding)?,
            _ => continue,
        };
        replaced.push((embedding.start..embedding.start + embedding.raw.len(), other));
    }
    if replaced.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(body.len());
    let mut copied = 0;
    for (range, other) in replaced {
        out.extend_from_slice(body.get(copied..range.start).unwrap_or_default());
        out.extend_from_slice(other.as_bytes());
        copied = range.end;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    Ok(Some(Bytes::from(out)))
}

fn to_base64(embedding: Value<'_>) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(embedding.raw.len() / 2);
    for element in embedding.elements() {
        let number =
            std::str::from_utf8(element.raw).ok().and_then(|text| text.parse::<f32>().ok());
        let number = number.filter(|number| number.is_finite());
        let number = number.ok_or(Malformed("an embedding holds something that is no number"))?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 6);
    out.push('"');
    STANDARD.encode_string(&bytes, &mut out);
    out.push('"');
    Ok(out)
}

fn to_floats(embedding: Value<'_>) -> Result<String, Malformed> {
    const BAD: Malformed = Malformed("an embedding is not base64 of 32-bit floats");
    let text = embedding.as_str().ok_or(BAD)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| BAD)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(BAD);
    }
    let mut out = String::with_capacity(numbers.len() * 12 + 2);
    for (position, number) in numbers.iter().enumerate() {
        let number = f32::from_le_bytes(*number);
        if !number.is_finite() {
            return Err(BAD);
        }
        out.push(if position == 0 { '[' } else { ',' });
        write!(out, "{number}").map_err(|_| BAD)?;
    }
    if numbers.is_empty() {
        out.push('[');
    }
    out.push(']');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tb_api::json::Document;

    fn converted(body: &str, base64: bool) -> Option<String> {
        let document = Document::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let out = convert(document.bytes(), document.get("data").unwrap(), base64).unwrap()?;
        Some(String::from_utf8(out.to_vec()).unwrap())
    }

    const FLOATS: &str =
        r#"{"data":[{"index":0,"embedding":[1.5,-0.25,0],"x":1},{"embedding":[]}],"model":"m"}"#;
    const BASE64: &str = r#"{"data":[{"index":0,"embedding":"AADAPwAAgL4AAAAA","x":1},{"embedding":""}],"model":"m"}"#;

    #[test]
    fn converts_both_ways_and_leaves_the_rest() {
        assert_eq!(converted(FLOATS, true).as_deref(), Some(BASE64));
        assert_eq!(converted(BASE64, false).as_deref(), Some(FLOATS));
        assert_eq!(converted(FLOATS, false), None);
        assert_eq!(converted(BASE64, true), None);
    }

    #[test]
    fn refuses_what_is_no_vector() {
        for (body, base64) in [
            (r#"{"data":[{"embedding":["x"]}]}"#, true),
            (r#"{"data":[{"embedding":[1e99]}]}"#, true),
            (r#"{"data":[{"embedding":"!!"}]}"#, false),
            (r#"{"data":[{"embedding":"AAA="}]}"#, false),
            (r#"{"data":[{"embedding":"AADAfw=="}]}"#, false),
        ] {
            let document = Document::parse(Bytes::from_static(body.as_bytes())).unwrap();
            let data = document.get("data").unwrap();
            assert!(convert(document.bytes(), data, base64).is_err(), "{body}");
        }
    }
}
