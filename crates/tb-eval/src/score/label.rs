//! The answer names one of a closed list of labels.

use std::collections::BTreeMap;

use super::Finding;
use super::equals::plain;
use crate::results::LabelResult;

pub(super) fn find(
    text: &str,
    labels: &[String],
    expected: Option<&str>,
    results: &mut BTreeMap<String, LabelResult>,
) -> Finding {
    let Some(expected) = expected else { return Finding::Unknown };
    let named = named(text, labels);
    for label in labels {
        let found = named == Some(label);
        results.insert(label.clone(), LabelResult { expected: label == expected, found });
    }
    Finding::holds(named.is_some_and(|label| label == expected), || match named {
        Some(label) => format!("label: {label}"),
        None => "label: none, or several".to_owned(),
    })
}

/// The label that the answer is, else the only one that stands in it as words. A label inside a
/// longer one (`safe` in `not safe`) is not named by it.
fn named<'a>(text: &str, labels: &'a [String]) -> Option<&'a String> {
    let answer = plain(text);
    if let Some(exact) = labels.iter().find(|label| plain(label) == answer) {
        return Some(exact);
    }
    let mut longest: Vec<(String, &String)> =
        labels.iter().map(|label| (plain(label), label)).collect();
    longest.sort_by_key(|(plain, _)| std::cmp::Reverse(plain.chars().count()));
    let mut rest = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut found = Vec::new();
    for (plain, label) in longest {
        if !plain.is_empty() && take_words(&mut rest, &plain) {
            found.push(label);
        }
    }
    match found.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// Covers every place where `words` stand by themselves; whether there was one.
fn take_words(text: &mut String, words: &str) -> bool {
    let mut covered = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut found = false;
    while let Some(at) = rest.find(words) {
        let Some((before, from)) = rest.split_at_checked(at) else { break };
        let after = from.strip_prefix(words).unwrap_or_default();
        let left = before.chars().last().or_else(|| covered.chars().last());
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let whole = !part(left) && !part(after.chars().next());
        covered.push_str(before);
        covered.push_str(if whole { "\u{0}" } else { words });
        found |= whole;
        rest = after;
    }
    covered.push_str(rest);
    *text = covered;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let labels = ["safe", "not safe", "spam"].map(str::to_owned);
        named(text, &labels).cloned()
    }

    #[test]
    fn finds_the_only_label_that_is_named() {
        assert_eq!(of("Spam."), Some("spam".to_owned()));
        assert_eq!(of("This is **Not  safe**, I think."), Some("not safe".to_owned()));
        assert_eq!(of("It is safe"), Some("safe".to_owned()));
    }

    #[test]
    fn several_none_and_parts_of_words_are_no_label() {
        assert_eq!(of("safe or spam"), None);
        assert_eq!(of("unsafe spammer"), None);
        assert_eq!(of(""), None);
    }
}
