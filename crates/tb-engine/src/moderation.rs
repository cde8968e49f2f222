//! A configured model judges what is sent, or what is answered.
//!
//! Each call of that model is a request of its own: it goes through the ladder with the data
//! class of what is judged, and has its own account (`docs/moderation.md`).

mod collected;
mod outcome;
mod portions;
mod question;
mod screened;
mod texts;
mod verdict;

use std::sync::Arc;
use std::time::Instant;

use tb_config::{Moderation, OnTrouble, Reaction};
use tb_core::{Rung, Surface};

use self::collected::{Halt, Uncollected, texts_of};
pub(crate) use self::outcome::{BLOCKED, UNAVAILABLE};
use self::outcome::{Failed, Stage, after_attempts, blocked, unavailable, withheld};
use self::question::Asker;
use self::screened::Screened;
use self::verdict::Category;
use crate::clock;
use crate::engine::Engine;
use crate::local::LocalAnswer;
use crate::refusal::Refused;
use crate::request::RequestHead;
use crate::settlement::Settlement;
use crate::stages::deliver::{Answer, ProviderAnswer};
use crate::stages::scrub::Scrubbed;

/// What judges one request and its answer.
pub(crate) struct Judge {
    moderation: Arc<Moderation>,
    asker: Asker,
    surface: Surface,
    /// The deadline of the judged request, where it has one.
    until: Option<Instant>,
}

/// Judges a request, after it was scrubbed and before anything else sees it. Gives what judges
/// its answer.
///
/// # Errors
/// When it is judged harmful, or no judgement comes and the rules say that this blocks.
pub(crate) async fn judge_request(
    engine: &Engine,
    head: &RequestHead,
    scrubbed: &Scrubbed,
    settlement: &mut Settlement,
) -> Result<Option<Box<Judge>>, Refused> {
    let Some(judge) = Judge::of(head, scrubbed, settlement) else { return Ok(None) };
    if judge.moderation.before {
        let began = clock::now();
        let texts = texts::of_request(head.surface, &scrubbed.composed.body);
        let texts = texts.map(|texts| Screened::of_request(scrubbed, texts));
        let judged = judge.judge(engine, texts.map_err(|_| Failed::NoText)).await;
        settlement.waited_for_judgement(clock::elapsed(began));
        judge.decide(engine, (Stage::Before, judged), settlement)?;
    }
    Ok(Some(judge))
}

/// Judges an answer before anything of it is given. A stream is collected for that. Answers by
/// rule are the operator's own words and not judged.
///
/// # Errors
/// As for requests. The provider's part is accounted all the same.
pub(crate) async fn judge_answer(
    engine: &Engine,
    (answer, judge): (Answer, Option<&Judge>),
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let Some(judge) = judge.filter(|judge| judge.moderation.after) else { return Ok(answer) };
    match answer {
        Answer::Provider(answer) => {
            let answer = Box::pin(judge.judge_provided(engine, answer, settlement)).await?;
            Ok(Answer::Provider(answer))
        }
        Answer::Local(answer) => {
            if answer.rung != Rung::Rules {
                judge.judge_kept(engine, &answer, settlement).await?;
            }
            Ok(Answer::Local(answer))
        }
    }
}

impl Judge {
    /// What judges this request, where its service has it judged.
    fn of(
        head: &RequestHead,
        scrubbed: &Scrubbed,
        settlement: &mut Settlement,
    ) -> Option<Box<Self>> {
        let moderation = scrubbed.guarded.policy.moderation.as_ref()?;
        let is_on = (moderation.before || moderation.after) && moderation.reaction != Reaction::Off;
        if !is_on || !texts::is_judged(head.surface) {
            return None;
        }
        let composed = &scrubbed.composed;
        let admitted = &composed.admitted;
        let limit = composed.model.as_ref().map(|model| model.model.deadline);
        let limit = admitted.timeout.into_iter().chain(limit).min();
        Some(Box::new(Self {
            moderation: Arc::clone(moderation),
            asker: Asker {
                runtime: Arc::clone(&admitted.runtime),
                service: Arc::clone(&admitted.service),
                classes: scrubbed.classes,
                guarded: Arc::clone(&scrubbed.guarded),
                row: settlement.row().clone(),
                peer: head.peer,
            },
            surface: head.surface,
            until: limit.map(|limit| admitted.arrived + limit),
        }))
    }

    /// The categories that count in these texts; `None` when there is nothing to judge. One
    /// harmful portion is enough: the others are not sent then.
    async fn judge(
        &self,
        engine: &Engine,
        texts: Result<Screened, Failed>,
    ) -> Result<Option<Vec<Category>>, Failed> {
        let texts = texts?;
        if texts.is_empty() {
            return Ok(None);
        }
        let due = clock::now() + self.moderation.timeout;
        let deadline = self.until.map_or(due, |until| until.min(due));
        let classes = texts.classes();
        for portion in texts.portions(self.moderation.form).ok_or(Failed::TooLong)? {
            let scores = Box::pin(self.ask(engine, (&portion, classes), deadline)).await?;
            let counting = scores.over(&self.moderation);
            if !counting.is_empty() {
                return Ok(Some(counting));
            }
        }
        Ok(Some(Vec::new()))
    }

    /// What follows from a judgement, or from there being none. It is counted and noted in the
    /// row of the judged request.
    fn decide(
        &self,
        engine: &Engine,
        (stage, judged): (Stage, Result<Option<Vec<Category>>, Failed>),
        settlement: &mut Settlement,
    ) -> Result<(), Refused> {
        let (result, refused) = match judged {
            Ok(None) => return Ok(()),
            Ok(Some(counting)) if counting.is_empty() => ("passed", None),
            Ok(Some(counting)) => {
                let blocks = self.moderation.reaction == Reaction::Block;
                ("flagged", blocks.then(|| blocked(stage, &counting)))
            }
            Err(why) => {
                let blocks = self.moderation.on_failure == OnTrouble::Block;
                if !blocks {
                    let request_id = self.asker.row.request_id;
                    tracing::warn!(%request_id, stage = stage.as_str(), ?why, "not moderated");
                }
                ("failed", blocks.then(|| unavailable(stage, why)))
            }
        };
        let labels = vec![("stage", stage.as_str().to_owned()), ("result", result.to_owned())];
        engine.shared.metrics.guard_moderation.get_or_create(&labels).inc();
        settlement.note_judgement(&format!("moderation_{}={result}", stage.as_str()));
        refused.map_or(Ok(()), Err)
    }

    async fn judge_provided(
        &self,
        engine: &Engine,
        mut answer: Box<ProviderAnswer>,
        settlement: &mut Settlement,
    ) -> Result<Box<ProviderAnswer>, Refused> {
        let read = texts_of(engine, self.surface, &mut answer, settlement).await;
        let texts = match read {
            Ok(texts) => Ok(texts),
            Err(Uncollected::Unjudgeable(why)) => Err(why),
            Err(Uncollected::Halted(halt)) => {
                let Halt { refusal, end } = *halt;
                settlement.withhold(end, &refusal);
                return Err(after_attempts(refusal.into(), (answer.attempts, answer.retried)));
            }
        };
        let Err(refused) = self.decide_answer(engine, texts, settlement).await else {
            return Ok(answer);
        };
        settlement.withhold(withheld(answer.status), &refused.refusal);
        Err(after_attempts(refused, (answer.attempts, answer.retried)))
    }

    async fn decide_answer(
        &self,
        engine: &Engine,
        texts: Result<Vec<String>, Failed>,
        settlement: &mut Settlement,
    ) -> Result<(), Refused> {
        let screened = match texts {
            Ok(texts) => {
                let key = engine.shared.guard_keys.of(&self.asker.service.name);
                let texts = (texts, self.asker.classes, key);
                Screened::of_answer(engine, &self.asker.guarded, texts).await
            }
            Err(why) => Err(why),
        };
        let judged = self.judge(engine, screened).await;
        self.decide(engine, (Stage::After, judged), settlement)
    }

    /// Judges an answer out of the cache: it may have been kept when nobody judged.
    async fn judge_kept(
        &self,
        engine: &Engine,
        answer: &LocalAnswer,
        settlement: &mut Settlement,
    ) -> Result<(), Refused> {
        let texts = if answer.stream {
            texts::of_event_bytes(&answer.body)
        } else {
            texts::of_answer(self.surface, &answer.body)
        };
        let texts = texts.map_err(|_| Failed::NoText);
        let decided = self.decide_answer(engine, texts, settlement).await;
        decided
            .map_err(|refused| after_attempts(refused, (answer.attempts.clone(), answer.retried)))
    }
}
