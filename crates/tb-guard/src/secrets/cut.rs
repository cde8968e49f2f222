//! Tokens that are cut or escaped: by a line break, between string literals that are joined, by
//! the backslashes of markdown.

use super::hit::Hit;
use super::randomness::looks_random;
use super::value;

/// So many lines may one token have.
const LINES: usize = 8;
/// What goes on in the next line although the token may end before.
const LEAST: usize = 12;

/// A token's text with what cuts it left out.
#[derive(Debug, Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// Where each byte stands in the text.
    places: Vec<usize>,
    /// Lengths of `bytes` at the ends of lines, and the whole length.
    lines: Vec<usize>,
    /// The first cut; `None`: the text stands in one piece.
    first_cut: Option<usize>,
}

/// Finds with `find` what begins at `at` and is longer than `whole` (what was found without any
/// joining); at most `longest` bytes are read.
pub(super) fn find(
    text: &[u8],
    at: usize,
    longest: usize,
    whole: Option<Hit>,
    find: impl Fn(&[u8]) -> Option<Hit>,
) -> Option<Hit> {
    let pieces = Pieces::read(text, at, longest);
    let first_cut = pieces.first_cut?;
    let mut best: Option<Hit> = None;
    let mut last = 0;
    for line in &pieces.lines {
        let added = pieces.bytes.get(last..*line)?;
        // What is one already goes on in the next line only if that looks like the rest of it.
        let is_done = best.is_some() || whole.is_some_and(|hit| hit.end - at <= last) && last > 0;
        if is_done && (added.len() < LEAST || !looks_random(added)) {
            break;
        }
        if let Some(hit) = find(pieces.bytes.get(..*line)?).filter(|hit| hit.end > first_cut) {
            best = Some(hit);
        }
        last = *line;
    }
    let hit = best?;
    let start = *pieces.places.get(hit.start)?;
    let end = pieces.places.get(hit.end.checked_sub(1)?)? + 1;
    Some(Hit { start, end, ..hit })
}

impl Pieces {
    fn read(text: &[u8], from: usize, longest: usize) -> Self {
        let mut pieces = Self::default();
        let mut at = from;
        while let Some(rest) = text.get(at..).filter(|_| pieces.bytes.len() < longest) {
            let skip = match rest {
                [b'\\', b'_' | b'-' | b'.' | b'*', ..] => 1,
                [b'\\' | b'"' | b'\'' | b'`', ..] => {
                    let Some(joint) = value::joint(rest) else { break };
                    joint.length
                }
                [b'\r' | b'\n', ..] => {
                    let Some(length) = pieces.line(rest) else { break };
                    length
                }
                [byte, ..] if byte.is_ascii_graphic() => {
                    pieces.bytes.push(*byte);
                    pieces.places.push(at);
                    at += 1;
                    continue;
                }
                _ => break,
            };
            pieces.first_cut.get_or_insert(pieces.bytes.len());
            at += skip;
        }
        pieces.lines.push(pieces.bytes.len());
        pieces
    }

    /// The length of a line break with the indent behind it, if a token may go on there.
    fn line(&mut self, rest: &[u8]) -> Option<usize> {
        let breaks = if rest.starts_with(b"\r\n") { 2 } else { 1 };
        let indent = rest.iter().skip(breaks).take(16).take_while(|b| b" \t>".contains(b)).count();
        let goes_on = rest.get(breaks + indent).is_some_and(u8::is_ascii_alphanumeric);
        if !goes_on || self.lines.len() >= LINES {
            return None;
        }
        self.lines.push(self.bytes.len());
        Some(breaks + indent)
    }
}
