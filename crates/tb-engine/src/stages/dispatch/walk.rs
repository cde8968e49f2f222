//! One request's way down the ladder: what the planner decides becomes attempts, and how they
//! end goes back to it and to the health of targets and keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tb_config::Model;
use tb_core::breaker::Verdict;
use tb_core::{Cause, Rung, Surface};
use tb_providers::{AnswerShape, EncodeError};

use super::asked::{Asked, Entered, encode, look, with_one_key};
use super::attempt::{Attempt, Received};
use super::failure::Failure;
use super::limits::Limits;
use crate::attempts::{Attempts, Ended};
use crate::clock;
use crate::engine::Engine;
use crate::health::{Barred, Entry, Passage, ProviderKeys, TargetHealth};
use crate::ladder::{Fault, GiveUp, Ladder, Moment, Next, Reason, Try};
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::runtime::{RunningModel, RunningTarget};
use crate::settlement::Settlement;
use crate::settlement::row::Step;
use crate::stages::deliver::ProviderAnswer;
use crate::stages::route::{Descent, Lack, Plan, PlannedTarget};
use crate::stream::Binder;

/// So many times the usual time is much longer than a target needs.
const MUCH_LONGER: u32 = 3;

/// The way of one request.
pub(super) struct Walk<'a> {
    engine: &'a Engine,
    head: &'a RequestHead,
    pub(super) plan: Plan,
    ladder: Ladder,
    attempts: Attempts,
    /// The failure that is told when nothing else can be asked.
    told: Option<Failure>,
    /// The targets that a failure of this request was held against.
    blamed: Vec<Arc<TargetHealth>>,
    /// The keys of the providers that gave this request a 403.
    forbade: Vec<Arc<ProviderKeys>>,
    /// The first request that a dialect could not express.
    inexpressible: Option<EncodeError>,
    /// What the provider lacked that came nearest to receiving the request.
    uncleared: Option<Lack>,
    /// The rung of the last attempt.
    rung: usize,
    /// How long was waited since then.
    waited_ms: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(engine: &'a Engine, head: &'a RequestHead, plan: Plan) -> Self {
        let retry = plan.model.model.retry;
        let deadline_ms = engine.shared.health.ms(plan.deadline);
        let first = plan.rungs.first().copied().unwrap_or(0);
        let mut ladder = Ladder::new(first, retry.attempts, retry.backoff, deadline_ms);
        ladder.add_rungs(plan.rungs.get(1..).unwrap_or_default());
        Self {
            engine,
            head,
            plan,
            ladder,
            attempts: Attempts::default(),
            told: None,
            blamed: Vec::new(),
            forbade: Vec::new(),
            inexpressible: None,
            uncleared: None,
            rung: 0,
            waited_ms: 0,
        }
    }

    /// What comes next. Fallback models are planned when they are needed first.
    pub(super) fn next(&mut self) -> Next {
        loop {
            let next = self.plan_next();
            let is_settled = match &next {
                Next::Try(step) => step.cause == Cause::First,
                Next::GiveUp(why) => matches!(why, GiveUp::Refused | GiveUp::Deadline),
            };
            if is_settled || !self.descend() {
                return next;
            }
        }
    }

    fn plan_next(&mut self) -> Next {
        let shared = &self.engine.shared;
        let moment = Moment { now_ms: shared.health.now_ms(), roll: shared.roll() };
        let (plan, is_first) = (&self.plan, self.attempts.is_empty());
        self.ladder.next(moment, &|target, tried| look(plan, moment, is_first, (target, tried)))
    }

    /// Plans the fallback models for failed targets; true when there are any.
    fn descend(&mut self) -> bool {
        let added = self.plan.descend(self.engine, self.head, Descent::Failed);
        self.ladder.add_rungs(&added);
        !added.is_empty()
    }

    /// Makes the request for a step and takes what the step costs; `None` when the target
    /// cannot be asked after all, so that something else comes next.
    pub(super) fn enter(&mut self, step: Try) -> Option<Entered> {
        let Some(planned) = self.plan.target(step.target).cloned() else {
            self.ladder.rule_out(step.target, Reason::CannotExpress);
            return None;
        };
        // Routing looked at this already, but an agreement may have expired since, or been taken
        // away.
        let now = self.engine.shared.clock.now();
        let asked = (self.head.surface, &*planned.target);
        let clearance = match self.plan.clear(self.engine, asked, now) {
            Ok(clearance) => clearance,
            Err(lack) => {
                self.ladder.rule_out(step.target, Reason::NotCleared(lack.as_str()));
                self.uncleared = self.uncleared.max(Some(lack));
                return None;
            }
        };
        let wire = match encode(self.head, &self.plan, &planned, step.key) {
            Ok(wire) => wire,
            Err(error) => {
                self.inexpressible.get_or_insert(error);
                self.ladder.rule_out(step.target, Reason::CannotExpress);
                return None;
            }
        };
        let entry = match (self.attempts.is_empty(), self.ladder.minds_breakers(&step)) {
            (true, true) => Entry::First,
            (true, false) => Entry::FirstNonetheless,
            (false, true) => Entry::Again,
            (false, false) => Entry::AgainNonetheless,
        };
        let now_ms = self.engine.shared.health.now_ms();
        match planned.target.health.enter(now_ms, entry) {
            Ok(mut passage) => {
                let health = &planned.target.health;
                if self.blamed.iter().any(|blamed| Arc::ptr_eq(blamed, health)) {
                    passage.excuse();
                }
                Some(Entered { asked: Asked { step, planned }, wire, clearance, passage })
            }
            Err(barred) => {
                let reason = match barred {
                    Barred::Breaker => Reason::BreakerOpen,
                    Barred::Budget => Reason::NoBudget,
                };
                self.ladder.refused(step.target, reason);
                None
            }
        }
    }

    /// Notes that a step was waited for; what comes next is decided again.
    pub(super) fn waited(&mut self, step: &Try) {
        self.waited_ms = self.waited_ms.saturating_add(step.wait_ms);
        self.ladder.waited(step);
    }

    /// Writes down that the attempt begins; nothing may be sent before.
    pub(super) fn begin(
        &mut self,
        asked: &Asked,
        passage: Passage,
        settlement: &mut Settlement,
    ) -> Result<(), Refused> {
        let Asked { step, planned } = asked;
        let rung = self.ladder.rung(step.target);
        let begun = Step {
            cause: step.cause,
            rung: if rung == 0 { Rung::Target } else { Rung::FallbackModel },
            waited: Duration::from_millis(std::mem::take(&mut self.waited_ms)),
            key_index: (!planned.target.provider.api_keys.is_empty()).then_some(step.key),
            passed_over: self.passed_over(Some(&planned.target)),
        };
        settlement.end_attempt();
        let begins = settlement.begin_attempt(&planned.target, begun, passage);
        begins.map_err(|refusal| self.refused_with(refusal, false))?;
        self.ladder.began(step);
        if rung != self.rung {
            self.rung = rung;
            self.count_fallback(&planned.model);
        }
        Ok(())
    }

    fn count_fallback(&self, to: &RunningModel) {
        let reason = self.told.as_ref().map_or("unhealthy", Failure::label);
        let labels = vec![
            ("from", self.plan.model.model.name.to_string()),
            ("to", to.model.name.to_string()),
            ("reason", reason.to_owned()),
        ];
        self.engine.shared.metrics.fallbacks.get_or_create(&labels).inc();
    }

    /// The attempt itself.
    pub(super) fn attempt<'s>(&self, asked: &'s Asked, began: Instant) -> Attempt<'s>
    where
        'a: 's,
    {
        let composed = &self.plan.fresh.scrubbed.composed;
        let model = &asked.planned.model.model;
        let first_byte = if composed.stream {
            Some(model.first_byte_timeout)
        } else {
            model.whole_answer_timeout
        };
        Attempt {
            engine: self.engine,
            target: &asked.planned.target,
            shape: AnswerShape {
                surface: self.head.surface,
                stream_usage: composed.stream_usage,
                base64_embeddings: composed.base64_embeddings,
                created: self.head.arrived_at.unix_ms() / 1_000,
            },
            number: u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1),
            stream: composed.stream,
            limits: Limits {
                deadline: self.plan.deadline,
                first_byte: first_byte.map(|timeout| began + timeout),
                idle: model.idle_timeout,
            },
        }
    }

    /// Takes in that an attempt failed.
    pub(super) fn failed(&mut self, asked: &Asked, failure: Failure, settlement: &mut Settlement) {
        let Asked { step, planned } = asked;
        let now = clock::now();
        let now_ms = self.engine.shared.health.ms(now);
        let took = now.saturating_duration_since(settlement.attempt_began());
        let end = failure.end(self.had_time(planned, took));
        settlement.attempt_failed(end, now);
        if end.verdict == Verdict::Failure {
            self.blamed.push(Arc::clone(&planned.target.health));
        }
        self.attempts.push(&planned.target, failure.ended());
        let failure = self.note_key(asked, failure, now_ms);
        let mut fault = failure.fault(self.ladder.rung(step.target) == 0);
        if self.plan.key_index.is_some() {
            fault = with_one_key(fault, &failure);
        }
        self.ladder.failed(step, now_ms, fault);
        if let Some(why) = failure.typed() {
            let added = self.plan.descend(self.engine, self.head, why);
            if !added.is_empty() {
                self.ladder.go_on_below(step, &added);
            }
        }
        // What a fallback model refuses, or what is wrong with a key, is not what the client
        // needs to hear where something else went wrong too.
        let is_key =
            failure.is_about_key() && !self.told.as_ref().is_some_and(Failure::is_about_key);
        let is_lesser = fault == Fault::OfRung || is_key;
        if !is_lesser || self.told.is_none() {
            self.told = Some(failure);
        }
    }

    /// Tells the provider's keys of a failure; gives it back as it is to be taken.
    fn note_key(&mut self, asked: &Asked, failure: Failure, now_ms: u64) -> Failure {
        let keys = &asked.planned.target.keys;
        let again = self.forbade.iter().any(|known| Arc::ptr_eq(known, keys));
        if failure.is_forbidden() {
            self.forbade.push(Arc::clone(keys));
        }
        asked.note_key(failure, now_ms, again)
    }

    /// Whether a target that did not answer within this time is to blame for it: it had as long
    /// as an attempt there may take, or much longer than it usually needs. Deadlines of callers
    /// say nothing of it, nor does what other attempts have left of the model's.
    fn had_time(&self, planned: &PlannedTarget, took: Duration) -> bool {
        let Model { first_byte_timeout, whole_answer_timeout, deadline, .. } = *planned.model.model;
        let stream = self.plan.fresh.scrubbed.composed.stream;
        let limit = if stream { Some(first_byte_timeout) } else { whole_answer_timeout };
        let allowed = limit.unwrap_or(deadline).min(deadline - deadline / 10);
        let usual = planned.target.health.usual(stream);
        let is_long = usual.is_some_and(|usual| took >= usual * MUCH_LONGER);
        !self.plan.is_hurried && (took >= allowed || is_long)
    }

    /// The answer of a target.
    pub(super) fn answer(
        &mut self,
        asked: Asked,
        received: Received,
        began: Instant,
    ) -> ProviderAnswer {
        let Asked { step, planned } = asked;
        let began_ms = self.engine.shared.health.ms(began);
        planned.target.keys.succeeded(step.key, planned.pool_name(), began_ms);
        let PlannedTarget { model, target } = planned;
        let stream = self.plan.fresh.scrubbed.composed.stream;
        target.health.note_time(stream, received.at.saturating_duration_since(began));
        self.attempts.push(&target, Ended::Status(received.status));
        let is_fallback = self.ladder.rung(step.target) > 0;
        let mut keeper = std::mem::take(&mut self.plan.fresh.keeper);
        if is_fallback {
            keeper.forget();
        }
        // Stored responses stay with the provider and the key that made them.
        let binder = (self.head.surface == Surface::Responses).then(|| Binder {
            provider: target.provider.name.clone(),
            key_index: step.key,
            model: is_fallback.then(|| model.model.name.clone()),
        });
        ProviderAnswer {
            status: received.status,
            upstream_headers: received.headers,
            content: received.content,
            target,
            model: Arc::clone(&self.plan.model),
            attempts: self.attempts.header(),
            retried: self.attempts.len() > 1,
            binder,
            dropped: received.dropped,
            deadline: self.plan.deadline,
            idle_timeout: model.model.idle_timeout,
            rung: if is_fallback { Rung::FallbackModel } else { Rung::Target },
            keeper,
        }
    }

    /// What was passed over since the last attempt, without the target that is asked now.
    pub(super) fn passed_over(&mut self, asked: Option<&RunningTarget>) -> Option<String> {
        let planned = std::mem::take(&mut self.plan.passed_over);
        if planned.is_empty() && self.ladder.passed_over().is_empty() {
            return None;
        }
        let name = |target: &RunningTarget| format!("{}/{}", target.provider.name, target.model);
        let reasons = self.ladder.passed_over().iter().filter_map(|(number, reason)| {
            let PlannedTarget { target, .. } = self.plan.target(*number)?;
            Some(format!("{}={}", name(target), reason.as_str()))
        });
        let asked = asked.map(name);
        let is_other = |word: &String| {
            let named = word.rsplit_once('=').map(|(name, _)| name);
            asked.is_none() || named != asked.as_deref()
        };
        let known = planned.split(';').filter(|word| !word.is_empty()).map(str::to_owned);
        let words: Vec<_> = known.chain(reasons).filter(is_other).collect();
        (!words.is_empty()).then(|| words.join(";"))
    }

    /// What the client is told when no provider answers.
    pub(super) fn refused(&mut self, why: GiveUp) -> Refused {
        let now_ms = self.engine.shared.health.now_ms();
        let moment = Moment { now_ms, roll: 0.0 };
        let plan = &self.plan;
        let recovers = self
            .ladder
            .recovers_in_ms(now_ms, &|target, tried| look(plan, moment, true, (target, tried)));
        let spent = self.ladder.is_spent() && !self.attempts.is_empty();
        let refusal = match (self.told.take(), why) {
            (Some(failure), _) => {
                failure.into_refusal(self.attempts.trace(), recovers.map(Duration::from_millis))
            }
            (None, GiveUp::KeysDead) => Refusal::CredentialsExhausted,
            (None, GiveUp::Deadline) => Refusal::Deadline("The deadline of this request passed."),
            (None, _) => match (self.uncleared, self.inexpressible.take()) {
                (Some(lack), _) => self.plan.refusal(self.head.surface, lack),
                (None, Some(error)) => error.into(),
                (None, None) => Refusal::Internal("a plan without targets"),
            },
        };
        let spent = spent && !refusal.is_callers_fault();
        self.refused_with(refusal, spent)
    }

    fn refused_with(&self, refusal: Refusal, spent: bool) -> Refused {
        let retried = self.attempts.len() > 1 || spent;
        Refused {
            attempts: self.attempts.header().map(Box::new),
            retried,
            ..Refused::from(refusal)
        }
    }
}
