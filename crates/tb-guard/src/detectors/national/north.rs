//! Northern and eastern Europe, Turkey.

use super::super::check::{digit, is_day, luhn, mod_11_10, part, weighted};
use super::super::cues;
use super::america::is_one_digit;
use super::{Alone, National};
use crate::Kind;

pub(super) const TABLE: &[(usize, National)] = &[
    (
        11,
        National {
            kind: Kind::fixed("pl_pesel"),
            cue: cues::PL_PESEL,
            groupings: &[(&[11], 0)],
            alone: Alone::Never,
            check: pl_pesel,
        },
    ),
    (10, SE_PERSONNUMMER),
    (12, SE_PERSONNUMMER),
    (
        11,
        National {
            kind: Kind::fixed("no_fodselsnummer"),
            cue: cues::NO_FNR,
            groupings: &[(&[11], 0), (&[6, 5], 0)],
            alone: Alone::Always,
            check: no_fodselsnummer,
        },
    ),
    (
        10,
        National {
            kind: Kind::fixed("dk_cpr"),
            cue: cues::DK_CPR,
            groupings: &[(&[6, 4], 0)],
            alone: Alone::Never,
            check: dk_cpr,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("tr_tckn"),
            cue: cues::TR_TCKN,
            groupings: &[(&[11], 0)],
            alone: Alone::Never,
            check: tr_tckn,
        },
    ),
    (
        13,
        National {
            kind: Kind::fixed("ro_cnp"),
            cue: cues::RO_CNP,
            groupings: &[(&[13], 0)],
            alone: Alone::Never,
            check: ro_cnp,
        },
    ),
    (
        10,
        National {
            kind: Kind::fixed("bg_egn"),
            cue: cues::BG_EGN,
            groupings: &[(&[10], 0)],
            alone: Alone::Never,
            check: bg_egn,
        },
    ),
    (
        10,
        National {
            kind: Kind::fixed("cz_rodne_cislo"),
            cue: cues::CZ_BIRTH,
            groupings: &[(&[6, 4], b'/')],
            alone: Alone::Grouped,
            check: cz_rodne_cislo,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("ee_isikukood"),
            cue: cues::EE_CODE,
            groupings: &[(&[11], 0)],
            alone: Alone::Never,
            check: ee_isikukood,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("hr_oib"),
            cue: cues::HR_OIB,
            groupings: &[(&[11], 0)],
            alone: Alone::Never,
            check: mod_11_10,
        },
    ),
    (
        11,
        National {
            kind: Kind::fixed("ru_snils"),
            cue: cues::RU_SNILS,
            groupings: &[(&[3, 3, 3, 2], b'*')],
            alone: Alone::Never,
            check: ru_snils,
        },
    ),
];

const SE_PERSONNUMMER: National = National {
    kind: Kind::fixed("se_personnummer"),
    cue: cues::SE_PERSONNUMMER,
    groupings: &[(&[6, 4], b'-'), (&[8, 4], b'-')],
    alone: Alone::Grouped,
    check: se_personnummer,
};

/// Poland: birth date (the century is in the month) and one digit modulo 10.
fn pl_pesel(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_day(part(digits, 2, 4) % 20, part(digits, 4, 6)) && sum.is_multiple_of(10)
}

/// Sweden: birth date and Luhn over the last ten; coordination numbers add 60 to the day.
fn se_personnummer(digits: &[u8]) -> bool {
    let (century, ten) = digits.split_at(digits.len().saturating_sub(10));
    let day = part(ten, 4, 6);
    let day = if day > 60 { day - 60 } else { day };
    let is_century = century.is_empty() || matches!(part(century, 0, 2), 18..=20);
    is_century && is_day(part(ten, 2, 4), day) && luhn(ten)
}

/// Norway: birth date (d-numbers add 40 to the day) and two digits modulo 11.
fn no_fodselsnummer(digits: &[u8]) -> bool {
    let first = (11 - weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
    let second = (11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let day = part(digits, 0, 2);
    is_day(part(digits, 2, 4), if day > 40 { day - 40 } else { day })
        && first == digit(digits, 9)
        && second == digit(digits, 10)
}

/// Denmark: a birth date; the check digit was given up in 2007, so the context word decides.
fn dk_cpr(digits: &[u8]) -> bool {
    is_day(part(digits, 2, 4), part(digits, 0, 2))
}

fn tr_tckn(digits: &[u8]) -> bool {
    let odd = weighted(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let all = weighted(digits, &[1; 10]);
    digit(digits, 0) > 0
        && (odd * 7 + 10 * 9 - even) % 10 == digit(digits, 9)
        && all % 10 == digit(digits, 10)
}

fn ro_cnp(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    digit(digits, 0) > 0
        && is_day(part(digits, 3, 5), part(digits, 5, 7))
        && digit(digits, 12) == if rest == 10 { 1 } else { rest }
}

fn bg_egn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    is_day(part(digits, 2, 4) % 20, part(digits, 4, 6)) && sum % 11 % 10 == digit(digits, 9)
}

/// Czechia and Slovakia: birth date (women: month + 50) and a multiple of 11.
fn cz_rodne_cislo(digits: &[u8]) -> bool {
    let month = part(digits, 2, 4) % 50;
    let is_date = is_day(if month > 20 { month - 20 } else { month }, part(digits, 4, 6));
    is_date && !is_one_digit(digits) && part(digits, 0, 10).is_multiple_of(11)
}

/// Estonia and Lithuania: birth date and modulo 11 with two sets of weights.
fn ee_isikukood(digits: &[u8]) -> bool {
    let first = weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    matches!(digit(digits, 0), 1..=8)
        && is_day(part(digits, 3, 5), part(digits, 5, 7))
        && digit(digits, 10) == if first == 10 { second } else { first }
}

/// Russia's insurance number: weights 9 to 1, modulo 101.
fn ru_snils(digits: &[u8]) -> bool {
    let sum = u64::from(weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]));
    sum > 0 && sum % 101 % 100 == part(digits, 9, 11)
}
