//! The one place that opens outgoing connections: HTTP/1.1 with a pool of its own.
//!
//! A worker thread has one client, so connections never change threads. No redirect is
//! followed, no cookie kept, no compressed answer asked for. A request is sent at most once:
//! only when hyper gives it back unsent (an idle connection had been closed) does it go out
//! on a fresh connection. Nothing is connected to without a [`Clearance`].

mod connect;
mod pool;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use tb_providers::{BaseUrl, WireRequest};

pub(crate) use pool::HttpClient;

use crate::clearance::{Clearance, Recipient};
use crate::simulated::ScriptedBody;

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// No connection: nothing was sent.
    Connect,
    /// No connection in time: nothing was sent.
    ConnectTimeout,
    /// The connection broke before the head of an answer.
    Broken,
    /// The clearance is another's: nothing was sent, and no connection opened.
    NotCleared,
}

/// Why a body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyCut;

/// The head of an answer, with its body to be read.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: UpstreamBody,
}

/// A body under way.
#[derive(Debug)]
pub(crate) enum UpstreamBody {
    /// From a connection, which goes back to the pool at the end.
    Http(Incoming, Option<pool::Lease>),
    /// From the simulated provider.
    Scripted(Box<ScriptedBody>),
    /// Read to its end already.
    Ended,
}

impl UpstreamBody {
    /// The next bytes.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyCut>>> {
        match self {
            Self::Ended => Poll::Ready(None),
            Self::Scripted(body) => body.poll_data(cx),
            Self::Http(incoming, lease) => loop {
                match std::task::ready!(std::pin::Pin::new(&mut *incoming).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                    }
                    Some(Err(_)) => return Poll::Ready(Some(Err(BodyCut))),
                    None => {
                        if let Some(lease) = lease.take() {
                            lease.give_back();
                        }
                        return Poll::Ready(None);
                    }
                }
            },
        }
    }

    /// A body of which nothing is left.
    pub(crate) const fn ended() -> Self {
        Self::Ended
    }

    /// Whether the end is there already, without waiting; gives the connection back then.
    pub(crate) fn poll_end_now(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        matches!(self.poll_data(&mut cx), Poll::Ready(None))
    }

    /// The next bytes.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, BodyCut>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) recipient: Recipient<'a>,
    pub(crate) base_url: &'a BaseUrl,
    /// The `host` header of that URL.
    pub(crate) host: &'a HeaderValue,
    pub(crate) connect_timeout: Duration,
}

impl HttpClient {
    /// Sends one request and waits for the head of the answer. The clearance is used up by it;
    /// without the right one not even a connection is opened.
    pub(crate) async fn send(
        self: &Arc<Self>,
        clearance: Clearance,
        place: Place<'_>,
        wire: WireRequest,
    ) -> Result<Upstream, SendFailure> {
        let base = place.base_url;
        if !clearance.covers(place.recipient, base, &wire) {
            return Err(SendFailure::NotCleared);
        }
        let mut request = http_request(place.host, wire)?;
        loop {
            let (mut sender, reused) = match self.take_idle(base) {
                Some(sender) => (sender, true),
                None => (Box::pin(self.connect(base, place.connect_timeout)).await?, false),
            };
            if sender.ready().await.is_err() {
                if reused {
                    continue;
                }
                return Err(SendFailure::Broken);
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let (head, incoming) = response.into_parts();
                    let lease = pool::Lease::new(Arc::clone(self), base.clone(), sender);
                    return Ok(Upstream {
                        status: head.status.as_u16(),
                        headers: head.headers,
                        body: UpstreamBody::Http(incoming, Some(lease)),
                    });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(SendFailure::Broken),
                },
            }
        }
    }
}

fn http_request(
    host: &HeaderValue,
    wire: WireRequest,
) -> Result<Request<Full<Bytes>>, SendFailure> {
    let mut request = Request::new(Full::new(wire.body));
    *request.method_mut() = wire.method;
    *request.uri_mut() = wire.path.parse().map_err(|_| SendFailure::Connect)?;
    let headers = request.headers_mut();
    *headers = wire.headers;
    headers.insert(HOST, host.clone());
    Ok(request)
}
