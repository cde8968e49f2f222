//! Words and patterns: lists in the file, and files of words.

use crate::codes::Code;
use crate::reader::{At, Section};
use crate::sections::named_file;

/// A list of texts, `None` when it has a fault, which was reported. An empty text would be found
/// everywhere.
pub(super) fn texts(section: &Section<'_>, key: &str) -> Option<Vec<At<String>>> {
    let texts = section.list::<String>(key)?;
    for empty in texts.iter().filter(|text| text.value.is_empty()) {
        section.reader.report(
            &empty.place,
            Code::BadDetector,
            format!("`{key}` has an empty entry"),
            "remove it",
        );
    }
    let is_whole = texts.len() == section.array_len(key).unwrap_or(0);
    (is_whole && !texts.iter().any(|text| text.value.is_empty())).then_some(texts)
}

/// The words of `words` and of the file of `words_file`; `None` was reported.
pub(super) fn words(section: &Section<'_>) -> Option<Vec<String>> {
    let words = texts(section, "words");
    let path = section.optional::<String>("words_file");
    let is_faulty = path.is_none() && section.written_at("words_file").is_some();
    let in_file = path.map(|path| {
        let code = Code::UnreadableWords;
        let text = named_file::read(section.reader, &path, "file of words", code)?;
        let words = lines(&text);
        section.reader.hash_too(text);
        Some(words)
    });
    let words = words?.into_iter().map(|word| word.value);
    let in_file = if is_faulty { None } else { in_file.unwrap_or(Some(Vec::new())) };
    Some(words.chain(in_file?).collect())
}

/// One word a line. Editors put a byte order mark before the first.
fn lines(text: &str) -> Vec<String> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_word_from_each_line_that_has_one() {
        let text = "\u{feff}one\r\n\n  two words \n# three\n";
        assert_eq!(lines(text), ["one", "two words"]);
    }
}
