//! The public API: accepts connections and hands requests to the engine.

mod body;
mod route;
mod workers;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tb_core::{Secret, Surface};
use tb_engine::{
    Credential, Engine, PublicRequest, Refusal, Refused, Reply, ReplyBody, RequestHead,
    headers as names, list_models, serve,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::error;
use crate::layers;

pub use workers::Workers;

use self::route::Route;

/// The head of a request must arrive in this time (slow clients hold connections).
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The most bytes of a request's head; hyper's own limit is 100 headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// After a failed `accept` (no file descriptors left) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop`, then lets the open ones finish.
async fn accept_loop(listener: TcpListener, engine: Engine, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let task = serve_connection(stream, peer, engine.clone(), stop.clone());
                engine.tasks().spawn(task);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    engine: Engine,
    stop: CancellationToken,
) {
    // Without it the last piece of a stream waits for an acknowledgement (40 ms).
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| {
        let engine = engine.clone();
        async move { Ok::<_, Infallible>(layers::contained(&engine, peer.ip(), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Errors here are the client's: it left, or sent what is not HTTP.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// One request, from its head to the head of its reply.
pub(crate) async fn handle(
    engine: &Engine,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let arrived = Instant::now();
    let (parts, incoming) = request.into_parts();
    let id = engine.new_request_id();
    let (surface, path_id) = match route::find(&parts.method, parts.uri.path()) {
        Route::Found(surface, path_id) => (surface, path_id),
        Route::WrongMethod(allowed) => return wrong_method(&id.to_string(), &allowed),
        Route::Unknown => return unknown_route(&id.to_string(), parts.uri.path()),
    };
    let mut headers = parts.headers;
    let credential = take_credential(&mut headers);
    let arrived_at = engine.clock().now();
    let head = RequestHead { id, surface, path_id, headers, credential, peer, arrived, arrived_at };
    if surface == Surface::Models {
        return finish(surface, &id.to_string(), models(engine, &head));
    }
    let limit = engine.snapshot().server.max_body_bytes;
    let body = body::read(incoming, limit);
    let outcome = serve(engine, PublicRequest { head, body }).await;
    finish(surface, &id.to_string(), outcome)
}

/// The reply with the headers that every answer has.
fn finish(
    surface: Surface,
    request_id: &str,
    outcome: Result<Reply, Refused>,
) -> Response<ReplyBody> {
    let reply = outcome.unwrap_or_else(|refused| error::reply(surface, request_id, &refused));
    let mut response = Response::new(reply.body);
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    *response.headers_mut() = reply.headers;
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(names::REQUEST_ID, value);
    }
    response
}

/// Takes the credential out of the headers, so that it cannot be forwarded.
fn take_credential(headers: &mut HeaderMap) -> Option<Credential> {
    let bearer = headers.remove(AUTHORIZATION);
    let api_key = headers.remove(names::X_API_KEY);
    let other = headers.remove(names::API_KEY);
    let api_key = api_key.or(other);
    let bearer = bearer.as_ref().and_then(|value| value.to_str().ok()).and_then(bearer_token);
    let text = bearer.or_else(|| api_key.as_ref().and_then(|value| value.to_str().ok()))?;
    Some(Credential(Secret::new(text.to_owned())))
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn models(engine: &Engine, head: &RequestHead) -> Result<Reply, Refused> {
    let entries = list_models(engine, head)?;
    let mut objects = entries.into_iter().map(|entry| {
        // Many clients fail without `created`; no date is known, so it is the epoch.
        serde_json::json!({
            "id": entry.id, "object": "model", "created": 0, "owned_by": entry.owned_by,
        })
    });
    let body = if head.path_id.is_some() {
        objects.next().unwrap_or_default()
    } else {
        serde_json::json!({ "object": "list", "data": objects.collect::<Vec<_>>() })
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Reply { status: 200, headers, body: ReplyBody::whole(Bytes::from(body.to_string())) })
}

fn unknown_route(request_id: &str, path: &str) -> Response<ReplyBody> {
    let message = if path.starts_with("/v1/") {
        "There is no such route here."
    } else {
        "There is no such route here. The API lies below `/v1`; the admin API, metrics and \
         health have an address of their own."
    };
    let refusal = Refusal::caller(404, "unknown_route", "", message.to_owned());
    finish(Surface::ChatCompletions, request_id, Err(refusal.into()))
}

fn wrong_method(request_id: &str, allowed: &Method) -> Response<ReplyBody> {
    let message = format!("This route takes {allowed}.");
    let refusal = Refusal::caller(405, "method_not_allowed", "", message);
    let mut response = finish(Surface::ChatCompletions, request_id, Err(refusal.into()));
    if let Ok(value) = HeaderValue::from_str(allowed.as_str()) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
