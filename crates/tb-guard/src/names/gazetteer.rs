//! Word lists: common given names, surnames, places, nationalities, words of streets,
//! organisations and professions, and the common words of prose.
//!
//! A text is only looked up by the hash of its words, so that no strings are kept.

use super::token::{Make, Token, hash_word};

/// Also a word of ordinary prose.
pub(crate) const COMMON: u16 = 1 << 12;
/// A month or weekday.
pub(crate) const CALENDAR: u16 = 1 << 11;
/// A form of address before a name.
pub(crate) const HONORIFIC: u16 = 1 << 9;
/// A word of organisations.
pub(crate) const ORGANISATION: u16 = 1 << 8;
/// A word of street names.
pub(crate) const STREET: u16 = 1 << 6;

/// The lists with their bits. Words that belong together have `_` between them.
pub(crate) const LISTS: [(u16, &str); 13] = [
    (1, include_str!("words/given.txt")),
    (1 << 1, include_str!("words/surnames.txt")),
    (1 << 2, include_str!("words/countries.txt")),
    (1 << 3, include_str!("words/cities.txt")),
    (1 << 4, include_str!("words/regions.txt")),
    (1 << 5, include_str!("words/nationalities.txt")),
    (STREET, include_str!("words/streets.txt")),
    (1 << 7, include_str!("words/units.txt")),
    (ORGANISATION, include_str!("words/organisations.txt")),
    (HONORIFIC, include_str!("words/titles.txt")),
    (1 << 10, include_str!("words/jobs.txt")),
    (CALENDAR, include_str!("words/calendar.txt")),
    (COMMON, include_str!("words/common.txt")),
];

/// State abbreviations: only counted in capitals.
const STATES: &str = include_str!("words/states.txt");

/// All lists in one table, by the hash of the word.
#[derive(Debug)]
pub(crate) struct Gazetteer {
    slots: Vec<(u32, u16)>,
    mask: usize,
}

impl Gazetteer {
    /// Reads the lists that are part of the program.
    pub(crate) fn load() -> Self {
        let size = LISTS.iter().map(|(_, words)| words.split_whitespace().count()).sum::<usize>();
        let slots = size.saturating_mul(2).next_power_of_two();
        let mut lists = Self { slots: vec![(0, 0); slots], mask: slots.saturating_sub(1) };
        for (class, words) in LISTS {
            for word in words.split_whitespace() {
                lists.add(key(word), class);
            }
        }
        for word in STATES.split_whitespace() {
            lists.add(upper(hash_word(word)), 1 << 4);
        }
        lists
    }

    fn add(&mut self, hash: u32, class: u16) {
        let place = self.place(hash);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = (hash, slot.1 | class);
        }
    }

    /// The slot of a hash, or the free one where it belongs.
    fn place(&self, hash: u32) -> usize {
        let mut place = slot_of(hash, self.mask);
        while let Some((found, classes)) = self.slots.get(place) {
            if *classes == 0 || *found == hash {
                break;
            }
            place = place.wrapping_add(1) & self.mask;
        }
        place
    }

    /// The lists that a word stands in.
    pub(crate) fn classes(&self, hash: u32) -> u16 {
        self.slots.get(self.place(hash)).map_or(0, |slot| slot.1)
    }

    /// Marks names of two words (`New York`) and state abbreviations.
    pub(crate) fn mark_pairs(&self, tokens: &mut [Token]) {
        let mut before: Option<&mut Token> = None;
        for token in tokens {
            if token.make == Make::Capital && token.end.saturating_sub(token.start) <= 3 {
                token.classes |= self.classes(upper(token.word));
            }
            if let Some(before) = before
                && matches!(token.make, Make::Capital | Make::Small)
                && matches!(before.make, Make::Capital | Make::Small)
            {
                let classes = self.classes(pair(before.word, token.word));
                before.classes |= classes;
                token.classes |= classes;
            }
            before = Some(token);
        }
    }
}

/// Where a hash begins to look for its slot.
pub(super) fn slot_of(hash: u32, mask: usize) -> usize {
    usize::try_from(hash.wrapping_mul(0x9e37_79b1) >> 7).unwrap_or_default() & mask
}

fn key(word: &str) -> u32 {
    match word.split_once('_') {
        Some((first, second)) => pair(hash_word(first), hash_word(second)),
        None => hash_word(word),
    }
}

const fn pair(first: u32, second: u32) -> u32 {
    first.rotate_left(11).wrapping_mul(0x85eb_ca6b) ^ second
}

const fn upper(word: u32) -> u32 {
    word ^ 0x5bd1_e995
}
