//! Letters that look like ASCII ones, for mail addresses and keys.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::map::Edits;

/// Each ASCII letter with the letters of other scripts that look like it (Unicode TR 39,
/// confusables, and small capitals); compatibility forms are gone before this table is asked.
const LOOK_ALIKES: &[(char, &str)] = &[
    ('a', "аɑαᴀǎạ⍺𐓘"),
    ('b', "Ьʙƅьᖯ"),
    ('c', "сϲᴄⲥ𐐽"),
    ('d', "ԁɗᴅԀđ"),
    ('e', "еᴇҽєεəɛ"),
    ('f', "ꜰƒẝք"),
    ('g', "ɡɢցԍ"),
    ('h', "һʜհнħ"),
    ('i', "іɪıιɩӏⅰ"),
    ('j', "јᴊϳ"),
    ('k', "кᴋκĸⲕ"),
    ('l', "ʟłⅼ∣ǀ"),
    ('m', "мᴍ"),
    ('n', "ɴոռηп"),
    ('o', "оᴏοօσⲟ𐐬ø"),
    ('p', "рᴘρⲣ"),
    ('q', "ԛգզ"),
    ('r', "гʀᴦⲅ"),
    ('s', "ѕꜱƽ"),
    ('t', "тᴛτŧ"),
    ('u', "υᴜսʋц"),
    ('v', "ѵᴠνⱱ"),
    ('w', "ԝᴡɯաѡω"),
    ('x', "хχⅹ"),
    ('y', "уʏγүỿ"),
    ('z', "ᴢʐ"),
    ('A', "АΑᎪꓮ"),
    ('B', "ВΒᏴꓐ"),
    ('C', "СϹᏟꓚⲤ"),
    ('D', "ᎠꓓĐ"),
    ('E', "ЕΕᎬꓰ"),
    ('F', "ϜꓝҒ"),
    ('G', "ᏀԌꓖ"),
    ('H', "НΗᎻꓧ"),
    ('I', "ІΙӀꓲⲒ"),
    ('J', "ЈᎫꓙ"),
    ('K', "КΚᏦꓗ"),
    ('L', "ᏞꓡŁ"),
    ('M', "МΜᎷꓟ"),
    ('N', "ΝꓠⲚ"),
    ('O', "ОΟꓳՕⲞØ"),
    ('P', "РΡᏢꓑ"),
    ('Q', "ԚႭ"),
    ('R', "ᎡꓣƦ"),
    ('S', "ЅᏚꓢՏ"),
    ('T', "ТΤᎢꓔ"),
    ('U', "Սꓴ∪"),
    ('V', "ѴᏙꓦ"),
    ('W', "ᎳꓪԜ"),
    ('X', "ХΧꓫ"),
    ('Y', "УΥҮꓬ"),
    ('Z', "ΖᏃꓜ"),
];

static ASCII_OF: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = LOOK_ALIKES.iter();
    pairs.flat_map(|(ascii, others)| others.chars().map(|other| (other, *ascii))).collect()
});

/// Makes the table, if it is not made yet.
pub(super) fn warm() {
    LazyLock::force(&ASCII_OF);
}

/// Runs of 26 letters drawn in squares and circles, which have no compatibility form.
const DRAWN: &[u32] = &[0x1F150, 0x1F170, 0x1F1E6];

/// What changes on the way to the view of look-alikes. Words without any ASCII letter, digit or
/// `@` stay: a text in Russian is no disguise.
pub(super) fn look_alikes(text: &str) -> Edits {
    replaced(text, ascii_of)
}

/// The same for letters of other scripts only: who looks for words must tell `ö` from `o`.
pub(super) fn of_other_scripts(text: &str) -> Edits {
    replaced(text, |symbol| {
        let is_latin = matches!(symbol, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}');
        let of_table = ASCII_OF.get(&symbol).copied().filter(|_| !is_latin);
        of_table.or_else(|| drawn(symbol))
    })
}

fn replaced(text: &str, ascii_of: impl Fn(char) -> Option<char>) -> Edits {
    let mut edits = Edits::default();
    let mut at = 0;
    for word in text.split_inclusive([' ', '\n', '\t']) {
        let is_mixed = || word.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte == b'@');
        if !word.is_ascii() && (is_mixed() || word.chars().any(is_drawn)) {
            for (offset, symbol) in word.char_indices().filter(|(_, symbol)| !symbol.is_ascii()) {
                if let Some(ascii) = ascii_of(symbol) {
                    edits.push_char(at + offset..at + offset + symbol.len_utf8(), ascii);
                }
            }
        }
        at += word.len();
    }
    edits
}

fn is_drawn(symbol: char) -> bool {
    drawn(symbol).is_some()
}

fn drawn(symbol: char) -> Option<char> {
    let offset = DRAWN
        .iter()
        .find_map(|first| u32::from(symbol).checked_sub(*first).filter(|offset| *offset < 26))?;
    char::from_u32(u32::from('a') + offset)
}

/// The ASCII letter that it looks like: by the table, or without its accents.
fn ascii_of(symbol: char) -> Option<char> {
    let of_table = ASCII_OF.get(&symbol).copied().or_else(|| drawn(symbol));
    of_table.or_else(|| std::iter::once(symbol).nfd().next().filter(char::is_ascii_alphabetic))
}
