//! Measures what a guard finds against labelled texts, for `guard test --stats` and the figures
//! of `docs/guard.md`. Places count Unicode code points.

mod labels;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::labels::kind_of_label;
pub use self::tally::{Shares, Tally, interval, share};
use crate::{Finding, Kind};

/// A text with what is to be found in it: one line of a labelled file. Other members are left
/// alone.
#[derive(Clone, Deserialize)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// What is in it, in any order.
    pub spans: Vec<LabelledSpan>,
}

/// One labelled place.
#[derive(Clone, Deserialize)]
pub struct LabelledSpan {
    /// First code point.
    pub start: usize,
    /// Code point after the last one.
    pub end: usize,
    /// The label: one of our kinds or one that [`kind_of_label`] knows.
    #[serde(rename = "type")]
    pub label: String,
}

/// A place of a kind, in code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is there.
    pub kind: Kind,
    /// First code point.
    pub start: usize,
    /// Code point after the last one.
    pub end: usize,
}

/// Characters, whatever their kinds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Characters {
    /// In labelled places.
    pub gold: u32,
    /// In findings.
    pub found: u32,
    /// In both.
    pub shared: u32,
    /// Of those in labelled places so many are in findings.
    pub recall: Option<f64>,
    /// Of those in findings so many are in labelled places.
    pub precision: Option<f64>,
}

/// Places that findings cover wholly, whatever their kinds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Covered {
    /// Labelled places.
    pub gold: u32,
    /// Wholly covered ones.
    pub covered: u32,
    /// Their share.
    pub share: Option<f64>,
}

/// The counts of many texts.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// By kind; a finding is right if both its ends and its kind are those of a labelled place.
    pub by_kind: BTreeMap<Kind, Tally>,
    /// Kinds of the operator's own detectors: labels with such a name mean them.
    pub own: BTreeSet<Kind>,
    /// Texts.
    pub texts: u32,
    /// Texts with a finding.
    pub texts_with_findings: u32,
    /// Labels that no kind of ours means, with how often they occurred. Neither they nor what is
    /// found over them counts.
    pub unknown: BTreeMap<String, u32>,
    characters: Characters,
    covered: Covered,
}

/// Kinds that a model of language finds; the others have a form.
const OF_LANGUAGE: &[Kind] = &[
    Kind::PERSON,
    Kind::TITLE,
    Kind::AGE,
    Kind::LOCATION,
    Kind::ADDRESS,
    Kind::ZIP_CODE,
    Kind::ORGANIZATION,
    Kind::NATIONALITY,
    Kind::DATE,
];

/// Whether a kind has a form of its own, as numbers, addresses of machines and secrets have.
#[must_use]
pub fn is_structured(kind: &Kind) -> bool {
    !OF_LANGUAGE.contains(kind)
}

/// The places of findings, which come in the order of the text, in code points.
#[must_use]
pub fn places(text: &str, findings: &[Finding]) -> Vec<Place> {
    let (mut bytes, mut characters) = (0, 0);
    let mut count = |byte: usize| {
        characters += text.get(bytes..byte).map_or(0, |between| between.chars().count());
        bytes = byte;
        characters
    };
    let place = |finding: &Finding| Place {
        kind: finding.kind.clone(),
        start: count(finding.start),
        end: count(finding.end),
    };
    findings.iter().map(place).collect()
}

impl LabelledText {
    /// Whether all places are in the text and not empty.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let length = self.text.chars().count();
        self.spans.iter().all(|span| span.start < span.end && span.end <= length)
    }
}

impl Score {
    /// Adds a text and what was found in it, in the order of the text.
    pub fn add(&mut self, labelled: &LabelledText, findings: &[Finding]) {
        let (mut gold, mut unknown) = (Vec::new(), Vec::new());
        for span in &labelled.spans {
            match self.kind(&span.label) {
                Some(kind) => gold.push(Place { kind, start: span.start, end: span.end }),
                None => {
                    unknown.push(span.start..span.end);
                    bump(self.unknown.entry(span.label.clone()).or_default());
                }
            }
        }
        let unknown = union(unknown.into_iter());
        let mut found = places(&labelled.text, findings);
        found.retain(|one| overlap(&(one.start..one.end), &unknown) == 0);
        self.add_places(&gold, &found);
    }

    fn kind(&self, label: &str) -> Option<Kind> {
        let own = self.own.iter().find(|kind| kind.as_str().eq_ignore_ascii_case(label));
        own.cloned().or_else(|| kind_of_label(label))
    }

    /// Adds the places of a text.
    pub fn add_places(&mut self, gold: &[Place], found: &[Place]) {
        bump(&mut self.texts);
        if !found.is_empty() {
            bump(&mut self.texts_with_findings);
        }
        for one in gold {
            bump(&mut self.by_kind.entry(one.kind.clone()).or_default().gold);
        }
        for one in found {
            let tally = self.by_kind.entry(one.kind.clone()).or_default();
            bump(&mut tally.found);
            if gold.contains(one) {
                bump(&mut tally.right);
            }
        }
        self.add_characters(gold, found);
    }

    fn add_characters(&mut self, gold: &[Place], found: &[Place]) {
        let found = union(ranges(found));
        for one in gold {
            let is_covered = overlap(&(one.start..one.end), &found) == one.end - one.start;
            self.covered.gold = self.covered.gold.saturating_add(1);
            self.covered.covered = self.covered.covered.saturating_add(u32::from(is_covered));
        }
        let gold = union(ranges(gold));
        let length =
            |ranges: &[Range<usize>]| count(ranges.iter().map(|range| range.end - range.start));
        let shared = count(gold.iter().map(|range| overlap(range, &found)));
        let sums = &mut self.characters;
        sums.gold = sums.gold.saturating_add(length(&gold));
        sums.found = sums.found.saturating_add(length(&found));
        sums.shared = sums.shared.saturating_add(shared);
    }

    /// The counts of the kinds that a test admits, together.
    #[must_use]
    pub fn of(&self, mut is_wanted: impl FnMut(&Kind) -> bool) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in self.by_kind.iter().filter(|(kind, _)| is_wanted(kind)) {
            sum += *tally;
        }
        sum
    }

    /// The characters in labelled places and in findings.
    #[must_use]
    pub fn characters(&self) -> Characters {
        let sums = self.characters;
        Characters {
            recall: share(sums.shared, sums.gold),
            precision: share(sums.shared, sums.found),
            ..sums
        }
    }

    /// The labelled places that findings cover wholly.
    #[must_use]
    pub fn covered(&self) -> Covered {
        let sums = self.covered;
        Covered { share: share(sums.covered, sums.gold), ..sums }
    }
}

/// How many characters of a place are in findings, whatever their kinds.
#[must_use]
pub fn covered(start: usize, end: usize, found: &[Place]) -> usize {
    overlap(&(start..end), &union(ranges(found)))
}

fn ranges(places: &[Place]) -> impl Iterator<Item = Range<usize>> {
    places.iter().map(|place| place.start..place.end)
}

/// The same characters in rising ranges that do not touch.
fn union(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut sorted: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

/// How much of a range is in rising ranges.
fn overlap(range: &Range<usize>, ranges: &[Range<usize>]) -> usize {
    let from = ranges.partition_point(|other| other.end <= range.start);
    let reached = ranges.iter().skip(from).take_while(|other| other.start < range.end);
    reached.map(|other| other.end.min(range.end) - other.start.max(range.start)).sum()
}

const fn bump(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn count(sizes: impl Iterator<Item = usize>) -> u32 {
    sizes.map(|size| u32::try_from(size).unwrap_or(u32::MAX)).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: Kind, start: usize, end: usize) -> Place {
        Place { kind, start, end }
    }

    #[test]
    fn only_the_same_ends_and_kind_are_right() {
        let mut score = Score::default();
        let gold = [place(Kind::EMAIL, 0, 10), place(Kind::PERSON, 20, 30)];
        let found =
            [place(Kind::EMAIL, 0, 10), place(Kind::PERSON, 20, 25), place(Kind::LOCATION, 25, 32)];
        score.add_places(&gold, &found);
        let of = |kind| score.by_kind.get(&kind).copied().unwrap_or_default();
        assert_eq!(of(Kind::EMAIL), Tally { gold: 1, found: 1, right: 1 });
        assert_eq!(of(Kind::PERSON), Tally { gold: 1, found: 1, right: 0 });
        assert_eq!(score.of(|_| true), Tally { gold: 2, found: 3, right: 1 });
        assert_eq!(score.of(is_structured), Tally { gold: 1, found: 1, right: 1 });
        let characters = score.characters();
        assert_eq!((characters.gold, characters.found, characters.shared), (20, 22, 20));
        assert_eq!(score.covered().covered, 2, "two findings together cover a place");
    }

    #[test]
    fn characters_of_places_that_overlap_count_once() {
        let mut score = Score::default();
        let gold = [place(Kind::PERSON, 0, 10), place(Kind::TITLE, 5, 12)];
        score.add_places(&gold, &[place(Kind::PERSON, 3, 6)]);
        assert_eq!((score.characters().gold, score.characters().shared), (12, 3));
        assert_eq!(score.covered().covered, 0);
        assert_eq!(covered(0, 10, &[place(Kind::PERSON, 8, 20)]), 2);
    }

    #[test]
    fn unknown_labels_are_listed_and_do_not_count() {
        let span = |start, end, label: &str| LabelledSpan { start, end, label: label.to_owned() };
        let labelled = LabelledText {
            text: "é jo@example.com blue".to_owned(),
            spans: vec![span(2, 16, "EMAIL_ADDRESS"), span(17, 21, "COLOUR")],
        };
        let finding = |kind, start, end| Finding {
            kind,
            rule: None,
            start,
            end,
            score: 1.0,
            is_encoded: false,
        };
        let mut score = Score::default();
        score.add(&labelled, &[finding(Kind::EMAIL, 3, 17), finding(Kind::PERSON, 18, 22)]);
        assert_eq!(score.of(|_| true), Tally { gold: 1, found: 1, right: 1 });
        assert_eq!(score.unknown.get("COLOUR"), Some(&1));
        assert!(labelled.is_consistent());
    }

    #[test]
    fn places_outside_of_the_text_are_noticed() {
        let of = |start, end| LabelledText {
            text: "ééé".to_owned(),
            spans: vec![LabelledSpan { start, end, label: "PERSON".to_owned() }],
        };
        assert!(of(0, 3).is_consistent());
        assert!(!of(0, 4).is_consistent() && !of(2, 2).is_consistent());
    }
}
