//! Encodings of single characters: percent, HTML entities, `\u` and `\x` escapes.

use memchr::memchr3_iter;

use super::map::Edits;

/// Entities by name that stand for ASCII characters of identifiers (HTML living standard, 13.5),
/// and the invisible ones.
const NAMED: &[(&str, &str)] = &[
    ("commat", "@"),
    ("period", "."),
    ("num", "#"),
    ("lowbar", "_"),
    ("UnderBar", "_"),
    ("hyphen", "-"),
    ("dash", "-"),
    ("ndash", "-"),
    ("mdash", "-"),
    ("minus", "-"),
    ("plus", "+"),
    ("equals", "="),
    ("colon", ":"),
    ("semi", ";"),
    ("comma", ","),
    ("sol", "/"),
    ("bsol", "\\"),
    ("percnt", "%"),
    ("lpar", "("),
    ("rpar", ")"),
    ("nbsp", " "),
    ("ensp", " "),
    ("emsp", " "),
    ("thinsp", " "),
    ("Tab", "\t"),
    ("NewLine", "\n"),
    ("quot", "\""),
    ("apos", "'"),
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("shy", ""),
    ("zwj", ""),
    ("zwnj", ""),
    ("ZeroWidthSpace", ""),
    ("NoBreak", ""),
];

/// One decoded piece: where it ends in the text and what it is. Bytes that do not make a
/// character by themselves go together with their neighbours.
enum Unit {
    Byte(u8),
    Text(char),
    Named(&'static str),
}

/// Bytes that follow each other, each with its place in the text.
#[derive(Default)]
struct ByteRun {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    start: usize,
}

impl ByteRun {
    /// Decodes what is UTF-8 of the run, character by character, and begins a new one.
    fn flush(&mut self, edits: &mut Edits) {
        let end_of = |count: usize| {
            count.checked_sub(1).map_or(Some(self.start), |i| self.ends.get(i).copied())
        };
        let mut taken = 0;
        for chunk in self.bytes.utf8_chunks() {
            for symbol in chunk.valid().chars() {
                let (from, to) = (end_of(taken), end_of(taken + symbol.len_utf8()));
                if let (Some(from), Some(to)) = (from, to) {
                    edits.push_char(from..to, symbol);
                }
                taken += symbol.len_utf8();
            }
            taken += chunk.invalid().len();
        }
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Decodes every encoded character of the text.
pub(super) fn characters(text: &str) -> Edits {
    let bytes = text.as_bytes();
    let mut edits = Edits::default();
    let mut run = ByteRun::default();
    let mut until = 0;
    for at in memchr3_iter(b'%', b'&', b'\\', bytes) {
        if at < until {
            continue;
        }
        let Some((unit, end)) = unit(text, at) else { continue };
        let continues = at == until && !run.bytes.is_empty();
        until = end;
        match unit {
            Unit::Byte(byte) => {
                if !continues {
                    run.flush(&mut edits);
                    run.start = at;
                }
                run.bytes.push(byte);
                run.ends.push(end);
            }
            Unit::Text(symbol) => {
                run.flush(&mut edits);
                edits.push_char(at..end, symbol);
            }
            Unit::Named(with) => {
                run.flush(&mut edits);
                edits.push(at..end, with);
            }
        }
    }
    run.flush(&mut edits);
    edits
}

fn unit(text: &str, at: usize) -> Option<(Unit, usize)> {
    match text.as_bytes().get(at)? {
        b'%' => percent(text, at),
        b'&' => entity(text, at),
        _ => escape(text, at),
    }
}

fn percent(text: &str, at: usize) -> Option<(Unit, usize)> {
    if matches!(text.as_bytes().get(at + 1)?, b'u' | b'U') {
        return Some((Unit::Text(char::from_u32(hex(text, at + 2, 4)?)?), at + 6));
    }
    Some((Unit::Byte(u8::try_from(hex(text, at + 1, 2)?).ok()?), at + 3))
}

fn entity(text: &str, at: usize) -> Option<(Unit, usize)> {
    /// The longest name of the table and its semicolon.
    const LONGEST: usize = 16;
    let rest = text.as_bytes().get(at + 1..)?;
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let (body, radix, from) = match rest {
        [b'#', b'x' | b'X', body @ ..] => (body, 16, 3),
        [b'#', body @ ..] => (body, 10, 2),
        _ => {
            let length = rest.iter().position(|byte| *byte == b';');
            let name = length.and_then(|length| rest.get(..length));
            let known = NAMED.iter().find(|(known, _)| name == Some(known.as_bytes()));
            let (with, length) = match known {
                Some((name, with)) => (with, name.len() + 1),
                None => open_ended(rest)?,
            };
            return Some((Unit::Named(with), at + 1 + length));
        }
    };
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let length = body.iter().position(|byte| !is_digit(byte)).unwrap_or(body.len());
    let digits = std::str::from_utf8(body.get(..length)?).ok()?;
    let symbol = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    let has_semicolon = body.get(length) == Some(&b';');
    Some((Unit::Text(symbol), at + from + length + usize::from(has_semicolon)))
}

/// An entity by name without its semicolon, and the length of its name. Only those that no member
/// of a query is called.
fn open_ended(rest: &[u8]) -> Option<(&'static &'static str, usize)> {
    const NAMES: &[&str] = &["commat", "period", "lowbar", "nbsp", "shy"];
    let name = NAMES.iter().find(|name| rest.starts_with(name.as_bytes()))?;
    if rest.get(name.len()) == Some(&b'=') {
        return None;
    }
    let (_, with) = NAMED.iter().find(|(known, _)| known == name)?;
    Some((with, name.len()))
}

/// `\u0041`, `\u{41}`, `\U00000041`, `\x41`, `\101`, with any number of backslashes before
/// (JSON in JSON doubles them).
fn escape(text: &str, at: usize) -> Option<(Unit, usize)> {
    /// Of a longer row of backslashes the last ones count.
    const MOST_SLASHES: usize = 8;
    let bytes = text.as_bytes();
    let row = bytes.get(at..)?.iter().take(MOST_SLASHES);
    let slashes = row.take_while(|byte| **byte == b'\\').count();
    let letter = at + slashes;
    let from = letter + 1;
    match bytes.get(letter)? {
        b'u' if bytes.get(from) == Some(&b'{') => {
            let body = bytes.get(from + 1..)?;
            let length = body.iter().take(7).position(|byte| *byte == b'}')?;
            let symbol = char::from_u32(hex(text, from + 1, length)?)?;
            Some((Unit::Text(symbol), from + length + 2))
        }
        b'u' => utf16(text, from),
        b'U' => Some((Unit::Text(char::from_u32(hex(text, from, 8)?)?), from + 8)),
        b'x' => Some((Unit::Byte(u8::try_from(hex(text, from, 2)?).ok()?), from + 2)),
        b'0'..=b'3' => {
            let digits = text.get(letter..letter + 3)?;
            let value = u8::from_str_radix(digits, 8).ok()?;
            Some((Unit::Byte(value), letter + 3))
        }
        _ => None,
    }
}

fn utf16(text: &str, from: usize) -> Option<(Unit, usize)> {
    let high = hex(text, from, 4)?;
    if let Some(symbol) = char::from_u32(high) {
        return Some((Unit::Text(symbol), from + 4));
    }
    let rest = text.get(from + 4..)?;
    let low_from = from + 4 + (rest.len() - rest.trim_start_matches('\\').len()) + 1;
    let low = hex(text, low_from, 4)?;
    let pair = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    let symbol = char::decode_utf16(pair).next()?.ok()?;
    Some((Unit::Text(symbol), low_from + 4))
}

/// The number of exactly `length` hexadecimal digits.
fn hex(text: &str, from: usize, length: usize) -> Option<u32> {
    let digits = text.get(from..from.checked_add(length)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        characters(text).whole(text).0
    }

    #[test]
    fn decodes_characters() {
        assert_eq!(decoded("a%40b%2Ecom"), "a@b.com");
        assert_eq!(decoded("&#52;&#x31;&#49&commat;"), "411@");
        assert_eq!(decoded(r"\u0034\x31\\u0031\061\u{31}"), "41111");
        assert_eq!(decoded(r"\ud83d\ude00 %F0%9F%98%80 %u0041"), "😀 😀 A");
        assert_eq!(decoded("a&commatb&periodcom?a&period=2"), "a@b.com?a&period=2");
        assert_eq!(decoded("100% of & \\ %zz &unknown; \\u12"), "100% of & \\ %zz &unknown; \\u12");
        assert_eq!(decoded("%ff%41"), "%ffA");
    }
}
