//! The gate of promotions: `models lock` and `prompts promote` ask here, and nowhere else.
//!
//! A promotion needs a comparison that passed: of a whole run, on exactly what is to be
//! promoted, against the blessed baseline. What it was given is kept as [`Evidence`].

pub mod baseline;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

pub use self::baseline::{Baseline, Unblessable};
use crate::compare::{Comparison, Verdict};

/// What is to be promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// A model: the name that was asked at the gateway, with or without its provider.
    Target(&'a str),
    /// A prompt version, by its hash.
    PromptHash(&'a str),
}

/// What a promotion rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The id of the candidate's run.
    pub run: String,
    /// The id of the baseline's run.
    pub baseline: String,
    /// The verdict, `non_inferior` or `improved`.
    pub verdict: Verdict,
    /// SHA-256 over the candidate's results file and the comparison, in hexadecimal.
    pub hash: String,
}

/// Why nothing is promoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateRefusal {
    /// The comparison does not pass.
    #[error("run {run} does not pass: {verdict}{}", because(.reasons))]
    NotPassed {
        /// The candidate's run.
        run: String,
        /// What it came to.
        verdict: &'static str,
        /// Why.
        reasons: Vec<String>,
    },
    /// The run is not whole.
    #[error("run {0} is not complete, or no run of the gateway")]
    Partial(String),
    /// Something else was evaluated.
    #[error("run {run} evaluated {evaluated}, not {wanted}")]
    Other {
        /// The candidate's run.
        run: String,
        /// What it asked.
        evaluated: String,
        /// What is to be promoted.
        wanted: String,
    },
    /// The comparison is not with the blessed baseline.
    #[error("the comparison is with {compared}, but {blessed} is the blessed baseline")]
    OtherBaseline {
        /// The baseline of the comparison.
        compared: String,
        /// The blessed one.
        blessed: String,
    },
}

fn because(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(", {}", reasons.join("; ")) }
}

/// Says whether a comparison permits a promotion.
///
/// # Errors
/// A [`GateRefusal`] that says what is missing.
pub fn passes(
    comparison: &Comparison,
    blessed: &Baseline,
    wanted: Wanted<'_>,
) -> Result<Evidence, GateRefusal> {
    let (baseline, candidate) = (&comparison.baseline, &comparison.candidate);
    let unnamed = || "a results file without run.json".to_owned();
    let run = candidate.run.clone().ok_or_else(|| GateRefusal::Partial(unnamed()))?;
    let compared = baseline.run.clone().unwrap_or_else(unnamed);
    if compared != blessed.run || baseline.results_hash != blessed.results_hash {
        return Err(GateRefusal::OtherBaseline { compared, blessed: blessed.run.clone() });
    }
    if !candidate.complete || comparison.sequential.is_some_and(|looks| looks.not_asked > 0) {
        return Err(GateRefusal::Partial(run));
    }
    let (evaluated, wanted_name, is_it) = match wanted {
        Wanted::Target(name) => {
            let target = candidate.target.clone().unwrap_or_default();
            let is_it = is_target(&target, name);
            (target, name, is_it)
        }
        Wanted::PromptHash(hash) => {
            let used = candidate.prompt_hash.clone().unwrap_or_else(|| "no prompt".to_owned());
            let is_it = used == hash;
            (used, hash, is_it)
        }
    };
    if !is_it {
        return Err(GateRefusal::Other { run, evaluated, wanted: wanted_name.to_owned() });
    }
    if !comparison.verdict.passes() {
        let (verdict, reasons) = (comparison.verdict.as_str(), comparison.reasons.clone());
        return Err(GateRefusal::NotPassed { run, verdict, reasons });
    }
    Ok(Evidence {
        hash: evidence_hash(comparison),
        run,
        baseline: compared,
        verdict: comparison.verdict,
    })
}

/// A name, or a provider's name before it.
fn is_target(target: &str, name: &str) -> bool {
    let is_path_of = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    is_path_of(target, name) || is_path_of(name, target)
}

fn evidence_hash(comparison: &Comparison) -> String {
    let mut text = format!("tollbar evidence 1\n{}\n", comparison.candidate.results_hash);
    // A comparison is plain data and always can be written.
    text.push_str(&serde_json::to_string(comparison).unwrap_or_default());
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
