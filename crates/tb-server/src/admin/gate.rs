//! Who may ask: the host name (against DNS rebinding) and the admin token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::fault::AdminFault;

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
        && !(is_own_host(headers, state.address) && is_own_origin(headers, state.address))
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

fn is_own_host(headers: &HeaderMap, own: SocketAddr) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    is_own_name(without_port(host), own)
}

/// Programs send no `Origin`; browsers send the one of the page whose script asks.
fn is_own_origin(headers: &HeaderMap, own: SocketAddr) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let host = origin.to_str().ok().and_then(|text| text.strip_prefix("http://"));
    // The port counts as well: another local server is another origin.
    host.is_some_and(|host| {
        is_own_name(without_port(host), own) && host.ends_with(&format!(":{}", own.port()))
    })
}

fn is_own_name(name: &str, own: SocketAddr) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(ip) => ip.is_loopback() || ip == own.ip(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// `localhost:8788` and `[::1]:8788` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_names_only() {
        let own = "127.0.0.1:8788".parse().unwrap();
        let is_own = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            is_own_host(&headers, own)
        };
        for host in ["127.0.0.1:8788", "localhost", "LOCALHOST:1", "[::1]:8788", "127.9.9.9"] {
            assert!(is_own(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8788", "10.0.0.1", "localhost.evil.example", ""]
        {
            assert!(!is_own(host), "{host}");
        }
        assert!(!is_own_host(&HeaderMap::new(), own));
    }

    #[test]
    fn knows_its_own_origin_only() {
        let own = "127.0.0.1:8788".parse().unwrap();
        let is_own = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, origin.parse().unwrap());
            is_own_origin(&headers, own)
        };
        assert!(is_own_origin(&HeaderMap::new(), own));
        assert!(is_own("http://localhost:8788") && is_own("http://127.0.0.1:8788"));
        for origin in ["null", "http://evil.example", "http://localhost:3000", "http://localhost"] {
            assert!(!is_own(origin), "{origin}");
        }
    }
}
