//! The ways in which a model may write a placeholder.

use crate::Vault;

/// No inner text is longer: a kind of 48, the tag, two numbers.
const LONGEST_INNER: usize = 104;

/// How the text that placeholders stand in is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Plain text, markdown or HTML.
    Plain,
    /// The inside of a JSON document (arguments of tools): values go in JSON-escaped.
    Json,
}

/// Brackets that belong together: as given out, in markdown's links, HTML-escaped,
/// markdown-escaped.
const BRACKETS: &[(&str, &str)] = &[
    ("<", ">"),
    ("[", "]"),
    ("&lt;", "&gt;"),
    ("&#60;", "&#62;"),
    ("&#x3c;", "&#x3e;"),
    ("\\<", "\\>"),
    ("\\[", "\\]"),
];
/// The same inside of JSON.
const JSON_BRACKETS: &[(&str, &str)] =
    &[("\\u003c", "\\u003e"), ("\\\\<", "\\\\>"), ("\\\\[", "\\\\]")];

/// What stands at a place of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    /// No placeholder.
    No,
    /// The text ends here and may be the beginning of a known one.
    Beginning,
    /// A placeholder of so many bytes, with its inner text in lower case. It has this request's
    /// form; it may be unknown.
    Whole { bytes: usize, inner: String },
}

/// Whether a placeholder can begin with this byte.
pub(crate) const fn opens(byte: u8) -> bool {
    matches!(byte, b'<' | b'[' | b'&' | b'\\')
}

/// What stands at the beginning of `text`.
pub(crate) fn at_start(text: &[u8], writing: Writing, vault: &Vault) -> Matched {
    let more = if writing == Writing::Json { JSON_BRACKETS } else { &[] };
    let mut matched = Matched::No;
    for (open, close) in BRACKETS.iter().chain(more) {
        match begins(text, open) {
            Begins::Yes(rest) => match inside(rest, close, vault) {
                Matched::No => {}
                Matched::Beginning => matched = Matched::Beginning,
                Matched::Whole { bytes, inner } => {
                    return Matched::Whole { bytes: bytes + open.len(), inner };
                }
            },
            Begins::Perhaps if !vault.is_empty() => matched = Matched::Beginning,
            Begins::Perhaps | Begins::No => {}
        }
    }
    matched
}

enum Begins<'t> {
    Yes(&'t [u8]),
    Perhaps,
    No,
}

fn begins<'t>(text: &'t [u8], with: &str) -> Begins<'t> {
    let length = text.len().min(with.len());
    let is_same = text
        .get(..length)
        .zip(with.as_bytes().get(..length))
        .is_some_and(|(have, want)| have.eq_ignore_ascii_case(want));
    match text.get(with.len()..) {
        Some(rest) if is_same => Begins::Yes(rest),
        None if is_same => Begins::Perhaps,
        _ => Begins::No,
    }
}

fn inside(text: &[u8], close: &str, vault: &Vault) -> Matched {
    let mut inner = String::new();
    let mut at = 0;
    let beginning = |inner: &str| {
        if vault.has_beginning(inner) { Matched::Beginning } else { Matched::No }
    };
    loop {
        let rest = text.get(at..).unwrap_or_default();
        // Markdown writes `\_`; inside of JSON it is `\\_`.
        let slashes = rest.iter().take(3).take_while(|byte| **byte == b'\\').count();
        match rest.get(slashes) {
            None => return beginning(&inner),
            Some(b'_') if slashes <= 2 => {
                inner.push('_');
                at += slashes + 1;
            }
            Some(byte) if slashes == 0 && byte.is_ascii_alphanumeric() => {
                inner.push(char::from(byte.to_ascii_lowercase()));
                at += 1;
            }
            Some(_) => {
                return match begins(rest, close) {
                    Begins::Yes(_) if vault.has_form(&inner) => {
                        Matched::Whole { bytes: at + close.len(), inner }
                    }
                    Begins::Perhaps if vault.value(&inner).is_some() => Matched::Beginning,
                    _ => Matched::No,
                };
            }
        }
        if inner.len() > LONGEST_INNER {
            return Matched::No;
        }
    }
}
