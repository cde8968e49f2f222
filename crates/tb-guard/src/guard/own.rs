//! The operator's own detectors: words, patterns, checksums, context.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use super::checksum::Checksum;
use crate::keywords::is_whole_word;
use crate::view::{ceil, floor};
use crate::{Found, Kind};

/// A compiled pattern may use so many bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// One detector finds at most so many places in one text.
const MOST_FOUND: usize = 10_000;
/// The longest dictionary, in bytes.
const WORDS_BYTES: usize = 8 << 20;

/// A detector that the operator made. It finds its words and what its patterns match.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnDetector {
    /// The name of the kind that it finds, as in the actions.
    pub kind: String,
    /// Words and phrases, found as whole words without regard to ASCII case.
    pub words: Vec<String>,
    /// Regular expressions in the syntax of the crate `regex`, ASCII classes (`\w`, `\d`, `\b`).
    pub patterns: Vec<String>,
    /// What the digits of a match must satisfy.
    pub checksum: Option<Checksum>,
    /// Words of which one must stand near; none: not needed.
    pub context: Vec<String>,
    /// How far the context may be from the match, in bytes.
    pub context_window: usize,
    /// How sure, 0 to 1.
    pub score: f32,
}

impl Default for OwnDetector {
    fn default() -> Self {
        Self {
            kind: String::new(),
            words: Vec::new(),
            patterns: Vec::new(),
            checksum: None,
            context: Vec::new(),
            context_window: 64,
            score: 0.9,
        }
    }
}

/// What is wrong with one of the operator's detectors; `index` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DetectorFault {
    /// The name of the kind is not lower-case ASCII letters, digits and `_`, 1 to 48 of them.
    #[error("detector {index}: the kind's name must be 1 to 48 of a-z, 0-9 and _")]
    Name {
        /// Which detector.
        index: usize,
    },
    /// No words and no patterns, or an empty one of these.
    #[error("detector {index}: it has nothing to look for, or an empty word or pattern")]
    Empty {
        /// Which detector.
        index: usize,
    },
    /// A pattern cannot be compiled or is too large.
    #[error("detector {index}: pattern {pattern} is not valid or too large: {reason}")]
    Pattern {
        /// Which detector.
        index: usize,
        /// Which of its patterns.
        pattern: usize,
        /// What the compiler says; it may quote the pattern, which is configuration.
        reason: String,
    },
    /// Too many words.
    #[error("detector {index}: its words are too many")]
    Words {
        /// Which detector.
        index: usize,
    },
    /// A score or threshold is not between 0 and 1.
    #[error("detector {index}: its score must lie between 0 and 1")]
    Score {
        /// Which detector.
        index: usize,
    },
}

/// A compiled detector.
#[derive(Debug)]
pub(super) struct Compiled {
    kind: Kind,
    words: Option<AhoCorasick>,
    patterns: Vec<Regex>,
    checksum: Option<Checksum>,
    context: Option<AhoCorasick>,
    context_window: usize,
    score: f32,
}

impl Compiled {
    /// Compiles a detector, or lists all that is wrong with it.
    pub(super) fn compile(
        index: usize,
        own: &OwnDetector,
        faults: &mut Vec<DetectorFault>,
    ) -> Option<Self> {
        let faults_before = faults.len();
        if !is_kind_name(&own.kind) {
            faults.push(DetectorFault::Name { index });
        }
        let mut texts = own.words.iter().chain(&own.patterns).chain(&own.context);
        if texts.any(String::is_empty) || (own.words.is_empty() && own.patterns.is_empty()) {
            faults.push(DetectorFault::Empty { index });
        }
        if !(0.0..=1.0).contains(&own.score) {
            faults.push(DetectorFault::Score { index });
        }
        let mut patterns = Vec::new();
        for (pattern, text) in own.patterns.iter().enumerate() {
            match compile_pattern(text) {
                Ok(regex) => patterns.push(regex),
                Err(error) => {
                    let reason = error.to_string();
                    faults.push(DetectorFault::Pattern { index, pattern, reason });
                }
            }
        }
        let words = dictionary(&own.words);
        let context = dictionary(&own.context);
        if words.is_err() || context.is_err() {
            faults.push(DetectorFault::Words { index });
        }
        (faults.len() == faults_before).then(|| Self {
            kind: Kind::custom(own.kind.clone()),
            words: words.ok().flatten(),
            patterns,
            checksum: own.checksum,
            context: context.ok().flatten(),
            context_window: own.context_window,
            score: own.score,
        })
    }

    /// Finds its kind in a text.
    pub(super) fn find(&self, text: &str, out: &mut Vec<Found>) {
        let bytes = text.as_bytes();
        let words = self.words.iter().flat_map(|words| words.find_overlapping_iter(bytes));
        let words = words
            .map(|found| (found.start(), found.end()))
            .filter(|(start, end)| is_whole_word(text, *start, *end));
        let patterns = self.patterns.iter().flat_map(|pattern| pattern.find_iter(bytes));
        // Byte patterns may cut a character; the place is widened to whole ones.
        let patterns = patterns.map(|found| (floor(text, found.start()), ceil(text, found.end())));
        let mut places: Vec<_> = words
            .chain(patterns)
            .filter(|(start, end)| start < end && self.has_checksum(bytes, *start, *end))
            .take(MOST_FOUND)
            .collect();
        if let (Some(context), false) = (&self.context, places.is_empty()) {
            let contexts: Vec<_> =
                context.find_iter(bytes).map(|found| (found.start(), found.end())).collect();
            places.retain(|(start, end)| self.is_near(&contexts, *start, *end));
        }
        out.extend(places.into_iter().map(|(start, end)| Found {
            kind: self.kind.clone(),
            rule: Some(Cow::Borrowed("own")),
            start,
            end,
            score: self.score,
        }));
    }

    fn has_checksum(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        let written = bytes.get(start..end).unwrap_or_default();
        self.checksum.is_none_or(|checksum| checksum.holds(written))
    }

    /// Whether some context word ends or begins within the window; both lists are sorted.
    fn is_near(&self, contexts: &[(usize, usize)], start: usize, end: usize) -> bool {
        let from = start.saturating_sub(self.context_window);
        let until = end.saturating_add(self.context_window);
        let first = contexts.partition_point(|(_, context_end)| *context_end < from);
        contexts.get(first).is_some_and(|(context_start, _)| *context_start <= until)
    }
}

fn is_kind_name(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=48).contains(&name.len()) && name.bytes().all(is_known)
}

fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(2 * PATTERN_BYTES)
        .nest_limit(50)
        .build()
}

fn dictionary(words: &[String]) -> Result<Option<AhoCorasick>, ()> {
    if words.is_empty() {
        return Ok(None);
    }
    if words.iter().map(String::len).sum::<usize>() > WORDS_BYTES {
        return Err(());
    }
    let mut builder = AhoCorasickBuilder::new();
    // All that overlaps is looked at: a long word that goes on must not hide a short whole one.
    builder.ascii_case_insensitive(true);
    builder.build(words).map(Some).map_err(|_| ())
}
