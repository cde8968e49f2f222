//! Whether a provider takes a key, asked before the key is switched to.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tb_config::Provider;
use tb_core::Secret;
use tb_providers::probe::key_probe;
use tb_providers::{Endpoint, ErrorClass, WireRequest, dialect};

use crate::clearance::{Clearance, Errand, Recipient};
use crate::client::{HttpClient, Place, Upstream};
use crate::engine::Engine;

/// A probe may take so long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So much of a refusal is read to tell what it is about.
const MAX_BYTES: usize = 64 * 1024;

/// What a provider says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It knows the key.
    Accepted,
    /// It refuses the key (401 or 403).
    Refused,
    /// It cannot be reached, or says nothing about the key.
    Unknown,
}

impl KeyVerdict {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl Engine {
    /// Asks a provider for the list of its models with this key. Nobody's text is sent, so no
    /// data class matters.
    pub async fn probe_key(&self, provider: &Provider, key: &Secret) -> KeyVerdict {
        let endpoint = Endpoint {
            base_url: &provider.base_url,
            api_key: Some(key),
            quirks: &provider.quirks,
            zero_retention: provider.handling.zero_retention,
        };
        match key_probe(provider.dialect, &endpoint) {
            Ok(None) => KeyVerdict::Accepted,
            Ok(Some(wire)) => {
                let asking = self.ask_for_models(provider, wire);
                tokio::time::timeout(TIMEOUT, asking).await.unwrap_or(KeyVerdict::Unknown)
            }
            Err(_) => KeyVerdict::Refused,
        }
    }

    async fn ask_for_models(&self, provider: &Provider, wire: WireRequest) -> KeyVerdict {
        let Ok(host) = HeaderValue::from_str(&provider.base_url.authority()) else {
            return KeyVerdict::Unknown;
        };
        let place = Place {
            recipient: Recipient::Errand(Errand::KeyProbe),
            base_url: &provider.base_url,
            host: &host,
            connect_timeout: provider.connect_timeout,
        };
        let clearance = Clearance::without_text(Errand::KeyProbe, &provider.base_url);
        // Its own client: no connection stays open behind it.
        let client = Arc::new(HttpClient::new(self.shared.tasks.clone()));
        match client.send(clearance, place, wire).await {
            Ok(answer) => verdict(provider, answer).await,
            Err(_) => KeyVerdict::Unknown,
        }
    }
}

async fn verdict(provider: &Provider, mut answer: Upstream) -> KeyVerdict {
    match answer.status {
        200..=299 => return KeyVerdict::Accepted,
        401 | 403 => return KeyVerdict::Refused,
        _ => {}
    }
    let mut body = Vec::new();
    while let Some(Ok(piece)) = answer.body.data().await {
        body.extend_from_slice(&piece);
        if body.len() > MAX_BYTES {
            break;
        }
    }
    // Some refuse a key with another status, or limit one that they know.
    match dialect(provider.dialect).classify(answer.status, &answer.headers, &body).class {
        ErrorClass::BadCredentials => KeyVerdict::Refused,
        ErrorClass::RateLimit | ErrorClass::QuotaExhausted => KeyVerdict::Accepted,
        _ => KeyVerdict::Unknown,
    }
}
