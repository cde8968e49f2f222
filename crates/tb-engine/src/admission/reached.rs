//! A limit on what is served at the same time, reached.

use serde_json::Value;
use tb_core::ServiceName;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Requests served at the same time.
    Concurrency,
    /// Bytes held by requests.
    Memory,
}

impl LimitKind {
    /// The label `kind` of `limit_rejections_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Memory => "memory",
        }
    }
}

/// Whose limit it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitScope {
    /// That of one service.
    Service(ServiceName),
    /// That of the whole gateway.
    Gateway,
}

impl LimitScope {
    /// The label `scope` of `limit_rejections_total`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Gateway => "global",
        }
    }
}

/// Which limit was reached, and when another try makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached {
    /// What is limited.
    pub kind: LimitKind,
    /// Whose limit it is.
    pub scope: LimitScope,
    /// Requests, or bytes, at the moment.
    pub used: u64,
    /// As many as there may be.
    pub limit: u64,
    /// Milliseconds until a place is likely, by the recent rate of departures and the line.
    pub retry_after_ms: u64,
}

impl LimitReached {
    /// A service that is full is told 429: others are served. A full gateway says 503.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.scope {
            LimitScope::Service(_) => 429,
            LimitScope::Gateway => 503,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.scope {
            LimitScope::Service(_) => "concurrency_limit_exceeded",
            LimitScope::Gateway => "overloaded",
        }
    }

    /// The setting that holds the limit.
    #[must_use]
    pub fn setting(&self) -> String {
        match (&self.scope, self.kind) {
            (LimitScope::Service(name), _) => format!("services.{name}.limits.concurrent"),
            (LimitScope::Gateway, LimitKind::Concurrency) => "server.max_concurrent".to_owned(),
            (LimitScope::Gateway, LimitKind::Memory) => "server.memory_budget".to_owned(),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { used, limit, .. } = self;
        let seconds = self.retry_after_ms.div_ceil(1_000);
        let problem = match (&self.scope, self.kind) {
            (LimitScope::Service(name), _) => format!(
                "The service `{name}` has {used} of {limit} requests running at the same time"
            ),
            (LimitScope::Gateway, LimitKind::Concurrency) => {
                format!("The gateway is full: {used} of {limit} requests are running")
            }
            (LimitScope::Gateway, LimitKind::Memory) => format!(
                "The gateway has no memory for this request: {used} of {limit} bytes are in use"
            ),
        };
        format!("{problem} (`{}`). Try again in {seconds} s.", self.setting())
    }

    /// The members of `error.tollbar`.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("limit_name", self.setting().into()),
            ("limit", self.limit.into()),
            ("used", self.used.into()),
            ("resets_in_ms", self.retry_after_ms.into()),
        ]
    }
}
