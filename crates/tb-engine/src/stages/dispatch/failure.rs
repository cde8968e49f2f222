//! How an attempt fails, and what follows from it.

use std::time::Duration;

use tb_core::EndReason;
use tb_core::breaker::Verdict;
use tb_providers::{ErrorClass, UpstreamError};

use crate::admission::LimitReached;
use crate::attempts::Ended;
use crate::client::SendFailure;
use crate::ladder::Fault;
use crate::refusal::{Refusal, class_label, verdict};
use crate::settlement::AttemptEnd;
use crate::stages::route::Descent;

/// A failed attempt.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection, or it broke before an answer.
    Send(SendFailure),
    /// The body of an answer with this status broke off.
    BrokeOff(u16),
    /// No first byte in time; with the provider's status, 0 when none came.
    FirstByte(u16),
    /// Silence in the middle of an answer with this status.
    Idle(u16),
    /// The request's deadline passed; with the provider's status, 0 when none came.
    Deadline(u16),
    /// The gateway has no memory for the answer, which had this status.
    NoMemory(Box<LimitReached>, u16),
    /// The provider's error, with the status that it came with: what the client is told of
    /// a malformed answer is another one.
    Provider(Box<UpstreamError>, u16),
    /// The provider's 403 that says nothing for certain of the key, with what may follow.
    Forbidden(Box<UpstreamError>, Fault),
}

impl Failure {
    /// The word in `x-tollbar-attempts`.
    pub(super) fn ended(&self) -> Ended {
        match self {
            Self::Provider(error, _) if error.class == ErrorClass::Malformed => {
                Ended::Word("malformed")
            }
            Self::Provider(error, _) | Self::Forbidden(error, _) => Ended::Status(error.status),
            _ => Ended::Word(self.label()),
        }
    }

    /// The provider's status, 0 when none came.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::BrokeOff(status)
            | Self::FirstByte(status)
            | Self::Idle(status)
            | Self::Deadline(status)
            | Self::NoMemory(_, status)
            | Self::Provider(_, status) => *status,
            Self::Forbidden(error, _) => error.status,
            Self::Send(_) => 0,
        }
    }

    /// The `outcome` label of `upstream_attempts_total`.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Send(SendFailure::Connect) => "connect",
            Self::Send(SendFailure::ConnectTimeout) => "connect_timeout",
            Self::Send(SendFailure::Broken) | Self::BrokeOff(_) => "reset",
            Self::Send(SendFailure::NotCleared) => "not_cleared",
            Self::FirstByte(_) => "first_byte_timeout",
            Self::Idle(_) => "idle_timeout",
            Self::Deadline(_) => "deadline",
            Self::NoMemory(..) => "no_memory",
            Self::Provider(error, _) | Self::Forbidden(error, _) => class_label(error.class),
        }
    }

    /// The class of the provider's error.
    pub(super) fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Provider(error, _) => Some(error.class),
            _ => None,
        }
    }

    /// Whether the provider refused the key for good, as far as this request goes.
    pub(super) fn is_about_key(&self) -> bool {
        matches!(self, Self::Forbidden(_, Fault::KeyRefused))
            || matches!(self.class(), Some(ErrorClass::BadCredentials | ErrorClass::QuotaExhausted))
    }

    /// How long the provider asks to wait.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Provider(error, _) => error.retry_after_ms,
            _ => None,
        }
    }

    /// Whether the provider says that this is not allowed: to the key, or to anybody, as some
    /// providers say of content.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Provider(error, _)
            if error.class == ErrorClass::BadCredentials && error.status == 403)
    }

    /// This 403 where it says nothing for certain of the key.
    pub(super) fn forbidden(self, fault: Fault) -> Self {
        match self {
            Self::Provider(error, _) => Self::Forbidden(error, fault),
            other => other,
        }
    }

    /// Whether something between the gateway and the provider, a firewall for example, refuses
    /// the request with a page: callers can bring that about.
    fn is_page_of_refusal(&self) -> bool {
        matches!(self, Self::Provider(error, 400..=499) if error.class == ErrorClass::Malformed)
    }

    /// The end of the attempt in the account. A deadline says something of the target only if
    /// it `had_time` to answer.
    pub(super) fn end(&self, had_time: bool) -> AttemptEnd {
        let reason = match self {
            Self::FirstByte(_)
            | Self::Idle(_)
            | Self::Deadline(_)
            | Self::Send(SendFailure::ConnectTimeout) => EndReason::Timeout,
            Self::NoMemory(..) => EndReason::Limit,
            _ => EndReason::UpstreamError,
        };
        let verdict = match self {
            Self::Deadline(_) if !had_time => Verdict::Neutral,
            // The target did its part.
            Self::NoMemory(..) => Verdict::Neutral,
            Self::Forbidden(..) | Self::Send(SendFailure::NotCleared) => Verdict::Neutral,
            _ if self.is_page_of_refusal() => Verdict::Neutral,
            Self::Provider(error, _) => verdict(error.class),
            _ => Verdict::Failure,
        };
        AttemptEnd { reason, status: self.status(), outcome: self.label(), verdict }
    }

    /// What may follow. `on_first_rung`: of a fallback model's refusal the request is not at
    /// fault, its own model might have answered.
    pub(super) fn fault(&self, on_first_rung: bool) -> Fault {
        let wait_ms = self.retry_after_ms().unwrap_or(0);
        if matches!(self, Self::NoMemory(..)) {
            // Another target's answer would need as much.
            return Fault::Callers;
        }
        if let Self::Forbidden(_, fault) = self {
            return *fault;
        }
        if self.is_page_of_refusal() || matches!(self, Self::Send(SendFailure::NotCleared)) {
            return Fault::Lasting;
        }
        let Some(class) = self.class() else { return Fault::Passing(wait_ms) };
        match class {
            ErrorClass::RateLimit => Fault::Throttled,
            ErrorClass::BadCredentials | ErrorClass::QuotaExhausted => Fault::KeyRefused,
            ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => {
                Fault::Passing(wait_ms)
            }
            ErrorClass::ModelNotFound => Fault::Lasting,
            ErrorClass::ContextTooLong | ErrorClass::ContentPolicy | ErrorClass::BadRequest => {
                if on_first_rung {
                    Fault::Callers
                } else {
                    Fault::OfRung
                }
            }
        }
    }

    /// The list of fallback models for this failure alone.
    pub(super) fn typed(&self) -> Option<Descent> {
        match self.class()? {
            ErrorClass::ContextTooLong => Some(Descent::ContextTooLong),
            ErrorClass::ContentPolicy => Some(Descent::ContentPolicy),
            _ => None,
        }
    }

    /// What the client is told when nothing else can be tried; `recovery` is how long it takes
    /// until another try makes sense, as far as the gateway knows.
    pub(super) fn into_refusal(self, trace: String, recovery: Option<Duration>) -> Refusal {
        let retry_after_ms = recovery.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        let exhausted = |trace| Refusal::Exhausted { trace, retry_after_ms };
        match self {
            Self::Deadline(_) => Refusal::Deadline("The deadline of this request passed."),
            Self::FirstByte(_) => {
                Refusal::Deadline("The provider did not begin to answer in time.")
            }
            Self::Idle(_) => Refusal::Deadline("The provider was silent for too long."),
            Self::Send(_) | Self::BrokeOff(_) => exhausted(trace),
            Self::NoMemory(reached, _) => Refusal::LimitReached(reached),
            Self::Forbidden(error, _) => Refusal::Provider(error),
            Self::Provider(mut error, _) => match error.class {
                ErrorClass::RateLimit => {
                    error.retry_after_ms = retry_after_ms.or(error.retry_after_ms);
                    Refusal::Provider(error)
                }
                ErrorClass::QuotaExhausted
                | ErrorClass::ContextTooLong
                | ErrorClass::ContentPolicy
                | ErrorClass::ModelNotFound
                | ErrorClass::BadRequest => Refusal::Provider(error),
                ErrorClass::BadCredentials => Refusal::CredentialsExhausted,
                ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => {
                    exhausted(trace)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_with_a_status_of_refusal_says_nothing_of_the_target() {
        let page = |status| {
            let error = tb_providers::error::failure(ErrorClass::Malformed, 502, "a page");
            Failure::Provider(Box::new(error), status)
        };
        for status in [400, 403, 499] {
            let failure = page(status);
            assert_eq!(failure.end(true).verdict, Verdict::Neutral);
            assert_eq!(failure.fault(true), Fault::Lasting);
        }
        for status in [200, 302, 399, 500] {
            let failure = page(status);
            assert_eq!(failure.end(true).verdict, Verdict::Failure);
            assert_eq!(failure.fault(true), Fault::Passing(0));
        }
    }

    #[test]
    fn what_the_request_brings_about_says_nothing_of_the_target() {
        for class in [
            ErrorClass::BadRequest,
            ErrorClass::ContextTooLong,
            ErrorClass::ContentPolicy,
            ErrorClass::ModelNotFound,
        ] {
            let error = tb_providers::error::failure(class, 400, "no");
            let failure = Failure::Provider(Box::new(error), 400);
            assert_eq!(failure.end(true).verdict, Verdict::Neutral, "{class:?}");
        }
    }

    #[test]
    fn the_four_time_outs_are_told_apart() {
        let (connect, first) = (Failure::Send(SendFailure::ConnectTimeout), Failure::FirstByte(0));
        let (idle, late) = (Failure::Idle(200), Failure::Deadline(0));
        let words = ["connect_timeout", "first_byte_timeout", "idle_timeout", "deadline"];
        for (failure, word) in [connect, first, idle, late].into_iter().zip(words) {
            assert_eq!((failure.label(), failure.ended()), (word, Ended::Word(word)));
            assert_eq!(failure.end(true).reason, EndReason::Timeout);
            assert_eq!(failure.end(true).verdict, Verdict::Failure);
            assert_eq!(failure.fault(true), Fault::Passing(0));
        }
        assert_eq!(Failure::Deadline(0).end(false).verdict, Verdict::Neutral);
    }
}
