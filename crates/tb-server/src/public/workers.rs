//! The threads that serve the public API: each has a single-threaded runtime and connections
//! of its own, so a request never changes threads.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use tb_engine::Engine;
use tokio_util::sync::CancellationToken;

use super::accept_loop;
use super::tls::{Door, Tls};

/// So long before the drain time-out streams are told that they end, if it is longer than
/// [`SHORT_DRAIN`]; a shorter one gives them a quarter of it.
const LAST_WORDS: Duration = Duration::from_millis(300);
const SHORT_DRAIN: Duration = Duration::from_secs(1);

/// How long a blocking call (a store that hangs) may hold a worker that has nothing else left.
const BLOCKING_TIMEOUT: Duration = Duration::from_secs(1);

/// Running workers.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    address: SocketAddr,
    door: Door,
}

impl Workers {
    /// Serves `listener` on `count` threads, with TLS where the engine's configuration says so.
    ///
    /// # Errors
    /// When TLS cannot be spoken with the files of the configuration, the listener cannot be shared, or a thread or its runtime cannot be made.
    pub fn start(listener: &TcpListener, engine: &Engine, count: usize) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let tls = engine.snapshot().server.tls.as_ref().map(Tls::new).transpose();
        let door = Door::new(tls.map_err(std::io::Error::other)?);
        let stop = CancellationToken::new();
        let mut threads = Vec::with_capacity(count);
        for number in 0..count.max(1) {
            let listener = listener.try_clone()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (engine, door, stop) = (engine.for_worker(), door.clone(), stop.clone());
            let thread = std::thread::Builder::new()
                .name(format!("tollbar-worker-{number}"))
                .spawn(move || {
                    runtime.block_on(work(listener, engine, door, stop));
                    runtime.shutdown_timeout(BLOCKING_TIMEOUT);
                })?;
            threads.push(thread);
        }
        Ok(Self { threads, stop, address, door })
    }

    /// Where the public API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes new connections from now on with this certificate, or without TLS. Open ones stay.
    pub fn speak(&self, tls: Option<Tls>) {
        self.door.set(tls);
    }

    /// Stops accepting and closes idle connections; running requests go on.
    pub fn stop_accepting(&self) {
        self.stop.cancel();
    }

    /// Waits until every worker has ended; they end once their tasks have.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

async fn work(listener: TcpListener, engine: Engine, door: Door, stop: CancellationToken) {
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => accept_loop(listener, engine.clone(), door, stop).await,
        Err(error) => tracing::error!(%error, "the public listener cannot be served"),
    }
    // The runtime lives until no task is left; what is left after the drain time-out is
    // dropped with it, and settled by that.
    let limit = engine.snapshot().server.drain_timeout;
    let last_words = if limit > SHORT_DRAIN { LAST_WORDS } else { limit / 4 };
    if engine.finish(limit - last_words).await {
        return;
    }
    engine.abort_streams();
    if !engine.finish(last_words).await {
        tracing::warn!("requests were still running at the end of the drain time-out");
    }
}
