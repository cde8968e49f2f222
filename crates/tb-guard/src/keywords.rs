//! The keyword filter: whole words and phrases, without regard to case, to what parts the words of
//! a phrase, and to how the letters are disguised. It knows no meaning and says so by its name.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};

use crate::view;

/// The most bytes of one list's words.
const LIST_BYTES: usize = 8 << 20;

/// A list of words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeywordList {
    /// Its name, for reports.
    pub name: String,
    /// Words and phrases.
    pub words: Vec<String>,
}

/// Compiled lists.
#[derive(Debug, Default)]
pub struct Keywords {
    /// The words of all lists one after the other, in lower case.
    words: Option<AhoCorasick>,
    /// The list of each word.
    list_of: Vec<usize>,
    /// How many lists there are.
    lists: usize,
}

impl Keywords {
    /// Compiles lists.
    ///
    /// # Errors
    /// The index of the first list that is empty, has an empty word, or is too large (8 MiB).
    pub fn new(lists: &[KeywordList]) -> Result<Self, usize> {
        let (mut words, mut list_of) = (Vec::new(), Vec::new());
        for (index, list) in lists.iter().enumerate() {
            let bytes: usize = list.words.iter().map(String::len).sum();
            if list.words.is_empty() || bytes > LIST_BYTES {
                return Err(index);
            }
            for word in &list.words {
                let word = folded(word).trim().to_lowercase();
                if word.is_empty() {
                    return Err(index);
                }
                words.push(word);
            }
            list_of.resize(words.len(), index);
        }
        if words.is_empty() {
            return Ok(Self::default());
        }
        let words = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(&words);
        let words = words.map_err(|_| lists.len().saturating_sub(1))?;
        Ok(Self { words: Some(words), list_of, lists: lists.len() })
    }

    /// Which lists have a word in the text, and how often: indices into the lists, rising. Words
    /// of one list that overlap count once.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<(usize, u64)> {
        let Some(words) = &self.words else { return Vec::new() };
        let text = folded(text);
        let mut counts = self.count(words, &text);
        // Words of other scripts are looked for as they are, too.
        if let Some(text) = view::without_look_alikes(&text) {
            for (count, other) in counts.iter_mut().zip(self.count(words, &text)) {
                *count = other.max(*count);
            }
        }
        counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect()
    }

    /// How many words of each list a folded text has.
    fn count(&self, words: &AhoCorasick, text: &str) -> Vec<u64> {
        // By list: how many words, and where the last one ended.
        let mut counts = vec![(0_u64, 0_usize); self.lists];
        for found in words.find_overlapping_iter(text) {
            let list = self.list_of.get(found.pattern().as_usize()).copied().unwrap_or_default();
            let Some((count, end)) = counts.get_mut(list) else { continue };
            if found.start() >= *end && is_whole_word(text, found.start(), found.end()) {
                (*count, *end) = (*count + 1, found.end());
            }
        }
        counts.into_iter().map(|(count, _)| count).collect()
    }
}

/// A text as words are looked for in it: normal, in lower case where it is not ASCII (the
/// automaton folds ASCII by itself), with one blank for any number of blanks and line breaks.
fn folded(text: &str) -> Cow<'_, str> {
    let mut text = view::normal(text);
    if !text.is_ascii() {
        text = Cow::Owned(text.to_lowercase());
    }
    let is_blank = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0B;
    let blanks = text.bytes().zip(text.bytes().skip(1).chain([b'x']));
    let mut odd = blanks.map(|(one, next)| is_blank(one) && (one != b' ' || is_blank(next)));
    if !odd.any(|is_odd| is_odd) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        let is_blank = u8::try_from(symbol).is_ok_and(is_blank);
        if !is_blank {
            out.push(symbol);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    Cow::Owned(out)
}

/// Whether no word goes on over either end of a place, which lies on characters. Scripts that
/// write without spaces have no such ends.
pub(crate) fn is_whole_word(text: &str, start: usize, end: usize) -> bool {
    let inside = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    let goes_on = |one: Option<char>, other: Option<char>| matches!((one, other), (Some(one), Some(other)) if is_of_word(one) && is_of_word(other));
    !goes_on(before, inside.chars().next()) && !goes_on(inside.chars().next_back(), after)
}

fn is_of_word(symbol: char) -> bool {
    (symbol.is_alphanumeric() || symbol == '_') && !is_without_spaces(symbol)
}

/// Letters of scripts that do not set words apart: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
const fn is_without_spaces(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{E00}'..='\u{EFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1780}'..='\u{17FF}'
            | '\u{3040}'..='\u{30FF}'
            | '\u{31F0}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> KeywordList {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        KeywordList { name: "list".to_owned(), words }
    }

    fn keywords(lists: &[&[&str]]) -> Keywords {
        Keywords::new(&lists.iter().map(|words| list(words)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn finds_whole_words_and_phrases_without_regard_to_case() {
        let keywords = keywords(&[&["Project Bluebird", "merger"], &["ÜBERNAHME", "слияние"]]);
        assert_eq!(keywords.find("The MERGER; project bluebird!"), [(0, 2)]);
        assert_eq!(keywords.find("Die Übernahme von merger_x, Слияние"), [(1, 2)]);
        assert_eq!(keywords.find("“merger” (Merger) 'übernahme'"), [(0, 2), (1, 1)]);
        assert_eq!(keywords.find("mergers, submerger, merger2, merger\u{E9}, Übernahmen"), []);
        assert_eq!(keywords.find(""), []);
    }

    #[test]
    fn a_longer_word_does_not_hide_a_shorter_one() {
        let keywords = keywords(&[&["new", "new yo"], &["new york", "york"]]);
        assert_eq!(keywords.find("New York"), [(0, 1), (1, 1)]);
        // Within a list what overlaps counts once.
        assert_eq!(self::keywords(&[&["a b", "b c"]]).find("a b c, b c"), [(0, 2)]);
    }

    #[test]
    fn scripts_without_spaces_have_words_anywhere() {
        let keywords = keywords(&[&["机密", "การควบรวม", "ミサイル"]]);
        assert_eq!(keywords.find("这是机密文件。ミサイルの, ข่าวการควบรวมกิจการ"), [(0, 3)]);
    }

    #[test]
    fn refuses_lists_without_words_and_too_large_ones() {
        let fault = |lists: &[KeywordList]| Keywords::new(lists).err();
        assert_eq!(fault(&[]), None);
        assert_eq!(fault(&[list(&["a"]), list(&[])]), Some(1));
        assert_eq!(fault(&[list(&["a", " "])]), Some(0));
        assert_eq!(fault(&[list(&["a"]), list(&[&"x".repeat(LIST_BYTES + 1)])]), Some(1));
        assert_eq!(Keywords::new(&[]).unwrap().find("a"), []);
    }
}
