//! Runs: each case is asked, scored and written down. Cases are streamed and results are not
//! kept, so the memory does not grow with the suite.

mod gate;
mod header;
mod store;
mod target;
mod worker;

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::gate::Gate;
use self::store::Store;
pub use self::target::{Answer, AskFault, Asking, Embedded, FaultKind, Target, ToolCall};
use self::worker::{Job, Workers};
use crate::fault::Faults;
use crate::results::{Outcome, RunHeader};
use crate::suite::{Suite, Survey};

/// Time, for waiting and for the time left.
pub trait Pace: Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration);
    /// The moment as RFC 3339.
    fn date(&self) -> String;
}

/// A run to make, or to go on with.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// What is asked.
    pub suite: &'a Suite,
    /// What [`Suite::survey`] said of it, with the same limit.
    pub survey: &'a Survey,
    /// Only the first so many cases.
    pub limit: Option<u64>,
    /// The name of the model at the gateway.
    pub target: &'a str,
    /// `evaluations/<suite>/<run id>/`.
    pub folder: PathBuf,
    /// The run's id.
    pub id: &'a str,
    /// Goes on with what is in the folder.
    pub resume: bool,
    /// What the run may cost in all, in millionths of a dollar.
    pub max_cost_micro_usd: Option<f64>,
    /// Answers are streamed, so that the time to the first token is known.
    pub streamed: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// How many answers there will be.
    pub total: u64,
    /// How many there are.
    pub done: u64,
    /// How many of them came in this process.
    pub done_now: u64,
    /// By outcome.
    pub passed: u64,
    /// By outcome.
    pub failed: u64,
    /// By outcome.
    pub errors: u64,
    /// By outcome.
    pub invalid: u64,
    /// What was spent, as far as it is known, in millionths of a dollar.
    pub spent_micro_usd: f64,
    /// Since this process began.
    pub elapsed: Duration,
}

impl Progress {
    /// Counts a result.
    const fn count(&mut self, outcome: Outcome) {
        let place = match outcome {
            Outcome::Pass => &mut self.passed,
            Outcome::Fail => &mut self.failed,
            Outcome::Error => &mut self.errors,
            Outcome::Invalid => &mut self.invalid,
        };
        *place = place.saturating_add(1);
        self.done = self.done.saturating_add(1);
    }

    /// The time left if it goes on as until now.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let rest = u32::try_from(self.total.saturating_sub(self.done)).ok()?;
        let done = u32::try_from(self.done_now).ok().filter(|done| *done > 0)?;
        let seconds = self.elapsed.as_secs_f64() / f64::from(done) * f64::from(rest);
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The share of passes among what could be judged.
    #[must_use]
    pub fn pass_rate(&self) -> Option<f64> {
        let number = |count: u64| u32::try_from(count).map(f64::from).ok();
        let judged = number(self.passed.saturating_add(self.failed)).filter(|n| *n > 0.0)?;
        Some(number(self.passed)? / judged)
    }
}

/// Why a run ended before its end. It can be resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The next answer might have cost more than may be spent.
    MaxCost,
    /// The cost of answers is unknown, so that no limit can be held.
    PriceUnknown,
    /// Nothing can be asked.
    Hopeless(String),
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// What it was made of.
    pub header: RunHeader,
    /// Its counts.
    pub progress: Progress,
    /// Why it is not whole.
    pub stopped: Option<Stopped>,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    /// A file of the run.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The run cannot go on as it was begun.
    #[error("{0}")]
    Mismatch(String),
    /// The data.
    #[error(transparent)]
    Data(#[from] Faults),
}

impl RunFault {
    fn file(file: &std::path::Path, error: std::io::Error) -> Self {
        Self::File { file: file.to_owned(), error }
    }
}

/// Makes a run. `progress` is called after each answer.
///
/// # Errors
///
/// The folder, the hashes of a resumed run, or the data. What is in the folder stays.
pub fn run(
    plan: &Plan<'_>,
    target: &dyn Target,
    pace: &dyn Pace,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Ended, RunFault> {
    let total = plan.survey.cases.saturating_mul(u64::from(plan.suite.repeats));
    let header = header::of(plan, pace.date());
    let mut store =
        if plan.resume { Store::resume(plan, &header)? } else { Store::create(plan, header)? };
    let done = std::mem::take(&mut store.done);
    let gate = Gate::new(plan.suite.concurrency, plan.max_cost_micro_usd, store.spent());
    let store = Mutex::new(store);
    let workers = Workers {
        plan,
        target,
        pace,
        progress,
        gate: &gate,
        store: &store,
        total,
        began: pace.now(),
    };
    let fed = std::thread::scope(|scope| {
        let width = usize::try_from(plan.suite.concurrency).unwrap_or(1).max(1);
        let (sender, jobs) = sync_channel::<Job>(width);
        let jobs = Mutex::new(jobs);
        let jobs = Arc::new(jobs);
        for _ in 0..width {
            let (workers, jobs) = (&workers, Arc::clone(&jobs));
            scope.spawn(move || workers.work(&jobs));
        }
        drop(jobs);
        for case in plan.suite.cases(plan.limit).map_err(Faults::from)? {
            let case = Arc::new(case.map_err(Faults::from)?);
            for repeat in 0..plan.suite.repeats {
                let is_done = !done.is_empty() && done.contains(&store::key(&case.id, repeat));
                // Nobody takes jobs any more once the run is stopped.
                if !is_done && sender.send(Job { case: Arc::clone(&case), repeat }).is_err() {
                    return Ok(());
                }
            }
        }
        Ok::<(), RunFault>(())
    });
    fed?;
    let store = store.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    store.end(gate.stopped(), pace, total)
}
