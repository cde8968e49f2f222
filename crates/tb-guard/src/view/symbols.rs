//! What single characters stand for: digits, dashes, spaces, invisible ones. Ranges from the
//! Unicode character database, version 16 (categories Nd, No, Pd, Zs, Cf).

/// The zero of each run of ten decimal digits (category Nd).
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0x2080, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450,
    0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50,
    0x11D50, 0x11DA0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE,
    0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1F101,
    0x1FBF0,
];

/// The one of each run of nine other digits: circled, in brackets, with a full stop, dingbats.
const ONES: &[u32] = &[0x2460, 0x2474, 0x2488, 0x24F5, 0x2776, 0x2780, 0x278A];

/// Single characters that are zero and belong to no run.
const LONE_ZEROS: &[u32] = &[0x24EA, 0x24FF, 0x2070, 0x3007, 0x1F100, 0x1F10B, 0x1F10C];

const DASHES: &[(u32, u32)] = &[
    (0x02D7, 0x02D7),
    (0x058A, 0x058A),
    (0x05BE, 0x05BE),
    (0x06D4, 0x06D4),
    (0x1400, 0x1400),
    (0x1806, 0x1806),
    (0x2010, 0x2015),
    (0x2043, 0x2043),
    (0x207B, 0x207B),
    (0x208B, 0x208B),
    (0x2212, 0x2212),
    (0x2500, 0x2501),
    (0x2796, 0x2796),
    (0x2CBA, 0x2CBA),
    (0x2E17, 0x2E17),
    (0x2E1A, 0x2E1A),
    (0x2E3A, 0x2E3B),
    (0x2E40, 0x2E40),
    (0x2E5D, 0x2E5D),
    (0x301C, 0x301C),
    (0x3030, 0x3030),
    (0x30A0, 0x30A0),
    (0xFE31, 0xFE32),
    (0xFE58, 0xFE58),
    (0xFE63, 0xFE63),
    (0xFF0D, 0xFF0D),
    (0x10D6E, 0x10D6E),
    (0x10EAD, 0x10EAD),
];

const SPACES: &[(u32, u32)] = &[
    (0x00A0, 0x00A0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x2800, 0x2800),
    (0x3000, 0x3000),
];

/// Nothing is seen of these: format characters, fillers, variation selectors, tags, and marks
/// that only draw a frame or a line around the character before.
const INVISIBLE: &[(u32, u32)] = &[
    (0x0000, 0x0008),
    (0x000E, 0x001F),
    (0x007F, 0x0084),
    (0x0086, 0x009F),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x20DD, 0x20E0),
    (0x20E2, 0x20E4),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x13430, 0x13440),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

/// Punctuation that is read as an ASCII one and that compatibility normalisation leaves alone.
const PUNCTUATION: &[(char, char)] = &[
    ('\u{85}', '\n'),
    ('\u{2028}', '\n'),
    ('\u{2029}', '\n'),
    ('·', '.'),
    ('‧', '.'),
    ('•', '.'),
    ('∙', '.'),
    ('⋅', '.'),
    ('。', '.'),
    ('｡', '.'),
    ('٫', '.'),
    ('ꓸ', '.'),
    ('⁄', '/'),
    ('∕', '/'),
    ('⧸', '/'),
    ('∶', ':'),
    ('ː', ':'),
    ('꞉', ':'),
    ('٬', ','),
    ('，', ','),
    ('、', ','),
    ('‘', '\''),
    ('’', '\''),
    ('‛', '\''),
    ('′', '\''),
    ('“', '"'),
    ('”', '"'),
    ('„', '"'),
    ('‟', '"'),
    ('«', '"'),
    ('»', '"'),
];

/// What becomes of one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    As(char),
    /// Itself, or what compatibility normalisation makes of it.
    Itself,
}

/// How a character is seen.
pub(super) fn seen(symbol: char) -> Seen {
    let code = u32::from(symbol);
    if symbol.is_ascii() {
        return if is_control(code) { Seen::Nothing } else { Seen::Itself };
    }
    if let Some(digit) = digit(code) {
        return Seen::As(digit);
    }
    if lies_in(INVISIBLE, code) {
        return Seen::Nothing;
    }
    if lies_in(DASHES, code) {
        return Seen::As('-');
    }
    if lies_in(SPACES, code) {
        return Seen::As(' ');
    }
    PUNCTUATION
        .iter()
        .find(|(from, _)| *from == symbol)
        .map_or(Seen::Itself, |(_, to)| Seen::As(*to))
}

/// Whether it is an ASCII control character other than tabulator and line breaks.
pub(super) const fn is_control(code: u32) -> bool {
    code < 0x09 || (code > 0x0D && code < 0x20) || code == 0x7F
}

/// The ASCII character that a tag character (U+E0020 to U+E007E) carries.
pub(super) fn tagged(symbol: char) -> Option<char> {
    let code = u32::from(symbol).checked_sub(0xE0000)?;
    if (0x20..0x7F).contains(&code) { char::from_u32(code) } else { None }
}

fn digit(code: u32) -> Option<char> {
    let of_run = |starts: &[u32], length: u32| {
        let index = starts.partition_point(|start| *start <= code).checked_sub(1)?;
        code.checked_sub(*starts.get(index)?).filter(|offset| *offset < length)
    };
    let value = match code {
        0xB2 | 0xB3 => Some(code - 0xB0),
        0xB9 => Some(1),
        0x2074..=0x2079 => Some(code - 0x2070),
        _ if LONE_ZEROS.contains(&code) => Some(0),
        _ => of_run(ZEROS, 10).or_else(|| of_run(ONES, 9).map(|offset| offset + 1)),
    };
    value.and_then(|value| char::from_digit(value, 10))
}

fn lies_in(ranges: &[(u32, u32)], code: u32) -> bool {
    let index = ranges.partition_point(|(first, _)| *first <= code);
    index.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|(_, last)| code <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(ZEROS.is_sorted() && ONES.is_sorted());
        for table in [DASHES, SPACES, INVISIBLE] {
            assert!(table.is_sorted());
            assert!(table.iter().all(|(first, last)| first <= last));
        }
    }

    #[test]
    fn sees_digits_of_many_scripts() {
        for symbol in ['٧', '７', '𝟕', '𝟟', '७', '๗', '⑦', '❼', '➆', '⑺', '⒎', '₇', '⁷']
        {
            assert_eq!(seen(symbol), Seen::As('7'), "{symbol}");
        }
        assert_eq!(seen('⓪'), Seen::As('0'));
        assert_eq!(seen('²'), Seen::As('2'));
        assert_eq!(seen('⑩'), Seen::Itself);
    }

    #[test]
    fn sees_through_what_cannot_be_seen() {
        for symbol in ['\u{200b}', '\u{ad}', '\u{fe0f}', '\u{e0041}', '\u{202e}', '\u{0}'] {
            assert_eq!(seen(symbol), Seen::Nothing);
        }
        assert_eq!(seen('\u{2011}'), Seen::As('-'));
        assert_eq!(seen('\u{a0}'), Seen::As(' '));
        assert_eq!(seen('\n'), Seen::Itself);
        assert_eq!(seen('é'), Seen::Itself);
    }
}
