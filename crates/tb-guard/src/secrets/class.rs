//! Classes of ASCII bytes, as sets.

/// A set of ASCII bytes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class(u128);

impl Class {
    /// The bytes of a string; those beyond ASCII are left out.
    const fn of(bytes: &[u8]) -> Self {
        let mut set = 0;
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            if first.is_ascii() {
                set |= 1 << *first;
            }
            rest = tail;
        }
        Self(set)
    }

    /// The set with more bytes.
    pub(crate) const fn and(self, bytes: &[u8]) -> Self {
        Self(self.0 | Self::of(bytes).0)
    }

    /// Whether a byte is in the set.
    pub(crate) const fn has(self, byte: u8) -> bool {
        byte.is_ascii() && self.0 >> byte & 1 == 1
    }

    /// How many bytes at the beginning are in the set, at most `limit`.
    pub(crate) fn run(self, bytes: &[u8], limit: usize) -> usize {
        bytes.iter().take(limit).take_while(|byte| self.has(**byte)).count()
    }
}

/// Decimal digits.
pub(crate) const DIGIT: Class = Class::of(b"0123456789");
/// Hexadecimal digits in lower case.
pub(crate) const HEX: Class = DIGIT.and(b"abcdef");
/// Hexadecimal digits in either case.
pub(crate) const ANY_HEX: Class = HEX.and(b"ABCDEF");
/// Lower-case letters and digits.
pub(crate) const LOWER: Class = DIGIT.and(b"abcdefghijklmnopqrstuvwxyz");
/// Upper-case letters and digits.
pub(crate) const UPPER: Class = DIGIT.and(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ");
/// Upper-case letters, digits and `-`.
pub(crate) const UPPER_DASHED: Class = UPPER.and(b"-");
/// Letters and digits.
pub(crate) const ALNUM: Class = UPPER.and(b"abcdefghijklmnopqrstuvwxyz");
/// Letters, digits and `_`: a word, or a name in code.
pub(crate) const WORD: Class = ALNUM.and(b"_");
/// Letters, digits and `-`.
pub(crate) const DASHED: Class = ALNUM.and(b"-");
/// The alphabet of base64url (RFC 4648 section 5).
pub(crate) const URL64: Class = WORD.and(b"-");
/// The alphabet of base64 (RFC 4648 section 4), with its padding.
pub(crate) const BASE64: Class = ALNUM.and(b"+/=");
/// Base64 and base64url together.
pub(crate) const ANY64: Class = BASE64.and(b"-_");
/// base64url with dots: tokens in several parts.
pub(crate) const DOTTED: Class = URL64.and(b".");
/// Base64 with `%2B`-like escapes.
pub(crate) const PERCENT64: Class = BASE64.and(b"%");
/// UUIDs.
pub(crate) const UUID: Class = ANY_HEX.and(b"-");
/// `token68` of RFC 9110 section 11.2, and the `:` and `|` that vendors add.
pub(crate) const TOKEN68: Class = ANY64.and(b".~:|");

/// Whether a text begins with a UUID.
pub(crate) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => ANY_HEX.has(*byte),
        })
}
