//! What the tagger sees at a token, as hashes.

use super::gazetteer::COMMON;
use super::token::{Make, Token};

/// How many features a token has; 0 stands for one that is not there.
pub(crate) const COUNT: usize = 48;

/// How a segment is written as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing {
    /// 0: small letters only, 1: mixed, 2: mostly capitalised words.
    capitals: u32,
}

impl Writing {
    /// Looks over the tokens of a segment.
    pub(crate) fn of(tokens: &[Token]) -> Self {
        let capital = tokens.iter().filter(|token| token.make == Make::Capital).count();
        let small = tokens.iter().filter(|token| token.make == Make::Small).count();
        let capitals = if capital == 0 { 0 } else { 1 + u32::from(capital > small) };
        Self { capitals }
    }
}

/// A token that stands before the first and after the last one.
const OUTSIDE: Token = Token {
    start: 0,
    end: 0,
    word: 3,
    affixes: [3; 5],
    shape: 3,
    classes: 0,
    make: Make::Line,
    is_glued: false,
};

const fn mix(a: u32, b: u32) -> u32 {
    let mixed = (a ^ b.rotate_left(15)).wrapping_mul(0x9e37_79b1);
    mixed ^ (mixed >> 15)
}

/// Collects features; each has the number of its place mixed in.
struct Collector {
    hashes: [u32; COUNT],
    filled: usize,
}

impl Collector {
    fn add(&mut self, value: u32) {
        let salt = u32::try_from(self.filled).unwrap_or_default().wrapping_add(1);
        if let Some(hash) = self.hashes.get_mut(self.filled) {
            *hash = mix(value, salt.wrapping_mul(0x0001_b3a5)) | 1;
        }
        self.filled = self.filled.saturating_add(1);
    }

    fn skip(&mut self) {
        self.filled = self.filled.saturating_add(1);
    }

    fn add_if(&mut self, is_there: bool, value: u32) {
        if is_there { self.add(value) } else { self.skip() }
    }
}

/// The features of the token at `at`.
pub(crate) fn of(tokens: &[Token], at: usize, writing: Writing) -> [u32; COUNT] {
    let near = |step: isize| {
        at.checked_add_signed(step).and_then(|place| tokens.get(place)).unwrap_or(&OUTSIDE)
    };
    let [third, second, before, here, after, next, last] =
        [near(-3), near(-2), near(-1), near(0), near(1), near(2), near(3)];
    let mut all = Collector { hashes: [0; COUNT], filled: 0 };
    all.add(1);
    for token in [second, before, here, after, next] {
        all.add(token.shape);
    }
    for token in [second, before, here, after, next] {
        all.add(token.word);
    }
    for affix in here.affixes {
        all.add_if(affix != 0, affix);
    }
    all.add_if(before.affixes[3] != 0, before.affixes[3]);
    all.add_if(after.affixes[3] != 0, after.affixes[3]);
    let class = |token: &Token| u32::from(token.classes);
    for token in [second, before, here, after, next] {
        all.add_if(token.classes != 0, class(token));
    }
    all.add_if(here.classes != 0, here.classes.trailing_zeros());
    all.add_if(here.classes != 0, here.classes.leading_zeros());
    add_pairs(&mut all, [second, before, here, after, next]);
    add_position(&mut all, [third, before, here, after, last], writing);
    all.hashes
}

/// Pairs and triples of what stands beside each other.
fn add_pairs(all: &mut Collector, [second, before, here, after, next]: [&Token; 5]) {
    let look = |token: &Token| mix(token.shape, u32::from(token.classes));
    all.add(mix(before.shape, here.shape));
    all.add(mix(here.shape, after.shape));
    all.add(mix(mix(before.shape, here.shape), after.shape));
    all.add(mix(before.word, here.shape));
    all.add(mix(here.shape, after.word));
    all.add(mix(second.word, before.word));
    all.add(mix(after.word, next.word));
    all.add(mix(before.word, after.word));
    all.add(mix(mix(second.word, before.word), here.shape));
    all.add(mix(mix(here.shape, after.word), next.word));
    all.add(mix(before.word, look(here)));
    all.add(look(here));
    all.add(look(before));
    all.add(look(after));
    all.add(mix(look(before), look(here)));
    all.add(mix(look(here), look(after)));
    all.add(mix(mix(second.shape, before.shape), here.shape));
    all.add(mix(mix(here.shape, after.shape), next.shape));
}

/// Where it stands, and what stands farther off.
fn add_position(
    all: &mut Collector,
    [third, before, here, after, last]: [&Token; 5],
    writing: Writing,
) {
    let is_common = u32::from(here.classes & COMMON != 0);
    let written = here.shape.wrapping_add(is_common);
    let glue = u32::from(here.is_glued) * 2 + u32::from(after.is_glued);
    all.add(mix(here.shape, glue));
    all.add(mix(mix(here.shape, glue), mix(before.shape, after.shape)));
    all.add(mix(written, writing.capitals));
    all.add_if(before.make == Make::Line, written);
    all.add_if(after.make == Make::Line, written);
    all.add(third.word);
    all.add(last.word);
}
