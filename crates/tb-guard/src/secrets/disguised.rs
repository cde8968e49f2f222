//! Cues written with letters of other scripts that look like ASCII ones. Detectors see the value
//! behind such a cue in its own letters, so the view of look-alikes does not show anything new.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use unicode_normalization::UnicodeNormalization;

use super::keyword::Keyword;

/// Longer words are no cues.
const LONGEST: usize = 64;

/// What is looked for in the words.
const CUES: &[(&[u8], Keyword)] = &[
    (b"password", Keyword::Password),
    (b"passwd", Keyword::Password),
    (b"passwort", Keyword::Password),
    (b"passphrase", Keyword::Password),
    (b"passcode", Keyword::Password),
    (b"kennwort", Keyword::Password),
    (b"wachtwoord", Keyword::Password),
    (b"pwd", Keyword::ShortPassword),
    (b"secret", Keyword::Secret),
    (b"token", Keyword::Secret),
    (b"apikey", Keyword::Secret),
    (b"api_key", Keyword::Secret),
];

static AUTOMATON: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(CUES.iter().map(|(cue, _)| cue)).ok());

/// Compiles the cues, if they are not yet.
pub(super) fn warm() {
    LazyLock::force(&AUTOMATON);
}

/// Calls `found` with each disguised cue and its place.
pub(super) fn each(text: &str, mut found: impl FnMut(Keyword, usize, usize)) {
    let Some(automaton) = AUTOMATON.as_ref() else { return };
    let mut folded: Vec<u8> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let is_of_word = |symbol: char| match symbol.is_ascii() {
        true => symbol.is_ascii_alphanumeric() || matches!(symbol, '_' | '-'),
        false => symbol.is_alphabetic(),
    };
    for word in text.split(|symbol| !is_of_word(symbol)) {
        if word.is_ascii() || word.len() > LONGEST {
            continue;
        }
        folded.clear();
        places.clear();
        // Where the word stands in the text: it is a slice of it.
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        for (at, symbol) in word.char_indices() {
            folded.push(ascii_of(symbol));
            places.push(start + at);
        }
        places.push(start + word.len());
        for cue in automaton.find_iter(&folded) {
            let keyword = CUES.get(cue.pattern().as_usize()).map(|(_, keyword)| *keyword);
            let (from, to) = (places.get(cue.start()), places.get(cue.end()));
            // Where each letter has one byte, the cue is no disguise.
            if let (Some(keyword), Some(from), Some(to)) = (keyword, from, to)
                && to - from > cue.len()
            {
                found(keyword, *from, *to);
            }
        }
    }
}

/// The small ASCII letter that a symbol looks like, by the table or without its accents; 0 if it
/// looks like none.
fn ascii_of(symbol: char) -> u8 {
    let letter = match symbol {
        'а' | 'А' | 'α' | 'Α' | 'ɑ' | 'ᴀ' => 'a',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'ᴄ' => 'c',
        'ԁ' | 'ɗ' | 'đ' | 'ᴅ' => 'd',
        'е' | 'Е' | 'Ε' | 'ε' | 'ҽ' | 'ᴇ' => 'e',
        'һ' | 'Н' | 'Η' | 'ʜ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' | 'ɪ' => 'i',
        'к' | 'К' | 'κ' | 'Κ' | 'ᴋ' => 'k',
        'п' | 'η' | 'Ν' | 'ո' | 'ɴ' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'ø' | 'Ø' | 'ᴏ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'ᴘ' => 'p',
        'г' | 'ᴦ' | 'ʀ' => 'r',
        'ѕ' | 'Ѕ' | 'ꜱ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'ᴛ' => 't',
        'ԝ' | 'Ԝ' | 'ω' | 'ѡ' | 'ա' | 'ᴡ' => 'w',
        'у' | 'У' | 'γ' | 'Υ' | 'ʏ' => 'y',
        'À'..='ɏ' | 'Ḁ'..='ỿ' => std::iter::once(symbol).nfd().next().unwrap_or(symbol),
        other => other,
    };
    u8::try_from(letter).unwrap_or(0).to_ascii_lowercase()
}
