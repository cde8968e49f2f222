//! Country codes and the lengths of national numbers (ITU-T E.164, national numbering plans).

/// A country's numbers.
pub(super) struct Country {
    /// Digits of the country code.
    pub(super) code_length: usize,
    /// Fewest digits after it.
    pub(super) shortest: usize,
    /// Most digits after it.
    pub(super) longest: usize,
}

/// Country codes with the lengths of the numbers behind them. Codes that are not listed but
/// assigned have 6 to 12.
const LENGTHS: &[(u16, usize, usize)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 5, 12),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 9),
    (47, 5, 8),
    (48, 9, 9),
    (49, 5, 11),
    (51, 8, 9),
    (52, 10, 11),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 8, 10),
    (60, 7, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 7, 10),
    (84, 9, 10),
    (86, 10, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (94, 9, 9),
    (98, 10, 10),
    (351, 9, 9),
    (352, 5, 11),
    (353, 7, 9),
    (354, 7, 9),
    (358, 5, 11),
    (359, 8, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (380, 9, 9),
    (385, 8, 9),
    (386, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (852, 8, 8),
    (886, 8, 9),
    (966, 8, 9),
    (971, 8, 9),
    (972, 8, 9),
];

/// Codes of two digits; all others but 1 and 7 have three.
const TWO_DIGITS: &[u16] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// The country of a number that begins with its code; None if the code is not assigned.
pub(super) fn of(digits: &[u8]) -> Option<Country> {
    let code = |length: usize| {
        let head = digits.get(..length)?;
        Some(head.iter().fold(0u16, |code, digit| code * 10 + u16::from(*digit)))
    };
    let (code, code_length) = match (code(1)?, code(2)?, code(3)?) {
        (one @ (1 | 7), ..) => (one, 1),
        (_, two, _) if TWO_DIGITS.contains(&two) => (two, 2),
        (_, _, three) if is_assigned(three) => (three, 3),
        _ => return None,
    };
    let (shortest, longest) = LENGTHS
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or((6, 12), |(_, shortest, longest)| (*shortest, *longest));
    Some(Country { code_length, shortest, longest })
}

const fn is_assigned(code: u16) -> bool {
    matches!(code, 211..=213 | 216 | 218 | 220..=258 | 260..=269 | 290 | 291 | 297..=299)
        || matches!(code, 350..=359 | 370..=389 | 420 | 421 | 423)
        || matches!(code, 500..=509 | 590..=599 | 670..=692)
        || matches!(code, 800 | 808 | 850 | 852 | 853 | 855 | 856 | 870 | 878 | 880..=883 | 886)
        || matches!(code, 960..=968 | 970..=977 | 979 | 992..=996 | 998)
}
