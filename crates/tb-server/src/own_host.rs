//! Whether a request names this address by a name of its own. A web page can make a browser
//! send requests to loopback under the page's host name (DNS rebinding), or to the right name
//! from another origin; where no credential is asked for, nothing else would stop it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whether `host` and, if a browser sent it, `origin` are those of the address `own`.
pub(crate) fn is_own(headers: &HeaderMap, own: SocketAddr) -> bool {
    is_own_host(headers, own) && is_own_origin(headers, own)
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
