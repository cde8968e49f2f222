//! Whether characters look drawn at random or chosen by a person who explains something.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words inside a value that mark an example. In lower case.
const EXAMPLE_MARKS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "redacted",
    "your_",
    "your-",
    "yourkey",
    "yourtoken",
    "yourpass",
    "yoursecret",
    "my_key",
    "my-key",
    "insert",
    "dummy",
    "sample",
    "xxxx",
    "****",
    "....",
    "abcdefgh",
    "123456789012",
    "0000000000",
    "<",
    ">",
    "${",
    "{{",
    "fake",
    "_here",
    "-here",
    "todo",
];

/// Shannon entropy in bits per byte.
pub(crate) fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total: f32 = counts.iter().map(|count| f32::from(*count)).sum();
    if total < 1.0 {
        return 0.0;
    }
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f32::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

static MARKS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(EXAMPLE_MARKS).ok());

/// Compiles the marks, if they are not yet.
pub(super) fn warm() {
    LazyLock::force(&MARKS);
}

/// Whether a value carries the mark of an example (`EXAMPLE`, `your-key-here`, `xxxx`).
pub(crate) fn is_example(value: &[u8]) -> bool {
    MARKS.as_ref().is_some_and(|marks| marks.is_match(value))
}

/// Whether the body of a token, its prefix taken off, can be real: enough different characters
/// for its length, and no mark of an example.
pub(crate) fn is_plausible_body(body: &[u8]) -> bool {
    let floor = match body.len() {
        0..=11 => 1.5,
        12..=19 => 2.2,
        20..=31 => 2.6,
        _ => 2.9,
    };
    entropy(body) >= floor && !is_example(body)
}

/// What a value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Makeup {
    pub(crate) lower: usize,
    pub(crate) upper: usize,
    pub(crate) digits: usize,
    /// Everything else, bytes beyond ASCII included.
    pub(crate) others: usize,
    /// A digit stands before a letter.
    pub(crate) has_inner_digit: bool,
    /// Changes between lower case, upper case and digits, a capital before lower case apart.
    pub(crate) changes: usize,
}

impl Makeup {
    /// Counts.
    pub(crate) fn of(value: &[u8]) -> Self {
        let mut makeup =
            Self { lower: 0, upper: 0, digits: 0, others: 0, has_inner_digit: false, changes: 0 };
        let mut last = b' ';
        for byte in value {
            match byte {
                b'a'..=b'z' => makeup.lower += 1,
                b'A'..=b'Z' => makeup.upper += 1,
                b'0'..=b'9' => makeup.digits += 1,
                _ => makeup.others += 1,
            }
            makeup.has_inner_digit |= last.is_ascii_digit() && byte.is_ascii_alphabetic();
            let is_change = last.is_ascii_digit() != byte.is_ascii_digit()
                || last.is_ascii_lowercase() && byte.is_ascii_uppercase();
            makeup.changes += usize::from(is_change && last != b' ');
            last = *byte;
        }
        makeup
    }

    /// Letters of either case.
    pub(crate) const fn letters(self) -> usize {
        self.lower + self.upper
    }
}

/// Whether a value looks drawn at random rather than written: words, names in code, paths and
/// versions do not.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    value.len() >= 12 && is_random_makeup(value) && !is_example(value)
}

fn is_random_makeup(value: &[u8]) -> bool {
    let makeup = Makeup::of(value);
    if makeup.digits == 0 {
        // Letters alone: random case changes about every third letter, words do not.
        let turns = makeup.changes * 5;
        return makeup.others * 4 < value.len()
            && makeup.upper > 2
            && turns >= value.len()
            && entropy(value) >= 3.5;
    }
    if makeup.letters() == 0 {
        return false;
    }
    let floor = if value.len() < 20 { 2.8 } else { 3.0 };
    (makeup.changes * 6 >= value.len() || makeup.changes >= 8)
        && entropy(value) >= floor
        && !is_path_like(value)
}

/// Whether it is a path, a dotted name or dashed words and dashed words: most parts are plain words.
pub(crate) fn is_path_like(value: &[u8]) -> bool {
    let parts = value.split(|byte| matches!(byte, b'/' | b'.' | b'-' | b'_' | b':' | b'\\'));
    let (mut plain, mut all) = (0_usize, 0_usize);
    for part in parts.filter(|part| part.iter().any(|byte| !byte.is_ascii_digit())) {
        let makeup = Makeup::of(part);
        all += part.len();
        let is_word = makeup.others == 0 && !makeup.has_inner_digit && makeup.changes <= 2;
        plain += if is_word { part.len() } else { 0 };
    }
    plain * 2 > all
}

/// Whether most of the body of a token is words, as in names of code and of paths. Unlike
/// [`is_path_like`] it looks at the letters: chance seldom draws what can be spoken, so that a
/// token of capitals with one digit is not taken for a word.
pub(crate) fn is_written(body: &[u8]) -> bool {
    let parts = body.split(|byte| matches!(byte, b'/' | b'.' | b'-' | b'_' | b':' | b'\\'));
    let (mut words, mut all) = (0_usize, 0_usize);
    for part in parts.filter(|part| part.iter().any(|byte| !byte.is_ascii_digit())) {
        all += part.len();
        words += if is_word(part) { part.len() } else { 0 };
    }
    words * 2 > all
}

/// Letters with digits at most at the end, in one case or in humps of three letters and more on
/// average, with vowels and few of the letters that are rare in most languages.
fn is_word(part: &[u8]) -> bool {
    let makeup = Makeup::of(part);
    let letters = makeup.letters();
    if makeup.others > 0 || makeup.has_inner_digit || makeup.changes > 2 {
        return false;
    }
    let count = |set: &[u8]| part.iter().filter(|b| set.contains(&b.to_ascii_lowercase())).count();
    let rare = if letters < 12 { 1 + letters / 8 } else { letters / 12 };
    letters >= 3 * humps(part)
        && count(b"jkqvwxz") <= rare
        && (letters < 6 || 5 * count(b"aeiouy") >= letters)
}

/// How often a word begins in camel case: at the first letter, at a capital after a small letter
/// and at the last of several capitals before a small letter. Short parts have none.
fn humps(part: &[u8]) -> usize {
    if part.len() < 4 {
        return 0;
    }
    let begins =
        part.array_windows::<2>().filter(|[a, b]| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let ends = part.array_windows::<3>().filter(|[a, b, c]| {
        a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_lowercase()
    });
    1 + begins.count() + ends.count()
}
