//! Why a request got no answer, cut by whose fault it is and what to do next.

use tb_api::error::ApiError;
use tb_core::KeyRefusal;
use tb_core::breaker::Verdict;
use tb_providers::{EncodeError, ErrorClass, UpstreamError};

use crate::admission::LimitReached;

/// The wait that is told where nobody said how long: an overload of a moment.
const DEFAULT_RETRY_AFTER_MS: u64 = 1_000;

/// The end of a request that got no answer. [`Refusal::api_error`] says what may be said
/// outside; nothing in here holds text of a request or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No credential was sent, or it was refused.
    #[error("{0}")]
    Key(KeyRefusal),
    /// A rule of the operator forbids it.
    #[error("{code}: {message}")]
    Policy {
        /// HTTP status.
        status: u16,
        /// The stable code.
        code: &'static str,
        /// What is forbidden and what is allowed.
        message: String,
    },
    /// The request itself is at fault.
    #[error("{code}: {message}")]
    Caller {
        /// HTTP status.
        status: u16,
        /// The stable code.
        code: &'static str,
        /// The field at fault.
        param: Option<Box<str>>,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The provider refused the request: its error is passed on.
    #[error("provider: {}", .0.message)]
    Provider(Box<UpstreamError>),
    /// Every target failed.
    #[error("every target failed: {trace}")]
    Exhausted {
        /// What was tried, as in `x-tollbar-attempts`.
        trace: String,
        /// Milliseconds until the first target recovers, where that is known.
        retry_after_ms: Option<u64>,
    },
    /// Every key of the provider was refused.
    #[error("the provider refused every key")]
    CredentialsExhausted,
    /// The deadline passed, or the provider was silent for too long.
    #[error("{0}")]
    Deadline(&'static str),
    /// No room for another request now.
    #[error("{0}")]
    Overloaded(&'static str),
    /// As many requests are served, or as much memory is held, as may be.
    #[error("{}", .0.message())]
    LimitReached(Box<LimitReached>),
    /// The journal cannot take the record, so the request may not be served.
    #[error("the journal is unavailable")]
    AuditUnavailable,
    /// The gateway is stopping and can wait no longer for the end of this answer.
    #[error("the gateway is stopping")]
    Stopping,
    /// A fault of ours.
    #[error("internal error")]
    Internal(&'static str),
}

impl Refusal {
    /// A fault of the caller in one field.
    #[must_use]
    pub fn caller(status: u16, code: &'static str, param: &str, message: String) -> Self {
        let param = (!param.is_empty()).then(|| param.into());
        Self::Caller { status, code, param, message }
    }

    /// The stable code of this end.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Key(KeyRefusal::Invalid) => "invalid_api_key".to_owned(),
            Self::Key(KeyRefusal::Expired | KeyRefusal::TooOld) => "key_expired".to_owned(),
            Self::Key(KeyRefusal::NotYet) => "key_not_yet_valid".to_owned(),
            Self::Key(KeyRefusal::Revoked) => "key_revoked".to_owned(),
            Self::Key(KeyRefusal::Network) => "network_not_allowed".to_owned(),
            Self::Policy { code, .. } | Self::Caller { code, .. } => (*code).to_owned(),
            Self::Provider(error) => error_code(error),
            Self::Exhausted { .. } => "upstream_exhausted".to_owned(),
            Self::CredentialsExhausted => "upstream_credentials_exhausted".to_owned(),
            Self::Deadline(_) => "deadline_exceeded".to_owned(),
            Self::Overloaded(_) => "overloaded".to_owned(),
            Self::LimitReached(reached) => reached.code().to_owned(),
            Self::AuditUnavailable => "audit_unavailable".to_owned(),
            Self::Stopping => "gateway_stopping".to_owned(),
            Self::Internal(_) => "internal_error".to_owned(),
        }
    }

    /// The word for it in the `error_type` label: one of a closed list.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Key(_) => "caller_credentials",
            Self::Policy { .. } => "policy",
            Self::Caller { .. } => "caller_request",
            Self::Provider(error) => class_label(error.class),
            Self::Exhausted { .. } => "provider_exhausted",
            Self::CredentialsExhausted => "provider_credentials",
            Self::Deadline(_) => "gateway_deadline",
            Self::LimitReached(reached) if reached.is_of_gateway() => "gateway_overloaded",
            Self::LimitReached(_) => "policy",
            Self::Overloaded(_) => "gateway_overloaded",
            Self::AuditUnavailable => "gateway_audit",
            Self::Stopping => "gateway_stopping",
            Self::Internal(_) => "gateway_internal",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn api_error(&self) -> ApiError {
        let (status, kind, origin) = self.status_kind_origin();
        let param = match self {
            Self::Caller { param, .. } => param.as_deref().map(str::to_owned),
            Self::Provider(error) => error.param.clone(),
            _ => None,
        };
        let extra = match self {
            Self::LimitReached(reached) => reached.members(),
            _ => Vec::new(),
        };
        ApiError {
            status,
            kind,
            code: Some(self.code()),
            param,
            message: self.message(),
            origin,
            extra,
        }
    }

    /// Milliseconds after which another try makes sense.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Provider(error) => error
                .retry_after_ms
                .or_else(|| matches!(error.status, 429 | 503).then_some(DEFAULT_RETRY_AFTER_MS)),
            Self::LimitReached(reached) => Some(reached.retry_after_ms),
            Self::Exhausted { retry_after_ms, .. } => *retry_after_ms,
            Self::Policy { status: 503, .. }
            | Self::Overloaded(_)
            | Self::AuditUnavailable
            | Self::Stopping => Some(DEFAULT_RETRY_AFTER_MS),
            _ => None,
        }
    }

    /// What `x-should-retry` says of this end alone; see [`Refused::should_retry`].
    #[must_use]
    pub fn should_retry(&self) -> Option<bool> {
        match self {
            Self::CredentialsExhausted => Some(false),
            Self::LimitReached(reached) if !reached.may_pass_later() => Some(false),
            Self::Provider(error) if error.class == ErrorClass::QuotaExhausted => Some(false),
            // Who takes kept answers only is told at once that there is none.
            Self::Caller { code: "cache_miss", .. } => Some(false),
            _ => None,
        }
    }

    /// Whether the request is at fault, so that no other target and no lesser answer is right.
    pub(crate) fn is_callers_fault(&self) -> bool {
        match self {
            Self::Key(_) | Self::Policy { .. } | Self::Caller { .. } => true,
            Self::Provider(error) => is_of_request(error.class),
            _ => false,
        }
    }

    fn status_kind_origin(&self) -> (u16, String, &'static str) {
        match self {
            Self::Key(KeyRefusal::Network) => (403, "permission_error".to_owned(), "policy"),
            Self::Key(_) => (401, "authentication_error".to_owned(), "caller"),
            Self::Policy { code: "guard_failed", .. } => {
                (500, "server_error".to_owned(), "gateway")
            }
            Self::Policy { status, .. } => (*status, policy_kind(*status).to_owned(), "policy"),
            Self::Caller { status, .. } => (*status, "invalid_request_error".to_owned(), "caller"),
            Self::Provider(error) => (error.status, error.kind.clone(), "provider"),
            Self::Exhausted { .. } | Self::CredentialsExhausted => {
                (502, "upstream_error".to_owned(), "provider")
            }
            Self::Deadline(_) => (504, "timeout_error".to_owned(), "gateway"),
            Self::LimitReached(reached) if reached.is_of_gateway() => {
                (503, "overloaded_error".to_owned(), "gateway")
            }
            Self::LimitReached(_) => (429, policy_kind(429).to_owned(), "policy"),
            Self::Overloaded(_) | Self::AuditUnavailable | Self::Stopping => {
                (503, "overloaded_error".to_owned(), "gateway")
            }
            Self::Internal(_) => (500, "server_error".to_owned(), "gateway"),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Key(KeyRefusal::Invalid) => "Invalid API key. Send a key of this gateway as \
                `Authorization: Bearer tb_live_…`; `tollbar keys create` makes one."
                .to_owned(),
            Self::Key(KeyRefusal::TooOld) => "The API key is older than keys may become \
                (`[keys] max_age`). `tollbar keys rotate` gives it another secret."
                .to_owned(),
            Self::Policy { message, .. } | Self::Caller { message, .. } => message.clone(),
            Self::Provider(error) => error.message.clone(),
            Self::Exhausted { trace, .. } => {
                format!("Every target of this model failed ({trace}). Try again later.")
            }
            Self::CredentialsExhausted => "The provider refused the gateway's credentials. The \
                operator must renew the provider's keys."
                .to_owned(),
            Self::AuditUnavailable => {
                "The gateway cannot record this request now, so it does not serve it.".to_owned()
            }
            Self::Stopping => {
                "The gateway is stopping and could not wait for the end of this answer. Send the \
                 request again."
                    .to_owned()
            }
            Self::Internal(_) => {
                "The gateway failed. The request id names it in the logs.".to_owned()
            }
            Self::Key(_) | Self::Deadline(_) | Self::Overloaded(_) | Self::LimitReached(_) => {
                self.to_string()
            }
        }
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Unsupported { .. } => {
                Self::caller(404, "model_not_found", "model", error.to_string())
            }
            EncodeError::Invalid { ref param, ref message } => {
                Self::caller(400, "invalid_request", param, message.clone())
            }
        }
    }
}

/// The longest code of a provider that is taken over.
const MAX_CODE_BYTES: usize = 64;

/// The code of a provider's error, which stands in rows: a word, or `provider_` and its status.
pub(crate) fn error_code(error: &UpstreamError) -> String {
    let is_word = |code: &&String| {
        (1..=MAX_CODE_BYTES).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    match error.code.as_ref().filter(is_word) {
        Some(code) => code.clone(),
        None => format!("provider_{}", error.status),
    }
}

/// The label of a class of provider errors.
pub(crate) const fn class_label(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimit => "provider_rate_limit",
        ErrorClass::QuotaExhausted => "provider_quota",
        ErrorClass::Overloaded => "provider_overloaded",
        ErrorClass::ServerError => "provider_server_error",
        ErrorClass::BadCredentials => "provider_credentials",
        ErrorClass::ContextTooLong => "provider_context_length",
        ErrorClass::ContentPolicy => "provider_content_policy",
        ErrorClass::ModelNotFound => "provider_model_not_found",
        ErrorClass::BadRequest => "provider_bad_request",
        ErrorClass::Malformed => "provider_malformed",
    }
}

/// What a class of provider errors says of a target's health.
pub(crate) const fn verdict(class: ErrorClass) -> Verdict {
    match class {
        ErrorClass::Overloaded | ErrorClass::ServerError | ErrorClass::Malformed => {
            Verdict::Failure
        }
        ErrorClass::RateLimit => Verdict::Throttled,
        // Keys have a state of their own, and a missing model is the configuration's matter,
        // or that of the caller who named it. What a caller can bring about at will must not
        // vouch for a target that answers nobody.
        ErrorClass::QuotaExhausted
        | ErrorClass::BadCredentials
        | ErrorClass::ModelNotFound
        | ErrorClass::ContextTooLong
        | ErrorClass::ContentPolicy
        | ErrorClass::BadRequest => Verdict::Neutral,
    }
}

/// Whether errors of this class are the fault of the request.
pub(crate) const fn is_of_request(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::ContextTooLong | ErrorClass::ContentPolicy | ErrorClass::BadRequest)
}

const fn policy_kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        403 => "permission_error",
        503 => "overloaded_error",
        _ => "invalid_request_error",
    }
}

/// A refusal with the headers that its answer carries.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The trace of attempts, when there were any.
    pub attempts: Option<Box<http::HeaderValue>>,
    /// The gateway has spent its own tries: more than one attempt was made, or no other one
    /// may be.
    pub retried: bool,
    /// What the guard says of the request.
    pub guard: Box<GuardNote>,
    /// What is left of the caller's limits, as `x-ratelimit-*` headers.
    pub rate_limits: Box<http::HeaderMap>,
}

/// What the guard says of a request that got no answer.
#[derive(Debug, Clone, Default)]
pub struct GuardNote {
    /// What was found, as in `x-tollbar-guard`.
    pub found: Option<http::HeaderValue>,
    /// What characters were there that nobody sees, as in `x-tollbar-characters`.
    pub characters: Option<http::HeaderValue>,
    /// Members of `error.tollbar`: `types`, or a limit; never a value.
    pub extra: Vec<(&'static str, serde_json::Value)>,
}

impl Refused {
    /// What `x-should-retry` says: `Some(false)` once the gateway has spent its own tries, or
    /// when another try cannot help.
    #[must_use]
    pub fn should_retry(&self) -> Option<bool> {
        if self.retried { Some(false) } else { self.refusal.should_retry() }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            attempts: None,
            retried: false,
            guard: Box::default(),
            rate_limits: Box::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>) -> UpstreamError {
        let code = code.map(str::to_owned);
        UpstreamError { code, ..tb_providers::error::failure(ErrorClass::RateLimit, 429, "slow") }
    }

    #[test]
    fn a_code_that_is_no_word_gives_way_to_the_status() {
        assert_eq!(error_code(&error(Some("rate_limit.tokens-1"))), "rate_limit.tokens-1");
        let long = "x".repeat(65);
        for code in [None, Some(""), Some("two words"), Some("gr\u{fc}n"), Some(long.as_str())] {
            assert_eq!(error_code(&error(code)), "provider_429");
        }
    }

    #[test]
    fn a_provider_that_is_busy_without_a_hint_is_asked_again_in_a_second() {
        let wait = |error| Refusal::Provider(Box::new(error)).retry_after_ms();
        assert_eq!(wait(error(None)), Some(1_000));
        assert_eq!(wait(UpstreamError { retry_after_ms: Some(7), ..error(None) }), Some(7));
        assert_eq!(wait(UpstreamError { status: 400, ..error(None) }), None);
    }

    #[test]
    fn nothing_is_worth_a_retry_once_the_gateway_has_spent_its_own() {
        let mut refused = Refused::from(Refusal::Provider(Box::new(error(None))));
        assert_eq!(refused.should_retry(), None);
        refused.retried = true;
        assert_eq!(refused.should_retry(), Some(false));
    }
}
