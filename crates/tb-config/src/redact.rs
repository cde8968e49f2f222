//! Keeps secrets out of reports: whatever might be one is covered in the text that excerpts
//! are cut from, byte for byte, so that positions stay.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::keys::{Kind, Table, is_known_within};
use crate::refused::REFUSED;

/// Runs at least this long in a line that is not valid TOML are covered: provider keys are
/// longer, key names of the configuration are mostly shorter.
const LONG_RUN: usize = 16;

/// The text as a basic string of TOML, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether this may be the name of an environment variable and is hardly a pasted key: those
/// have other characters in them, or are long and without a break.
pub(crate) fn is_variable_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && (name.len() < 20 || name.contains('_'))
}

/// A copy of `text` in which possible secrets are asterisks; the keys of `rules` hold none but
/// where they are meant to. `broken` are the places of syntax errors: in their lines nothing is
/// known of what stands where.
pub(crate) fn covered(
    text: &str,
    document: &DeTable<'_>,
    rules: &Table,
    broken: &[Range<usize>],
) -> String {
    let mut spans = Vec::new();
    in_table(document, rules, &mut spans);
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        cover(&mut bytes, span);
    }
    for place in broken {
        for run in long_runs(text, place.start) {
            cover(&mut bytes, run);
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn cover(bytes: &mut [u8], span: Range<usize>) {
    for byte in bytes.get_mut(span).unwrap_or_default() {
        if !matches!(byte, b'\n' | b'\r' | b'"' | b'\'') {
            *byte = b'*';
        }
    }
}

fn in_table(table: &DeTable<'_>, rules: &Table, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        in_value(key.get_ref(), value, rules, spans);
    }
}

fn in_value(key: &str, value: &Spanned<DeValue<'_>>, rules: &Table, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => {
            for (below, value) in table {
                if !(has_words(key, rules) && is_word(value.get_ref())) {
                    in_value(below.get_ref(), value, rules, spans);
                }
            }
        }
        DeValue::Array(items) => {
            for item in items.iter() {
                in_value(key, item, rules, spans);
            }
        }
        DeValue::String(text) => {
            if is_suspicious(key, text, rules) {
                spans.push(value.span());
            }
        }
        _ => {
            if holds_secrets(key) {
                spans.push(value.span());
            }
        }
    }
}

/// Whether the key has a table of free keys with words of a list.
fn has_words(key: &str, rules: &Table) -> bool {
    rules.keys.iter().any(|rule| {
        (rule.name == key && matches!(rule.kind, Kind::WordMap(_)))
            || rule.kind.below().is_some_and(|below| has_words(key, below))
    })
}

/// Whether this may be a word of a list, mistyped or not, and is hardly a secret.
fn is_word(value: &DeValue<'_>) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b == b'_';
    value.as_str().is_some_and(|text| text.len() < LONG_RUN && text.bytes().all(is_letter))
}

/// The keys whose values are secrets, or references to them.
fn holds_secrets(key: &str) -> bool {
    matches!(key, "api_keys" | "master_key")
}

/// `env` and `file` are the two ways to refer to a secret; a mistyped key (`api_key`) may hold
/// one, a URL may carry a password, and a PEM text may stand where its file should be named.
fn is_suspicious(key: &str, text: &str, rules: &Table) -> bool {
    match key {
        "env" => !is_variable_name(text),
        "file" => false,
        key if holds_secrets(key) => true,
        _ => {
            !(is_known_within(rules, key) || REFUSED.iter().any(|line| line.key == key))
                || (text.contains("://") && text.contains(['@', '?']))
                || text.contains("-----BEGIN")
        }
    }
}

/// The long runs of the characters of keys and tokens in the line around `at`.
fn long_runs(text: &str, at: usize) -> Vec<Range<usize>> {
    let at = at.min(text.len());
    let bytes = text.as_bytes();
    let before = bytes.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i.saturating_add(1));
    let after = bytes.get(at..).unwrap_or_default();
    let end = after.iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at.saturating_add(i));
    let mut runs = Vec::new();
    let mut run_start = start;
    for index in start..=end {
        let inside = index < end
            && bytes.get(index).is_some_and(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/' | b'@')
            });
        if !inside {
            if index.saturating_sub(run_start) >= LONG_RUN {
                runs.push(run_start..index);
            }
            run_start = index.saturating_add(1);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_of_variables_from_pasted_keys() {
        for name in ["OPENAI_API_KEY", "key", "MyKey2", "_X"] {
            assert!(is_variable_name(name), "{name}");
        }
        for key in
            ["", "sk-abc", "2X", "a b", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "Zx9kQmPw7RtYb3NvLs8D"]
        {
            assert!(!is_variable_name(key), "{key}");
        }
    }

    #[test]
    fn quotes_as_toml_reads_it_back() {
        let text = "a\"b\\c\u{7}\n\u{1b}ü\u{7f}";
        let document = format!("x = {}", quoted(text));
        let table = DeTable::parse(&document).unwrap();
        assert_eq!(table.get_ref().get("x").unwrap().get_ref().as_str(), Some(text));
    }
}
