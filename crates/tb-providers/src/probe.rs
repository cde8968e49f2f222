//! Whether a provider takes a key, asked without anybody's text: the list of its models.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tb_core::Surface;

use crate::openai::encode::{AGENT, secret_header};
use crate::{Call, CallBody, DialectName, EncodeError, Endpoint, WireRequest, dialect};

/// Anthropic's version of the list, <https://docs.anthropic.com/en/api/models-list>.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// The request for the list of models; `None` for a provider that has no network.
///
/// # Errors
/// When the key cannot stand in a header.
pub fn key_probe(
    name: DialectName,
    endpoint: &Endpoint<'_>,
) -> Result<Option<WireRequest>, EncodeError> {
    let wire = match name {
        DialectName::Simulated => return Ok(None),
        DialectName::OpenAi | DialectName::Azure => {
            let (surface, headers) = (Surface::Models, &HeaderMap::new());
            let (body, response_id) = (CallBody::Empty, None);
            let call = Call { surface, model: "", stream: false, body, headers, response_id };
            dialect(name).encode(&call, endpoint)?
        }
        DialectName::Anthropic => {
            let version = HeaderValue::from_static(ANTHROPIC_VERSION);
            let mut wire = listing("x-api-key", "/models", endpoint)?;
            wire.headers.insert(HeaderName::from_static("anthropic-version"), version);
            wire
        }
        DialectName::Gemini => listing("x-goog-api-key", "/models", endpoint)?,
    };
    Ok(Some(wire))
}

fn listing(
    key_header: &'static str,
    path: &str,
    endpoint: &Endpoint<'_>,
) -> Result<WireRequest, EncodeError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(key) = endpoint.api_key {
        headers.insert(HeaderName::from_static(key_header), secret_header("", key)?);
    }
    let path = format!("{}{path}", endpoint.base_url.path);
    Ok(WireRequest { method: Method::GET, path, headers, body: Bytes::new(), dropped: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BaseUrl, Quirks};
    use tb_core::Secret;

    #[test]
    fn each_dialect_is_asked_for_its_models_with_the_key_in_its_own_place() {
        let key = Secret::new("canary-key".to_owned());
        let base_url = BaseUrl::parse("https://host.example/base").unwrap();
        let quirks = Quirks::default();
        let (api_key, base_url, quirks) = (Some(&key), &base_url, &quirks);
        let endpoint = Endpoint { base_url, api_key, quirks, zero_retention: false };
        for (name, path, header, value) in [
            (DialectName::OpenAi, "/base/models", "authorization", "Bearer canary-key"),
            (DialectName::Azure, "/base/openai/v1/models", "api-key", "canary-key"),
            (DialectName::Anthropic, "/base/models", "x-api-key", "canary-key"),
            (DialectName::Gemini, "/base/models", "x-goog-api-key", "canary-key"),
        ] {
            let wire = key_probe(name, &endpoint).unwrap().unwrap();
            assert_eq!((wire.method, wire.path.as_str()), (Method::GET, path));
            assert!(wire.body.is_empty());
            let sent = wire.headers.get(header).unwrap();
            assert_eq!((sent.to_str().unwrap(), sent.is_sensitive()), (value, true));
        }
        assert!(key_probe(DialectName::Simulated, &endpoint).unwrap().is_none());
    }
}
