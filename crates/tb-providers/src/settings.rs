//! What the operator says of a provider, as far as dialects need it.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// `dialect = "…"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialectName {
    /// OpenAI and everything compatible with it.
    #[serde(rename = "openai")]
    OpenAi,
    /// Azure OpenAI, both path forms.
    Azure,
    /// Anthropic's Messages API.
    Anthropic,
    /// Gemini's native generateContent.
    Gemini,
    /// The built-in provider for demos and tests: no network.
    Simulated,
}

/// A provider's base URL, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// `https`.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, 443 or 80 when the URL names none.
    pub port: u16,
    /// Path without a trailing slash: `/v1`, or empty.
    pub path: String,
}

impl BaseUrl {
    /// Takes a URL apart: `http` or `https`, no user, no query, no fragment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("spaces, control characters and letters beyond ASCII are not allowed");
        }
        let (scheme, rest) = url.split_once("://").ok_or("it must begin with https://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("only http and https are supported"),
        };
        if rest.contains('?') {
            return Err("a query is not allowed");
        }
        if rest.contains('#') {
            return Err("a fragment is not allowed");
        }
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err("a user name or password is not allowed");
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port, path: path.trim_end_matches('/').to_owned() })
    }

    /// The `host` header: with the port when it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let own_port = if self.tls { 443 } else { 80 };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        if self.port == own_port {
            format!("{open}{}{close}", self.host)
        } else {
            format!("{open}{}{close}:{}", self.host, self.port)
        }
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, after) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or("an IPv6 address lacks its ]")?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err("the address in brackets is not IPv6");
        }
        (host, after)
    } else {
        let at = authority.find(':').unwrap_or(authority.len());
        let (host, after) = authority.split_at_checked(at).unwrap_or((authority, ""));
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if !host.bytes().all(known) {
            return Err("the host name holds a character that is not allowed");
        }
        (host, after)
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let port = match after.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(
            digits.parse().ok().filter(|port| *port != 0).ok_or("the port must be 1 to 65535")?,
        ),
        None if after.is_empty() => None,
        _ => return Err("the port must be 1 to 65535"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// What a vendor does differently from the dialect's origin. `quirks = { … }` of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// It accepts `stream_options.include_usage` (default true).
    pub stream_options: bool,
    /// It accepts `max_completion_tokens` (default true); otherwise it is renamed to
    /// `max_tokens`.
    pub max_completion_tokens: bool,
    /// It accepts `encoding_format: "base64"` for embeddings (default true).
    pub base64_embeddings: bool,
    /// It knows the role `developer` (default true); otherwise it is renamed to `system`.
    pub developer_role: bool,
    /// Azure: the `api-version` of the deployment path form; absent = the /openai/v1 form.
    pub api_version: Option<String>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            stream_options: true,
            max_completion_tokens: true,
            base64_embeddings: true,
            developer_role: true,
            api_version: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart_and_names_the_authority() {
        for (url, tls, host, port, path, authority) in [
            ("https://api.openai.com/v1", true, "api.openai.com", 443, "/v1", "api.openai.com"),
            ("http://127.0.0.1:8080", false, "127.0.0.1", 8080, "", "127.0.0.1:8080"),
            ("http://[::1]:11434/v1/", false, "::1", 11434, "/v1", "[::1]:11434"),
            ("HTTPS://Example.COM:443//", true, "example.com", 443, "", "example.com"),
            ("https://[2001:db8::1]/a/b", true, "2001:db8::1", 443, "/a/b", "[2001:db8::1]"),
        ] {
            let parsed = BaseUrl::parse(url).unwrap();
            let expected = BaseUrl { tls, host: host.to_owned(), port, path: path.to_owned() };
            assert_eq!(parsed, expected, "{url}");
            assert_eq!(parsed.authority(), authority, "{url}");
        }
    }

    #[test]
    fn refuses_what_could_lead_elsewhere() {
        for url in [
            "api.openai.com",
            "ftp://x",
            "https://",
            "https:///v1",
            "https://user@x/v1",
            "https://user:pass@x",
            "https://x/?a=1",
            "https://x/#a",
            "https://x y",
            "https://x\r\nhost: y",
            "https://[::1",
            "https://[x]",
            "https://x:",
            "https://x:0",
            "https://x:65536",
            "https://x:1:2",
            "https://x:+1",
            "https://[::1]x",
            "https://ex\u{e4}mple",
            "https://x%2f",
            "https://x\\y",
        ] {
            assert!(BaseUrl::parse(url).is_err(), "{url:?}");
        }
    }
}
