//! Idle connections, by base URL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tb_providers::BaseUrl;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use crate::clock;

/// Idle connections kept for one base URL.
const MAX_IDLE: usize = 256;

/// Vendors close idle connections after 60 s and more; half of that avoids sending on a
/// connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Sender = SendRequest<Full<Bytes>>;

/// A client of one worker thread.
pub(crate) struct HttpClient {
    /// By base URL: there are few of them, and comparing costs less than hashing.
    idle: Mutex<Vec<(BaseUrl, Vec<Idle>)>>,
    closed: AtomicBool,
    pub(super) tls: OnceLock<TlsConnector>,
    pub(super) tasks: TaskTracker,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

impl HttpClient {
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self { idle: Mutex::default(), closed: AtomicBool::new(false), tls: OnceLock::new(), tasks }
    }

    /// The most recently used idle connection that is still open.
    pub(super) fn take_idle(&self, base: &BaseUrl) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, list) = idle.iter_mut().find(|(own, _)| own == base)?;
        while let Some(connection) = list.pop() {
            if !connection.sender.is_closed() && clock::elapsed(connection.since) < IDLE_TIMEOUT {
                return Some(connection.sender);
            }
        }
        None
    }

    /// Closes the idle connections and keeps none from now on.
    pub(crate) fn close_idle(&self) {
        self.closed.store(true, Ordering::Release);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn put_idle(&self, base: &BaseUrl, sender: Sender) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !idle.iter().any(|(own, _)| own == base) {
            idle.push((base.clone(), Vec::new()));
        }
        if let Some((_, list)) = idle.iter_mut().find(|(own, _)| own == base) {
            if list.len() >= MAX_IDLE {
                list.retain(|connection| {
                    !connection.sender.is_closed()
                        && clock::elapsed(connection.since) < IDLE_TIMEOUT
                });
            }
            if list.len() < MAX_IDLE {
                list.push(Idle { sender, since: clock::now() });
            }
        }
    }
}

/// A connection in use. Dropped, it is closed; given back, it is idle again.
pub(crate) struct Lease {
    client: Arc<HttpClient>,
    base: BaseUrl,
    sender: Sender,
}

impl Lease {
    pub(super) fn new(client: Arc<HttpClient>, base: BaseUrl, sender: Sender) -> Self {
        Self { client, base, sender }
    }

    /// The answer was read to its end.
    pub(super) fn give_back(self) {
        if !self.sender.is_closed() {
            self.client.put_idle(&self.base, self.sender);
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
