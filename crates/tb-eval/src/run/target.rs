//! What is asked, and what it answers.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::case::Measure;

/// What answers requests: the gateway, in tests something simpler.
pub trait Target: Send + Sync {
    /// Asks for a chat completion; `request` has neither `model` nor `stream`.
    ///
    /// # Errors
    ///
    /// No answer came.
    fn ask(&self, request: &Map<String, Value>, how: &Asking<'_>) -> Result<Answer, AskFault>;

    /// The embeddings of texts, in their order.
    ///
    /// # Errors
    ///
    /// No answer came.
    fn embed(&self, model: &str, texts: &[&str]) -> Result<Embedded, AskFault>;
}

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asking<'a> {
    /// Another model than the one under test: a judge.
    pub model: Option<&'a str>,
    /// By a stream, so that the time to the first token is known.
    pub streamed: bool,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The text; empty where there is none.
    pub text: String,
    /// The text of a refusal, where the provider marks it as one.
    pub refusal: Option<String>,
    /// Why it ended: `stop`, `length`, …
    pub finish_reason: Option<String>,
    /// The tools that it calls.
    pub tool_calls: Vec<ToolCall>,
    /// The model that answered, as the provider names it.
    pub served_model: Option<String>,
    /// The request's id at the gateway.
    pub request_id: Option<String>,
    /// SHA-256 of the version of the stored prompt, where one was used.
    pub prompt_hash: Option<String>,
    /// What was measured.
    pub measures: std::collections::BTreeMap<Measure, f64>,
}

impl Answer {
    /// What it cost, in millionths of a dollar, where that is known.
    #[must_use]
    pub fn cost_micro_usd(&self) -> Option<f64> {
        self.measures.get(&Measure::CostMicroUsd).copied()
    }

    /// Why there is less of it than there would be, if it was cut off or filtered.
    #[must_use]
    pub fn cut(&self) -> Option<&str> {
        let reason = self.finish_reason.as_deref()?;
        let cut = ["length", "max_tokens", "content_filter", "incomplete", "max_output_tokens"];
        cut.contains(&reason).then_some(reason)
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Its name.
    pub name: String,
    /// Its arguments, JSON as the model wrote it.
    pub arguments: String,
}

/// Embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedded {
    /// One a text.
    pub vectors: Vec<Vec<f64>>,
    /// What they cost, in millionths of a dollar, where that is known.
    pub cost_micro_usd: Option<f64>,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AskFault {
    /// What to do now.
    pub kind: FaultKind,
    /// When to try again, where that was said.
    pub retry_after: Option<Duration>,
    /// A code or a sentence, without the text of a request or an answer.
    pub message: String,
    /// The request's id at the gateway.
    pub request_id: Option<String>,
}

/// What to do after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Too much at once: ask later, and less.
    Busy,
    /// This request failed; another may not.
    Failed,
    /// It cannot be reached; it may come back.
    Away,
    /// Every request will fail like this one: the key, the model's name, the budget.
    Hopeless,
}
