//! Who may ask: the host name (against DNS rebinding), the admin token, and its role.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tb_core::{Actor, Role};

use super::AdminState;
use super::caller::Caller;
use super::fault::AdminFault;
use super::router::Access;
use crate::own_host;

/// What the gate goes by.
pub(crate) struct Gate {
    pub(crate) state: Arc<AdminState>,
    /// Who may do what, by the path of the route.
    pub(crate) access: HashMap<&'static str, &'static [Access]>,
}

/// Checks every request, known routes or not. What there is and what not learns only who has a
/// token, and what a route has only who may use it.
pub(crate) async fn pass(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let checked = check(&gate.state, request.uri().path(), request.headers());
    let checked = checked.and_then(|caller| {
        let Some(caller) = caller else { return Ok(()) };
        gate.check_role(&caller, &request)?;
        request.extensions_mut().insert(caller);
        Ok(())
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

impl Gate {
    fn check_role(&self, caller: &Caller, request: &Request) -> Result<(), AdminFault> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let access = path.and_then(|path| self.access.get(path).copied()).unwrap_or_default();
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        // No such route or no such method: 404 and 405 are the router's.
        let Some((_, roles)) = access.iter().find(|(name, _)| *name == method.as_str()) else {
            return Ok(());
        };
        if roles.is_empty() || roles.contains(&caller.role) {
            return Ok(());
        }
        Err(AdminFault::Forbidden { role: caller.role, roles })
    }
}

/// The caller, or `None` where everybody may ask.
fn check(
    state: &AdminState,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<Caller>, AdminFault> {
    // Behind a real address anything may stand in front, and the token protects it. On
    // loopback a web page that names this address by a host name of its own must not get in.
    // Nor may one that names it correctly, from another origin: without authentication
    // nothing else would stop its script from making keys.
    if state.address.ip().is_loopback()
        && (!own_host::is_own(headers, state.address) || is_cross_site(headers))
    {
        return Err(AdminFault::Host);
    }
    let is_loopback = state.address.ip().is_loopback();
    if matches!(path, "/" | "/healthz" | "/readyz" | "/openapi.json") {
        return Ok(None);
    }
    // Metrics have no secrets, but tell of the traffic: open on loopback only.
    if is_loopback && path == "/metrics" {
        return Ok(None);
    }
    if is_loopback && !state.config.get().snapshot.server.authentication {
        return Ok(Some(Caller { actor: Actor::Anonymous, role: Role::Owner }));
    }
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = presented.and_then(bearer_token).unwrap_or_default();
    let (id, role) = state.keys.admin(token).ok_or(AdminFault::Token)?;
    Ok(Some(Caller { actor: Actor::Token(id), role }))
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
