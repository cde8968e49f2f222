//! Collects what the detectors found and settles which of several readings of one number holds.

use crate::{Found, Kind};

/// How sure a detector is; the order decides between readings of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// A form that other things have too, announced by a context word.
    Announced,
    /// A form of its own, without checksum and context word.
    Form,
    /// Form and context word, without checksum.
    FormAnnounced,
    /// Form and checksum.
    Checked,
    /// Form, checksum and context word.
    CheckedAnnounced,
}

impl Certainty {
    const fn score(self) -> f32 {
        match self {
            Self::Announced => 0.6,
            Self::Form => 0.7,
            Self::FormAnnounced => 0.85,
            Self::Checked | Self::CheckedAnnounced => 1.0,
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Hits {
    hits: Vec<Hit>,
}

#[derive(Debug)]
struct Hit {
    kind: Kind,
    start: usize,
    end: usize,
    certainty: Certainty,
}

impl Hits {
    /// Takes a finding.
    pub(super) fn add(&mut self, kind: Kind, start: usize, end: usize, certainty: Certainty) {
        self.hits.push(Hit { kind, start, end, certainty });
    }

    /// Gives the surest of overlapping readings, then the longest; a URL hides nothing inside it.
    pub(super) fn settle(mut self, out: &mut Vec<Found>) {
        self.hits.sort_by(|a, b| {
            let (a_length, b_length) = (a.end - a.start, b.end - b.start);
            b.certainty.cmp(&a.certainty).then(b_length.cmp(&a_length)).then(a.start.cmp(&b.start))
        });
        let mut taken = std::collections::BTreeMap::<usize, usize>::new();
        let first = out.len();
        for hit in self.hits {
            if hit.kind != Kind::URL {
                let end_before = taken.range(..hit.end).next_back().map_or(0, |(_, end)| *end);
                if end_before > hit.start {
                    continue;
                }
                taken.insert(hit.start, hit.end);
            }
            let Hit { kind, start, end, certainty } = hit;
            out.push(Found { kind, rule: None, start, end, score: certainty.score() });
        }
        if let Some(ours) = out.get_mut(first..) {
            ours.sort_by_key(|found| (found.start, found.end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surer_reading_wins_and_a_url_hides_nothing() {
        let mut hits = Hits::default();
        hits.add(Kind::PHONE, 10, 22, Certainty::Form);
        hits.add(Kind::UK_NHS, 10, 22, Certainty::Checked);
        hits.add(Kind::URL, 0, 40, Certainty::Form);
        hits.add(Kind::EMAIL, 22, 30, Certainty::Form);
        let mut out = Vec::new();
        hits.settle(&mut out);
        let kinds: Vec<&str> = out.iter().map(|found| found.kind.as_str()).collect();
        assert_eq!(kinds, ["url", "uk_nhs", "email"]);
    }
}
