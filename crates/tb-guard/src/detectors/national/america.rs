//! The Americas and Africa.

use super::super::check::{digit, is_day, luhn, part, weighted};
use super::super::cues;
use super::{Alone, National};
use crate::Kind;

pub(super) const TABLE: &[(usize, National)] = &[
    (
        9,
        National {
            kind: Kind::fixed("ca_sin"),
            cue: cues::CA_SIN,
            groupings: &[(&[3, 3, 3], 0)],
            alone: Alone::Never,
            check: ca_sin,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("br_cpf"),
            cue: cues::BR_CPF,
            groupings: &[(&[3, 3, 3, 2], b'*')],
            alone: Alone::Grouped,
            check: br_cpf,
        },
    ),
    (
        14,
        National {
            kind: Kind::fixed("br_cnpj"),
            cue: cues::BR_CNPJ,
            groupings: &[(&[2, 3, 3, 4, 2], b'*')],
            alone: Alone::Grouped,
            check: br_cnpj,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("ar_cuit"),
            cue: cues::AR_CUIT,
            groupings: &[(&[2, 8, 1], b'-')],
            alone: Alone::Grouped,
            check: ar_cuit,
        },
    ),
    (8, CL_RUT),
    (9, CL_RUT),
    (
        10,
        National {
            kind: Kind::fixed("us_npi"),
            cue: cues::US_NPI,
            groupings: &[(&[10], 0)],
            alone: Alone::Never,
            check: us_npi,
        },
    ),
    (
        10,
        National {
            kind: Kind::fixed("ec_cedula"),
            cue: cues::EC_CEDULA,
            groupings: &[(&[9, 1], b'-')],
            alone: Alone::Never,
            check: ec_cedula,
        },
    ),
    (
        13,
        National {
            kind: Kind::fixed("za_id"),
            cue: cues::ZA_ID,
            groupings: &[(&[13], 0), (&[6, 4, 3], 0), (&[6, 4, 2, 1], 0)],
            alone: Alone::Always,
            check: za_id,
        },
    ),
    (
        9,
        National {
            kind: Kind::US_BANK_ACCOUNT,
            cue: cues::ROUTING,
            groupings: &[(&[9], 0), (&[4, 4, 1], b'-')],
            alone: Alone::Never,
            check: us_routing,
        },
    ),
];

const CL_RUT: National = National {
    kind: Kind::fixed("cl_rut"),
    cue: cues::CL_RUT,
    groupings: &[(&[2, 3, 3, 1], b'*'), (&[1, 3, 3, 1], b'*'), (&[8, 1], b'-'), (&[7, 1], b'-')],
    alone: Alone::Never,
    check: cl_rut,
};

/// Social insurance number: Luhn; the first digit is not 0 or 8.
fn ca_sin(digits: &[u8]) -> bool {
    !matches!(digits.first(), Some(0 | 8)) && luhn(digits)
}

fn mod_11_digit(sum: u32) -> u32 {
    let rest = sum % 11;
    if rest < 2 { 0 } else { 11 - rest }
}

fn br_cpf(digits: &[u8]) -> bool {
    let first = mod_11_digit(weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = mod_11_digit(weighted(digits, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]));
    digit(digits, 9) == first && digit(digits, 10) == second && !is_one_digit(digits)
}

fn br_cnpj(digits: &[u8]) -> bool {
    let first = mod_11_digit(weighted(digits, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = mod_11_digit(weighted(digits, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
    digit(digits, 12) == first && digit(digits, 13) == second && !is_one_digit(digits)
}

/// 11111111111 and the like pass many checks and are nobody's number.
pub(super) fn is_one_digit(digits: &[u8]) -> bool {
    digits.iter().all(|digit| Some(digit) == digits.first())
}

/// Tax number of Argentina: a prefix for the kind of person, then modulo 11.
fn ar_cuit(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    matches!(part(digits, 0, 2), 20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34)
        && (11 - sum % 11) % 11 == digit(digits, 10)
}

/// Chile's number: weights 2 to 7 from the right, modulo 11; a check letter K is found elsewhere.
fn cl_rut(digits: &[u8]) -> bool {
    let Some((last, head)) = digits.split_last() else { return false };
    let sum: u32 = head
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].iter().cycle())
        .map(|(d, w)| u32::from(*d) * w)
        .sum();
    (11 - sum % 11) % 11 == u32::from(*last)
}

/// National provider identifier: Luhn with the prefix 80840, which adds 24 to the sum.
fn us_npi(digits: &[u8]) -> bool {
    let mut prefixed = vec![8, 0, 8, 4, 0];
    prefixed.extend_from_slice(digits);
    matches!(digits.first(), Some(1 | 2)) && luhn(&prefixed)
}

/// Identity card of Ecuador: province 01 to 24 or 30, third digit below 6, Luhn.
fn ec_cedula(digits: &[u8]) -> bool {
    matches!(part(digits, 0, 2), 1..=24 | 30) && digit(digits, 2) < 6 && luhn(digits)
}

/// South Africa: birth date, citizenship 0 to 2, 8 or 9, Luhn.
fn za_id(digits: &[u8]) -> bool {
    is_day(part(digits, 2, 4), part(digits, 4, 6))
        && digit(digits, 10) <= 2
        && digit(digits, 11) >= 8
        && luhn(digits)
}

/// Bank routing number of the ABA: a Federal Reserve district, weights 3, 7, 1.
fn us_routing(digits: &[u8]) -> bool {
    matches!(part(digits, 0, 2), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}
