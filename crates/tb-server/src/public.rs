//! The public API: accepts connections and hands requests to the engine.

mod body;
mod connection;
mod route;
mod strict;
mod tls;
mod workers;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tb_core::{Secret, Surface};
use tb_engine::{
    Credential, Engine, PublicRequest, Refusal, Refused, Reply, ReplyBody, RequestHead,
    fetch_token_keys, headers as names, list_models, serve,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{error, layers, own_host};

pub use tls::{Tls, TlsFault};
pub use workers::Workers;

use self::connection::{ClientStream, Unread};
use self::route::Route;
use self::tls::{Certified, Door};

/// The head of a request must arrive in this time. hyper counts from the end of the request
/// before, so this is also how long a connection may idle; clients and balancers keep theirs
/// for up to 60 or 75 seconds and would otherwise send into one that is being closed. Slow
/// heads are bounded by [`MAX_HEAD_BYTES`] as well.
const HEAD_TIMEOUT: Duration = Duration::from_secs(80);

/// The most bytes of a request's head; hyper's own limit is 100 headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// After a failed `accept` (no file descriptors left) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What requests on one connection share.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Who is at the other end.
    peer: IpAddr,
    /// The address that was connected to.
    own: SocketAddr,
    unread: Unread,
    /// How connections are taken now.
    door: Door,
    /// The certificate of the client.
    certified: Option<Certified>,
}

/// Accepts connections until `stop`, then lets the open ones finish.
async fn accept_loop(listener: TcpListener, engine: Engine, door: Door, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let task =
                    serve_connection((stream, peer), engine.clone(), door.clone(), stop.clone());
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
    (stream, peer): (TcpStream, SocketAddr),
    engine: Engine,
    door: Door,
    stop: CancellationToken,
) {
    let (Ok(()), Ok(own)) = (connection::prepare(&stream), stream.local_addr()) else {
        // It is gone already.
        return;
    };
    let unread = Unread::default();
    let stream = ClientStream::new(stream, unread.clone());
    let tls = door.tls();
    let mut shared = Connection { peer: peer.ip(), own, unread, door, certified: None };
    let Some(tls) = tls else {
        return serve_requests(stream, shared, engine, stop).await;
    };
    let accepted = tokio::select! {
        () = stop.cancelled() => return,
        accepted = tls.accept(stream) => accepted,
    };
    if let Some(stream) = accepted {
        shared.certified = Certified::of(stream.get_ref().1, engine.clock().now());
        Box::pin(serve_requests(stream, shared, engine, stop)).await;
    }
}

async fn serve_requests<S>(stream: S, shared: Connection, engine: Engine, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shared = Arc::new((engine, shared));
    // hyper moves the future of each request to where it waits, all of it; a box moves its
    // address. Made in its place, it is not moved into the box either.
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        Box::into_pin(Box::write(Box::new_uninit(), async move {
            let (engine, connection) = &*shared;
            Ok::<_, Infallible>(answer(engine, connection, request).await)
        }))
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
async fn answer(
    engine: &Engine,
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let arrived = Instant::now();
    let (parts, incoming) = request.into_parts();
    connection.unread.set(!incoming.is_end_stream());
    let id = engine.new_request_id();
    let id_text = id.to_string();
    if let Some(response) = strict::refused(&parts, &id_text) {
        return response;
    }
    let (surface, path_id) = match route::find(&parts.method, parts.uri.path()) {
        Route::Found(surface, path_id) => (surface, path_id),
        Route::WrongMethod(allowed) => return wrong_method(&id_text, &allowed),
        Route::Unknown => return unknown_route(&id_text, parts.uri.path()),
    };
    let mut headers = parts.headers;
    let credential = take_credential(&mut headers);
    let arrived_at = engine.clock().now();
    let peer = connection.peer;
    let certified = connection.certified.as_ref();
    let workload = certified.and_then(|client| client.workload(&connection.door, arrived_at));
    let head = RequestHead {
        id,
        surface,
        path_id,
        headers,
        credential,
        workload,
        peer,
        arrived,
        arrived_at,
    };
    // Pinned here, the future lies in this one once and not twice.
    let serving = std::pin::pin!(handle(engine, connection, head, incoming));
    let outcome = layers::contained(&id_text, serving).await;
    finish(surface, &id_text, outcome)
}

/// The same from the route to the engine's reply; everything in here may panic.
async fn handle(
    engine: &Engine,
    connection: &Connection,
    head: RequestHead,
    incoming: Incoming,
) -> Result<Reply, Refused> {
    let server = &engine.snapshot().server;
    if !server.authentication && !own_host::is_own(&head.headers, connection.own) {
        return Err(wrong_host().into());
    }
    if head.surface == Surface::Models {
        fetch_token_keys(engine, &head).await;
        return models(engine, &head);
    }
    // A reload in between may admit the request under the next configuration: each limit is
    // one that holds at some moment of the request, and `max_body` needs no restart.
    let budget = server.memory_budget_bytes;
    let room =
        body::Room { limit: server.max_body_bytes, budget, memory: engine.hold_memory(budget) };
    let body = body::read(incoming, room, connection.unread.clone());
    serve(engine, PublicRequest { head, body }).await
}

/// The reply with the headers that every answer has.
fn finish(
    surface: Surface,
    request_id: &str,
    outcome: Result<Reply, Refused>,
) -> Response<ReplyBody> {
    let reply = outcome.unwrap_or_else(|refused| error::reply(surface, request_id, &refused));
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = reply.headers;
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not worth the connection.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
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

/// With authentication off nothing but the name tells a program from a web page that makes a
/// browser ask. Told by the status 421 and the code of the admin API.
fn wrong_host() -> Refusal {
    let message = "Authentication is off, so this address answers only under `localhost` or its \
                   number, and not to web pages of other origins.";
    Refusal::caller(421, "wrong_host", "", message.to_owned())
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
