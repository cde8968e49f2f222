//! `[[guard.keywords]]`

use tb_guard::{KeywordList, Keywords};

use super::texts::words;
use crate::codes::Code;
use crate::reader::{At, Section};
use crate::redact::quoted;
use crate::snapshot::{KeywordFilter, Reaction};
use crate::value::{Consequence, Word};

pub(super) fn keyword_filter(section: &Section<'_>) -> KeywordFilter {
    let sections = section.tables("keywords");
    let mut names: Vec<At<String>> = Vec::new();
    let mut lists: Vec<KeywordList> = Vec::new();
    let mut reactions = Vec::new();
    for (name, list, reaction) in sections.iter().filter_map(list) {
        if names.iter().any(|other| other.value == name.value) {
            let message = format!("two lists have the name {}", quoted(&name.value));
            section.reader.report(&name.place, Code::Duplicate, message, "rename one of them");
        }
        names.push(name);
        lists.push(list);
        reactions.push(reaction);
    }
    let keywords = Keywords::new(&lists).unwrap_or_else(|faulty| {
        section.reader.report(
            names.get(faulty).map_or(&section.place, |name| &name.place),
            Code::BadDetector,
            "the words of this list are too many",
            "keep them below 8 MiB",
        );
        Keywords::default()
    });
    let names = names.into_iter().map(|name| name.value);
    KeywordFilter { keywords, lists: names.zip(reactions).collect() }
}

/// One list; `None` was reported.
fn list(section: &Section<'_>) -> Option<(At<String>, KeywordList, Reaction)> {
    let name = section.value::<String>("name");
    let words = words(section);
    let reaction = section.value::<Word<Consequence>>("reaction");
    let name = name?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !(1..=64).contains(&name.value.len()) || !name.value.bytes().all(fits) {
        section.reader.report(
            &name.place,
            Code::BadName,
            "the name of a list has characters that it cannot have, or is too long",
            "use 1 to 64 letters, digits, `-`, `_` and `.`",
        );
    }
    let words = words?;
    if words.is_empty() {
        let place = ["words_file", "words"].into_iter().find_map(|key| section.value_at(key));
        section.reader.report(
            &place.unwrap_or_else(|| section.place.clone()),
            Code::BadDetector,
            "the list has no words",
            "add `words` or `words_file`",
        );
        return None;
    }
    let list = KeywordList { name: name.value.clone(), words };
    Some((name, list, reaction?.value.0.into()))
}
