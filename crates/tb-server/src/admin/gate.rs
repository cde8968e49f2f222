//! Who may ask: the host name (against DNS rebinding) and the admin token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::fault::AdminFault;
use crate::own_host;

/// Checks every request, known routes or not.
pub(crate) async fn pass(
    State(state): State<Arc<AdminState>>,
    request: Request,
    next: Next,
) -> Response {
    match check(&state, request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

fn check(state: &AdminState, path: &str, headers: &HeaderMap) -> Result<(), AdminFault> {
    // Behind a real address anything may stand in front, and the token protects it. On
    // loopback a web page that names this address by a host name of its own must not get in.
    // Nor may one that names it correctly, from another origin: without authentication
    // nothing else would stop its script from making keys.
    if state.address.ip().is_loopback()
        && (!own_host::is_own(headers, state.address) || is_cross_site(headers))
    {
        return Err(AdminFault::Host);
    }
    if !needs_token(state, path) {
        return Ok(());
    }
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = presented.and_then(bearer_token).unwrap_or_default();
    if state.keys.is_admin(token) { Ok(()) } else { Err(AdminFault::Token) }
}

/// Metrics have no secrets, but tell of the traffic: open on loopback only, like everything
/// else when authentication is off.
fn needs_token(state: &AdminState, path: &str) -> bool {
    let is_loopback = state.address.ip().is_loopback();
    match path {
        "/" | "/healthz" | "/readyz" | "/openapi.json" => false,
        "/metrics" => !is_loopback,
        _ => !is_loopback || state.config.get().snapshot.server.authentication,
    }
}

/// What browsers say of requests that another site's page caused, with or without `Origin`.
fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().any(|value| value == "cross-site")
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
