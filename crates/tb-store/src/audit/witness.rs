//! The second places of checkpoints. A thread of its own writes to them, so that a slow one never
//! holds up the log.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tb_core::ports::StoreError;

/// Checkpoints that may wait: nearly three minutes of them. A later one vouches for all that the
/// ones before it vouched for.
const WAITING: usize = 16;

/// Writes a note somewhere; may take its time.
pub type WriteNote = dyn FnMut(&str) -> io::Result<()> + Send;

/// A place that signed checkpoints go to, beside the log.
pub struct Witness {
    /// For messages.
    pub name: String,
    /// Takes one.
    pub write: Box<WriteNote>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Witness").field(&self.name).finish()
    }
}

/// The thread, with what waits for it.
#[derive(Debug, Default)]
pub(super) struct Witnesses(Mutex<Option<(SyncSender<String>, JoinHandle<()>)>>);

impl Witnesses {
    pub(super) fn start(witnesses: Vec<Witness>) -> Result<Self, StoreError> {
        if witnesses.is_empty() {
            return Ok(Self::default());
        }
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("audit-witness".to_owned())
            .spawn(move || write_all(witnesses, &receiver))
            .map_err(|fault| StoreError::Failed(format!("cannot start a thread: {fault}")))?;
        Ok(Self(Mutex::new(Some((sender, thread)))))
    }

    /// Hands a checkpoint on.
    pub(super) fn tell(&self, note: &str) {
        let guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some((sender, _)) = guard.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = sender.try_send(note.to_owned()) {
            tracing::warn!("a checkpoint is left out: a second place of the audit log is slow");
        }
    }

    /// Lets the thread end once it wrote what waits.
    pub(super) fn stop(&self) {
        let running = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((sender, thread)) = running {
            drop(sender);
            if thread.join().is_err() {
                tracing::error!("writing checkpoints to a second place failed");
            }
        }
    }
}

fn write_all(mut witnesses: Vec<Witness>, notes: &Receiver<String>) {
    for note in notes {
        for Witness { name, write } in &mut witnesses {
            if let Err(fault) = write(&note) {
                tracing::warn!(place = %name, %fault, "a checkpoint did not reach its second place");
            }
        }
    }
}
