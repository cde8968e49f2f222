//! Numbers without a checksum that a context word announces: passports, bank accounts, driver's
//! licences, medical records, postal codes.

mod licences;
mod postal;

use crate::Kind;

use super::context::{Context, Surroundings};
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::{Gap, Run, at, before, gap, is_in_row};

/// The longest number, in letters and digits.
const LONGEST: usize = 20;

/// Finds all of them.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    postal::find(bytes, runs, around, hits);
    let mut cursor = 0;
    for (index, run) in runs.iter().enumerate() {
        if run.start < cursor || run.len() > LONGEST || is_in_row(bytes, runs, index) {
            continue;
        }
        let token = Token::read(bytes, runs.get(index..).unwrap_or_default());
        if token.digits < 4 || token.length < 5 || token.length > LONGEST {
            continue;
        }
        let context = around.of(token.start, token.end);
        if let Some((kind, end)) = token.kind(bytes, context) {
            hits.add(kind, token.start, end, Certainty::Announced);
            cursor = end;
        }
    }
}

/// Words with digits that belong together.
struct Token {
    start: usize,
    end: usize,
    /// The end of its first part, where a space follows that.
    first_end: usize,
    /// Letters and digits.
    length: usize,
    digits: usize,
}

impl Token {
    fn read(bytes: &[u8], runs: &[Run]) -> Self {
        let mut token = Self { start: 0, end: 0, first_end: 0, length: 0, digits: 0 };
        let mut last: Option<Run> = None;
        let mut is_open = true;
        for run in runs {
            let joint = last.map_or(Gap::Mark(b'-'), |last| gap(bytes, last, *run));
            let is_joined = match joint {
                Gap::Mark(b'-' | b'*' | b'.') => true,
                Gap::Space => run.is_number,
                _ => false,
            };
            if !is_joined || token.length + run.len() > LONGEST && last.is_some() {
                break;
            }
            if last.is_none() {
                token.start = run.start;
            } else if joint == Gap::Space {
                is_open = false;
            }
            let word = bytes.get(run.start..run.end).unwrap_or_default();
            token.digits += word.iter().filter(|byte| byte.is_ascii_digit()).count();
            token.length += run.len();
            token.end = run.end;
            if is_open {
                token.first_end = run.end;
            }
            last = Some(*run);
        }
        token
    }

    fn kind(&self, bytes: &[u8], context: Context) -> Option<(Kind, usize)> {
        let whole = bytes.get(self.start..self.end)?;
        let first = bytes.get(self.start..self.first_end)?;
        if matches!(before(bytes, self.start), b'$' | b'.' | b'+' | b'@')
            || matches!(at(bytes, self.end), b'@' | b'%')
        {
            return None;
        }
        if context.is_about(cues::RECORD) && is_length(first, 5, 15) {
            return Some((Kind::MEDICAL_RECORD, self.first_end));
        }
        if context.is_about(cues::PASSPORT) && is_passport(first) {
            return Some((Kind::US_PASSPORT, self.first_end));
        }
        if context.is_about(cues::LICENCE) {
            if licences::has_form(whole) {
                return Some((Kind::DRIVER_LICENSE, self.end));
            }
            if licences::has_form(first) {
                return Some((Kind::DRIVER_LICENSE, self.first_end));
            }
        }
        let is_account = context.is_about(cues::ACCOUNT) && is_digits(first, 7, 17);
        is_account.then_some((Kind::US_BANK_ACCOUNT, self.first_end))
    }
}

fn is_length(word: &[u8], shortest: usize, longest: usize) -> bool {
    let length = word.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    (shortest..=longest).contains(&length)
}

fn is_digits(word: &[u8], shortest: usize, longest: usize) -> bool {
    is_length(word, shortest, longest)
        && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// Nine digits, or one or two letters with six to eight digits (US passports have one letter).
fn is_passport(word: &[u8]) -> bool {
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let digits = word.get(letters..).unwrap_or_default();
    digits.iter().all(u8::is_ascii_digit)
        && match letters {
            0 => digits.len() == 9,
            1 | 2 => (6..=8).contains(&digits.len()),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<(String, &str)> {
        hits_of(text, find)
    }

    #[test]
    fn finds_numbers_that_a_word_announces() {
        for (text, kind, number) in [
            ("MRN: 00482913", "medical_record", "00482913"),
            ("medical record number MR-482913 of", "medical_record", "482913"),
            ("passport number: C01234567", "us_passport", "C01234567"),
            ("Reisepass 512345678", "us_passport", "512345678"),
            ("account number 000123456789", "us_bank_account", "000123456789"),
            ("My driver's license is D1234567", "driver_license", "D1234567"),
            ("DL# S123-456-78-901-0", "driver_license", "S123-456-78-901-0"),
            ("license number 123 456 789 (NY)", "driver_license", "123 456 789"),
            ("zip code 90210", "zip_code", "90210"),
            ("Denver, CO 80202-1234", "zip_code", "80202-1234"),
            ("PLZ 10115 Berlin", "zip_code", "10115"),
        ] {
            assert_eq!(found(text), [(kind.to_owned(), number)], "{text}");
        }
    }

    #[test]
    fn numbers_without_the_word_are_none() {
        for text in [
            "C01234567",
            "00482913",
            "the account of 1984",
            "chart 12",
            "in 80202 cases",
            "passport 12",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
