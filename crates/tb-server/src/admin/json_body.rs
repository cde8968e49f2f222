//! The body of a request that changes something.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use super::fault::AdminFault;

/// A body must arrive in this time, whatever its size.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A whole body that calls itself JSON. A web page cannot send that type to another origin
/// without asking first, which is never granted here; it can send forms and plain text.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = AdminFault;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminFault> {
        if !is_json(request.headers()) {
            return Err(AdminFault::MediaType);
        }
        match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(fault)) => match fault.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Err(AdminFault::TooLarge),
                _ => Err(AdminFault::Invalid("the body broke off".to_owned())),
            },
            Err(_) => Err(AdminFault::TooSlow),
        }
    }
}

/// Whether the type is `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn post(content_type: &str, body: Body) -> Request {
        Request::builder().header(CONTENT_TYPE, content_type).body(body).unwrap()
    }

    #[tokio::test]
    async fn takes_json_only() {
        for (content_type, is_good) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let taken = JsonBody::from_request(post(content_type, "{}".into()), &()).await;
            assert_eq!(taken.is_ok(), is_good, "{content_type}");
        }
        let untyped = Request::new(Body::from("{}"));
        let refused = JsonBody::from_request(untyped, &()).await;
        assert!(matches!(refused, Err(AdminFault::MediaType)));
    }

    /// A body of which nothing ever arrives.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_bodies_that_never_end() {
        let request = post("application/json", Body::new(Silent));
        let refused = JsonBody::from_request(request, &()).await;
        assert!(matches!(refused, Err(AdminFault::TooSlow)));
    }
}
