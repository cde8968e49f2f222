//! Which of the findings that overlap stays.

use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// Keeps no two that overlap, in the order of the text: the surer one, then the longer one, then
/// the more specific one. A secret stays against everything in or around it, and an identifier
/// against the URL that carries it: the action for a URL would let it through.
pub(super) fn resolve(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for finding in findings {
        for rest in uncovered(&finding, &kept) {
            kept.insert(rest.start, rest);
        }
    }
    kept.into_values().collect()
}

/// What stays of a finding beside surer ones: all of it, or nothing; of identifiers and secrets
/// the ends that stand out, because they would leave otherwise.
fn uncovered(finding: &Finding, kept: &BTreeMap<usize, Finding>) -> Vec<Finding> {
    let mut over = kept.range(..finding.end).rev();
    let Some((_, last)) = over.next().filter(|(_, other)| other.end > finding.start) else {
        return vec![finding.clone()];
    };
    if rank(finding).class < 2 {
        return Vec::new();
    }
    let first = over.take_while(|(_, other)| other.end > finding.start).last();
    let first_start = first.map_or(last.start, |(_, other)| other.start);
    [(finding.start, first_start), (last.end, finding.end)]
        .into_iter()
        .filter(|(start, end)| start < end)
        .map(|(start, end)| Finding { start, end, ..finding.clone() })
        .collect()
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
            finding(Kind::PERSON, 20, 25, 0.8),
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
        let around = vec![finding(Kind::URL, 0, 40, 1.0), finding(Kind::SECRET, 8, 20, 0.7)];
        for findings in [inside, around] {
            let kept = resolve(findings);
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].kind, Kind::SECRET);
        }
    }
}
