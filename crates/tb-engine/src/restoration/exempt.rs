//! What looks like a finding but is the gateway's own: placeholders of the request and what
//! stands in the place of hidden values.

use std::ops::Range;

use memchr::{memchr_iter, memchr3_iter};
use tb_guard::{Finding, RestoreState, Vault};

/// No placeholder is longer, in the longest of its writings.
const LONGEST_PLACEHOLDER: usize = 160;

/// Characters of a keyed hash: base32 of 128 bits.
const HASH_CHARACTERS: usize = 26;

/// The findings without what lies on the gateway's own marks.
pub(crate) fn outside(text: &str, findings: Vec<Finding>, vault: &Vault) -> Vec<Finding> {
    let marks = marks(text, vault);
    let mut left = Vec::with_capacity(findings.len());
    for finding in findings {
        for place in without(finding.start..finding.end, &marks) {
            let value = text.get(place.clone()).unwrap_or_default();
            if value.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80)
                && !is_hidden_value(value)
            {
                left.push(Finding { start: place.start, end: place.end, ..finding.clone() });
            }
        }
    }
    left
}

/// The parts of a place between marks.
fn without(place: Range<usize>, marks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = place.start;
    for mark in marks.iter().filter(|mark| mark.start < place.end && mark.end > place.start) {
        if mark.start > at {
            parts.push(at..mark.start);
        }
        at = at.max(mark.end);
    }
    if at < place.end {
        parts.push(at..place.end);
    }
    parts
}

/// Where placeholders and redactions stand, in order.
fn marks(text: &str, vault: &Vault) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut marks: Vec<Range<usize>> = Vec::new();
    let mut openers: Vec<usize> =
        memchr3_iter(b'<', b'[', b'&', bytes).chain(memchr_iter(b'\\', bytes)).collect();
    openers.sort_unstable();
    for open in openers {
        if marks.last().is_some_and(|mark| open < mark.end) {
            continue;
        }
        let rest = text.get(open..).unwrap_or_default();
        let end = redaction(rest).or_else(|| placeholder(rest, vault));
        if let Some(length) = end {
            marks.push(open..open + length);
        }
    }
    marks
}

/// The length of the redaction at the beginning: `[US_SSN]`.
fn redaction(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('[')?.split_once(']')?.0;
    let (mut letters, mut digits) = (0_usize, 0_usize);
    for byte in inner.bytes() {
        match byte {
            b'A'..=b'Z' => letters += 1,
            b'0'..=b'9' => digits += 1,
            b'_' => {}
            _ => return None,
        }
    }
    // A number in brackets is none.
    (letters > 2 && digits <= 2).then_some(inner.len() + 2)
}

/// The length of the placeholder at the beginning.
fn placeholder(text: &str, vault: &Vault) -> Option<usize> {
    let near = text.get(..text.floor_char_boundary(LONGEST_PLACEHOLDER)).unwrap_or(text);
    let closes = near.bytes().enumerate().skip(1).filter_map(|(at, byte)| {
        matches!(byte, b'>' | b']' | b';' | b'e' | b'E').then_some(at + 1)
    });
    let is_one = |length: &usize| {
        let mut state = RestoreState::for_json();
        let _ = state.push(vault, near.get(..*length).unwrap_or_default());
        state.restored() + state.unknown() == 1
    };
    // Words that could be a kind end soon; the letter of `\u003e` is the only one among the
    // ends, and no more ends are tried than a placeholder has signs.
    closes.take(24).find(is_one)
}

/// A masked or hashed value: `************1111`, `email_` and 26 characters of base32.
fn is_hidden_value(value: &str) -> bool {
    let shown = value.bytes().filter(u8::is_ascii_alphanumeric).count();
    if value.contains("***") && shown <= 4 {
        return true;
    }
    value.rsplit_once('_').is_some_and(|(kind, hash)| {
        hash.len() == HASH_CHARACTERS
            && hash.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tb_guard::{Action, Actions, Kind};

    use super::*;

    fn finding(start: usize, end: usize) -> Finding {
        Finding { kind: Kind::US_SSN, rule: None, start, end, score: 1.0, is_encoded: false }
    }

    fn vault() -> Vault {
        let mut vault = Vault::new(0x7f3a, &[1; 32]);
        let by_kind = HashMap::from([(Kind::US_SSN, Action::Tokenize)]);
        let _ = Actions { by_kind }.hide("123-45-6789", &[finding(0, 11)], &mut vault);
        vault
    }

    fn left(text: &str) -> Vec<&str> {
        let all = vec![finding(0, text.len())];
        let left = outside(text, all, &vault());
        left.iter().map(|finding| text.get(finding.start..finding.end).unwrap()).collect()
    }

    #[test]
    fn placeholders_in_any_writing_are_no_findings() {
        for own in [
            "<US_SSN_7f3a_1>",
            "[us_ssn_7f3a_1]",
            "&lt;US_SSN_7f3a_1&gt;",
            r"\u003cUS_SSN_7f3a_1\u003e",
            r"\<US\_SSN\_7f3a\_1\>",
            "[US_SSN]",
            "***-**-6789",
            "us_ssn_abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(left(own).is_empty(), "{own} {:?}", left(own));
        }
    }

    #[test]
    fn what_stands_beside_them_still_is() {
        assert_eq!(left("<US_SSN_7f3a_1>987-65-4321"), ["987-65-4321"]);
        assert_eq!(left("a <US_SSN_7f3a_1> b"), ["a ", " b"]);
        assert_eq!(left("<987654321>"), ["<987654321>"]);
        assert_eq!(left("[987654321]"), ["[987654321]"]);
    }
}
