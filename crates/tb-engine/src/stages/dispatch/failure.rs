//! How an attempt fails, and what follows from it.

use tb_core::EndReason;
use tb_providers::{ErrorClass, UpstreamError};

use crate::attempts::Ended;
use crate::client::SendFailure;
use crate::refusal::{Refusal, class_label};

/// A failed attempt.
#[derive(Debug)]
pub(super) enum Failure {
    /// Not sent: a refusal of ours.
    Refused(Refusal),
    /// No connection, or it broke.
    Send(SendFailure),
    /// No first byte in time.
    FirstByte,
    /// The request's deadline.
    Deadline,
    /// The provider's error.
    Provider(Box<UpstreamError>),
}

impl Failure {
    /// Whether another target may do better: everything but the caller's own faults.
    pub(super) fn is_worth_another_target(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Deadline => false,
            Self::Send(_) | Self::FirstByte => true,
            Self::Provider(error) => match error.class {
                ErrorClass::RateLimit
                | ErrorClass::QuotaExhausted
                | ErrorClass::Overloaded
                | ErrorClass::ServerError
                | ErrorClass::BadCredentials
                | ErrorClass::ModelNotFound
                | ErrorClass::Malformed => true,
                ErrorClass::ContextTooLong | ErrorClass::ContentPolicy | ErrorClass::BadRequest => {
                    false
                }
            },
        }
    }

    /// The word in `x-tollbar-attempts`.
    pub(super) fn ended(&self) -> Ended {
        match self {
            Self::Refused(_) => Ended::Word("refused"),
            Self::Send(SendFailure::Connect) => Ended::Word("connect"),
            Self::Send(SendFailure::Broken) => Ended::Word("reset"),
            Self::Send(SendFailure::ConnectTimeout) | Self::FirstByte | Self::Deadline => {
                Ended::Word("timeout")
            }
            Self::Provider(error) if error.class == ErrorClass::Malformed => {
                Ended::Word("malformed")
            }
            Self::Provider(error) => Ended::Status(error.status),
        }
    }

    /// The provider's status, 0 when none came.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Provider(error) => error.status,
            _ => 0,
        }
    }

    /// The `outcome` label of `upstream_attempts_total`.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.error_type(),
            Self::Send(SendFailure::Connect | SendFailure::ConnectTimeout) => "connect",
            Self::Send(SendFailure::Broken) => "reset",
            Self::FirstByte => "first_byte_timeout",
            Self::Deadline => "deadline",
            Self::Provider(error) => class_label(error.class),
        }
    }

    pub(super) fn end_reason(&self) -> EndReason {
        match self {
            Self::FirstByte | Self::Deadline | Self::Send(SendFailure::ConnectTimeout) => {
                EndReason::Timeout
            }
            _ => EndReason::UpstreamError,
        }
    }

    /// What the client is told when nothing else can be tried.
    pub(super) fn into_refusal(self, trace: String, attempts: usize) -> Refusal {
        let retried = attempts > 1;
        match self {
            Self::Refused(refusal) => refusal,
            Self::Deadline => Refusal::Deadline("The deadline of this request passed."),
            Self::FirstByte => Refusal::Deadline("The provider did not begin to answer in time."),
            Self::Send(_) => Refusal::Exhausted { trace, retried },
            Self::Provider(error) => match error.class {
                ErrorClass::RateLimit
                | ErrorClass::QuotaExhausted
                | ErrorClass::ContextTooLong
                | ErrorClass::ContentPolicy
                | ErrorClass::ModelNotFound
                | ErrorClass::BadRequest => Refusal::Provider(error),
                ErrorClass::BadCredentials => Refusal::CredentialsExhausted,
                ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => {
                    Refusal::Exhausted { trace, retried }
                }
            },
        }
    }
}
