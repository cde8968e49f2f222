//! Carries keys that other processes make or revoke, and labels of prompts that they move, into
//! this one, within a second.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tb_core::ports::StoreError;
use tb_server::admin::{KeyDirectory, PromptDirectory};

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
    pub(crate) fn start(
        (keys, prompts): (Arc<KeyDirectory>, Arc<PromptDirectory>),
    ) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("tollbar-keys".to_owned()).spawn(move || {
                let (mut askings, mut key_outage) = (0, Outage::of("keys"));
                let mut prompt_outage = Outage::of("prompts");
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    key_outage.note(keys.reload_if_changed());
                    prompt_outage.note(prompts.reload_if_changed());
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

/// Tells of an outage once, not four times a second.
struct Outage {
    what: &'static str,
    is_failing: bool,
}

impl Outage {
    const fn of(what: &'static str) -> Self {
        Self { what, is_failing: false }
    }

    fn note(&mut self, outcome: Result<(), StoreError>) {
        match outcome {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                tracing::error!(%error, "{} cannot be read; the last ones stay", self.what);
                self.is_failing = true;
            }
            Err(_) => {}
        }
    }
}

fn keep_up(keys: &KeyDirectory) {
    if let Err(error) = keys.keep_up() {
        tracing::warn!(%error, "the last uses of keys are not stored yet");
    }
}
