//! What a run leaves behind: a header (`run.json`) and one line a case (`results.jsonl`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::Measure;

/// The version of both shapes.
pub const SCHEMA_VERSION: u32 = 1;

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check held.
    Pass,
    /// An answer came, and a check did not hold.
    Fail,
    /// No answer came: a refusal of the gateway, a fault of the provider, a time-out. It says
    /// nothing of the model's quality.
    Error,
    /// An answer came that cannot be judged: it was cut off at the token limit, or filtered.
    Invalid,
}

/// One line of `results.jsonl`. Programs may write it themselves: `id` and `outcome` suffice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The case.
    pub id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// 0 to 1: the weighted mean of its checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// As in the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// As in the case: a text, or a list of texts.
    #[serde(
        default,
        rename = "slice",
        with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub slices: Vec<String>,
    /// Which repetition of the case, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeat: u32,
    /// For each label whether it is right and whether it was found; an unknown one is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, LabelResult>,
    /// Why it failed or could not be judged, without the text of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<Measure, f64>,
    /// What judges and embeddings cost beside the answer, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_cost_micro_usd: Option<f64>,
    /// The model that answered, as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_model: Option<String>,
    /// The request's id at the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The answer, where the suite keeps answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// One label of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelResult {
    /// Whether the label is right.
    pub expected: bool,
    /// Whether the answer names it.
    pub found: bool,
}

/// `run.json`: what a run was made of. Two runs are compared only where the hashes agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run's id, also the name of its folder.
    pub id: String,
    /// The suite's name.
    pub suite: String,
    /// What was asked, a name of the gateway.
    pub target: String,
    /// SHA-256 over ids, requests without the prompt's version, groups and slices, in hexadecimal.
    pub data_hash: String,
    /// SHA-256 over the checks.
    pub checks_hash: String,
    /// SHA-256 of the prompt version that was used, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// How often each case is asked.
    pub repeats: u32,
    /// Only the first so many cases of the suite are in the run; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended; absent while it runs and after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The models that answered, with how many answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub served_models: BTreeMap<String, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(all: &[String], to: S) -> Result<S::Ok, S::Error> {
        match all {
            [one] => one.serialize(to),
            _ => all.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Ok(match OneOrMany::deserialize(from)? {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        })
    }
}
