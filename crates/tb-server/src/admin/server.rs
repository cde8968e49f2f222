//! The thread that serves the admin API.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio_util::sync::CancellationToken;

use super::{AdminState, router};

/// Threads for store calls: the admin API is used by a few people and programs.
const BLOCKING_THREADS: usize = 2;

/// How long admin requests may go on once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

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
        let thread = std::thread::Builder::new()
            .name("tollbar-admin".to_owned())
            .spawn(move || runtime.block_on(serve(listener, state, stopped)))?;
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
        Ok(listener) => listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY was refused");
            }
        }),
        Err(error) => {
            tracing::error!(%error, "the admin listener cannot be served");
            return;
        }
    };
    let signal = stop.clone().cancelled_owned();
    let serving = axum::serve(listener, router(Arc::new(state))).with_graceful_shutdown(signal);
    let give_up = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_TIMEOUT).await;
    };
    tokio::select! {
        ended = async { serving.await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "the admin server failed");
            }
        }
        () = give_up => {}
    }
}
