//! Sends requests and writes down how long the answers took.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use memchr::memmem;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::process::Running;
use super::wire::Wire;

/// How fast requests are sent.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection sends as soon as it has its answer.
    Saturating,
    /// So many a second, whatever the answers take.
    PerSecond(u32),
}

/// What is sent, and how.
pub(crate) struct Load {
    /// The whole request.
    pub(crate) request: Vec<u8>,
    /// Where to.
    pub(crate) port: u16,
    /// Over how many connections.
    pub(crate) connections: usize,
    /// How fast.
    pub(crate) pace: Pace,
    /// What stands near the end of every whole answer.
    pub(crate) ends_with: &'static str,
}

/// What was measured.
pub(crate) struct Sample {
    /// From the first to the last moment of the measurement.
    pub(crate) elapsed: Duration,
    /// Answers with status 200.
    pub(crate) answered: u64,
    /// Everything else.
    pub(crate) errors: u64,
    /// What the gateway used of its core.
    pub(crate) cpu: Duration,
    /// From the moment that a request was due to the last byte of its answer.
    pub(crate) latencies: Vec<Duration>,
    /// The same to the first byte of the body.
    pub(crate) first_bytes: Vec<Duration>,
}

/// What all connections share.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    errors: AtomicU64,
    measuring: AtomicBool,
    stopping: AtomicBool,
    times: Mutex<Vec<(Duration, Duration)>>,
    /// The first thing that went wrong, for the message.
    complaint: Mutex<Option<String>>,
}

/// Before a measurement the gateway is warmed up for this long.
const WARM_UP: Duration = Duration::from_millis(500);

/// Drives `gateway` for `duration`.
pub(crate) async fn drive(
    load: Load,
    gateway: &Running,
    duration: Duration,
) -> anyhow::Result<Sample> {
    let tally = Arc::new(Tally::default());
    let load = Arc::new(load);
    let mut tasks = JoinSet::new();
    let mut due = Vec::new();
    for _ in 0..load.connections {
        let receiver = match load.pace {
            Pace::Saturating => None,
            Pace::PerSecond(_) => {
                let (sender, receiver) = mpsc::channel(64);
                due.push(sender);
                Some(receiver)
            }
        };
        tasks.spawn(connection(Arc::clone(&load), Arc::clone(&tally), receiver));
    }
    if let Pace::PerSecond(rate) = load.pace {
        tasks.spawn(schedule(rate, due, Arc::clone(&tally)));
    }

    sleep(WARM_UP).await;
    let errors_before = tally.errors.load(Ordering::Relaxed);
    let (answered_before, cpu_before) = (tally.answered.load(Ordering::Relaxed), gateway.cpu());
    let start = Instant::now();
    tally.measuring.store(true, Ordering::Relaxed);
    sleep(duration).await;
    tally.measuring.store(false, Ordering::Relaxed);
    let (elapsed, cpu) = (start.elapsed(), gateway.cpu().saturating_sub(cpu_before));
    let answered = tally.answered.load(Ordering::Relaxed) - answered_before;
    let errors = tally.errors.load(Ordering::Relaxed) - errors_before;
    tally.stopping.store(true, Ordering::Relaxed);
    // A connection that waits for an answer that never comes is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(2), tasks.join_all()).await;

    let complaint = lock(&tally.complaint).take();
    if answered == 0 {
        bail!("no answer: {}", complaint.as_deref().unwrap_or("all requests hang"));
    }
    if let Some(complaint) = complaint {
        eprintln!("{errors} errors; the first: {complaint}");
    }
    let (latencies, first_bytes) = std::mem::take(&mut *lock(&tally.times)).into_iter().unzip();
    Ok(Sample { elapsed, answered, errors, cpu, latencies, first_bytes })
}

/// Hands each connection in turn the moment at which it has to send.
async fn schedule(rate: u32, due: Vec<mpsc::Sender<Instant>>, tally: Arc<Tally>) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for connection in due.iter().cycle() {
        ticks.tick().await;
        if tally.stopping.load(Ordering::Relaxed) {
            return;
        }
        if connection.try_send(Instant::now()).is_err() {
            tally.complain("a connection is 64 requests behind");
        }
    }
}

/// One connection; after an error it is made anew.
async fn connection(load: Arc<Load>, tally: Arc<Tally>, mut due: Option<mpsc::Receiver<Instant>>) {
    let mut times = Vec::new();
    while !tally.stopping.load(Ordering::Relaxed) {
        match session(&load, &tally, &mut due, &mut times).await {
            Ok(()) => break,
            Err(error) => {
                tally.complain(&format!("{error:#}"));
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
    lock(&tally.times).append(&mut times);
}

async fn session(
    load: &Load,
    tally: &Tally,
    due: &mut Option<mpsc::Receiver<Instant>>,
    times: &mut Vec<(Duration, Duration)>,
) -> anyhow::Result<()> {
    let mut wire = Wire::connect(load.port).await.context("cannot connect")?;
    while !tally.stopping.load(Ordering::Relaxed) {
        let start = match due {
            None => Instant::now(),
            Some(due) => match due.recv().await {
                Some(moment) => moment,
                None => return Ok(()),
            },
        };
        wire.send(&load.request).await?;
        let message = wire.message().await?.context("closed without an answer")?;
        let (_, end) = wire.bytes().split_at(wire.bytes().len().saturating_sub(64));
        if !wire.is_ok() || memmem::find(end, load.ends_with.as_bytes()).is_none() {
            bail!("{}", String::from_utf8_lossy(wire.bytes()));
        }
        tally.answered.fetch_add(1, Ordering::Relaxed);
        if tally.measuring.load(Ordering::Relaxed) {
            let first = message.first_body_byte.unwrap_or(start);
            times.push((start.elapsed(), first.saturating_duration_since(start)));
        }
    }
    Ok(())
}

impl Tally {
    fn complain(&self, what: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        lock(&self.complaint).get_or_insert_with(|| what.to_owned());
    }
}

/// A lock whose holder cannot panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Sends one request on a new connection: whether the answer was 200, with what came.
pub(crate) async fn ask(port: u16, request: &[u8]) -> anyhow::Result<(bool, String)> {
    let mut wire = Wire::connect(port).await?;
    wire.send(request).await?;
    wire.message().await?.context("closed without an answer")?;
    Ok((wire.is_ok(), String::from_utf8_lossy(wire.bytes()).into_owned()))
}
