//! What is generic to HTTP on the public side, one rung each, from the outside in.
//!
//! 1. Connection limits: clients that stop reading (`public/connection.rs`), head time-out,
//!    head size, number of headers (hyper, `public.rs`).
//! 2. Request id: made in `public::answer`, on every answer as `x-request-id`.
//! 3. Routing: unknown paths and wrong methods end here.
//! 4. Panic catch: a panic in a request becomes a 500 in the route's shape; the connection and
//!    the process live.
//! 5. Host name, where authentication is off (`own_host.rs`).
//! 6. Body limits: size and time, when a stage asks for the body (`public/body.rs`).
//!
//! The rungs are plain functions: on this side each request costs microseconds, and a rung
//! that is a function call costs none (docs/decisions/0002).

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::task::Poll;

use tb_engine::{Refusal, Refused, Reply};

/// Serves a request; a panic becomes an internal error. The settlement of a request that
/// panicked is done when the unwinding drops it.
pub(crate) async fn contained(
    request_id: &str,
    serving: impl Future<Output = Result<Reply, Refused>>,
) -> Result<Reply, Refused> {
    let mut serving = std::pin::pin!(serving);
    let outcome = std::future::poll_fn(|cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await;
    outcome.unwrap_or_else(|| {
        tracing::error!(request_id, "a request panicked");
        Err(Refusal::Internal("panic").into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("the test says so");
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let refused = runtime.block_on(contained("req_1", panics)).err().unwrap();
        assert!(matches!(refused.refusal, Refusal::Internal(_)));
    }
}
