//! Large bodies are looked at on a thread of their own, which goes on for a while when the
//! request has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::task::TaskTracker;

use crate::admission::MemoryHold;

/// Whether the request has ended, with nobody left who waits for what is looked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Says that the request has ended when it is dropped, whether it waits or not.
struct Waiting(Gone);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// What `look` gives, with the memory that it held until it ended; nothing when it panics.
pub(super) async fn apart<T: Send + 'static>(
    tasks: &TaskTracker,
    (memory, gone): (MemoryHold, &Gone),
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<(T, MemoryHold)> {
    let waiting = Waiting(gone.clone());
    let leaves = gone.clone();
    let job = tasks.spawn_blocking(move || {
        let found = look();
        (!leaves.is_set()).then_some((found, memory))
    });
    let done = job.await.ok().flatten();
    drop(waiting);
    done
}
