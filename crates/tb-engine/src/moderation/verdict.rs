//! What a moderation model says, read strictly: what is not understood is never taken for
//! harmless.

use std::collections::BTreeMap;

use serde_json::Value;
use tb_config::Moderation;

/// Categories with the highest score that any of the texts has in them, 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Scores(BTreeMap<String, f64>);

/// A category that counts, with its score.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Category {
    pub(crate) name: String,
    pub(crate) score: f64,
}

/// The score of what is flagged without one.
const FLAGGED: f64 = 1.0;

/// What is flagged where nobody says as what.
const UNNAMED: &str = "unsafe";

/// The longest name of a category that is told.
const MAX_NAME_BYTES: usize = 64;

/// The most categories that are told.
const MAX_TOLD: usize = 32;

impl Scores {
    fn raise(&mut self, category: &str, score: f64) {
        let known = self.0.entry(category.to_owned()).or_insert(score);
        *known = known.max(score);
    }

    /// The categories at or above their thresholds.
    pub(super) fn over(&self, moderation: &Moderation) -> Vec<Category> {
        let threshold = |name: &str| {
            let own = moderation.thresholds.get(name).or_else(|| {
                let mut all = moderation.thresholds.iter();
                all.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, own)| own)
            });
            own.copied().unwrap_or(moderation.threshold)
        };
        let counts = self.0.iter().filter(|(name, score)| **score >= threshold(name));
        let told = counts.map(|(name, score)| Category { name: told(name), score: *score });
        told.take(MAX_TOLD).collect()
    }
}

/// A category's name as it may stand in errors and rows: it is the model's word.
fn told(name: &str) -> String {
    let is_word = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'.'));
    if is_word { name.to_owned() } else { "other".to_owned() }
}

/// Reads an answer of `/v1/moderations` to so many inputs; `None` when it does not judge each
/// of them.
pub(super) fn of_moderations(body: &[u8], inputs: usize) -> Option<Scores> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let results = answer.get("results")?.as_array()?;
    if results.len() != inputs {
        return None;
    }
    let mut scores = Scores::default();
    for result in results {
        add_result(result, &mut scores)?;
    }
    Some(scores)
}

/// A category counts with its score. Where a model gives flags only, a flag counts fully.
fn add_result(result: &Value, scores: &mut Scores) -> Option<()> {
    let member = |name: &str| result.get(name).filter(|value| !value.is_null());
    let given = match member("category_scores") {
        Some(given) => Some(given.as_object()?),
        None => None,
    };
    let mut is_judged = false;
    for (category, score) in given.into_iter().flatten().filter(|(_, score)| !score.is_null()) {
        scores.raise(category, score.as_f64()?);
        is_judged = true;
    }
    let has_score = |category: &str| {
        given.and_then(|given| given.get(category)).is_some_and(|score| !score.is_null())
    };
    if let Some(flags) = member("categories") {
        for (category, flag) in flags.as_object()?.iter().filter(|(_, flag)| !flag.is_null()) {
            let flag = flag.as_bool()?;
            if !has_score(category) {
                scores.raise(category, if flag { FLAGGED } else { 0.0 });
            }
            is_judged = true;
        }
    }
    if !is_judged {
        let flagged = member("flagged")?.as_bool()?;
        scores.raise(UNNAMED, if flagged { FLAGGED } else { 0.0 });
    }
    Some(())
}

/// Reads the answer of a chat completion.
pub(super) fn of_chat(body: &[u8]) -> Option<Scores> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let content = answer.pointer("/choices/0/message/content")?;
    match content {
        Value::String(text) => of_text(text),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            of_text(&texts.collect::<String>())
        }
        _ => None,
    }
}

/// `safe`, or `unsafe` and a line of categories, as guard models of the Llama family answer.
/// Upper case, quotes, an empty first line and words after `unsafe` do no harm; a sentence that
/// begins with `safe` is no judgement.
fn of_text(text: &str) -> Option<Scores> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    if trimmed(first).eq_ignore_ascii_case("safe") {
        let contradicts = rest.iter().any(|line| unsafe_words(line).is_some());
        return (!contradicts).then(Scores::default);
    }
    let same_line = unsafe_words(first)?;
    let mut scores = Scores::default();
    let lists = [same_line, rest.first().copied().unwrap_or_default()];
    let codes = lists.iter().flat_map(|list| list.split(',')).filter_map(code);
    codes.for_each(|code| scores.raise(code, FLAGGED));
    if scores.0.is_empty() {
        scores.raise(UNNAMED, FLAGGED);
    }
    Some(scores)
}

/// Without the marks that models put around a word.
fn trimmed(word: &str) -> &str {
    word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '`' | '"' | '\'' | '.'))
}

/// What follows the word `unsafe` at the beginning of a line.
fn unsafe_words(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = line.find(|c: char| !c.is_alphanumeric()).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end)?;
    word.eq_ignore_ascii_case("unsafe").then_some(rest)
}

/// A category in a list: `S1`, or `S1: violent crimes`.
fn code(piece: &str) -> Option<&str> {
    let code = trimmed(piece.trim_start_matches(':').split(':').next()?);
    let is_code = (1..=MAX_NAME_BYTES).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/'));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tb_config::{ModerationForm, OnTrouble, Reaction};

    use super::*;

    fn rules(thresholds: &[(&str, f64)]) -> Moderation {
        Moderation {
            model: "judge".into(),
            form: ModerationForm::Moderations,
            before: true,
            after: false,
            threshold: 0.5,
            thresholds: thresholds.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect(),
            reaction: Reaction::Block,
            on_failure: OnTrouble::Block,
            timeout: Duration::from_secs(1),
        }
    }

    fn names(scores: &Scores, thresholds: &[(&str, f64)]) -> Vec<String> {
        scores.over(&rules(thresholds)).into_iter().map(|category| category.name).collect()
    }

    #[test]
    fn a_category_counts_from_its_own_threshold_on() {
        let body = br#"{"results":[
            {"flagged":true,"categories":{"hate":true,"violence":true},
             "category_scores":{"hate":0.4,"violence":0.7}},
            {"flagged":false,"category_scores":{"hate":0.5,"violence":0.1}}]}"#;
        let scores = of_moderations(body, 2).unwrap();
        assert_eq!(names(&scores, &[]), ["hate", "violence"]);
        assert_eq!(names(&scores, &[("hate", 0.51)]), ["violence"]);
        assert_eq!(names(&scores, &[("VIOLENCE", 0.9)]), ["hate"]);
        assert_eq!(names(&scores, &[("hate", 0.51), ("violence", 0.71)]), [""; 0]);
    }

    #[test]
    fn flags_count_fully_where_there_are_no_scores() {
        let of = |result: &str| {
            of_moderations(format!(r#"{{"results":[{result}]}}"#).as_bytes(), 1).unwrap()
        };
        let flags = of(r#"{"categories":{"hate":true,"violence":false}}"#);
        assert_eq!(names(&flags, &[("hate", 1.0)]), ["hate"]);
        let mixed =
            of(r#"{"categories":{"a":true,"b":true},"category_scores":{"a":0.1,"b":null}}"#);
        assert_eq!(names(&mixed, &[]), ["b"]);
        assert_eq!(names(&of(r#"{"flagged":true}"#), &[]), ["unsafe"]);
        assert_eq!(names(&of(r#"{"flagged":false}"#), &[]), [""; 0]);
        assert_eq!(names(&of(r#"{"flagged":true,"categories":{}}"#), &[]), ["unsafe"]);
    }

    #[test]
    fn what_is_no_judgement_of_each_input_is_none() {
        for body in [
            "",
            "safe",
            "[]",
            "{}",
            r#"{"results":{}}"#,
            r#"{"results":[]}"#,
            r#"{"results":[{}]}"#,
            r#"{"results":[null]}"#,
            r#"{"results":[{"flagged":"no"}]}"#,
            r#"{"results":[{"categories":{"hate":"no"}}]}"#,
            r#"{"results":[{"categories":[],"category_scores":{"hate":0.1}}]}"#,
            r#"{"results":[{"category_scores":{"hate":"0.1"}}]}"#,
            r#"{"results":[{"flagged":false},{"flagged":false}]}"#,
            r#"{"results":[{"categories":{"hate":null},"category_scores":{"hate":null}}]}"#,
        ] {
            assert_eq!(of_moderations(body.as_bytes(), 1), None, "{body}");
        }
    }

    #[test]
    fn guard_models_answer_in_two_lines() {
        let unsafe_ones: &[(&str, &[&str])] = &[
            ("unsafe\nS1", &["S1"]),
            ("\n\nunsafe\nS1,S10", &["S1", "S10"]),
            ("  UNSAFE \r\n s2 , S3 \nbecause of this and that", &["S3", "s2"]),
            ("unsafe", &["unsafe"]),
            ("unsafe S4, S5", &["S4", "S5"]),
            ("**Unsafe**\nS6: something, S7.", &["S6", "S7"]),
            ("unsafe: this is not a list", &["unsafe"]),
        ];
        for (text, expected) in unsafe_ones {
            assert_eq!(names(&of_text(text).unwrap(), &[]), *expected, "{text}");
        }
        for text in ["safe", "\n\nsafe", " Safe. ", "SAFE\n", "`safe`\nnothing found"] {
            assert_eq!(names(&of_text(text).unwrap(), &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_sentence_is_no_judgement() {
        for text in [
            "",
            "\n",
            "safety first",
            "safe to say that it is harmful",
            "I cannot judge that.",
            "It is safe",
            "safe\nunsafe\nS1",
            "safe or unsafe",
            "not safe",
            "safe?",
            "saf",
            "S1",
            "unsafely done",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_category_that_is_no_word_is_not_repeated() {
        let mut scores = Scores::default();
        for name in ["a b", "", "x\ny", &"x".repeat(65)] {
            scores.raise(name, 1.0);
        }
        assert!(names(&scores, &[]).iter().all(|name| name == "other"));
    }
}
