//! Labels the tokens of one segment.

use super::features::{self, Writing};
use super::gazetteer::COMMON;
use super::label::COUNT;
use super::lattice::Lattice;
use super::model::{Model, Row};
use super::token::{Make, Token};

/// How far a token's features reach to either side.
const REACH: usize = 3;

/// What a token gets that has nothing but common words around it: it is nothing.
const NOTHING: Row = {
    let mut row = [0.0; COUNT];
    row[0] = 8.0;
    row
};

/// Finds the likeliest labels of a segment; they are in the lattice then.
pub(crate) fn tag(segment: &[Token], model: &Model, lattice: &mut Lattice) {
    let writing = Writing::of(segment);
    lattice.emissions.clear();
    let mut since = usize::MAX;
    let mut ahead = segment
        .iter()
        .enumerate()
        .filter(|(_, token)| is_bright(token))
        .map(|(at, _)| at)
        .peekable();
    for at in 0..segment.len() {
        since = if ahead.next_if_eq(&at).is_some() { 0 } else { since.saturating_add(1) };
        let until = ahead.peek().map_or(usize::MAX, |next| next.saturating_sub(at));
        lattice.emissions.push(if since.min(until) <= REACH {
            model.emission(&features::of(segment, at, writing))
        } else {
            NOTHING
        });
    }
    lattice.solve(&model.transitions);
}

/// Whether a token could be part of a name or stands in a list of such words.
pub(crate) fn is_bright(token: &Token) -> bool {
    match token.make {
        Make::Capital | Make::Number => true,
        Make::Small => token.classes != COMMON,
        Make::Mark | Make::Line => false,
    }
}
