//! Which of the findings that overlap stays.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use crate::{Finding, Kind};

/// Kinds that say less than another one at the same place, from the least to the most; kinds that
/// are not here say most.
const VAGUE: &[Kind] = &[
    Kind::NATIONALITY,
    Kind::TITLE,
    Kind::AGE,
    Kind::ORGANIZATION,
    Kind::LOCATION,
    Kind::PERSON,
    Kind::ZIP_CODE,
    Kind::ADDRESS,
    Kind::DATE,
    Kind::PHONE,
    Kind::URL,
    Kind::IP_ADDRESS,
    Kind::US_BANK_ACCOUNT,
    Kind::DRIVER_LICENSE,
    Kind::MEDICAL_RECORD,
    Kind::US_PASSPORT,
    Kind::DATE_OF_BIRTH,
];

/// Kinds that the guard reports and lets through where nothing else is said. They never hide one
/// that it would keep back: they are cut around it. This does not depend on the actions of a
/// service, so that the same text has the same findings everywhere.
const WEAK: &[Kind] = &[
    Kind::URL,
    Kind::IP_ADDRESS,
    Kind::MAC_ADDRESS,
    Kind::DATE,
    Kind::TITLE,
    Kind::AGE,
    Kind::LOCATION,
    Kind::ZIP_CODE,
    Kind::ORGANIZATION,
    Kind::NATIONALITY,
];

/// Keeps no two that overlap, in the order of the text. Of two readings of the same place the
/// surer one stays, then the more specific one. Of others a secret stays against everything in or
/// around it, a kind that is kept back against a [`WEAK`] one, then the surer one, then the longer
/// one. Of identifiers, secrets and weak kinds what stands out beside the others stays too.
pub(super) fn resolve(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut places = HashSet::new();
    findings.retain(|finding| places.insert((finding.start, finding.end)));
    let (weak, strong): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| WEAK.contains(&finding.kind));
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for finding in strong.into_iter().chain(weak) {
        for rest in uncovered(&finding, &kept) {
            kept.insert(rest.start, rest);
        }
    }
    kept.into_values().collect()
}

/// What stays of a finding beside those that are kept: all of it, or nothing; of identifiers,
/// secrets and weak kinds what lies between the others, because it would leave otherwise.
fn uncovered(finding: &Finding, kept: &BTreeMap<usize, Finding>) -> Vec<Finding> {
    let over = kept.range(..finding.end).rev().map(|(_, other)| other);
    let over: Vec<&Finding> = over.take_while(|other| other.end > finding.start).collect();
    let is_cut = rank(finding).class >= 2 || WEAK.contains(&finding.kind);
    if !over.is_empty() && !is_cut {
        return Vec::new();
    }
    let mut rests = Vec::new();
    let mut start = finding.start;
    let ends = over.iter().rev().map(|other| (other.start, other.end));
    for (end, next) in ends.chain([(finding.end, finding.end)]) {
        if start < end {
            rests.push(Finding { start, end, ..finding.clone() });
        }
        start = next;
    }
    rests
}

struct Rank {
    class: u8,
    score: f32,
    length: usize,
    specific: usize,
    start: Reverse<usize>,
}

impl Rank {
    fn total_cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.class
            .cmp(&other.class)
            .then(self.score.total_cmp(&other.score))
            .then(self.length.cmp(&other.length))
            .then(self.specific.cmp(&other.specific))
            .then(self.start.cmp(&other.start))
    }
}

fn rank(finding: &Finding) -> Rank {
    let vague = VAGUE.iter().position(|kind| *kind == finding.kind);
    let class = match vague {
        _ if finding.kind == Kind::SECRET => 3,
        None if finding.score >= 0.9 => 2,
        _ => 1,
    };
    Rank {
        class,
        score: finding.score,
        length: finding.end.saturating_sub(finding.start),
        specific: vague.unwrap_or(VAGUE.len()),
        start: Reverse(finding.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: Kind, start: usize, end: usize, score: f32) -> Finding {
        Finding { kind, rule: None, start, end, score, is_encoded: false }
    }

    #[test]
    fn keeps_the_surer_then_the_longer_then_the_more_specific() {
        let kept = resolve(vec![
            finding(Kind::PHONE, 0, 10, 0.6),
            finding(Kind::US_SSN, 2, 12, 0.8),
            finding(Kind::ORGANIZATION, 20, 25, 0.8),
            finding(Kind::LOCATION, 20, 30, 0.8),
            finding(Kind::PHONE, 40, 56, 0.8),
            finding(Kind::CREDIT_CARD, 40, 56, 0.8),
        ]);
        let kinds: Vec<_> = kept.iter().map(|one| one.kind.clone()).collect();
        assert_eq!(kinds, [Kind::US_SSN, Kind::LOCATION, Kind::CREDIT_CARD]);
    }

    #[test]
    fn the_ends_of_an_identifier_stay_hidden() {
        let kept = resolve(vec![
            finding(Kind::EMAIL, 10, 20, 1.0),
            finding(Kind::US_SSN, 5, 12, 0.95),
            finding(Kind::PERSON, 18, 30, 0.95),
        ]);
        let places: Vec<_> = kept.iter().map(|one| one.start..one.end).collect();
        assert_eq!(places, [5..10, 10..20]);
    }

    #[test]
    fn a_secret_stays_against_what_is_in_it_and_around_it() {
        let inside = vec![finding(Kind::EMAIL, 5, 9, 1.0), finding(Kind::SECRET, 0, 20, 0.7)];
        assert_eq!(places(inside), [("secret".to_owned(), 0..20)]);
        let around = vec![finding(Kind::PERSON, 0, 40, 1.0), finding(Kind::SECRET, 8, 20, 0.7)];
        assert_eq!(places(around), [("secret".to_owned(), 8..20)]);
    }

    fn places(findings: Vec<Finding>) -> Vec<(String, std::ops::Range<usize>)> {
        let place = |one: Finding| (one.kind.as_str().to_owned(), one.start..one.end);
        resolve(findings).into_iter().map(place).collect()
    }

    #[test]
    fn a_weak_kind_is_cut_around_what_is_in_it() {
        let kept = places(vec![
            finding(Kind::URL, 0, 60, 1.0),
            finding(Kind::PHONE, 10, 20, 0.6),
            finding(Kind::US_SSN, 20, 31, 0.7),
            finding(Kind::SECRET, 40, 60, 0.5),
        ]);
        let url = || "url".to_owned();
        let expected = [
            (url(), 0..10),
            ("phone".to_owned(), 10..20),
            ("us_ssn".to_owned(), 20..31),
            (url(), 31..40),
            ("secret".to_owned(), 40..60),
        ];
        assert_eq!(kept, expected);
        let kept = places(vec![
            finding(Kind::LOCATION, 0, 8, 0.9),
            finding(Kind::PERSON, 4, 12, 0.6),
            finding(Kind::DATE, 20, 30, 0.9),
            finding(Kind::PHONE, 20, 30, 0.6),
        ]);
        let expected = [
            ("location".to_owned(), 0..4),
            ("person".to_owned(), 4..12),
            ("date".to_owned(), 20..30),
        ];
        assert_eq!(kept, expected);
    }
}
