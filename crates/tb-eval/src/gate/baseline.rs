//! The blessed baseline of a suite: `evaluations/<suite>/baseline.toml`, reviewed in git.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::compare::Arm;
use crate::compare::is_complete;
use crate::results::Outcome;

/// Which run later ones are held to, and what it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// 1.
    pub schema_version: u32,
    /// The run's id.
    pub run: String,
    /// SHA-256 of its results file.
    pub results_hash: String,
    /// The suite.
    pub suite: String,
    /// What was asked.
    pub target: String,
    /// As in the run's header.
    pub data_hash: String,
    /// As in the run's header.
    pub checks_hash: String,
    /// As in the run's header.
    #[serde(default)]
    pub prompt_hash: Option<String>,
    /// When it was blessed, RFC 3339.
    pub blessed_at: String,
    /// By whom.
    pub blessed_by: String,
    /// The models that answered, with how many answers.
    #[serde(default)]
    pub served_models: BTreeMap<String, u64>,
}

/// Why a run cannot become a baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unblessable {
    /// It has no header, so nobody knows what it was made of.
    #[error("the results have no run.json, so what they were made of is not known")]
    NoHeader,
    /// It did not come to its end.
    #[error("run {0} is not complete; resume it first")]
    Partial(String),
    /// Some answers did not come.
    #[error("{errors} answers of run {run} did not come; resume it first")]
    Errors {
        /// The run.
        run: String,
        /// How many.
        errors: u64,
    },
}

impl Baseline {
    /// The pointer to a run. At most `tolerated` of its answers may be errors.
    ///
    /// # Errors
    /// [`Unblessable`] where the run is not whole.
    pub fn bless(
        arm: &Arm,
        tolerated: f64,
        (blessed_at, blessed_by): (&str, &str),
    ) -> Result<Self, Unblessable> {
        let header = arm.header.as_ref().ok_or(Unblessable::NoHeader)?;
        let run = header.id.clone();
        if !is_complete(arm) {
            return Err(Unblessable::Partial(run));
        }
        let errors = arm.count(Outcome::Error);
        if errors as f64 > tolerated * arm.answers() as f64 {
            return Err(Unblessable::Errors { run, errors });
        }
        Ok(Self {
            schema_version: 1,
            run,
            results_hash: arm.results_hash.clone(),
            suite: header.suite.clone(),
            target: header.target.clone(),
            data_hash: header.data_hash.clone(),
            checks_hash: header.checks_hash.clone(),
            prompt_hash: header.prompt_hash.clone(),
            blessed_at: blessed_at.to_owned(),
            blessed_by: blessed_by.to_owned(),
            served_models: arm.served_models(),
        })
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# The run that later ones are compared with. Written by `tollbar eval bless`.\n",
        );
        let _ = writeln!(text, "schema_version = {}", self.schema_version);
        let mut members = vec![
            ("run", &self.run),
            ("results_hash", &self.results_hash),
            ("suite", &self.suite),
            ("target", &self.target),
            ("data_hash", &self.data_hash),
            ("checks_hash", &self.checks_hash),
        ];
        members.extend(self.prompt_hash.as_ref().map(|hash| ("prompt_hash", hash)));
        members.extend([("blessed_at", &self.blessed_at), ("blessed_by", &self.blessed_by)]);
        for (name, value) in members {
            let _ = writeln!(text, "{name} = {}", quoted(value));
        }
        text.push_str("\n[served_models]\n");
        for (model, answers) in &self.served_models {
            let _ = writeln!(text, "{} = {answers}", quoted(model));
        }
        text
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// Where it is none, with the place.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
