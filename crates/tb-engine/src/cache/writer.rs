//! The thread that carries entries to the store, and at its start from there. A full queue
//! loses what would wait, never the time of a request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tb_core::ports::StoreError;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::shelf::{Shelf, Waiting};

/// How many entries may wait for the store, and how many bytes.
const QUEUE_ENTRIES: usize = 1_024;
const QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// How many are written in one transaction.
const BATCH_ENTRIES: usize = 64;

/// What has expired leaves the store so often, or when this share of its room was written.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_SHARE: u64 = 16;

/// Carries entries to the store. Every one of them counts as a task of the engine until it is
/// there; dropping the writer ends the thread.
#[derive(Debug)]
pub(super) struct Writer {
    shelf: Arc<Shelf>,
    tasks: TaskTracker,
    running: OnceLock<Option<Running>>,
    stopping: Arc<AtomicBool>,
    queued_bytes: Arc<AtomicUsize>,
    /// Entries that stay in memory only.
    dropped: Counter,
}

#[derive(Debug)]
struct Running {
    queue: SyncSender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Job {
    Keep {
        waiting: Waiting,
        _task: TaskTrackerToken,
    },
    /// Answers when everything before it is written.
    Flush(SyncSender<()>),
}

impl Writer {
    pub(super) fn new(shelf: Arc<Shelf>, tasks: TaskTracker, dropped: Counter) -> Self {
        Self {
            shelf,
            tasks,
            running: OnceLock::new(),
            stopping: Arc::default(),
            queued_bytes: Arc::default(),
            dropped,
        }
    }

    /// Starts the thread, once; it begins by loading the newest entries.
    pub(super) fn start(&self) {
        self.running();
    }

    fn running(&self) -> Option<&Running> {
        self.running.get_or_init(|| self.spawn()).as_ref()
    }

    fn spawn(&self) -> Option<Running> {
        if self.shelf.limits.disk_bytes == 0 {
            return None;
        }
        let (queue, jobs) = sync_channel(QUEUE_ENTRIES);
        let desk = Desk {
            shelf: Arc::clone(&self.shelf),
            stopping: Arc::clone(&self.stopping),
            queued_bytes: Arc::clone(&self.queued_bytes),
            written_bytes: 0,
        };
        let name = "tollbar-answers".to_owned();
        match std::thread::Builder::new().name(name).spawn(move || desk.run(&jobs)) {
            Ok(thread) => Some(Running { queue, thread: Mutex::new(Some(thread)) }),
            Err(error) => {
                tracing::error!(%error, "kept answers will not outlive this process");
                None
            }
        }
    }

    /// Hands an entry over, if there is room for it.
    pub(super) fn write(&self, waiting: Waiting) {
        let Some(running) = self.running() else { return };
        let bytes = waiting.entry.bytes();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        let job = Job::Keep { waiting, _task: self.tasks.token() };
        let has_room = before.saturating_add(bytes) <= QUEUE_BYTES;
        if has_room && running.queue.try_send(job).is_ok() {
            return;
        }
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        let dropped = self.dropped.inc() + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(dropped, "answers are kept in memory only: the store is too slow");
        }
    }

    /// Waits until everything handed over so far is written.
    pub(super) fn flush(&self) {
        let Some(Some(running)) = self.running.get() else { return };
        let (done, wait) = sync_channel(1);
        if running.queue.send(Job::Flush(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        let Some(Some(Running { queue, thread })) = self.running.take() else { return };
        drop(queue);
        let thread = thread.into_inner().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps answers panicked");
        }
    }
}

/// The thread's side.
struct Desk {
    shelf: Arc<Shelf>,
    stopping: Arc<AtomicBool>,
    queued_bytes: Arc<AtomicUsize>,
    /// Since the last sweep.
    written_bytes: u64,
}

impl Desk {
    fn run(mut self, jobs: &Receiver<Job>) {
        match self.shelf.load(|| self.stopping.load(Ordering::Acquire)) {
            Ok(0) => {}
            Ok(answers) => tracing::info!(answers, "kept answers are loaded"),
            Err(fault) => tracing::error!(%fault, "kept answers cannot be loaded"),
        }
        self.sweep();
        loop {
            match jobs.recv_timeout(SWEEP_EVERY) {
                Ok(job) => self.write(job, jobs),
                Err(RecvTimeoutError::Timeout) => self.sweep(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes what waits, in one transaction.
    fn write(&mut self, first: Job, jobs: &Receiver<Job>) {
        let (mut batch, mut tasks, mut flushed) = (Vec::new(), Vec::new(), None);
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Keep { waiting, _task } => {
                    batch.push(waiting);
                    tasks.push(_task);
                }
                Job::Flush(done) => {
                    flushed = Some(done);
                    break;
                }
            }
            next = if batch.len() < BATCH_ENTRIES { jobs.try_recv().ok() } else { None };
        }
        let bytes = batch.iter().map(|waiting| waiting.entry.bytes()).sum();
        log(self.shelf.write(&batch), "answers are kept in memory only");
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.written_bytes =
            self.written_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.written_bytes > self.shelf.limits.disk_bytes / SWEEP_SHARE {
            self.sweep();
        }
        drop(tasks);
        if let Some(done) = flushed {
            let _ = done.try_send(());
        }
    }

    fn sweep(&mut self) {
        self.written_bytes = 0;
        log(self.shelf.sweep().map(|_| ()), "kept answers cannot be swept");
    }
}

fn log(outcome: Result<(), StoreError>, what: &'static str) {
    if let Err(fault) = outcome {
        tracing::error!(%fault, "{what}");
    }
}
