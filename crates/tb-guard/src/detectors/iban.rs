//! IBAN: the country's length and format, then mod 97 (ISO 13616).

use crate::Kind;

use super::check::mod_97;
use super::hits::{Certainty, Hits};
use super::layout;
use super::runs::{Run, at, before};
use super::words::short_word_before;

/// Each country with the format of what follows the check digits: `n` digits, `a` letters, `c`
/// either, each with its length. From the SWIFT IBAN registry.
const COUNTRIES: &[(&str, &str)] = &[
    ("AD", "n8c12"),
    ("AE", "n19"),
    ("AL", "n8c16"),
    ("AT", "n16"),
    ("AZ", "a4c20"),
    ("BA", "n16"),
    ("BE", "n12"),
    ("BG", "a4n6c8"),
    ("BH", "a4c14"),
    ("BI", "n23"),
    ("BR", "n23a1c1"),
    ("BY", "c4n4c16"),
    ("CH", "n5c12"),
    ("CR", "n18"),
    ("CY", "n8c16"),
    ("CZ", "n20"),
    ("DE", "n18"),
    ("DJ", "n23"),
    ("DK", "n14"),
    ("DO", "c4n20"),
    ("EE", "n16"),
    ("EG", "n25"),
    ("ES", "n20"),
    ("FI", "n14"),
    ("FK", "a2n12"),
    ("FO", "n14"),
    ("FR", "n10c11n2"),
    ("GB", "a4n14"),
    ("GE", "a2n16"),
    ("GI", "a4c15"),
    ("GL", "n14"),
    ("GR", "n7c16"),
    ("GT", "c24"),
    ("HN", "a4n20"),
    ("HR", "n17"),
    ("HU", "n24"),
    ("IE", "a4n14"),
    ("IL", "n19"),
    ("IQ", "a4n15"),
    ("IS", "n22"),
    ("IT", "a1n10c12"),
    ("JO", "a4n4c18"),
    ("KW", "a4c22"),
    ("KZ", "n3c13"),
    ("LB", "n4c20"),
    ("LC", "a4c24"),
    ("LI", "n5c12"),
    ("LT", "n16"),
    ("LU", "n3c13"),
    ("LV", "a4c13"),
    ("LY", "n21"),
    ("MC", "n10c11n2"),
    ("MD", "c20"),
    ("ME", "n18"),
    ("MK", "n3c10n2"),
    ("MN", "n16"),
    ("MR", "n23"),
    ("MT", "a4n5c18"),
    ("MU", "a4n19a3"),
    ("NI", "a4n20"),
    ("NL", "a4n10"),
    ("NO", "n11"),
    ("OM", "n3c16"),
    ("PK", "a4c16"),
    ("PL", "n24"),
    ("PS", "a4c21"),
    ("PT", "n21"),
    ("QA", "a4c21"),
    ("RO", "a4c16"),
    ("RS", "n18"),
    ("RU", "n14c15"),
    ("SA", "n2c18"),
    ("SC", "a4n20a3"),
    ("SD", "n14"),
    ("SE", "n20"),
    ("SI", "n15"),
    ("SK", "n20"),
    ("SM", "a1n10c12"),
    ("SO", "n19"),
    ("ST", "n21"),
    ("SV", "a4n20"),
    ("TL", "n19"),
    ("TN", "n20"),
    ("TR", "n6c16"),
    ("UA", "n6c19"),
    ("VA", "n18"),
    ("VG", "a4n16"),
    ("XK", "n16"),
    ("YE", "a4n4c18"),
];

/// The longest IBAN (Russia has 33).
const LONGEST: usize = 34;

/// Looks for IBANs that begin at or just before a run.
pub(super) fn find(bytes: &[u8], runs: &[Run], hits: &mut Hits) {
    for run in runs {
        let start = if run.is_number {
            if run.len() < 2 {
                continue;
            }
            // `DE 89 …`, `D E89` is not looked for.
            let Some(start) = short_word_before(bytes, run.start) else { continue };
            start
        } else {
            // `IBANDE89…`, glued to its name.
            let word = bytes.get(run.start..run.end).unwrap_or_default();
            let is_named = word.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"iban"));
            run.start + if is_named { 4 } else { 0 }
        };
        if let Some(end) = end_of(bytes, start) {
            hits.add(Kind::IBAN, start, end, Certainty::CheckedAnnounced);
        }
    }
}

/// The end of the IBAN that begins at a place.
fn end_of(bytes: &[u8], start: usize) -> Option<usize> {
    let country = [at(bytes, start), at(bytes, start + 1)].map(|byte| byte.to_ascii_uppercase());
    let head = bytes.get(..start).unwrap_or_default();
    let is_named =
        head.get(start.saturating_sub(4)..).is_some_and(|n| n.eq_ignore_ascii_case(b"iban"));
    if before(bytes, start).is_ascii_alphanumeric() && !is_named {
        return None;
    }
    let (_, format) = COUNTRIES.iter().find(|(code, _)| code.as_bytes() == country)?;
    let length = 4 + parts(format).map(|(_, length)| length).sum::<usize>();
    let mut text = [0u8; LONGEST];
    let end = collect(bytes, start, text.get_mut(..length)?)?;
    let text = text.get_mut(..length)?;
    let (head, account) = text.split_at_mut_checked(4)?;
    head.get_mut(2..)?.iter_mut().for_each(read_digit);
    let is_checked = head.iter().skip(2).all(u8::is_ascii_digit) && fits(account, format);
    let rearranged = account.iter().chain(head.iter()).copied();
    (is_checked && mod_97(rearranged) == 1).then_some(end)
}

/// Fills the room with letters and digits, over separators; gives the place after the last, which
/// must end a word. Over layout only in groups of four, as they are printed.
fn collect(bytes: &[u8], start: usize, room: &mut [u8]) -> Option<usize> {
    let (mut place, mut group, mut is_scattered, mut is_printed) = (start, 0, false, true);
    for character in room {
        let plain = bytes.get(place..).unwrap_or_default().iter().take(3);
        let plain = plain.take_while(|byte| b" -._/".contains(byte)).count();
        if plain < 3 && at(bytes, place + plain).is_ascii_alphanumeric() {
            is_printed &= plain == 0 || group == 4;
            group = if plain == 0 { group } else { 0 };
            place += plain;
        } else {
            is_printed &= group == 4;
            (is_scattered, group) = (true, 0);
            place = layout::gap(bytes, place).filter(|gap| !gap.has_words)?.end;
        }
        if is_scattered && !is_printed {
            return None;
        }
        *character = at(bytes, place).to_ascii_uppercase();
        place += 1;
        group += 1;
    }
    let goes_on = at(bytes, place).is_ascii_alphanumeric() || is_scattered && group > 4;
    (!goes_on).then_some(place)
}

/// Reads a letter that looks like a digit as one; upper case.
const fn read_digit(character: &mut u8) {
    match *character {
        b'O' => *character = b'0',
        b'I' | b'L' => *character = b'1',
        _ => {}
    }
}

/// The parts of a format: class and length.
fn parts(format: &str) -> impl Iterator<Item = (u8, usize)> {
    format
        .split_inclusive(|character: char| character.is_ascii_digit())
        .fold(Vec::<(u8, usize)>::new(), |mut parts, piece| {
            let digit = piece.bytes().last().map_or(0, |byte| usize::from(byte.wrapping_sub(b'0')));
            match (piece.len(), parts.last_mut()) {
                (1, Some((_, length))) => *length = *length * 10 + digit,
                _ => parts.push((piece.bytes().next().unwrap_or(b'c'), digit)),
            }
            parts
        })
        .into_iter()
}

/// Whether an account has a format; letters that look like digits become digits where the format
/// has these.
fn fits(account: &mut [u8], format: &str) -> bool {
    let mut place = 0;
    parts(format).all(|(class, length)| {
        let piece = account.get_mut(place..place + length).unwrap_or_default();
        place += length;
        if class == b'n' {
            piece.iter_mut().for_each(read_digit);
        }
        piece.iter().all(|character| match class {
            b'n' => character.is_ascii_digit(),
            b'a' => character.is_ascii_uppercase(),
            _ => true,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<&str> {
        hits_of(text, |bytes, runs, _, hits| find(bytes, runs, hits))
            .into_iter()
            .map(|(_, hit)| hit)
            .collect()
    }

    #[test]
    fn finds_the_registry_examples_in_any_grouping() {
        for iban in [
            "GB29NWBK60161331926819",
            "gb29nwbk60161331926819",
            "DE89 3704 0044 0532 0130 00",
            "DE 89 3704 0044 0532 0130 00",
            "FR14-2004-1010-0505-0001-3M02-606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "BR1800360305000010009795493C1",
        ] {
            assert_eq!(found(&format!("to {iban} today")), [iban]);
        }
    }

    #[test]
    fn refuses_wrong_digits_lengths_and_formats() {
        for text in [
            "GB29NWBK60161331926818",
            "GB29NWBK601613319268190",
            "GB2960161331926819NWBK",
            "XX29NWBK60161331926819",
            "AGB29NWBK60161331926819",
            "de 20",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn every_country_has_a_length_of_15_to_34() {
        for (country, format) in COUNTRIES {
            let length = 4 + parts(format).map(|(_, length)| length).sum::<usize>();
            assert!((15..=LONGEST).contains(&length), "{country}");
        }
    }
}
