//! What a scope has used, against its [`Limits`]: sliding windows of requests and tokens, requests
//! at the same time, money in calendar periods, and what is reserved of them.
//!
//! Pure arithmetic: every call is told the present moment, and whatever ends with time (a window,
//! a period, the lease of a reservation) ends because of that moment and not by a job. An
//! [`Account`] never runs backwards: a moment before the last one counts as the last one.

mod account;
mod leases;
mod period;
mod spending;
mod window;

pub use self::account::{Account, Fresh, Gauge};
pub use self::leases::Ticket;
pub use self::period::Period;
pub use self::spending::{Thresholds, WARNING_PERCENTS};

use crate::{Limits, NanoUsd};

/// How long a sliding window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// Any 60 seconds.
    Minute,
    /// Any 60 minutes.
    Hour,
    /// Any 24 hours.
    Day,
}

impl Span {
    /// Every span, from the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its length in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// Into how many steps it is cut: what leaves a window leaves it a step at a time.
    #[must_use]
    pub const fn steps(self) -> usize {
        match self {
            Self::Minute | Self::Hour => 12,
            Self::Day => 24,
        }
    }

    /// The length of a step in milliseconds.
    #[must_use]
    pub const fn step_ms(self) -> i64 {
        match self {
            Self::Minute => 5_000,
            Self::Hour => 300_000,
            Self::Day => 3_600_000,
        }
    }
}

/// One of the limits of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Requests in a sliding window.
    Requests(Span),
    /// Input and output tokens in a sliding window.
    Tokens(Span),
    /// Requests at the same time.
    Concurrent,
    /// Money in a calendar period, in nano-dollars.
    Budget,
}

impl Limit {
    /// Every limit of sliding windows.
    pub const WINDOWS: [Self; 6] = [
        Self::Requests(Span::Minute),
        Self::Requests(Span::Hour),
        Self::Requests(Span::Day),
        Self::Tokens(Span::Minute),
        Self::Tokens(Span::Hour),
        Self::Tokens(Span::Day),
    ];

    /// Its key in the configuration.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Requests(Span::Minute) => "requests_per_minute",
            Self::Requests(Span::Hour) => "requests_per_hour",
            Self::Requests(Span::Day) => "requests_per_day",
            Self::Tokens(Span::Minute) => "tokens_per_minute",
            Self::Tokens(Span::Hour) => "tokens_per_hour",
            Self::Tokens(Span::Day) => "tokens_per_day",
            Self::Concurrent => "concurrent",
            Self::Budget => "budget",
        }
    }

    /// The most that `limits` allow; `None` = not limited.
    #[must_use]
    pub fn most(self, limits: &Limits) -> Option<u64> {
        match self {
            Self::Requests(Span::Minute) => limits.requests_per_minute,
            Self::Requests(Span::Hour) => limits.requests_per_hour,
            Self::Requests(Span::Day) => limits.requests_per_day,
            Self::Tokens(Span::Minute) => limits.tokens_per_minute,
            Self::Tokens(Span::Hour) => limits.tokens_per_hour,
            Self::Tokens(Span::Day) => limits.tokens_per_day,
            Self::Concurrent => limits.concurrent,
            Self::Budget => limits.budget.as_ref().map(|budget| nanos(budget.amount)),
        }
    }
}

/// What an attempt uses, or may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Input and output tokens.
    pub tokens: u64,
    /// What they cost; what has no price costs nothing here.
    pub money: NanoUsd,
}

/// A limit that does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Which one.
    pub limit: Limit,
    /// What is used and reserved of it: requests, tokens, nano-dollars.
    pub used: u64,
    /// What was asked beside that.
    pub asked: u64,
    /// The most that it allows.
    pub most: u64,
    /// Milliseconds until the same may be asked again with success, as far as is known.
    pub resets_in_ms: u64,
}

impl Reached {
    /// Whether it allows less than what was asked even where nothing is used.
    #[must_use]
    pub const fn is_too_much(&self) -> bool {
        self.asked > self.most
    }
}

/// What is left of one kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The most.
    pub most: u64,
    /// What is left of it.
    pub left: u64,
    /// Milliseconds until all of it is there again.
    pub resets_in_ms: u64,
}

impl Room {
    /// The one with less left; of two with as much, the one that waits longer.
    #[must_use]
    pub fn tighter(self, other: Option<Self>) -> Self {
        let rank = |room: &Self| (room.left, u64::MAX - room.resets_in_ms);
        match other {
            Some(other) if rank(&other) < rank(&self) => other,
            _ => self,
        }
    }
}

/// What is left of requests and tokens, each of the tightest limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Requests; `None` = not limited.
    pub requests: Option<Room>,
    /// Tokens; `None` = not limited.
    pub tokens: Option<Room>,
}

impl Standing {
    /// The tightest of both.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        let of = |one: Option<Room>, other| one.map(|room| room.tighter(other)).or(other);
        Self { requests: of(self.requests, other.requests), tokens: of(self.tokens, other.tokens) }
    }
}

/// An amount of money as a count; debts count as nothing.
const fn nanos(amount: NanoUsd) -> u64 {
    if amount.0 < 0 { 0 } else { amount.0.unsigned_abs() }
}

#[cfg(test)]
mod tests;
