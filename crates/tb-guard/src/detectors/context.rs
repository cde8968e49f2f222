//! Context words near a place: what the text says that a number is.

use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::cues::{self, Cues};
use super::runs::{Run, at, before};

/// How many bytes before a number may hold its context words.
const BEFORE: usize = 56;
/// How many bytes after it.
const AFTER: usize = 36;

static WORDS: LazyLock<Words> = LazyLock::new(Words::compile);

/// Compiles the words, if they are not yet.
pub(super) fn warm() {
    LazyLock::force(&WORDS);
}

struct Words {
    /// None only if the table would not compile, which a test excludes.
    automaton: Option<AhoCorasick>,
    meanings: Vec<Word>,
}

struct Word {
    cue: Cues,
    /// More letters may follow: `kreditkarte*`.
    is_stem: bool,
}

impl Words {
    fn compile() -> Self {
        let mut patterns = Vec::new();
        let mut meanings = Vec::new();
        for (cue, words) in cues::TABLE {
            for word in words.split('|') {
                patterns.push(word.trim_end_matches('*'));
                meanings.push(Word { cue: *cue, is_stem: word.ends_with('*') });
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(patterns)
            .ok();
        Self { automaton, meanings }
    }
}

/// The context words around one span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// All that stand near.
    pub(super) all: Cues,
    /// The closest ones before the span, or those after it if there are none before.
    pub(super) nearest: Cues,
}

impl Context {
    /// Whether one of these words stands near.
    pub(super) const fn has(self, cue: Cues) -> bool {
        self.all & cue != 0
    }

    /// Whether the closest words are of these.
    pub(super) const fn is_about(self, cue: Cues) -> bool {
        self.nearest & cue != 0
    }

    /// The closest words say that it is something harmless.
    pub(super) const fn is_harmless(self) -> bool {
        self.is_about(cues::HARMLESS)
    }
}

/// The context words near the runs of a text. Each stretch of the text is looked at once, when a
/// detector first asks about it; what is far from every run never.
pub(super) struct Surroundings<'t> {
    bytes: &'t [u8],
    /// In the order of the text, without overlaps.
    stretches: Vec<Stretch>,
    /// The last answer: most detectors ask about the same span one after the other.
    last: Cell<(usize, usize, Context)>,
}

/// A part of the text with runs close to each other.
struct Stretch {
    place: Range<usize>,
    /// In the order of their ends.
    words: OnceCell<Vec<Near>>,
}

/// A context word in the text.
struct Near {
    start: usize,
    end: usize,
    cue: Cues,
}

impl<'t> Surroundings<'t> {
    /// Of all runs of a text.
    pub(super) fn new(bytes: &'t [u8], runs: &[Run]) -> Self {
        let mut stretches = Vec::<Stretch>::new();
        for run in runs {
            let from = run.start.saturating_sub(BEFORE);
            let to = run.end.saturating_add(AFTER).min(bytes.len());
            match stretches.last_mut() {
                Some(last) if from <= last.place.end => last.place.end = to,
                _ => stretches.push(Stretch { place: from..to, words: OnceCell::new() }),
            }
        }
        Self { bytes, stretches, last: Cell::default() }
    }

    fn near(&self, start: usize) -> &[Near] {
        let index = self.stretches.partition_point(|stretch| stretch.place.end <= start);
        let Some(stretch) = self.stretches.get(index) else { return &[] };
        stretch.words.get_or_init(|| look(self.bytes, &stretch.place))
    }

    /// The context words of a span.
    pub(super) fn of(&self, start: usize, end: usize) -> Context {
        let (last_start, last_end, last) = self.last.get();
        if (last_start, last_end) == (start, end) {
            return last;
        }
        let context = self.read(start, end);
        self.last.set((start, end, context));
        context
    }

    fn read(&self, start: usize, end: usize) -> Context {
        let from = start.saturating_sub(BEFORE);
        let mut context = Context::default();
        let near = self.near(start);
        let first = near.partition_point(|word| word.end <= from);
        let near = near.get(first..).unwrap_or_default();
        let mut closest = 0;
        for word in near.iter().take_while(|word| word.end <= start) {
            if word.start < from {
                continue;
            }
            context.all |= word.cue;
            if word.end > closest {
                closest = word.end;
                context.nearest = 0;
            }
            context.nearest |= word.cue;
        }
        let to = end.saturating_add(AFTER);
        let mut after = 0;
        for word in near.iter().take_while(|word| word.end <= to) {
            if word.start >= end {
                after |= word.cue & !cues::HARMLESS & !cues::VERSION;
            }
        }
        context.all |= after;
        if closest == 0 {
            context.nearest = after;
        }
        context
    }
}

/// All context words of a part of the text.
fn look(bytes: &[u8], place: &Range<usize>) -> Vec<Near> {
    let mut words = Vec::new();
    let (Some(text), Some(automaton)) = (bytes.get(place.clone()), &WORDS.automaton) else {
        return words;
    };
    for word in automaton.find_overlapping_iter(text) {
        let (start, end) = (place.start + word.start(), place.start + word.end());
        let Some(meaning) = WORDS.meanings.get(word.pattern().as_usize()) else { continue };
        if begins_word(bytes, start) && (meaning.is_stem || ends_word(bytes, end)) {
            words.push(Near { start, end, cue: meaning.cue });
        }
    }
    words
}

fn begins_word(bytes: &[u8], place: usize) -> bool {
    let (left, right) = (before(bytes, place), at(bytes, place));
    !left.is_ascii_alphanumeric() || (left.is_ascii_lowercase() && right.is_ascii_uppercase())
}

fn ends_word(bytes: &[u8], place: usize) -> bool {
    let (left, right) = (before(bytes, place), at(bytes, place));
    !right.is_ascii_alphabetic()
        || (left.is_ascii_lowercase() && right.is_ascii_uppercase())
        || (right == b's' && !at(bytes, place + 1).is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(text: &str) -> Context {
        let start = text.find('#').unwrap();
        let run = Run { start, end: start + 1, is_number: true };
        Surroundings::new(text.as_bytes(), &[run]).of(start, start + 1)
    }

    #[test]
    fn all_words_compile() {
        assert!(WORDS.automaton.is_some());
    }

    #[test]
    fn finds_words_before_and_after_also_inside_identifiers() {
        for text in [
            "my card is #",
            "# is my card",
            "creditCardNumber=#",
            "card_no: #",
            "Kreditkartennummer #",
        ] {
            assert!(context(text).has(cues::CARD), "{text}");
        }
        for text in ["discard #", "cardiology #"] {
            assert!(!context(text).has(cues::CARD), "{text}");
        }
    }

    #[test]
    fn the_closest_word_wins() {
        let both = context("phone 12, order #");
        assert!(both.has(cues::PHONE) && !both.is_about(cues::PHONE) && both.is_harmless());
    }
}
