//! Passwords of several plain words: "correct horse battery staple".

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Fewer words are a phrase like any other, more are a sentence.
const WORDS: std::ops::RangeInclusive<usize> = 4..=8;

/// Words of sentences, and words that are said about passwords. In lower case.
const SENTENCE: &str = "\
    a about account accounts admin after again all allowed already also always an and any app \
    are as at auf aus avec be because been before being between both but by can cannot case \
    change character characters check code con confirm connection contain contains could dans \
    das data database de default der des did die digit digits do does each eight ein eine el \
    email encrypted enter est et every expired field file five for forgot form four from get \
    good group had has hash hashed have he her here his how i if in incorrect input into invalid \
    is ist it its just key la las le least length les letter letters link log login long los \
    lost manager many maximum may minimum missing mit more most must my name need needed needs \
    never new nicht no none not now number numbers o of off often ok old on once one only \
    optional or other our out over page para pas pass password passwords passwort per please \
    plus policy por pour private prompt protected que read request required requirements reset \
    safe same save saved screen secret secure security see send sent server service set settings \
    several shared she short should since six so some still stored strong such sur symbol \
    symbols system template ten text than that the their them then there these they this those \
    three to token too try twelve twice two type um un una und under une until up us use used \
    user username users using valid value very via von was way we weak were what when where \
    which while who why will with without word words would wrong y yes yet you your zu zum zur";

static SENTENCES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| SENTENCE.split_ascii_whitespace().collect());

/// Makes the set of words, if it is not made yet.
pub(super) fn warm() {
    LazyLock::force(&SENTENCES);
}

/// The words from `at` to the end of the sentence, if they are a passphrase.
pub(super) fn find(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let is_phrase = |symbol: char| symbol.is_alphabetic() || symbol == ' ';
    let mut end = rest.char_indices().take(100).find(|(_, symbol)| !is_phrase(*symbol));
    if end.is_none() && rest.chars().nth(100).is_none() {
        end = Some((rest.len(), '.'));
    }
    let (length, next) = end?;
    let phrase = rest.get(..length)?.trim_end();
    let closes = ".,;!?\"'`)\r\n<".contains(next);
    (closes && is_of(phrase.split(' '))).then(|| at..at + phrase.len())
}

/// Whether a value is words with dashes between.
pub(super) fn is_dashed(value: &[u8]) -> bool {
    str::from_utf8(value).is_ok_and(|value| value.contains('-') && is_of(value.split('-')))
}

fn is_of<'t>(words: impl Iterator<Item = &'t str>) -> bool {
    let mut count = 0;
    for word in words {
        count += 1;
        let is_word = (3..=14).contains(&word.len()) && word.chars().all(char::is_alphabetic);
        let lower = word.to_lowercase();
        let is_state = count == 1 && lower.ends_with("ed") || lower.ends_with("ly");
        if !is_word || is_state || SENTENCES.contains(lower.as_str()) {
            return false;
        }
    }
    WORDS.contains(&count)
}
