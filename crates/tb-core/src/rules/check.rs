//! Checked conditions against a message.

use std::cell::OnceCell;
use std::ops::Range;

use regex::{Captures, Regex};

use super::intent::IntentIndex;
use super::language;
use super::message::{cut, fold, spaced, words};

/// How far two sums of the same numbers may lie apart, so that an example is fully like itself.
const ROUNDING: f64 = 1e-9;

/// A checked condition.
#[derive(Debug)]
pub(super) enum Check {
    Always,
    /// Folded texts.
    Literal(Vec<String>),
    Regex(Regex),
    /// Sets of words, or rows of words, each with a blank around it.
    Keywords(Vec<Vec<String>>),
    Intent {
        /// Where its examples lie in the index.
        examples: Range<usize>,
        threshold: f64,
    },
    Language(Vec<String>),
}

/// A message, and what was found out about it: each thing once, and only when a rule asks.
pub(super) struct Message<'m> {
    text: &'m str,
    intents: &'m IntentIndex,
    folded: OnceCell<String>,
    spaced: OnceCell<String>,
    likeness: OnceCell<Vec<f64>>,
    language: OnceCell<Option<&'static str>>,
}

impl<'m> Message<'m> {
    pub(super) fn new(text: &'m str, intents: &'m IntentIndex) -> Self {
        Self {
            text: cut(text),
            intents,
            folded: OnceCell::new(),
            spaced: OnceCell::new(),
            likeness: OnceCell::new(),
            language: OnceCell::new(),
        }
    }

    /// The groups of the regexes when all checks hold, otherwise `None`.
    pub(super) fn passes(&self, checks: &[Check]) -> Option<Vec<Captures<'m>>> {
        let mut groups = Vec::new();
        for check in checks {
            if let Check::Regex(regex) = check {
                groups.push(regex.captures(self.text)?);
            } else if !self.holds(check) {
                return None;
            }
        }
        Some(groups)
    }

    /// The ISO 639-1 code of its language.
    pub(super) fn language(&self) -> Option<&'static str> {
        *self.language.get_or_init(|| language::detect(self.text))
    }

    fn holds(&self, check: &Check) -> bool {
        match check {
            Check::Always => true,
            Check::Literal(texts) => texts.iter().any(|text| self.folded().contains(text)),
            Check::Regex(regex) => regex.is_match(self.text),
            Check::Keywords(sets) => {
                sets.iter().any(|set| set.iter().all(|words| self.spaced().contains(words)))
            }
            Check::Intent { examples, threshold } => {
                let likeness = self.likeness.get_or_init(|| self.intents.likeness(self.text));
                let mine = likeness.get(examples.clone()).unwrap_or_default();
                mine.iter().any(|score| score + ROUNDING >= *threshold)
            }
            Check::Language(codes) => {
                self.language().is_some_and(|found| codes.iter().any(|code| code == found))
            }
        }
    }

    fn folded(&self) -> &str {
        self.folded.get_or_init(|| fold(self.text))
    }

    fn spaced(&self) -> &str {
        self.spaced.get_or_init(|| spaced(&words(self.folded())))
    }
}
