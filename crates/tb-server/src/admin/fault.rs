//! Refusals of the admin API: `{"error":{"code","message"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tb_core::Role;
use tb_core::ports::StoreError;

use super::key_desk::DeskFault;

/// Why the admin API refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminFault {
    /// No admin token, or a wrong one.
    #[error("an admin token is needed: `Authorization: Bearer tb_admin_…`")]
    Token,
    /// The token's role does not reach.
    #[error("the role `{}` may not do this; it takes: {}", .role.as_str(), names(.roles))]
    Forbidden {
        /// What the token has.
        role: Role,
        /// What would do.
        roles: &'static [Role],
    },
    /// The request names a host that this address is not, or comes from another site's page.
    #[error("this address answers neither under that host name nor to pages of other origins")]
    Host,
    /// The body is not said to be JSON.
    #[error("the body must be JSON: `content-type: application/json`")]
    MediaType,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The body is larger than anything that makes sense here.
    #[error("the body is too large")]
    TooLarge,
    /// What was asked for does not exist.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The request is faulty.
    #[error("{0}")]
    Invalid(String),
    /// What is there does not allow it.
    #[error("{message}")]
    Conflict {
        /// The stable code.
        code: &'static str,
        /// What is there, and what to do.
        message: String,
    },
    /// The store failed.
    #[error("the store does not answer")]
    Store(#[source] StoreError),
    /// Something that must not happen.
    #[error("an internal fault: {0}")]
    Internal(&'static str),
}

impl AdminFault {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Token => "invalid_admin_token",
            Self::Forbidden { .. } => "role_not_allowed",
            Self::Conflict { code, .. } => code,
            Self::Host => "wrong_host",
            Self::MediaType => "unsupported_media_type",
            Self::TooSlow => "request_timeout",
            Self::TooLarge => "request_too_large",
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid_request",
            Self::Store(_) => "store_unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<StoreError> for AdminFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DeskFault> for AdminFault {
    fn from(fault: DeskFault) -> Self {
        match fault {
            DeskFault::Unknown(what) => Self::NotFound(what),
            DeskFault::Conflict { code, message } => Self::Conflict { code, message },
            DeskFault::Invalid(message) => Self::Invalid(message),
            DeskFault::NoRandomness(_) => Self::Internal("no random numbers"),
            DeskFault::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for AdminFault {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        match &self {
            Self::Store(error) => tracing::warn!(%error, "the admin API could not use the store"),
            Self::Internal(fault) => tracing::error!(fault, "the admin API failed"),
            _ => tracing::debug!(code, "the admin API refused"),
        }
        let body = Json(json!({ "error": { "code": code, "message": self.to_string() } }));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollbar\""));
        }
        response
    }
}
