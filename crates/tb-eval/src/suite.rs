//! Suites: a TOML file that says which cases there are, what is checked and how they are asked.

pub(crate) mod checks;
mod compose;
mod document;
mod settings;
mod survey;

pub(crate) use self::survey::short_hash;

use std::path::Path;

use serde_json::{Map, Value};

pub use self::survey::Survey;
use crate::case::Case;
use crate::fault::{Fault, Faults};
use crate::read::{self, Said, Source};

/// A suite whose settings are checked; its cases are read when they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its name, also of the folder of its runs.
    pub name: String,
    /// How often each case is asked.
    pub repeats: u32,
    /// How many are asked at once, at most.
    pub concurrency: u32,
    /// What a run may cost, in millionths of a dollar.
    pub max_cost_micro_usd: Option<f64>,
    /// Results hold the answers.
    pub keep_answers: bool,
    pub(crate) origin: Origin,
    pub(crate) checks: Vec<Value>,
    pub(crate) request: Map<String, Value>,
    pub(crate) prompt: Option<PromptPin>,
    pub(crate) group: Option<String>,
    pub(crate) slices: Vec<String>,
}

/// Where its cases come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// `[[cases]]`, with their places.
    Inline(Vec<(Fault, Map<String, Value>)>),
    /// `data`.
    File(Source),
}

/// A stored prompt that every case fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptPin {
    pub(crate) id: String,
    /// `version` or `label`, and which.
    pub(crate) which: Option<(&'static str, String)>,
    /// The columns that fill it; all, when absent.
    pub(crate) columns: Option<Vec<String>>,
}

impl Suite {
    /// Reads a suite file.
    ///
    /// # Errors
    ///
    /// Every fault of the file, with its line and column. The data are not read yet.
    pub fn load(file: &Path) -> Result<Self, Faults> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Faults::from(Fault::unreadable(file, &error)))?;
        settings::read(file, &text)
    }

    /// Reads all cases once: their faults, how many there are, and the hashes.
    ///
    /// # Errors
    ///
    /// The first [`Faults::MOST`] faults of the data.
    pub fn survey(&self, limit: Option<u64>) -> Result<Survey, Faults> {
        survey::survey(self, limit)
    }

    /// The cases, one after the other.
    ///
    /// # Errors
    ///
    /// The data cannot be opened. A faulty case is an error in its place.
    pub fn cases(
        &self,
        limit: Option<u64>,
    ) -> Result<impl Iterator<Item = Result<Case, Fault>> + use<'_>, Fault> {
        let most = limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        Ok(self
            .said()?
            .filter_map(|said| match said {
                Ok(Heard::Case(case)) => Some(Ok(*case)),
                Ok(Heard::Note(_)) => None,
                Err(fault) => Some(Err(fault)),
            })
            .take(most))
    }

    /// Whether a check measures the time to the first token, so that answers must be streamed.
    #[must_use]
    pub fn measures_ttft(&self) -> bool {
        let named = |check: &Value| check.get("measure").and_then(Value::as_str) == Some("ttft_ms");
        let inline = match &self.origin {
            Origin::Inline(cases) => cases.iter().any(|(_, case)| {
                case.get("checks").and_then(Value::as_array).is_some_and(|c| c.iter().any(named))
            }),
            Origin::File(_) => false,
        };
        inline || self.checks.iter().any(named)
    }

    pub(crate) fn said(
        &self,
    ) -> Result<Box<dyn Iterator<Item = Result<Heard, Fault>> + '_>, Fault> {
        let mut ordinal = 0_u64;
        let mut heard = move |file: &Path, said: Result<Said, Fault>| match said? {
            Said::Note(note) => Ok(Heard::Note(note)),
            Said::Row(row) => {
                ordinal = ordinal.saturating_add(1);
                compose::case(self, *row, ordinal).map(|case| Heard::Case(Box::new(case))).map_err(
                    |(flaw, line)| {
                        let fault = Fault::of(file, flaw);
                        line.map_or(fault.clone(), |line| fault.at(line))
                    },
                )
            }
        };
        Ok(match &self.origin {
            Origin::File(source) => {
                Box::new(read::open(source)?.map(move |said| heard(&source.file, said)))
            }
            Origin::Inline(cases) => Box::new(cases.iter().map(move |(place, members)| {
                let mut flaws = Vec::new();
                let row = read::inline_row(members.clone(), &mut flaws);
                let at = |flaw: crate::fault::Flaw| Fault {
                    path: flaw.path.into(),
                    message: flaw.message.into(),
                    help: flaw.help.into(),
                    ..place.clone()
                };
                match flaws.into_iter().next() {
                    Some(flaw) => Err(at(flaw)),
                    None => heard(Path::new(&*place.file), Ok(Said::row(row)))
                        .map_err(|fault| Fault { line: place.line, column: place.column, ..fault }),
                }
            })),
        })
    }
}

/// A case, or what the operator should know.
pub(crate) enum Heard {
    Case(Box<Case>),
    Note(String),
}
