//! The one form of a JSON request among all that mean the same: blanks and strings written in
//! one way, at the root members sorted and numbers written in one way, and there without what
//! affects no output. Further below, members stay in order and numbers as they are: the order of
//! a schema's properties is the order in which a provider writes them, and texts of tool calls
//! are read as they stand.

use std::borrow::Cow;

use tb_api::json::{Document, Kind, Value, write_string};

/// Members of the root that say how an answer travels, who pays, or who asks: never what the
/// model is asked. `stream_options` stands in the slot of streams, the model among the targets.
const WITHOUT_EFFECT: [&str; 9] = [
    "metadata",
    "model",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "user",
];

/// The request without what does not affect its answer. Unknown members stay.
pub(super) fn request(document: &Document) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.bytes().len());
    let mut wanted: Vec<_> =
        document.members().filter(|(key, _)| !WITHOUT_EFFECT.contains(&key.as_ref())).collect();
    // No key occurs twice: the index refuses that.
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    object(wanted.into_iter(), &mut out, |member, out| match member.kind {
        Kind::Number => number(member.raw, out),
        _ => value(member, out),
    });
    out
}

/// One value.
pub(super) fn value(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind {
        Kind::Object => object(value.members(), out, self::value),
        Kind::Array => array(value, out),
        Kind::String => string(value, out),
        Kind::Number | Kind::Bool | Kind::Null => out.extend_from_slice(value.raw),
    }
}

fn object<'d>(
    members: impl Iterator<Item = (Cow<'d, str>, Value<'d>)>,
    out: &mut Vec<u8>,
    write: fn(Value<'_>, &mut Vec<u8>),
) {
    out.push(b'{');
    for (place, (key, member)) in members.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        text(&key, out);
        out.push(b':');
        write(member, out);
    }
    out.push(b'}');
}

fn array(array: Value<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, element) in array.elements().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        value(element, out);
    }
    out.push(b']');
}

/// A string without escapes is written like that already.
fn string(value: Value<'_>, out: &mut Vec<u8>) {
    match value.as_str() {
        Some(Cow::Owned(decoded)) => text(&decoded, out),
        _ => out.extend_from_slice(value.raw),
    }
}

fn text(decoded: &str, out: &mut Vec<u8>) {
    if decoded.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(decoded.as_bytes());
        out.push(b'"');
        return;
    }
    let mut quoted = String::new();
    write_string(decoded, &mut quoted);
    out.extend_from_slice(quoted.as_bytes());
}

/// Significant digits and an exponent of ten: exact, whatever the size, so that no two numbers
/// fall together that a provider could tell apart.
fn number(raw: &[u8], out: &mut Vec<u8>) {
    let (negative, unsigned) = match raw.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, raw),
    };
    let exponent_at = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, written) = match exponent_at.and_then(|at| unsigned.split_at_checked(at)) {
        Some((mantissa, rest)) => (mantissa, exponent(rest)),
        None => (unsigned, Some(0)),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let decimals = mantissa.len().saturating_sub(point + 1);
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let end = digits.len().saturating_sub(trailing);
    let Some(significant) = digits.get(leading..end).filter(|digits| !digits.is_empty()) else {
        out.push(b'0');
        return;
    };
    let shift = i64::try_from(trailing).ok().zip(i64::try_from(decimals).ok());
    let power = written.zip(shift).map(|(written, (trailing, decimals))| {
        written.saturating_add(trailing).saturating_sub(decimals)
    });
    let Some(power) = power else {
        // An exponent beyond 64 bits is no number to anybody; it stays as it was written.
        out.extend_from_slice(raw);
        return;
    };
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(significant);
    if power != 0 {
        out.extend_from_slice(format!("e{power}").as_bytes());
    }
}

/// `e+5`, `E-3`; `None` beyond the range.
fn exponent(written: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(written.get(1..)?).ok()?;
    let value: i64 = digits.strip_prefix('+').unwrap_or(digits).parse().ok()?;
    (value.unsigned_abs() < 1 << 40).then_some(value)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        let document = Document::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap();
        String::from_utf8(request(&document)).unwrap()
    }

    #[test]
    fn the_order_of_roots_members_blanks_and_escapes_do_not_matter() {
        let one = of(r#"{"b":[1,{"y":"\u00e9","x":null}],"a":"q\/"}"#);
        let other = of("{ \"a\" : \"q/\",\n\"b\" : [ 1, {\"y\": \"\u{e9}\" , \"x\":null} ] }");
        assert_eq!(one, other);
        assert_eq!(one, "{\"a\":\"q/\",\"b\":[1,{\"y\":\"\u{e9}\",\"x\":null}]}");
    }

    #[test]
    fn order_and_numbers_below_the_root_stay_as_they_are() {
        let one = of(r#"{"format":{"properties":{"why":{},"answer":{"minimum":1.0}}}}"#);
        let sorted = of(r#"{"format":{"properties":{"answer":{"minimum":1.0},"why":{}}}}"#);
        let number = of(r#"{"format":{"properties":{"why":{},"answer":{"minimum":1}}}}"#);
        assert!(one != sorted && one != number);
        assert_eq!(one, r#"{"format":{"properties":{"why":{},"answer":{"minimum":1.0}}}}"#);
    }

    #[test]
    fn what_affects_no_output_is_left_out_at_the_root_only() {
        let bare = r#"{"messages":[]}"#;
        let full = r#"{"model":"m","stream":true,"stream_options":{},"user":"u","messages":[],
            "metadata":{"a":"b"},"store":false,"service_tier":"flex","prompt_cache_key":"k",
            "safety_identifier":"s"}"#;
        assert_eq!(of(bare), of(full));
        assert_ne!(of(r#"{"messages":[{"user":"a"}]}"#), of(r#"{"messages":[{"user":"b"}]}"#));
        assert_ne!(of(r#"{"novel":1}"#), of("{}"));
    }

    #[test]
    fn equal_numbers_are_written_alike_and_others_never() {
        let number = |text: &str| of(&format!("{{\"n\":{text}}}"));
        for group in [
            ["1", "1.0", "1e0", "10E-1", "0.1e+1"],
            ["0", "0.0", "-0", "0e5", "-0.00"],
            ["150", "1.5e2", "15e1", "1500e-1", "0.15E3"],
            ["-0.25", "-25e-2", "-2.5e-1", "-0.250", "-0.0025e2"],
        ] {
            for text in group {
                assert_eq!(number(text), number(group[0]), "{text}");
            }
        }
        let close = ["9007199254740992", "9007199254740993", "0.1", "0.10000000000000000001", "-1"];
        for (place, one) in close.iter().enumerate() {
            for other in &close[place + 1..] {
                assert_ne!(number(one), number(other));
            }
        }
        assert_eq!(number("1e99999999999999999999"), "{\"n\":1e99999999999999999999}");
    }

    proptest! {
        /// Whatever the tree, its canonical form is JSON again (numbers apart, the same tree),
        /// and a fixed point.
        #[test]
        fn is_a_fixed_point(text in "[a-z\"\\\\\u{0}-\u{20}é€😀]{0,12}", n in any::<i64>(), f in any::<f32>()) {
            prop_assume!(f.is_finite());
            let tree = serde_json::json!({"t": text, "n": n, "f": f, "l": [text, {"k": text}]});
            let once = of(&tree.to_string());
            prop_assert_eq!(&of(&once), &once);
            let back: serde_json::Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(&back["l"], &tree["l"]);
            prop_assert_eq!(&back["t"], &tree["t"]);
        }
    }
}
