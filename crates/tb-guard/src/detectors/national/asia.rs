//! Asia, Australia and New Zealand.

use super::super::check::{digit, is_day, luhn, part, verhoeff, weighted};
use super::super::cues;
use super::{Alone, National};
use crate::Kind;

pub(super) const TABLE: &[(usize, National)] = &[
    (
        12,
        National {
            kind: Kind::IN_AADHAAR,
            cue: cues::AADHAAR,
            groupings: &[(&[4, 4, 4], 0)],
            alone: Alone::Grouped,
            check: in_aadhaar,
        },
    ),
    (8, AU_TFN),
    (9, AU_TFN),
    (
        11,
        National {
            kind: Kind::fixed("au_abn"),
            cue: cues::AU_ABN,
            groupings: &[(&[2, 3, 3, 3], b' ')],
            alone: Alone::Grouped,
            check: au_abn,
        },
    ),
    (10, AU_MEDICARE),
    (11, AU_MEDICARE),
    (
        13,
        National {
            kind: Kind::fixed("kr_rrn"),
            cue: cues::KR_RRN,
            groupings: &[(&[6, 7], b'-')],
            alone: Alone::Grouped,
            check: kr_rrn,
        },
    ),
    (
        12,
        National {
            kind: Kind::fixed("jp_my_number"),
            cue: cues::JP_MY_NUMBER,
            groupings: &[(&[4, 4, 4], 0), (&[12], 0)],
            alone: Alone::Never,
            check: jp_my_number,
        },
    ),
    (
        18,
        National {
            kind: Kind::fixed("cn_resident_id"),
            cue: cues::CN_ID,
            groupings: &[(&[18], 0), (&[6, 8, 4], 0)],
            alone: Alone::Always,
            check: cn_resident_id,
        },
    ),
    (
        9,
        National {
            kind: Kind::fixed("il_id"),
            cue: cues::IL_ID,
            groupings: &[(&[9], 0), (&[8, 1], b'-')],
            alone: Alone::Never,
            check: luhn,
        },
    ),
    (
        13,
        National {
            kind: Kind::fixed("th_id"),
            cue: cues::TH_ID,
            groupings: &[(&[1, 4, 5, 2, 1], 0)],
            alone: Alone::Grouped,
            check: th_id,
        },
    ),
    (8, NZ_IRD),
    (9, NZ_IRD),
];

const AU_TFN: National = National {
    kind: Kind::fixed("au_tfn"),
    cue: cues::AU_TFN,
    groupings: &[(&[3, 3, 3], 0), (&[3, 3, 2], 0)],
    alone: Alone::Never,
    check: au_tfn,
};

const AU_MEDICARE: National = National {
    kind: Kind::fixed("au_medicare"),
    cue: cues::AU_MEDICARE,
    groupings: &[(&[4, 5, 1], 0), (&[4, 5, 1, 1], b'*')],
    alone: Alone::Never,
    check: au_medicare,
};

const NZ_IRD: National = National {
    kind: Kind::fixed("nz_ird"),
    cue: cues::NZ_IRD,
    groupings: &[(&[3, 3, 3], 0), (&[2, 3, 3], 0)],
    alone: Alone::Never,
    check: nz_ird,
};

/// Aadhaar: first digit 2 to 9, not a palindrome, Verhoeff (UIDAI).
fn in_aadhaar(digits: &[u8]) -> bool {
    digit(digits, 0) >= 2 && !digits.iter().eq(digits.iter().rev()) && verhoeff(digits)
}

/// Tax file number: modulo 11; the old ones have 8 digits.
fn au_tfn(digits: &[u8]) -> bool {
    let sum = match digits.len() {
        8 => weighted(digits, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
    };
    sum > 0 && sum.is_multiple_of(11)
}

/// Business number: 1 less in the first digit, weights, modulo 89.
fn au_abn(digits: &[u8]) -> bool {
    digit(digits, 0) > 0
        && (weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10).is_multiple_of(89)
}

/// Medicare card: begins with 2 to 6, ninth digit checks the first eight.
fn au_medicare(digits: &[u8]) -> bool {
    matches!(digits.first(), Some(2..=6))
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(digits, 8)
}

/// Korea: birth date, century and sex 1 to 8, modulo 11 (numbers given since October 2020 have no
/// check digit; those need the context word and are not found).
fn kr_rrn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    is_day(part(digits, 2, 4), part(digits, 4, 6))
        && matches!(digit(digits, 6), 1..=8)
        && (11 - sum % 11) % 10 == digit(digits, 12)
}

/// Japan's individual number: weights 6 to 2 and 7 to 2, modulo 11.
fn jp_my_number(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    digit(digits, 11) == if rest <= 1 { 0 } else { 11 - rest }
}

/// China (GB 11643): region, birth date, ISO 7064 MOD 11-2; a check letter X is found elsewhere.
fn cn_resident_id(digits: &[u8]) -> bool {
    cn_remainder(digits) == 1 && is_cn_form(digits)
}

/// The sum that must leave 1 modulo 11; an X counts 10.
pub(in super::super) fn cn_remainder(digits: &[u8]) -> u32 {
    weighted(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1]) % 11
}

/// Whether region and birth date may be so.
pub(in super::super) fn is_cn_form(digits: &[u8]) -> bool {
    matches!(part(digits, 0, 2), 11..=82)
        && matches!(part(digits, 6, 10), 1900..=2035)
        && is_day(part(digits, 10, 12), part(digits, 12, 14))
}

/// Thailand: weights 13 to 2, modulo 11.
fn th_id(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    digit(digits, 0) > 0 && (11 - sum % 11) % 10 == digit(digits, 12)
}

/// New Zealand's tax number: modulo 11, a second set of weights where the first gives 10.
fn nz_ird(digits: &[u8]) -> bool {
    let mut padded = vec![0; 9 - digits.len().min(9)];
    padded.extend_from_slice(digits);
    let check = |weights: &[u8]| (11 - weighted(&padded, weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let last = digit(&padded, 8);
    let is_range = matches!(part(&padded, 0, 9), 10_000_000..=150_000_000);
    is_range && if first == 10 { check(&[7, 4, 3, 2, 5, 2, 7, 6]) == last } else { first == last }
}
