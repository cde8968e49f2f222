//! What the example `figures` of `tb-guard` prints, and what follows from it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::tally::{Tally, share};

/// Everything that was measured.
pub(crate) struct Figures {
    pub(crate) quality: Quality,
    pub(crate) apart: Apart,
    pub(crate) speed: Speed,
    pub(crate) compiled: Compiled,
}

#[derive(Deserialize)]
pub(crate) struct Quality {
    pub(crate) structured: Scored,
    pub(crate) hard_negatives: Negatives,
    pub(crate) disguises: Vec<Disguise>,
    pub(crate) secrets: Secrets,
    pub(crate) sentences: Scored,
    pub(crate) injection: Injections,
}

/// A labelled set.
#[derive(Deserialize)]
pub(crate) struct Scored {
    pub(crate) texts: u32,
    pub(crate) by_kind: BTreeMap<String, Counts>,
    pub(crate) characters: Characters,
    pub(crate) names_characters: Characters,
    pub(crate) covered: Covered,
}

#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Counts {
    gold: u32,
    found: u32,
    right: u32,
    pub(crate) structured: bool,
}

#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Characters {
    pub(crate) recall: Option<f64>,
    pub(crate) precision: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Covered {
    pub(crate) share: Option<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Negatives {
    pub(crate) texts: u32,
    pub(crate) hit: u32,
    pub(crate) hit_with_secrets: u32,
    pub(crate) by_kind: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
pub(crate) struct Disguise {
    pub(crate) tier: String,
    pub(crate) technique: String,
    pub(crate) spans: u32,
    pub(crate) hidden: u32,
}

#[derive(Deserialize)]
pub(crate) struct Secrets {
    pub(crate) spans: u32,
    pub(crate) hidden: u32,
    pub(crate) as_secret: u32,
    pub(crate) elsewhere: u32,
    pub(crate) missed: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
pub(crate) struct Injections {
    pub(crate) texts: u32,
    pub(crate) signalled: u32,
    pub(crate) attempts: u32,
    pub(crate) noticed: u32,
    pub(crate) harmless: u32,
    pub(crate) harmless_signalled: u32,
}

#[derive(Deserialize)]
pub(crate) struct Speed {
    pub(crate) set_ups: Vec<SetUp>,
    pub(crate) hostile: Vec<Hostile>,
}

#[derive(Deserialize)]
pub(crate) struct SetUp {
    pub(crate) name: String,
    pub(crate) prompts_mb_s: f64,
    pub(crate) long_mb_s: f64,
    pub(crate) prompt_4k_p50_us: f64,
    pub(crate) prompt_4k_p99_us: f64,
    pub(crate) prompt_1k_p50_us: f64,
    pub(crate) prompt_1k_p99_us: f64,
    pub(crate) prompt_1k_mean_us: f64,
    pub(crate) sentences_per_s: Option<f64>,
    pub(crate) sentences_mb_s: Option<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Hostile {
    pub(crate) name: String,
    pub(crate) mb_s: f64,
}

#[derive(Deserialize)]
pub(crate) struct Compiled {
    pub(crate) compile_ms: f64,
    pub(crate) first_scan_ms: f64,
}

/// The tagger on sentences whose templates it has not seen.
pub(crate) struct Apart {
    /// By kind.
    pub(crate) by_kind: BTreeMap<String, Tally>,
    /// Of the bytes in labelled spans so many were found.
    pub(crate) recall: f64,
    /// Of the bytes found so many are in labelled spans.
    pub(crate) precision: f64,
}

impl Apart {
    /// From the counts of `train-names`: gold, found, right.
    pub(crate) fn new(labels: Vec<(&'static str, [usize; 3])>, bytes: [usize; 3]) -> Self {
        let [gold, found, right] = bytes.map(counted);
        let tally = |counts: [usize; 3]| {
            let [gold, found, right] = counts.map(counted);
            Tally { gold, found, right }
        };
        Self {
            by_kind: labels
                .into_iter()
                .map(|(name, counts)| (name.to_owned(), tally(counts)))
                .collect(),
            recall: share(right, gold).unwrap_or_default(),
            precision: share(right, found).unwrap_or_default(),
        }
    }
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Counts {
    /// As a tally.
    pub(crate) const fn tally(&self) -> Tally {
        Tally { gold: self.gold, found: self.found, right: self.right }
    }
}

impl Scored {
    /// The kinds that a test admits, together.
    pub(crate) fn of(&self, is_wanted: impl Fn(&Counts) -> bool) -> Tally {
        let mut sum = Tally::default();
        for counts in self.by_kind.values().filter(|counts| is_wanted(counts)) {
            sum += counts.tally();
        }
        sum
    }
}

impl Figures {
    /// The sentences by kind: names from templates kept apart, the others as the guard finds
    /// them. Nothing of the latter is learned.
    pub(crate) fn sentences_apart(&self) -> BTreeMap<String, Tally> {
        let of_form = self.quality.sentences.by_kind.iter();
        let of_form = of_form
            .filter(|(_, counts)| counts.structured)
            .map(|(kind, counts)| (kind.clone(), counts.tally()));
        let names = self.apart.by_kind.iter().map(|(kind, tally)| (kind.clone(), *tally));
        of_form.chain(names).collect()
    }

    /// The disguises of a tier: spans, and how many were hidden.
    pub(crate) fn tier(&self, tier: &str) -> (u32, u32) {
        let disguises = self.quality.disguises.iter().filter(|one| one.tier == tier);
        disguises.fold((0, 0), |(spans, hidden), one| (spans + one.spans, hidden + one.hidden))
    }

    /// One set-up of the guard.
    pub(crate) fn set_up(&self, name: &str) -> Option<&SetUp> {
        self.speed.set_ups.iter().find(|set_up| set_up.name == name)
    }
}
