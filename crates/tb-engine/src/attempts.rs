//! The trace of a request's attempts, as `x-tollbar-attempts` shows it.

use std::fmt::Write;
use std::sync::Arc;

use http::HeaderValue;

use crate::runtime::RunningTarget;

/// Attempts in order, each with the provider's status or a word for what happened.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Vec<(Arc<RunningTarget>, Ended)>);

/// How an attempt ended, for the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The provider's HTTP status.
    Status(u16),
    /// `connect`, `connect_timeout`, `first_byte_timeout`, `idle_timeout`, `deadline`, `reset`,
    /// `malformed`, `no_memory`.
    Word(&'static str),
}

impl Attempts {
    pub(crate) fn push(&mut self, target: &Arc<RunningTarget>, ended: Ended) {
        self.0.push((Arc::clone(target), ended));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `openai/gpt-4o-mini-2024-07-18=429;azure/gpt-4o-mini-2024-07-18=200`
    pub(crate) fn trace(&self) -> String {
        let mut text = String::with_capacity(64);
        for (target, ended) in &self.0 {
            let separator = if text.is_empty() { "" } else { ";" };
            let name = &target.provider.name;
            // Writing to a String cannot fail.
            let _ = match ended {
                Ended::Status(status) => {
                    write!(text, "{separator}{name}/{}={status}", target.model)
                }
                Ended::Word(word) => write!(text, "{separator}{name}/{}={word}", target.model),
            };
        }
        text
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        if self.0.is_empty() { None } else { HeaderValue::from_str(&self.trace()).ok() }
    }
}
