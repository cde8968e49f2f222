//! Tells quickly that a JSON text holds no beginning of a placeholder: nearly all pieces of a
//! stream pass by this alone.

use memchr::{memchr_iter, memchr2};

/// Whether a string inside of the JSON text may hold a placeholder or the beginning of one, in
/// any of the ways in which models write them. Brackets of the JSON text itself do not count.
pub(super) fn may_hold_placeholder(json: &[u8]) -> bool {
    memchr2(b'<', b'&', json).is_some()
        || memchr_iter(b'[', json).any(|at| may_begin(json.get(at + 1)))
        || memchr_iter(b'\\', json).any(|at| may_stand_for_sign(json.get(at + 1)))
}

/// What follows a square bracket when it begins a placeholder: a word, or the end of the piece.
fn may_begin(next: Option<&u8>) -> bool {
    !matches!(next, Some(b'{' | b']' | b'[' | b' ' | b'\n' | b'\r' | b'\t' | b'-'))
}

/// Only a backslash and code points can be signs; line breaks and quotes are none.
fn may_stand_for_sign(next: Option<&u8>) -> bool {
    matches!(next, Some(b'u' | b'\\') | None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_deltas_pass() {
        for plain in [
            r#"{"choices":[{"index":0,"delta":{"content":"Hello \"you\"\n"}}]}"#,
            r#"{"choices": [ {"delta":{}}],"tags":[],"grid":[[{}]],"low":[-1]}"#,
            r#"{"type":"response.output_text.delta","delta":" word"}"#,
        ] {
            assert!(!may_hold_placeholder(plain.as_bytes()), "{plain}");
        }
    }

    #[test]
    fn every_way_to_begin_is_seen() {
        for opened in ["<", "a <EMA", "[", "[EMAIL", "&lt;", "&", r"\u003c", r"\\", r"\\<"] {
            let event = format!(r#"{{"choices":[{{"delta":{{"content":"{opened}"}}}}]}}"#);
            assert!(may_hold_placeholder(event.as_bytes()), "{opened}");
        }
    }
}
