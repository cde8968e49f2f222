//! Notices that files were renewed which the configuration was made of: secrets, certificates,
//! key sets. Variables of the environment cannot change while a process runs.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tb_config::{SystemEnvironment, Watched};
use tokio::sync::Notify;

/// How often the files are looked at. Asking costs no more on any file system, and says as much,
/// where notifications of changes get lost (network file systems, mounts of containers).
const PERIOD: Duration = Duration::from_secs(2);

/// The thread that watches.
#[derive(Debug)]
pub(crate) struct FileWatcher {
    thread: JoinHandle<()>,
    stop: SyncSender<()>,
    watched: Arc<Mutex<Watched>>,
    changed: Arc<Notify>,
}

impl FileWatcher {
    /// Watches until stopped.
    pub(crate) fn start(watched: Watched) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let watched = Arc::new(Mutex::new(watched));
        let changed = Arc::new(Notify::new());
        let (files, notice) = (Arc::clone(&watched), Arc::clone(&changed));
        let thread =
            std::thread::Builder::new().name("tollbar-files".to_owned()).spawn(move || {
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                    if files.have_changed(&SystemEnvironment) {
                        notice.notify_one();
                    }
                }
            })?;
        Ok(Self { thread, stop, watched, changed })
    }

    /// Watches these from now on, compared with what they were when they were read.
    pub(crate) fn watch(&self, watched: Watched) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    /// Waits until some file was renewed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        // It is gone already if nobody receives.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the file watcher panicked");
        }
    }
}
