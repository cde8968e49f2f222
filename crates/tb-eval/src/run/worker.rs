//! One of the threads that ask.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::gate::Gate;
use super::store::Store;
use super::{Answer, AskFault, Asking, Embedded, FaultKind, Pace, Plan, Progress, Stopped, Target};
use crate::case::Case;
use crate::results::{CaseResult, Outcome};
use crate::score::{Scored, score};

/// How often one request is tried while the target is busy or away.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// What a target may make us wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Judges and embeddings are asked again when the target is busy: the answer is paid already.
struct Patient<'a> {
    target: &'a dyn Target,
    pace: &'a dyn Pace,
}

impl Patient<'_> {
    fn insist<T>(&self, ask: impl Fn() -> Result<T, AskFault>) -> Result<T, AskFault> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match ask() {
                Err(fault) if matches!(fault.kind, FaultKind::Busy | FaultKind::Away) => {
                    self.pace.sleep(fault.retry_after.unwrap_or(pause).min(LONGEST_PAUSE));
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
        ask()
    }
}

impl Target for Patient<'_> {
    fn ask(&self, request: &Map<String, Value>, how: &Asking<'_>) -> Result<Answer, AskFault> {
        self.insist(|| self.target.ask(request, how))
    }

    fn embed(&self, model: &str, texts: &[&str]) -> Result<Embedded, AskFault> {
        self.insist(|| self.target.embed(model, texts))
    }
}

pub(super) struct Job {
    pub(super) case: Arc<Case>,
    pub(super) repeat: u32,
}

pub(super) struct Workers<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) target: &'a dyn Target,
    pub(super) pace: &'a dyn Pace,
    pub(super) progress: &'a (dyn Fn(&Progress) + Sync),
    pub(super) gate: &'a Gate,
    pub(super) store: &'a Mutex<Store>,
    pub(super) total: u64,
    pub(super) began: Duration,
}

impl Workers<'_> {
    /// Takes jobs until there are none, or the run is stopped.
    pub(super) fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let Some(asked) = self.ask(&job.case) else { return };
            if !self.finish(&job, asked) {
                return;
            }
        }
    }

    /// The answer, else the fault of the case; `None` when the run is stopped.
    fn ask(&self, case: &Case) -> Option<Result<(Answer, Scored), AskFault>> {
        let how = Asking { model: None, streamed: self.plan.streamed };
        let mut pause = FIRST_PAUSE;
        for tried in 1..=TRIES {
            if !self.gate.enter(self.pace) {
                return None;
            }
            let fault = match self.target.ask(&case.request, &how) {
                Ok(answer) => {
                    let patient = Patient { target: self.target, pace: self.pace };
                    let scored = score(case, &answer, &patient);
                    let checks = scored.cost_micro_usd.unwrap_or_default();
                    self.gate.leave(answer.cost_micro_usd().map(|cost| cost + checks));
                    return Some(Ok((answer, scored)));
                }
                Err(fault) => fault,
            };
            match fault.kind {
                FaultKind::Failed => {
                    self.gate.leave_failed();
                    return Some(Err(fault));
                }
                FaultKind::Hopeless => {
                    self.gate.leave_failed();
                    self.gate.stop(Stopped::Hopeless(fault.message));
                    return None;
                }
                FaultKind::Busy | FaultKind::Away => {
                    let wait = fault.retry_after.unwrap_or(pause).min(LONGEST_PAUSE);
                    self.gate.leave_busy(wait, self.pace);
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
            if tried == TRIES {
                if fault.kind == FaultKind::Away {
                    self.gate.stop(Stopped::Hopeless(fault.message));
                    return None;
                }
                return Some(Err(fault));
            }
        }
        None
    }

    /// Writes the result down; `false` when that is impossible.
    fn finish(&self, job: &Job, asked: Result<(Answer, Scored), AskFault>) -> bool {
        let prompt_hash = asked.as_ref().ok().and_then(|(answer, _)| answer.prompt_hash.clone());
        let result = self.result(job, asked);
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if !store.append(&result, prompt_hash.as_deref()) {
            drop(store);
            self.gate.stop(Stopped::Hopeless("the results cannot be written".to_owned()));
            return false;
        }
        let elapsed = self.pace.now().saturating_sub(self.began);
        (self.progress)(&Progress { total: self.total, elapsed, ..*store.progress() });
        true
    }

    fn result(&self, job: &Job, asked: Result<(Answer, Scored), AskFault>) -> CaseResult {
        let case = &job.case;
        let mut result = CaseResult {
            id: case.id.clone(),
            outcome: Outcome::Error,
            score: None,
            group: case.group.clone(),
            slices: case.slices.clone(),
            repeat: job.repeat,
            labels: std::collections::BTreeMap::new(),
            reasons: Vec::new(),
            measures: std::collections::BTreeMap::new(),
            checks_cost_micro_usd: None,
            served_model: None,
            request_id: None,
            answer: None,
        };
        match asked {
            Err(fault) => {
                result.reasons = vec![fault.message];
                result.request_id = fault.request_id;
            }
            Ok((answer, scored)) => {
                result.outcome = scored.outcome;
                result.score = scored.score;
                result.labels = scored.labels;
                result.reasons = scored.reasons;
                result.checks_cost_micro_usd = scored.cost_micro_usd;
                result.measures = answer.measures;
                result.served_model = answer.served_model;
                result.request_id = answer.request_id;
                result.answer = self.plan.suite.keep_answers.then_some(answer.text);
            }
        }
        result
    }
}
