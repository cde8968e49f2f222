//! A run, as far as a comparison needs it: its answers are not kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use ring::digest::{Context, SHA256};

use crate::case::Measure;
use crate::results::{CaseResult, Outcome, RunHeader};

/// Why the lines of a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRun {
    /// The file breaks off.
    #[error("cannot read the results: {0}")]
    Io(#[from] std::io::Error),
    /// A line is none.
    #[error("line {line} of the results: {fault}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: serde_json::Error,
    },
    /// There is nothing in it.
    #[error("the results are empty")]
    Empty,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Arm {
    /// `run.json`; absent where another program wrote the results.
    pub header: Option<RunHeader>,
    /// SHA-256 of the results file, in hexadecimal.
    pub results_hash: String,
    cases: Vec<CaseTally>,
    places: HashMap<String, usize>,
}

/// One case with all its repetitions.
#[derive(Debug, Clone)]
pub(super) struct CaseTally {
    pub(super) id: String,
    answers: BTreeMap<u32, CaseResult>,
}

impl Arm {
    /// Reads `results.jsonl`, one line a case. Of several lines for one repetition of a case the
    /// last holds: an error may have been asked again.
    ///
    /// # Errors
    /// Where a line is not the result of a case.
    pub fn read(header: Option<RunHeader>, mut lines: impl BufRead) -> Result<Self, UnreadableRun> {
        let mut arm =
            Self { header, results_hash: String::new(), cases: Vec::new(), places: HashMap::new() };
        let (mut digest, mut text, mut line) = (Context::new(&SHA256), String::new(), 0);
        while lines.read_line(&mut text)? > 0 {
            line += 1;
            digest.update(text.as_bytes());
            if !text.trim().is_empty() {
                let result = serde_json::from_str(&text)
                    .map_err(|fault| UnreadableRun::Line { line, fault })?;
                arm.add(result);
            }
            text.clear();
        }
        if arm.cases.is_empty() {
            return Err(UnreadableRun::Empty);
        }
        arm.results_hash = hexadecimal(digest.finish().as_ref());
        Ok(arm)
    }

    fn add(&mut self, mut result: CaseResult) {
        result.answer = None;
        result.request_id = None;
        let place = *self.places.entry(result.id.clone()).or_insert(self.cases.len());
        if place == self.cases.len() {
            self.cases.push(CaseTally { id: result.id.clone(), answers: BTreeMap::new() });
        }
        if let Some(case) = self.cases.get_mut(place) {
            case.answers.insert(result.repeat, result);
        }
    }

    pub(super) fn cases(&self) -> &[CaseTally] {
        &self.cases
    }

    pub(super) fn case(&self, id: &str) -> Option<&CaseTally> {
        self.cases.get(*self.places.get(id)?)
    }

    /// How many answers have this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.cases.iter().map(|case| u64::from(case.count(outcome))).sum()
    }

    /// How many answers there are.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.cases.iter().map(|case| case.answers.len() as u64).sum()
    }

    /// The repetition of a case that was asked most often.
    pub(super) fn most_repeats(&self) -> usize {
        self.cases.iter().map(|case| case.answers.len()).max().unwrap_or(1)
    }

    /// The models that answered: counted here, so that no header can say otherwise.
    #[must_use]
    pub fn served_models(&self) -> BTreeMap<String, u64> {
        let mut models = BTreeMap::new();
        let answers = self.cases.iter().flat_map(|case| case.answers.values());
        for model in answers.filter_map(|answer| answer.served_model.as_ref()) {
            *models.entry(model.clone()).or_insert(0) += 1;
        }
        models
    }
}

/// One case of a run, all its repetitions taken together.
#[derive(Debug, Clone)]
pub struct StatedCase<'a> {
    /// The case.
    pub id: &'a str,
    /// `pass` where every repetition passed; else the gravest: what failed, cannot be judged, or
    /// did not come.
    pub outcome: Outcome,
    /// Why it did not pass.
    pub reasons: Vec<String>,
    tally: &'a CaseTally,
}

impl StatedCase<'_> {
    /// The mean of a measure over the answers that came.
    #[must_use]
    pub fn measure(&self, measure: Measure) -> Option<f64> {
        self.tally.measure(measure)
    }
}

impl Arm {
    /// Every case, in the order in which it was asked.
    pub fn stated_cases(&self) -> impl Iterator<Item = StatedCase<'_>> {
        self.cases.iter().map(|tally| {
            let graver = [Outcome::Fail, Outcome::Invalid, Outcome::Error];
            let outcome = graver.into_iter().find(|outcome| tally.count(*outcome) > 0);
            let outcome = outcome.unwrap_or(Outcome::Pass);
            StatedCase { id: &tally.id, outcome, reasons: tally.reasons(), tally }
        })
    }

    /// The names of all slices.
    #[must_use]
    pub fn slice_names(&self) -> BTreeSet<&str> {
        self.cases.iter().flat_map(|case| case.slices().iter().map(String::as_str)).collect()
    }
}

impl CaseTally {
    pub(super) fn count(&self, outcome: Outcome) -> u32 {
        self.answers.values().map(|answer| u32::from(answer.outcome == outcome)).sum()
    }

    pub(super) fn repeats(&self) -> usize {
        self.answers.len()
    }

    /// The share of judged answers that passed; `None` where none was judged.
    pub(super) fn rate(&self) -> Option<f64> {
        let (passed, failed) = (self.count(Outcome::Pass), self.count(Outcome::Fail));
        (passed + failed > 0).then(|| f64::from(passed) / f64::from(passed + failed))
    }

    /// The share of answers that came and could be judged; `None` where none came.
    pub(super) fn judged(&self) -> Option<f64> {
        let judged = self.count(Outcome::Pass) + self.count(Outcome::Fail);
        let invalid = self.count(Outcome::Invalid);
        (judged + invalid > 0).then(|| f64::from(judged) / f64::from(judged + invalid))
    }

    pub(super) fn group(&self) -> Option<&str> {
        self.answers.values().find_map(|answer| answer.group.as_deref())
    }

    pub(super) fn slices(&self) -> &[String] {
        self.answers.values().next().map_or(&[], |answer| answer.slices.as_slice())
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        let unhappy = self.answers.values().filter(|answer| answer.outcome != Outcome::Pass);
        let mut reasons: Vec<String> =
            unhappy.flat_map(|answer| answer.reasons.iter().cloned()).collect();
        reasons.dedup();
        reasons
    }

    pub(super) fn score(&self) -> Option<f64> {
        mean(self.judged_answers().filter_map(|answer| answer.score))
    }

    /// A measure of the answers that came.
    pub(super) fn measure(&self, measure: Measure) -> Option<f64> {
        let came = self.answers.values().filter(|answer| answer.outcome != Outcome::Error);
        mean(came.filter_map(|answer| answer.measures.get(&measure).copied()))
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.answers.values().flat_map(|answer| answer.labels.keys().map(String::as_str))
    }

    /// Whether a label is right, and whether most of the judged answers named it; `None` where it
    /// is unknown.
    pub(super) fn label(&self, name: &str) -> Option<(bool, bool)> {
        let (mut known, mut found, mut expected) = (0_u32, 0_u32, false);
        for label in self.judged_answers().filter_map(|answer| answer.labels.get(name)) {
            known += 1;
            found += u32::from(label.found);
            expected = label.expected;
        }
        (known > 0).then_some((expected, 2 * found > known))
    }

    fn judged_answers(&self) -> impl Iterator<Item = &CaseResult> {
        let is_judged = |outcome| matches!(outcome, Outcome::Pass | Outcome::Fail);
        self.answers.values().filter(move |answer| is_judged(answer.outcome))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
