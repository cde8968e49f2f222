//! How an attempt fails, and what follows from it.

use tb_core::EndReason;
use tb_providers::{ErrorClass, UpstreamError};

use crate::attempts::Ended;
use crate::client::SendFailure;
use crate::refusal::{Refusal, class_label};
use crate::settlement::AttemptEnd;

/// A failed attempt.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection, or it broke.
    Send(SendFailure),
    /// No first byte in time.
    FirstByte,
    /// The request's deadline passed; with the provider's status, 0 when none came.
    Deadline(u16),
    /// The provider's error, with the status that it came with: what the client is told of
    /// a malformed answer is another one.
    Provider(Box<UpstreamError>, u16),
}

impl Failure {
    /// Whether another target may do better: everything but the caller's own faults.
    pub(super) fn is_worth_another_target(&self) -> bool {
        match self {
            Self::Deadline(_) => false,
            Self::Send(_) | Self::FirstByte => true,
            Self::Provider(error, _) => match error.class {
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
            Self::Send(SendFailure::Connect) => Ended::Word("connect"),
            Self::Send(SendFailure::Broken) => Ended::Word("reset"),
            Self::Send(SendFailure::ConnectTimeout) | Self::FirstByte | Self::Deadline(_) => {
                Ended::Word("timeout")
            }
            Self::Provider(error, _) if error.class == ErrorClass::Malformed => {
                Ended::Word("malformed")
            }
            Self::Provider(error, _) => Ended::Status(error.status),
        }
    }

    /// The provider's status, 0 when none came.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Provider(_, status) | Self::Deadline(status) => *status,
            Self::Send(_) | Self::FirstByte => 0,
        }
    }

    /// The `outcome` label of `upstream_attempts_total`.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Send(SendFailure::Connect | SendFailure::ConnectTimeout) => "connect",
            Self::Send(SendFailure::Broken) => "reset",
            Self::FirstByte => "first_byte_timeout",
            Self::Deadline(_) => "deadline",
            Self::Provider(error, _) => class_label(error.class),
        }
    }

    /// The end of an attempt after which another one follows.
    pub(super) fn end(&self) -> AttemptEnd {
        let reason = match self {
            Self::FirstByte | Self::Deadline(_) | Self::Send(SendFailure::ConnectTimeout) => {
                EndReason::Timeout
            }
            Self::Send(SendFailure::Connect | SendFailure::Broken) | Self::Provider(..) => {
                EndReason::UpstreamError
            }
        };
        AttemptEnd { reason, status: self.status(), outcome: self.label() }
    }

    /// What the client is told when nothing else can be tried.
    pub(super) fn into_refusal(self, trace: String) -> Refusal {
        match self {
            Self::Deadline(_) => Refusal::Deadline("The deadline of this request passed."),
            Self::FirstByte => Refusal::Deadline("The provider did not begin to answer in time."),
            Self::Send(_) => Refusal::Exhausted { trace },
            Self::Provider(error, _) => match error.class {
                ErrorClass::RateLimit
                | ErrorClass::QuotaExhausted
                | ErrorClass::ContextTooLong
                | ErrorClass::ContentPolicy
                | ErrorClass::ModelNotFound
                | ErrorClass::BadRequest => Refusal::Provider(error),
                ErrorClass::BadCredentials => Refusal::CredentialsExhausted,
                ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => {
                    Refusal::Exhausted { trace }
                }
            },
        }
    }
}
