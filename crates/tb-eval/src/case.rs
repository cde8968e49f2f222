//! A case: what is asked, and what is checked in the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A request with its checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique in its suite, and the same in every run of it.
    pub id: String,
    /// The body of a chat completion without `model` and `stream`: `messages`, or
    /// `prompt: {id, version, variables}`, and any parameters.
    pub request: Map<String, Value>,
    /// All must hold for the case to pass.
    pub checks: Vec<Check>,
    /// Cases of one group are not independent of each other: one document, one conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The parts of the suite that are judged by themselves: a language, a task, a category.
    #[serde(default, rename = "slice", skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
}

/// One thing that must hold for an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is looked at.
    #[serde(flatten)]
    pub kind: CheckKind,
    /// The check holds where `kind` does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
    /// What it counts in the score of the case; 1 where nothing is said.
    #[serde(default = "one")]
    pub weight: f64,
    /// The least score with which a graded check holds; each kind has its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

const fn one() -> f64 {
    1.0
}

/// The kinds of checks. Texts are compared after trimming white space at both ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CheckKind {
    /// The answer is one of these texts.
    Equals {
        /// Any of them.
        any: Vec<String>,
        /// Case, white space and punctuation at the ends do not count.
        #[serde(default)]
        lenient: bool,
    },
    /// The answer contains texts.
    Contains {
        /// The texts.
        texts: Vec<String>,
        /// All of them, or any.
        #[serde(default)]
        all: bool,
        /// Upper and lower case are the same.
        #[serde(default)]
        ignore_case: bool,
    },
    /// The answer begins with a text.
    StartsWith {
        /// The text.
        text: String,
    },
    /// The answer matches a regular expression somewhere.
    Regex {
        /// The expression.
        pattern: String,
    },
    /// The answer is JSON, and valid by a schema if one is given.
    Json {
        /// JSON Schema 2020-12.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Value>,
    },
    /// A place of the JSON answer has a value.
    JsonPath {
        /// A JSON pointer (RFC 6901), or dots and `[0]` after an optional `$`.
        path: String,
        /// The value that must be there; any, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        equals: Option<Value>,
    },
    /// The last number in the answer is near a number.
    Number {
        /// The number.
        value: f64,
        /// How far it may be.
        #[serde(default)]
        absolute: f64,
        /// How far it may be, as a share of `value`.
        #[serde(default)]
        relative: f64,
    },
    /// Edits (Levenshtein over code points) to a text, as 1 − edits / longer length.
    EditDistance {
        /// The text.
        text: String,
    },
    /// ROUGE-L: F1 of the longest common subsequence of words.
    RougeL {
        /// The reference text.
        text: String,
    },
    /// The answer names one of a closed list of labels. An unknown label (`expected` absent) is
    /// not judged.
    Label {
        /// All labels.
        labels: Vec<String>,
        /// The right one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
    /// Cosine similarity of embeddings.
    Similar {
        /// The reference text.
        text: String,
        /// The embeddings model, a name of the gateway.
        model: String,
    },
    /// The answer refuses.
    Refusal,
    /// Why the answer ended.
    FinishReason {
        /// `stop`, `length`, `tool_calls`, …
        reason: String,
    },
    /// A tool is called.
    ToolCall {
        /// Its name.
        name: String,
        /// Values that its arguments must have; others may stand beside them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<Value>,
    },
    /// Another model judges the answer.
    Judge {
        /// The judge, a pinned name of the gateway.
        model: String,
        /// What a good answer is.
        rubric: String,
        /// An answer to compare with: asked twice, in both orders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// How many opinions decide when the first says no; odd.
        #[serde(default = "three")]
        votes: u32,
    },
    /// An upper limit of a measure of the answer.
    AtMost {
        /// What is measured.
        measure: Measure,
        /// The limit, in the unit of the measure.
        limit: f64,
    },
}

const fn three() -> u32 {
    3
}

/// What is measured of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Milliseconds to the end of the answer.
    LatencyMs,
    /// Milliseconds to the first token.
    TtftMs,
    /// Tokens of the request.
    InputTokens,
    /// Tokens of the answer.
    OutputTokens,
    /// Millionths of a dollar.
    CostMicroUsd,
}
