//! Mail addresses whose `@` and full stops are words, stand in brackets or apart. Best effort.
//!
//! Around each hint the text is cut into parts and signs; an address is parts with signs between.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr_iter, memchr3_iter};

use super::map::{Edits, ceil, floor};

/// Words that disguised addresses contain. By case and of four letters or more, so that they are
/// searched for with vector instructions.
const WORDS: &[&str] = &[
    " dot ",
    " Dot ",
    " DOT ",
    "\tdot",
    "-dot-",
    "-DOT-",
    "_dot_",
    "_DOT_",
    "-at-",
    "-AT-",
    "_at_",
    "_AT_",
    "arroba",
    "Arroba",
    "ARROBA",
    "arobase",
    "chiocciola",
    "klammeraffe",
    " punkt ",
    " Punkt ",
    " PUNKT ",
    " punto ",
    " PUNTO ",
    " ponto ",
    " PONTO ",
    " kropka ",
];

static SEARCH: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(WORDS).ok());

/// How far around a hint an address is looked for.
const REACH: usize = 160;
/// Hints close to each other are looked at together, up to so many bytes.
const LONGEST_WINDOW: usize = 16 * 1024;
/// The most words of a local part and labels of a domain.
const MOST_PARTS: usize = 6;
/// The most blanks beside a sign.
const MOST_BLANKS: usize = 8;
/// The longest word that stands for a sign.
const LONGEST_WORD: usize = 11;

/// Compiles what is compiled once.
pub(super) fn warm() {
    LazyLock::force(&SEARCH);
}

/// How a sign is set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Plain,
    Spaced,
    Bracketed,
    /// Between dashes or underscores.
    Dashed,
}

/// What stands for one character of an address.
#[derive(Debug, Clone, Copy)]
struct Sign {
    stands_for: char,
    setting: Setting,
    /// It is a word that is hardly ever said outside addresses.
    is_telling: bool,
}

/// A piece of the text around a hint.
#[derive(Debug, Clone)]
struct Piece {
    place: Range<usize>,
    /// None: letters, digits and what else parts of an address have.
    sign: Option<Sign>,
}

/// Disguised mail addresses with `@` and full stops.
pub(super) fn addresses(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut pieces = Vec::new();
    let mut window = 0..0;
    for hint in hints(text.as_bytes()) {
        let from = ceil(text, hint.saturating_sub(REACH));
        let to = floor(text, hint.saturating_add(REACH));
        if from > window.end || to - window.start > LONGEST_WINDOW {
            read(text.as_bytes(), window.clone(), &mut pieces, &mut edits);
            window.start = from.max(window.end);
        }
        window.end = to;
    }
    read(text.as_bytes(), window, &mut pieces, &mut edits);
    edits
}

/// The places of words, brackets and `@`s that belong to disguised addresses, in order.
fn hints(bytes: &[u8]) -> Vec<usize> {
    let words = SEARCH.iter().flat_map(|search| search.find_iter(bytes)).map(|hint| hint.start());
    let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
    let signs = memchr_iter(b'@', bytes).filter(|place| {
        let left = place.checked_sub(1).map_or(0, at);
        matches!(left, b' ' | b'\t' | b'[' | b'(' | b'{' | b'<')
            || matches!(at(place + 1), b' ' | b'\t')
    });
    let opens = memchr3_iter(b'(', b'[', b'{', bytes)
        .chain(memchr_iter(b'<', bytes))
        .filter(|place| matches!(sign(bytes.get(*place..).unwrap_or_default()), Some((_, s)) if s.setting == Setting::Bracketed));
    let mut hints: Vec<usize> = words.chain(signs).chain(opens).collect();
    hints.sort_unstable();
    hints
}

/// Finds the addresses of one window.
fn read(bytes: &[u8], window: Range<usize>, pieces: &mut Vec<Piece>, edits: &mut Edits) {
    let mut at = window.start;
    pieces.clear();
    while at < window.end {
        let piece = piece(bytes, at, window.end);
        at = piece.as_ref().map_or(at + 1, |piece| piece.place.end);
        pieces.extend(piece);
    }
    let mut taken = 0;
    for middle in 0..pieces.len() {
        if middle < taken || pieces.get(middle).and_then(stands_for) != Some('@') {
            continue;
        }
        let (head, tail) = (pieces.get(taken..middle), pieces.get(middle..));
        let (Some(head), Some([at, tail @ ..])) = (head, tail) else { return };
        let local = local_part(head, at);
        let domain = domain(bytes, at, tail);
        let address = pieces.get(middle - local..middle + 1 + domain).unwrap_or_default();
        if local > 0 && domain > 2 && is_disguised(address) {
            for piece in address {
                if let Some(sign) = stands_for(piece) {
                    edits.push_char(piece.place.clone(), sign);
                }
            }
            taken = middle + 1 + domain;
        }
    }
}

fn stands_for(piece: &Piece) -> Option<char> {
    piece.sign.map(|sign| sign.stands_for)
}

/// How many pieces before the `@` are the local part: words with signs between.
fn local_part(head: &[Piece], at: &Piece) -> usize {
    let mut start = at.place.start;
    let mut count = 0_usize;
    for piece in head.iter().rev().take(MOST_PARTS * 2 - 1) {
        let is_word = piece.sign.is_none();
        if piece.place.end != start
            || is_word != count.is_multiple_of(2)
            || stands_for(piece) == Some('@')
        {
            break;
        }
        start = piece.place.start;
        count += 1;
    }
    // A sign at the beginning belongs to what stands before.
    if count.is_multiple_of(2) { count.saturating_sub(1) } else { count }
}

/// How many pieces after the `@` are the domain: labels with full stops between, the last one of
/// letters. None where another `@` follows: then this one was a word.
fn domain(bytes: &[u8], at: &Piece, tail: &[Piece]) -> usize {
    let (mut end, mut count, mut longest) = (at.place.end, 0_usize, 0);
    for piece in tail.iter().take(MOST_PARTS * 2) {
        let is_word = piece.sign.is_none();
        if piece.place.start != end || is_word != count.is_multiple_of(2) {
            break;
        }
        if stands_for(piece) == Some('@') {
            return 0;
        }
        let label = bytes.get(piece.place.clone()).unwrap_or_default();
        let is_label = label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let ends_sentence = longest > 2
            && piece.sign.is_some_and(|s| s.setting == Setting::Spaced && !s.is_telling);
        if is_word && !is_label || !is_word && stands_for(piece) != Some('.') || ends_sentence {
            break;
        }
        end = piece.place.end;
        count += 1;
        let is_last = (2..=24).contains(&label.len()) && label.iter().all(u8::is_ascii_alphabetic);
        if is_word && is_last {
            longest = count;
        }
    }
    longest
}

/// "look at example.com" is no address, nor is "at some point in": some sign must be telling or
/// set apart, if only by blanks where the `@` is no mere "at".
fn is_disguised(address: &[Piece]) -> bool {
    let signs = || address.iter().filter_map(|piece| piece.sign);
    let is_said = signs().any(|sign| sign.stands_for == '@' && sign.setting == Setting::Spaced);
    signs().any(|sign| {
        let is_apart = matches!(sign.setting, Setting::Bracketed | Setting::Dashed);
        sign.is_telling || is_apart || sign.setting == Setting::Spaced && !is_said
    })
}

/// The piece that begins at a place.
fn piece(bytes: &[u8], at: usize, end: usize) -> Option<Piece> {
    if let Some((length, sign)) = sign(bytes.get(at..)?) {
        return Some(Piece { place: at..at + length, sign: Some(sign) });
    }
    let mut length = 0;
    for (offset, byte) in bytes.get(at..end)?.iter().enumerate() {
        let is_sign = || sign(bytes.get(at + offset..).unwrap_or_default()).is_some();
        match byte {
            b'+' => {}
            b'-' | b'_' if offset > 0 && is_sign() => break,
            b'-' | b'_' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => break,
        }
        length = offset + 1;
    }
    (length > 0).then_some(Piece { place: at..at + length, sign: None })
}

/// The sign at the beginning of a text, with its length.
fn sign(bytes: &[u8]) -> Option<(usize, Sign)> {
    let outer = blanks(bytes, 0);
    let setting = match bytes.get(outer)? {
        b'(' | b'[' | b'{' | b'<' => Setting::Bracketed,
        b'-' | b'_' if outer == 0 => Setting::Dashed,
        b'@' | b'.' if outer == 0 => Setting::Plain,
        _ if outer > 0 => Setting::Spaced,
        _ => return None,
    };
    let mut at = outer + usize::from(matches!(setting, Setting::Bracketed | Setting::Dashed));
    if setting == Setting::Bracketed {
        at += blanks(bytes, at);
    }
    let mut room = [0; LONGEST_WORD];
    let word = word(bytes.get(at..)?, &mut room)?;
    let (stands_for, is_telling) = meaning(word, setting)?;
    at += word.len();
    let inner = blanks(bytes, at);
    let next = bytes.get(at + inner).copied();
    let length = match setting {
        Setting::Bracketed => {
            next.filter(|next| b")]}>".contains(next))?;
            at + inner + 1 + blanks(bytes, at + inner + 1)
        }
        Setting::Dashed => {
            next.filter(|next| inner == 0 && matches!(next, b'-' | b'_'))?;
            at + 1
        }
        Setting::Plain | Setting::Spaced if stands_for == '@' && word == b"@" => at + inner,
        Setting::Plain if inner == 0 => at,
        Setting::Spaced if inner > 0 => at + inner,
        Setting::Plain | Setting::Spaced => return None,
    };
    // An `@` with a blank beside it is set apart on purpose.
    let is_telling = is_telling || word == b"@" && length > 1;
    let setting = if word == b"@" && length > 1 { Setting::Bracketed } else { setting };
    Some((length, Sign { stands_for, setting, is_telling }))
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take(MOST_BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// A word of letters in lower case, or one `@` or full stop.
fn word<'r>(bytes: &[u8], room: &'r mut [u8; LONGEST_WORD]) -> Option<&'r [u8]> {
    let mut length = 0;
    for byte in bytes {
        let is_mark = matches!(byte, b'@' | b'.') && length == 0;
        if !byte.is_ascii_alphabetic() && !is_mark {
            break;
        }
        *room.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
        if is_mark {
            break;
        }
    }
    room.get(..length)
}

/// What a word stands for, and whether it is hardly ever said outside addresses. English,
/// Spanish, Portuguese, French, Italian, German, Polish.
fn meaning(word: &[u8], setting: Setting) -> Option<(char, bool)> {
    Some(match word {
        b"@" if setting != Setting::Dashed => ('@', false),
        b"." if setting != Setting::Dashed => ('.', false),
        b"at" => ('@', false),
        b"a" if setting == Setting::Bracketed => ('@', false),
        b"arroba" | b"arobase" | b"chiocciola" | b"klammeraffe" => ('@', true),
        b"dot" | b"punkt" | b"punto" | b"ponto" | b"kropka" => ('.', true),
        b"point" => ('.', false),
        b"underscore" | b"underline" => ('_', false),
        b"hyphen" | b"dash" | b"minus" => ('-', false),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        addresses(text).whole(text).0
    }

    #[test]
    fn reads_addresses() {
        for (written, meant) in [
            ("to jo dot doe at mail dot example dot org now", "to jo.doe@mail.example.org now"),
            ("email me at jo dot doe at example dot com.", "email me at jo.doe@example.com."),
            ("jo (at) example.com", "jo@example.com"),
            ("jo[@]example[.]com", "jo@example.com"),
            ("jo @ example.com", "jo@example.com"),
            ("JO AT EXAMPLE DOT COM", "JO@EXAMPLE.COM"),
            ("jo-at-example-dot-com", "jo@example.com"),
            ("jo_doe[at]mail(dot)example{dot}org", "jo_doe@mail.example.org"),
            ("jo underscore doe at example dot com", "jo_doe@example.com"),
            ("ana punto ruiz arroba ejemplo punto es", "ana.ruiz@ejemplo.es"),
            ("jean point dupont arobase exemple point fr", "jean.dupont@exemple.fr"),
            ("max punkt muster (at) beispiel punkt de", "max.muster@beispiel.de"),
        ] {
            assert_eq!(read(written), meant);
        }
    }

    #[test]
    fn leaves_prose_and_plain_addresses_alone() {
        for text in [
            "look at example.com",
            "dot. jo@example.com",
            "look at that point in the plan",
            "connect the dots (at least three) at home . Then go",
            "a dot product at most. dot at dot",
            "@media (min-width: 1px) { a @b.c }",
            "the .com at the end",
        ] {
            assert_eq!(read(text), text);
        }
    }
}
