//! A limit that was reached, whoever it is of.

use serde_json::Value;
use tb_core::quota::{Limit, Span};
use tb_core::{KeyId, ModelName, NanoUsd, ServiceName};

use crate::metrics::Metrics;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Requests served at the same time.
    Concurrency,
    /// Bytes held by requests.
    Memory,
    /// Requests in a sliding window.
    Requests(Span),
    /// Tokens in a sliding window.
    Tokens(Span),
    /// Nano-dollars in a calendar period.
    Money,
}

impl LimitKind {
    /// The label `kind` of `limit_rejections_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Memory => "memory",
            Self::Requests(_) => "requests",
            Self::Tokens(_) => "tokens",
            Self::Money => "budget",
        }
    }

    /// What `used` and `limit` are told in.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Concurrency | Self::Requests(_) => "requests",
            Self::Memory => "bytes",
            Self::Tokens(_) => "tokens",
            Self::Money => "micro_usd",
        }
    }

    const fn of(limit: Limit) -> Self {
        match limit {
            Limit::Requests(span) => Self::Requests(span),
            Limit::Tokens(span) => Self::Tokens(span),
            Limit::Concurrent => Self::Concurrency,
            Limit::Budget => Self::Money,
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
    /// That of all services together.
    Organisation,
    /// That of one key.
    Key(KeyId),
    /// That of each end user of this service.
    User(ServiceName),
    /// That of all callers of one model.
    Model(ModelName),
}

impl LimitScope {
    /// The label `scope` of `limit_rejections_total`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Gateway => "global",
            Self::Organisation => "organisation",
            Self::Key(_) => "key",
            Self::User(_) => "user",
            Self::Model(_) => "model",
        }
    }

    /// The setting that holds a limit of this scope.
    #[must_use]
    pub fn setting(&self, limit: Limit) -> String {
        let (key, is_budget) = (limit.key(), limit == Limit::Budget);
        let place = match self {
            Self::Gateway => "server".to_owned(),
            Self::Organisation => "organisation".to_owned(),
            Self::Service(name) => format!("services.{name}"),
            Self::Key(id) => format!("keys.{id}"),
            Self::User(name) => return format!("services.{name}.user_limits.{key}"),
            Self::Model(name) => format!("models.{name}"),
        };
        match self {
            // All limits of a key stand in one place; in the file a budget is a table of its own.
            Self::Key(_) => format!("{place}.limits.{key}"),
            _ if is_budget => format!("{place}.{key}"),
            _ => format!("{place}.limits.{key}"),
        }
    }
}

impl std::fmt::Display for LimitScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(name) => write!(f, "the service `{name}`"),
            Self::Gateway => f.write_str("the gateway"),
            Self::Organisation => f.write_str("the organisation"),
            Self::Key(id) => write!(f, "the key `{id}`"),
            Self::User(name) => write!(f, "this end user of the service `{name}`"),
            Self::Model(name) => write!(f, "the model `{name}`"),
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
    /// What is used at the moment, reservations included: requests, tokens, bytes, nano-dollars.
    pub used: u64,
    /// As much as there may be.
    pub limit: u64,
    /// What this request asked for beside `used`.
    pub asked: u64,
    /// Milliseconds until another try makes sense: by the recent rate of departures and the line,
    /// or when a window or a period has room again.
    pub retry_after_ms: u64,
}

impl LimitReached {
    /// What the account of `scope` says.
    pub(crate) fn of(scope: LimitScope, reached: tb_core::quota::Reached) -> Box<Self> {
        Box::new(Self {
            kind: LimitKind::of(reached.limit),
            scope,
            used: reached.used,
            limit: reached.most,
            asked: reached.asked,
            retry_after_ms: reached.resets_in_ms,
        })
    }

    /// Whether the gateway itself is full, and not a share of it.
    #[must_use]
    pub const fn is_of_gateway(&self) -> bool {
        matches!(self.scope, LimitScope::Gateway)
    }

    /// Whether waiting helps: not when one request asks for more than the limit.
    #[must_use]
    pub const fn may_pass_later(&self) -> bool {
        self.asked <= self.limit
    }

    /// A share that is used up is told 429: others are served. A full gateway says 503.
    #[must_use]
    pub const fn status(&self) -> u16 {
        if self.is_of_gateway() { 503 } else { 429 }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (&self.scope, self.kind) {
            (LimitScope::Gateway, _) => "overloaded",
            (_, LimitKind::Concurrency | LimitKind::Memory) => "concurrency_limit_exceeded",
            (LimitScope::User(_), _) => "user_quota_exceeded",
            (_, LimitKind::Money) => "budget_exceeded",
            (_, LimitKind::Requests(_) | LimitKind::Tokens(_)) => "rate_limit_exceeded",
        }
    }

    /// The setting that holds the limit.
    #[must_use]
    pub fn setting(&self) -> String {
        match (&self.scope, self.kind) {
            (LimitScope::Gateway, LimitKind::Memory) => "server.memory_budget".to_owned(),
            (LimitScope::Gateway, _) => "server.max_concurrent".to_owned(),
            (scope, kind) => scope.setting(match kind {
                LimitKind::Concurrency | LimitKind::Memory => Limit::Concurrent,
                LimitKind::Requests(span) => Limit::Requests(span),
                LimitKind::Tokens(span) => Limit::Tokens(span),
                LimitKind::Money => Limit::Budget,
            }),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn message(&self) -> String {
        let advice = if self.may_pass_later() {
            format!("Try again in {} s.", self.retry_after_ms.div_ceil(1_000))
        } else {
            format!("This request alone asks for {}: waiting does not help.", self.show(self.asked))
        };
        format!("{} (`{}`). {advice}", self.problem(), self.setting())
    }

    fn problem(&self) -> String {
        let (used, limit) = (self.show(self.used), self.show(self.limit));
        match (&self.scope, self.kind) {
            (LimitScope::Service(name), LimitKind::Concurrency | LimitKind::Memory) => format!(
                "The service `{name}` has {used} of {limit} requests running at the same time"
            ),
            (LimitScope::Gateway, LimitKind::Memory) => format!(
                "The gateway has no memory for this request: {used} of {limit} bytes are in use"
            ),
            (LimitScope::Gateway, _) => {
                format!("The gateway is full: {used} of {limit} requests are running")
            }
            (scope, LimitKind::Concurrency | LimitKind::Memory) => {
                let what = "requests running at the same time";
                format!("A limit of {scope} is reached: {used} of {limit} {what}")
            }
            (scope, LimitKind::Money) => format!(
                "A budget of {scope} is reached: {used} of {limit} USD are spent or reserved"
            ),
            (scope, kind @ (LimitKind::Requests(span) | LimitKind::Tokens(span))) => {
                let (unit, time) = (kind.unit(), time(span));
                let word = if self.scope.label() == "user" { "quota" } else { "limit" };
                format!("A {word} of {scope} is reached: {used} of {limit} {unit} in {time}")
            }
        }
    }

    /// An amount as people read it.
    fn show(&self, amount: u64) -> String {
        match self.kind {
            LimitKind::Money => NanoUsd(i64::try_from(amount).unwrap_or(i64::MAX)).to_string(),
            _ => amount.to_string(),
        }
    }

    /// The members of `error.tollbar`.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        let told = |amount: u64| match self.kind {
            LimitKind::Money => amount / 1_000,
            _ => amount,
        };
        vec![
            ("limit_name", self.setting().into()),
            ("limit", told(self.limit).into()),
            ("used", told(self.used).into()),
            ("unit", self.kind.unit().into()),
            ("resets_in_ms", self.retry_after_ms.into()),
        ]
    }

    /// Counts a refusal that follows from it.
    pub(crate) fn count(&self, metrics: &Metrics) {
        let (kind, scope) = (self.kind.label(), self.scope.label());
        let labels = vec![("kind", kind.to_owned()), ("scope", scope.to_owned())];
        metrics.limit_rejections.get_or_create(&labels).inc();
    }
}

const fn time(span: Span) -> &'static str {
    match span {
        Span::Minute => "any 60 s",
        Span::Hour => "any 60 minutes",
        Span::Day => "any 24 hours",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(kind: LimitKind, scope: LimitScope, asked: u64) -> LimitReached {
        LimitReached {
            kind,
            scope,
            used: 1_500_000_000,
            limit: 2_000_000_000,
            asked,
            retry_after_ms: 1_500,
        }
    }

    #[test]
    fn every_limit_names_its_setting_and_its_code() {
        let (service, key) = (ServiceName::from("bot"), KeyId::parse("abcdEF12").unwrap());
        let requests = LimitKind::Requests(Span::Hour);
        let told = |kind, scope| {
            let reached = reached(kind, scope, 1);
            (reached.setting(), reached.code())
        };
        let expected = |setting: &str, code| (setting.to_owned(), code);
        assert_eq!(
            told(LimitKind::Money, LimitScope::Service(service.clone())),
            expected("services.bot.budget", "budget_exceeded")
        );
        assert_eq!(
            told(requests, LimitScope::Organisation),
            expected("organisation.limits.requests_per_hour", "rate_limit_exceeded")
        );
        assert_eq!(
            told(LimitKind::Tokens(Span::Day), LimitScope::User(service)),
            expected("services.bot.user_limits.tokens_per_day", "user_quota_exceeded")
        );
        assert_eq!(
            told(LimitKind::Money, LimitScope::Key(key)),
            expected("keys.abcdEF12.limits.budget", "budget_exceeded")
        );
        assert_eq!(
            told(LimitKind::Concurrency, LimitScope::Model(ModelName::from("m"))),
            expected("models.m.limits.concurrent", "concurrency_limit_exceeded")
        );
    }

    #[test]
    fn money_is_told_in_dollars_and_in_micro_dollars() {
        let scope = LimitScope::Organisation;
        let message = reached(LimitKind::Money, scope.clone(), 600_000_000).message();
        assert_eq!(
            message,
            "A budget of the organisation is reached: 1.50 of 2.00 USD are spent or reserved \
             (`organisation.budget`). Try again in 2 s."
        );
        let too_much = reached(LimitKind::Money, scope, 3_000_000_000);
        assert!(too_much.message().ends_with("asks for 3.00: waiting does not help."));
        let members = too_much.members();
        assert_eq!(members.get(1), Some(&("limit", 2_000_000_u64.into())));
        assert_eq!(members.get(3), Some(&("unit", "micro_usd".into())));
    }
}
