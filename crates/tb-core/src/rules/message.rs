//! The last user message in the forms that conditions look at.

/// How much of a message the rules read, in bytes of UTF-8: whatever a client sends, the work is
/// bounded.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// The part of `text` that the rules read.
pub(super) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(READ_BYTES)).unwrap_or(text)
}

/// Lower case, runs of white space as one blank, none at the ends, straight apostrophes: so that
/// texts which people take for the same compare equal.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        for character in word.chars() {
            match character {
                // Lower-casing leaves a dot above on it, and `istanbul` would not be found.
                'İ' => folded.push('i'),
                // A final sigma is the same letter.
                'ς' => folded.push('σ'),
                '’' | '‘' | 'ʼ' => folded.push('\''),
                _ => folded.extend(character.to_lowercase()),
            }
        }
    }
    folded
}

/// The words of a folded text. Scripts that put no blanks between words give one "word" for each
/// character, so that a word of theirs is found as a row of characters.
pub(super) fn words(folded: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in folded.char_indices() {
        let alone = is_unspaced(character);
        if let Some(from) = start
            && (alone || !is_word_character(character))
        {
            words.extend(folded.get(from..at));
            start = None;
        }
        if alone {
            words.extend(folded.get(at..at + character.len_utf8()));
        } else if start.is_none() && is_word_character(character) {
            start = Some(at);
        }
    }
    words.extend(start.and_then(|from| folded.get(from..)));
    words
}

/// Words with a blank around each, so that a word, or a row of words, is found as a part.
pub(super) fn spaced(words: &[&str]) -> String {
    let mut line = String::from(" ");
    for word in words {
        line.push_str(word);
        line.push(' ');
    }
    line
}

/// Letters, digits and the marks that belong to the letter before them.
fn is_word_character(character: char) -> bool {
    let code = u32::from(character);
    // Each of the Indic blocks, 0x80 long, has its nukta at 0x3c and its virama at 0x4d.
    let indic = (0x0900..0x0d80).contains(&code) && matches!(code & 0x7f, 0x3c | 0x4d);
    character.is_alphanumeric() || (0x0300..0x0370).contains(&code) || indic
}

/// Thai, Lao, Myanmar, Khmer, kana and Han: scripts without blanks between words.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// The sentences of a text, at most `most` of them.
pub(super) fn sentences(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let ends = ['.', '?', '!', '\n', '。', '？', '！', '؟', '।'];
    text.split(ends).filter(|part| !part.trim().is_empty()).take(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_case_white_space_and_apostrophes() {
        assert_eq!(fold("  What’s\tNEW\n in İSTANBUL? "), "what's new in istanbul?");
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
    }

    #[test]
    fn finds_words_in_scripts_with_and_without_blanks() {
        assert_eq!(
            words("don't stop, e\u{301}te\u{301}!"),
            ["don", "t", "stop", "e\u{301}te\u{301}"]
        );
        assert_eq!(words("हिन्दी में"), ["हिन्दी", "में"]);
        assert_eq!(words("a营业b"), ["a", "营", "业", "b"]);
        assert_eq!(words(" …"), [""; 0]);
    }

    #[test]
    fn cuts_between_characters() {
        let long = "é".repeat(READ_BYTES);
        assert_eq!(cut(&long).len(), READ_BYTES);
        assert_eq!(cut(&format!("a{long}")).len(), READ_BYTES - 1);
        assert_eq!(cut("short"), "short");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_more(text in "\\PC{0,60}") {
            let once = fold(&text);
            prop_assert!(words(&once).iter().all(|word| !word.is_empty()));
            prop_assert_eq!(fold(&once), once);
        }
    }
}
