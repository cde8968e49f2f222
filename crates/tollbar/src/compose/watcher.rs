//! Carries keys that other processes make or revoke into this one, within a second.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tb_server::admin::KeyDirectory;

/// How often the store is asked: four times within the second that the contract allows.
const PERIOD: Duration = Duration::from_millis(250);

/// After so many askings, a minute, comes what takes its time.
const ASKINGS_PER_MINUTE: u32 = 240;

/// The thread that watches.
#[derive(Debug)]
pub(crate) struct KeyWatcher {
    thread: JoinHandle<()>,
    stop: SyncSender<()>,
}

impl KeyWatcher {
    /// Watches until stopped.
    pub(crate) fn start(keys: Arc<KeyDirectory>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("tollbar-keys".to_owned()).spawn(move || {
                let (mut is_failing, mut askings) = (false, 0);
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    match keys.reload_if_changed() {
                        Ok(()) => is_failing = false,
                        // Once for each outage, not four times a second.
                        Err(error) if !is_failing => {
                            tracing::error!(%error, "keys cannot be read; the last ones stay");
                            is_failing = true;
                        }
                        Err(_) => {}
                    }
                    askings += 1;
                    if askings == ASKINGS_PER_MINUTE {
                        askings = 0;
                        keep_up(&keys);
                    }
                }
                keep_up(&keys);
            })?;
        Ok(Self { thread, stop })
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        // It is gone already if nobody receives.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the key watcher panicked");
        }
    }
}

fn keep_up(keys: &KeyDirectory) {
    if let Err(error) = keys.keep_up() {
        tracing::warn!(%error, "the last uses of keys are not stored yet");
    }
}
