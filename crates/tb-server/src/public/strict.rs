//! What HTTP leaves open or forbids, refused: where two readings of a head are possible, a
//! proxy in front may have taken the other one (request smuggling, or another's credential).

use http::header::{AUTHORIZATION, CONNECTION, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Version};
use tb_core::{KeyRefusal, Surface};
use tb_engine::{Refusal, ReplyBody};

use super::finish;
use super::route::{self, Route};

/// The refusal of an ambiguous head; `None` for a good one.
pub(super) fn refused(parts: &Parts, request_id: &str) -> Option<Response<ReplyBody>> {
    let refusal = check(parts.version, &parts.headers)?;
    let surface = match route::find(&parts.method, parts.uri.path()) {
        Route::Found(surface, _) => surface,
        Route::WrongMethod(_) | Route::Unknown => Surface::ChatCompletions,
    };
    let mut response = finish(surface, request_id, Err(refusal.into()));
    // Where this request ends, and the next one begins, may be ambiguous as well.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}

fn check(version: Version, headers: &HeaderMap) -> Option<Refusal> {
    if count(headers, &TRANSFER_ENCODING) > 1 {
        return Some(faulty("There is more than one `transfer-encoding` header."));
    }
    // RFC 9112, 3.2: exactly one, since HTTP/1.1.
    match count(headers, &HOST) {
        0 if version >= Version::HTTP_11 => return Some(faulty("There is no `host` header.")),
        0 | 1 => {}
        _ => return Some(faulty("There is more than one `host` header.")),
    }
    let credentials =
        [AUTHORIZATION, HeaderName::from_static("x-api-key"), HeaderName::from_static("api-key")];
    credentials
        .iter()
        .any(|name| count(headers, name) > 1)
        .then_some(Refusal::Key(KeyRefusal::Invalid))
}

fn count(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}

fn faulty(message: &str) -> Refusal {
    Refusal::caller(400, "invalid_request", "", message.to_owned())
}
