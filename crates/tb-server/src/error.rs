//! The one place that turns a refusal into a status, headers and a body, and logs it.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use tb_core::Surface;
use tb_engine::{Refused, Reply, ReplyBody, headers as names};

/// Longest wait that is told to clients: SDKs that are told more than 120 s give up, and
/// some sleep for as long as they are told.
const MAX_RETRY_AFTER_MS: u64 = 60_000;

/// The answer to a refused request, in the shape of the route.
pub(crate) fn reply(surface: Surface, request_id: &str, refused: &Refused) -> Reply {
    let refusal = &refused.refusal;
    let mut error = refusal.api_error();
    error.extra.extend(refused.guard.extra.iter().cloned());
    if error.status >= 500 {
        tracing::warn!(request_id, status = error.status, code = refusal.code(), "request failed");
    } else {
        tracing::debug!(request_id, status = error.status, code = refusal.code(), "refused");
    }
    let body =
        if surface.is_anthropic() { error.anthropic(request_id) } else { error.openai(request_id) };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = refusal.retry_after_ms() {
        let wait = wait.min(MAX_RETRY_AFTER_MS);
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1_000).max(1)));
        headers.insert(names::RETRY_AFTER_MS, HeaderValue::from(wait));
    }
    if let Some(should_retry) = refused.should_retry() {
        let value = if should_retry { "true" } else { "false" };
        headers.insert(names::SHOULD_RETRY, HeaderValue::from_static(value));
    }
    let told = [
        (names::ATTEMPTS, refused.attempts.as_deref()),
        (names::GUARD, refused.guard.found.as_ref()),
        (names::CHARACTERS, refused.guard.characters.as_ref()),
    ];
    for (name, value) in told {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    headers.extend(refused.rate_limits.iter().map(|(name, value)| (name.clone(), value.clone())));
    Reply { status: error.status, headers, body: ReplyBody::whole(body) }
}
