//! Western and southern Europe.

use super::super::check::{digit, ean, is_day, luhn, mod_11_10, part, value, weighted};
use super::super::cues;
use super::america::is_one_digit;
use super::{Alone, National};
use crate::Kind;

pub(super) const TABLE: &[(usize, National)] = &[
    (
        10,
        National {
            kind: Kind::UK_NHS,
            cue: cues::NHS,
            groupings: &[(&[3, 3, 4], 0)],
            alone: Alone::Grouped,
            check: uk_nhs,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("de_tax_id"),
            cue: cues::DE_TAX_ID,
            groupings: &[(&[2, 3, 3, 3], b' ')],
            alone: Alone::Grouped,
            check: de_tax_id,
        },
    ),
    (
        15,
        National {
            kind: Kind::fixed("fr_nir"),
            cue: cues::FR_NIR,
            groupings: &[
                (&[15], 0),
                (&[13, 2], 0),
                (&[1, 2, 2, 2, 3, 3, 2], 0),
                (&[1, 2, 2, 5, 3, 2], 0),
            ],
            alone: Alone::Always,
            check: fr_nir,
        },
    ),
    (
        9,
        National {
            kind: Kind::fixed("nl_bsn"),
            cue: cues::NL_BSN,
            groupings: &[(&[9], 0), (&[3, 3, 3], 0), (&[4, 2, 3], 0)],
            alone: Alone::Never,
            check: nl_bsn,
        },
    ),
    (
        9,
        National {
            kind: Kind::fixed("pt_nif"),
            cue: cues::PT_NIF,
            groupings: &[(&[9], 0), (&[3, 3, 3], 0)],
            alone: Alone::Never,
            check: pt_nif,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("be_national_number"),
            cue: cues::BE_NN,
            groupings: &[(&[11], 0), (&[2, 2, 2, 3, 2], b'*'), (&[6, 3, 2], 0)],
            alone: Alone::Always,
            check: be_national_number,
        },
    ),
    (
        13,
        National {
            kind: Kind::fixed("ch_ahv"),
            cue: cues::CH_AHV,
            groupings: &[(&[13], 0), (&[3, 4, 4, 2], 0)],
            alone: Alone::Always,
            check: ch_ahv,
        },
    ),
    (
        10,
        National {
            kind: Kind::fixed("at_svnr"),
            cue: cues::AT_SVNR,
            groupings: &[(&[4, 6], 0)],
            alone: Alone::Never,
            check: at_svnr,
        },
    ),
    (
        13,
        National {
            kind: Kind::fixed("lu_matricule"),
            cue: cues::LU_ID,
            groupings: &[(&[13], 0), (&[8, 5], 0)],
            alone: Alone::Never,
            check: lu_matricule,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("gr_amka"),
            cue: cues::GR_AMKA,
            groupings: &[(&[11], 0)],
            alone: Alone::Never,
            check: gr_amka,
        },
    ),
];

/// NHS number: weights 10 to 2, modulo 11; 10 is no check digit.
fn uk_nhs(digits: &[u8]) -> bool {
    let check = (11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    check == digit(digits, 9) && !is_one_digit(digits)
}

/// German tax number: no leading 0, among the first ten digits one stands twice or thrice and the
/// others at most once, MOD 11,10.
fn de_tax_id(digits: &[u8]) -> bool {
    let mut counts = [0u8; 10];
    for value in digits.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(*value)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    digit(digits, 0) > 0 && repeated == 1 && most <= 3 && mod_11_10(digits)
}

/// French number: sex, year, month, department, commune, order; the key is 97 less the rest.
fn fr_nir(digits: &[u8]) -> bool {
    matches!(digit(digits, 0), 1 | 2)
        && matches!(part(digits, 3, 5), 1..=12 | 20..=42 | 50..=99)
        && 97 - part(digits, 0, 13) % 97 == part(digits, 13, 15)
}

/// Dutch number: the eleven test, the last digit weighs -1.
fn nl_bsn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    !is_one_digit(digits) && sum > 0 && sum % 11 == digit(digits, 8)
}

fn pt_nif(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    !matches!(digits.first(), Some(0 | 4)) && check == digit(digits, 8)
}

/// Belgian number: birth date, then 97 less the rest; those born since 2000 with a 2 before.
fn be_national_number(digits: &[u8]) -> bool {
    let (head, key) = (part(digits, 0, 9), part(digits, 9, 11));
    let is_key = 97 - head % 97 == key || 97 - (2_000_000_000 + head) % 97 == key;
    // Numbers for people outside the register add 20 or 40 to the month.
    is_day(part(digits, 2, 4) % 20, part(digits, 4, 6)) && part(digits, 2, 4) < 53 && is_key
}

/// Swiss number: EAN-13 with the country prefix 756.
fn ch_ahv(digits: &[u8]) -> bool {
    part(digits, 0, 3) == 756 && ean(digits)
}

/// Austrian number: the fourth digit checks the others; birth date at the end.
fn at_svnr(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    // Month 13 to 15 stands for an unknown birthday.
    let month = part(digits, 6, 8);
    digit(digits, 0) > 0
        && sum % 11 == digit(digits, 3)
        && (is_day(month, part(digits, 4, 6)) || matches!(month, 13..=15))
}

/// Luxembourg: birth date and Luhn over the first twelve (a second check digit follows).
fn lu_matricule(digits: &[u8]) -> bool {
    matches!(part(digits, 0, 4), 1900..=2035)
        && is_day(part(digits, 4, 6), part(digits, 6, 8))
        && digits.get(..12).is_some_and(luhn)
}

/// Greece: birth date (day, month, year) and Luhn.
fn gr_amka(digits: &[u8]) -> bool {
    is_day(part(digits, 2, 4), part(digits, 0, 2)) && value(digits) > 0 && luhn(digits)
}
