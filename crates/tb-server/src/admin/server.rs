//! The thread that serves the admin API.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::{AdminState, router};

/// Threads for store calls: the admin API is used by a few people and programs. Reports stand
/// in line for one connection; a revocation must find a thread while some of them wait.
const BLOCKING_THREADS: usize = 8;

/// How long admin requests may go on once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A head must arrive in this time, and an idle connection is kept no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The most bytes of a head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most open connections: far more than people and scrapers need, and far fewer than
/// the file descriptors that the public API lives on.
const MAX_CONNECTIONS: usize = 256;

/// After this long a connection takes no further request, and the last one has as long as
/// [`LAST_REQUEST_TIMEOUT`]: so clients that never read an answer do not hold places.
const MAX_AGE: Duration = Duration::from_secs(300);
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// After a failed `accept` (no file descriptors left) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The running admin API.
#[derive(Debug)]
pub struct AdminServer {
    thread: JoinHandle<()>,
    stop: CancellationToken,
    address: SocketAddr,
}

impl AdminServer {
    /// Serves `listener` on a thread of its own.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(listener: TcpListener, state: AdminState) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let thread =
            std::thread::Builder::new().name("tollbar-admin".to_owned()).spawn(move || {
                runtime.block_on(serve(listener, state, stopped));
                // A report that runs for ever must not hold the exit.
                runtime.shutdown_timeout(STOP_TIMEOUT);
            })?;
        Ok(Self { thread, stop, address })
    }

    /// Where the admin API listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and waits for its end.
    pub fn stop(self) {
        self.stop.cancel();
        if self.thread.join().is_err() {
            tracing::error!("the admin thread panicked");
        }
    }
}

async fn serve(listener: TcpListener, state: AdminState, stop: CancellationToken) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the admin listener cannot be served");
            return;
        }
    };
    let router = router(Arc::new(state));
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some((stream, place)) = next_connection(&listener, &places, &stop).await {
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            serve_connection(stream, router, stop).await;
            drop(place);
        });
    }
    connections.close();
    // What is left after it is dropped with the runtime.
    let _ = tokio::time::timeout(STOP_TIMEOUT, connections.wait()).await;
}

/// The next connection, with its place among the open ones; `None` at the stop. While all
/// places are taken new connections wait in the system's queue.
async fn next_connection(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accepting = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, place)),
                Err(error) => {
                    tracing::warn!(%error, "an admin connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accepting => accepted,
    }
}

async fn serve_connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Errors here are the client's: it left, was too slow, or sent what is not HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(MAX_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(LAST_REQUEST_TIMEOUT, connection).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client gets that sends `bytes` and then nothing, when the server is done with it.
    async fn answered(bytes: &[u8]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(bytes).await.unwrap();
        let router = Router::new().fallback(async || "served");
        serve_connection(stream, router, CancellationToken::new()).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    // The clock stands still and jumps whenever nothing is left to do, so these tests end at
    // once when there is a time limit, and only then.
    #[tokio::test(start_paused = true)]
    async fn closes_connections_whose_head_never_ends() {
        for head in ["", "GET / HTTP/1.1\r\nhost: local"] {
            let begin = tokio::time::Instant::now();
            assert!(!answered(head.as_bytes()).await.contains("served"), "{head:?}");
            assert!(begin.elapsed() <= HEAD_TIMEOUT + Duration::from_secs(1), "{head:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn closes_connections_that_idle_after_an_answer() {
        let begin = tokio::time::Instant::now();
        let answer = answered(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("served"), "{answer}");
        assert!(begin.elapsed() <= HEAD_TIMEOUT + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn takes_no_more_connections_than_there_are_places() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _clients = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        let (places, stop) = (Arc::new(Semaphore::new(1)), CancellationToken::new());
        let first = next_connection(&listener, &places, &stop).await;
        let mut second = std::pin::pin!(next_connection(&listener, &places, &stop));
        tokio::select! {
            biased;
            _ = second.as_mut() => panic!("there was no place for a second one"),
            () = tokio::task::yield_now() => {}
        }
        drop(first);
        assert!(second.await.is_some());
        stop.cancel();
        assert!(next_connection(&listener, &places, &stop).await.is_none());
    }
}
