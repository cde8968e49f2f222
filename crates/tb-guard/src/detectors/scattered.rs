//! Numbers whose groups stand in cells, lines, brackets or lists, are glued to letters or to each
//! other, or have letters for digits.
//!
//! Such forms are common, so more is asked than of plain ones: a card must be of a usual length,
//! issuer and grouping or be announced; all other numbers must be announced.

use crate::Kind;

use super::chain::Number;
use super::check::{luhn, value};
use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::layout::{self, look_alike, word_end};
use super::runs::{self, Run, before};
use super::{card, national, ssn};

/// The most digits that are read together.
const MOST_DIGITS: usize = 1_024;
/// Fewer digits are no identifier.
const LEAST_DIGITS: usize = 9;
/// The longest and the shortest card that is believed in these forms.
const LONG_CARD: usize = 16;
const SHORT_CARD: usize = 15;

/// Digits that stand together somehow.
#[derive(Debug, Default)]
struct Chain {
    digits: Vec<u8>,
    /// Where each digit stands.
    places: Vec<usize>,
    /// The index of the first digit of each group.
    firsts: Vec<usize>,
    /// Something in it that the detectors of plain numbers do not read.
    is_odd: bool,
    /// Words stand between the groups.
    has_words: bool,
}

/// Looks for numbers in all odd forms.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    let mut chain = Chain::default();
    let mut cursor = 0;
    for (index, run) in runs.iter().enumerate() {
        let is_alone = || {
            let next = runs.get(index + 1).map_or(usize::MAX, |next| next.start);
            run.is_number && run.len() <= LONG_CARD && next - run.end > layout::LONGEST_GAP
        };
        if run.start < cursor || is_alone() || is_list_number(bytes, *run) {
            continue;
        }
        cursor = chain.read(bytes, *run).max(run.end);
        let may_hold = chain.is_odd && chain.digits.len() >= LEAST_DIGITS || chain.may_be_glued();
        if may_hold && before(bytes, run.start) != b'+' {
            chain.weigh(bytes, around, hits);
        }
    }
}

/// Whether a run numbers the first item of a list: `1. 4111`.
fn is_list_number(bytes: &[u8], run: Run) -> bool {
    if run.len() > 2 {
        return false;
    }
    let head = bytes.get(..run.start).unwrap_or_default();
    let blanks = head.iter().rev().take(8).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let is_line_start = matches!(before(bytes, run.start - blanks), 0 | b'\n' | b'>');
    layout::ordinal(bytes, run.start, is_line_start).is_some()
}

impl Chain {
    /// Reads the chain that begins with a run; gives the place after it.
    fn read(&mut self, bytes: &[u8], run: Run) -> usize {
        self.digits.clear();
        self.places.clear();
        self.firsts.clear();
        (self.is_odd, self.has_words) = (false, false);
        let (mut start, mut end) = (run.start, run.end);
        loop {
            let Some((from, to)) = digits_of(bytes, start, end, self.firsts.is_empty()) else {
                return start;
            };
            self.push(bytes, from, to);
            if (from, to) != (start, end) {
                self.is_odd = true;
            }
            if to != end || self.digits.len() >= MOST_DIGITS {
                return end;
            }
            let Some(gap) = layout::gap(bytes, end) else { return end };
            let next_end = word_end(bytes, gap.end);
            if digits_of(bytes, gap.end, next_end, false).is_none() {
                return end;
            }
            self.has_words |= gap.has_words;
            self.is_odd |= is_odd_gap(bytes, end, gap.end);
            (start, end) = (gap.end, next_end);
        }
    }

    fn push(&mut self, bytes: &[u8], from: usize, to: usize) {
        self.firsts.push(self.digits.len());
        let word = bytes.get(from..to).unwrap_or_default();
        self.is_odd |= word.len() > LONG_CARD || !word.iter().all(u8::is_ascii_digit);
        self.digits.extend(word.iter().filter_map(|byte| look_alike(*byte)));
        self.places.extend(from..to);
    }

    /// How many digits each of the groups has, from one on.
    fn sizes(&self, first: usize) -> impl Iterator<Item = usize> {
        let ends = self.firsts.iter().skip(first + 1).copied();
        let ends = ends.chain(std::iter::once(self.digits.len()));
        self.firsts.iter().skip(first).zip(ends).map(|(start, end)| end - start)
    }

    /// The end of one number and the beginning of the next may make one group.
    fn may_be_glued(&self) -> bool {
        self.digits.len() >= 2 * SHORT_CARD && self.sizes(0).any(|size| (7..=10).contains(&size))
    }

    /// Where some of the digits stand.
    fn place(&self, from: usize, to: usize) -> (usize, usize) {
        let at = |index: usize| self.places.get(index).copied().unwrap_or_default();
        (at(from), at(to.saturating_sub(1)) + 1)
    }

    fn weigh(&self, bytes: &[u8], around: &Surroundings<'_>, hits: &mut Hits) {
        if self.glued_cards(around, hits) || self.one_card(around, hits) {
            return;
        }
        let number =
            Number::scattered(&self.digits, self.sizes(0), self.place(0, self.digits.len()));
        if let Some(number) = number
            && !self.has_words
        {
            if around.of(number.start, number.end).has(cues::CARD) {
                card::find(bytes, &number, around, hits);
            }
            national::find(bytes, &number, around, hits);
            ssn::find(&number, around, hits);
        }
        for first in 0..self.firsts.len() {
            self.card_among_others(first, around, hits);
        }
    }

    /// Two cards or more, one behind the other, and nothing else.
    fn glued_cards(&self, around: &Surroundings<'_>, hits: &mut Hits) -> bool {
        if self.digits.len() < 2 * SHORT_CARD {
            return false;
        }
        let Some(cards) = cards(&self.digits) else { return false };
        for (from, to) in cards {
            self.add(from, to, around, hits);
        }
        true
    }

    /// One card and nothing else.
    fn one_card(&self, around: &Surroundings<'_>, hits: &mut Hits) -> bool {
        if !is_card(&self.digits) {
            return false;
        }
        let (start, end) = self.place(0, self.digits.len());
        let context = around.of(start, end);
        let is_single = self.firsts.len() == self.digits.len();
        let is_usual = is_single || is_usual(self.sizes(0));
        let holds = is_usual && !self.has_words && !context.is_harmless();
        if holds || context.has(cues::CARD) {
            self.add(0, self.digits.len(), around, hits);
            return true;
        }
        false
    }

    /// A card that begins with a group and has other numbers beside it: its date, its code, the
    /// next row.
    fn card_among_others(&self, first: usize, around: &Surroundings<'_>, hits: &mut Hits) {
        let Some(&from) = self.firsts.get(first) else { return };
        let rest = self.digits.get(from..).unwrap_or_default();
        let mut count = 0;
        for (groups, size) in self.sizes(first).enumerate() {
            count += size;
            let Some(number) = rest.get(..count.min(LONG_CARD)) else { return };
            let is_followed = count > LONG_CARD && groups == 0 && count <= LONG_CARD + 4;
            if !is_followed && count != number.len() {
                return;
            }
            if !is_card(number) {
                continue;
            }
            let (start, end) = self.place(from, from + count);
            let context = around.of(start, end);
            let is_usual = is_usual(self.sizes(first).take(groups + 1));
            let is_announced = context.has(cues::CARD) && (is_usual || first == 0)
                || is_followed && context.is_about(cues::CARD);
            let is_dated = first == 0 && is_usual && is_date(self.sizes(groups + 1));
            if is_announced || is_dated && !context.is_harmless() && !self.has_words {
                self.add(from, from + count, around, hits);
            }
            return;
        }
    }

    fn add(&self, from: usize, to: usize, around: &Surroundings<'_>, hits: &mut Hits) {
        let (start, end) = self.place(from, to);
        let is_announced = around.of(start, end).has(cues::CARD);
        let certainty = if is_announced { Certainty::CheckedAnnounced } else { Certainty::Checked };
        hits.add(Kind::CREDIT_CARD, start, end, certainty);
    }
}

/// The digits of a word, its look-alikes too. Letters may stand before them in the first word,
/// and behind them in any.
fn digits_of(bytes: &[u8], start: usize, end: usize, is_first: bool) -> Option<(usize, usize)> {
    let word = bytes.get(start..end)?;
    if layout::is_group(word) {
        return Some((start, end));
    }
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let rest = word.get(letters..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let tail = rest.get(digits..)?;
    let holds =
        digits > 1 && (letters == 0 || is_first) && tail.iter().all(u8::is_ascii_alphabetic);
    holds.then_some((start + letters, start + letters + digits))
}

/// A gap that the detectors of plain numbers do not read.
fn is_odd_gap(bytes: &[u8], end: usize, next: usize) -> bool {
    let run = |start: usize, end: usize| Run { start, end, is_number: true };
    match runs::gap(bytes, run(end, end), run(next, next)) {
        runs::Gap::Mark(mark) => !card::MARKS.contains(&mark),
        runs::Gap::Far => true,
        runs::Gap::Space | runs::Gap::Loose => false,
    }
}

/// How cards are printed, or halves of it.
fn is_usual(mut sizes: impl Iterator<Item = usize>) -> bool {
    let four = std::array::from_fn(|_| sizes.next().unwrap_or(0));
    let is_known = matches!(
        four,
        [4, 4, 4, 4] | [4, 6, 5, 0] | [16 | 15, 0, 0, 0] | [8, 8, 0, 0] | [4, 12 | 11, 0, 0]
    );
    is_known && sizes.next().is_none()
}

/// The sizes of a month and a year, perhaps with a code behind them.
fn is_date(mut sizes: impl Iterator<Item = usize>) -> bool {
    let three = std::array::from_fn(|_| sizes.next().unwrap_or(0));
    matches!(three, [2, 2 | 4, 0 | 3 | 4] | [3, 0, 0]) && sizes.next().is_none()
}

/// Whether digits are a card of the usual lengths and of an issuer with many cards.
fn is_card(digits: &[u8]) -> bool {
    let head = |length: usize| digits.get(..length).map_or(0, value);
    let is_issued = match digits.len() {
        LONG_CARD => {
            digits.first() == Some(&4)
                || matches!(head(2), 51..=55 | 62 | 65)
                || matches!(head(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(head(3), 644..=649)
        }
        SHORT_CARD => matches!(head(2), 34 | 37),
        _ => false,
    };
    is_issued && luhn(digits)
}

/// Digits cut into cards without a rest.
fn cards(digits: &[u8]) -> Option<Vec<(usize, usize)>> {
    // Of each number of digits that cards make: the length of the last of them.
    let mut last = vec![0; digits.len() + 1];
    for end in SHORT_CARD..=digits.len() {
        for length in [LONG_CARD, SHORT_CARD] {
            let Some(start) = end.checked_sub(length) else { continue };
            let begins = start == 0 || last.get(start).is_some_and(|length| *length > 0);
            if begins && digits.get(start..end).is_some_and(is_card) {
                *last.get_mut(end)? = length;
            }
        }
    }
    let mut cards = Vec::new();
    let mut end = digits.len();
    while end > 0 {
        let length = *last.get(end).filter(|length| **length > 0)?;
        cards.push((end - length, end));
        end -= length;
    }
    Some(cards)
}
