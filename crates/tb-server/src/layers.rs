//! What is generic to HTTP on the public side, one rung each, from the outside in.
//!
//! 1. Connection limits: head time-out, head size, number of headers (hyper, `public.rs`).
//! 2. Panic catch: a panic in a request becomes a 500, the connection and the process live.
//! 3. Request id: made in `public::handle`, on every answer as `x-request-id`.
//! 4. Routing: unknown paths and wrong methods end here.
//! 5. Body limits: size and time, when a stage asks for the body (`public/body.rs`).
//!
//! The rungs are plain functions: on this side each request costs microseconds, and a rung
//! that is a function call costs none (docs/decisions/0002).

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use tb_core::Surface;
use tb_engine::{Engine, Refusal, ReplyBody};

use crate::{error, public};

/// Serves a request; a panic becomes a 500. The settlement of a request that panicked is
/// done when the unwinding drops it.
pub(crate) async fn contained(
    engine: &Engine,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let mut serving = std::pin::pin!(public::handle(engine, peer, request));
    let outcome = std::future::poll_fn(|cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await;
    outcome.unwrap_or_else(|| {
        tracing::error!("a request panicked");
        let id = engine.new_request_id().to_string();
        let refused = Refusal::Internal("panic").into();
        let reply = error::reply(Surface::ChatCompletions, &id, &refused);
        let mut response = Response::new(reply.body);
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        *response.headers_mut() = reply.headers;
        response
    })
}
