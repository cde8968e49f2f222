//! Azure OpenAI: OpenAI's shapes under other paths, with the `api-key` header.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use tb_core::Surface;

use crate::openai::{OpenAi, encode};
use crate::{
    AnswerShape, Call, Decoded, Dialect, EncodeError, Endpoint, Malformed, StreamDecoder,
    UpstreamError, WireRequest,
};

/// Azure OpenAI, the deployment path form (with `quirks.api_version`) and `/openai/v1`.
#[derive(Debug)]
pub struct Azure;

impl Dialect for Azure {
    fn serves(&self, surface: Surface) -> bool {
        surface != Surface::Moderations && OpenAi.serves(surface)
    }

    fn encode(&self, call: &Call<'_>, endpoint: &Endpoint<'_>) -> Result<WireRequest, EncodeError> {
        if !self.serves(call.surface) {
            let surface = call.surface.label();
            return Err(EncodeError::Unsupported { dialect: "azure", surface });
        }
        // Same method, body and headers; only the path and the place of the key differ.
        let mut wire = OpenAi.encode(call, &Endpoint { api_key: None, ..*endpoint })?;
        if let Some(key) = endpoint.api_key {
            let name = HeaderName::from_static("api-key");
            wire.headers.insert(name, encode::secret_header("", key)?);
        }
        wire.path = path(call, endpoint);
        Ok(wire)
    }

    fn decode(&self, shape: AnswerShape, body: &Bytes) -> Result<Decoded, Malformed> {
        OpenAi.decode(shape, body)
    }

    fn stream(&self, shape: AnswerShape, model: &str) -> Box<dyn StreamDecoder> {
        OpenAi.stream(shape, model)
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> UpstreamError {
        OpenAi.classify(status, headers, body)
    }
}

fn path(call: &Call<'_>, endpoint: &Endpoint<'_>) -> String {
    // The base URL may be given with or without the part that both forms share.
    let base = endpoint.base_url.path.as_str();
    let base = base.strip_suffix("/v1").filter(|b| b.ends_with("/openai")).unwrap_or(base);
    let base = base.strip_suffix("/openai").unwrap_or(base);
    let route = encode::path(call);
    let Some(version) = &endpoint.quirks.api_version else {
        return format!("{base}/openai/v1{route}");
    };
    let version = percent_encoded(version);
    let under_deployment = !matches!(
        call.surface,
        Surface::Responses
            | Surface::ResponsesGet
            | Surface::ResponsesDelete
            | Surface::ResponsesCancel
            | Surface::Models
    );
    if under_deployment {
        let deployment = percent_encoded(call.model);
        format!("{base}/openai/deployments/{deployment}{route}?api-version={version}")
    } else {
        format!("{base}/openai{route}?api-version={version}")
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BaseUrl, CallBody, Quirks};
    use tb_core::Secret;

    fn encoded(base: &str, version: Option<&str>, surface: Surface, model: &str) -> WireRequest {
        let base_url = BaseUrl::parse(base).unwrap();
        let quirks = Quirks { api_version: version.map(str::to_owned), ..Quirks::default() };
        let key = Secret::new("canary-key".to_owned());
        let endpoint = Endpoint {
            base_url: &base_url,
            api_key: Some(&key),
            quirks: &quirks,
            zero_retention: false,
        };
        let call = Call {
            surface,
            model,
            stream: false,
            body: CallBody::Empty,
            headers: &HeaderMap::new(),
            response_id: Some("resp_1"),
        };
        Azure.encode(&call, &endpoint).unwrap()
    }

    #[test]
    fn knows_both_path_forms() {
        use Surface as S;
        let host = "https://x.openai.azure.com";
        for (version, surface, model, path) in [
            (
                Some("2024-10-21"),
                S::ChatCompletions,
                "gpt 4/o",
                "/openai/deployments/gpt%204%2Fo/chat/completions?api-version=2024-10-21",
            ),
            (
                Some("2025-04-01-preview"),
                S::ResponsesCancel,
                "m",
                "/openai/responses/resp_1/cancel?api-version=2025-04-01-preview",
            ),
            (Some("v&x"), S::Models, "m", "/openai/models?api-version=v%26x"),
            (None, S::Embeddings, "m", "/openai/v1/embeddings"),
            (None, S::ResponsesGet, "m", "/openai/v1/responses/resp_1"),
        ] {
            for base in ["", "/openai", "/openai/v1/"] {
                assert_eq!(encoded(&format!("{host}{base}"), version, surface, model).path, path);
            }
        }
    }

    #[test]
    fn sends_the_key_as_api_key_and_marks_it() {
        let wire = encoded("https://x", None, Surface::Embeddings, "m");
        assert_eq!(wire.headers.get("api-key").unwrap(), "canary-key");
        assert!(!wire.headers.contains_key("authorization"));
        assert!(!format!("{wire:?}").contains("canary"));
    }
}
