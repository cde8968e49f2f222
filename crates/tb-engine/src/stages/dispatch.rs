//! Stage 6: the attempts. Nothing is retried here after the first byte went to the client,
//! because an [`Answer`] is only made once an attempt has succeeded.

mod asked;
mod attempt;
mod failure;
mod last_rungs;
mod limits;
mod start_up;
mod walk;

use std::time::Duration;

use self::asked::Entered;
use self::last_rungs::last_rung;
use self::walk::Walk;
use super::deliver::Answer;
use super::route::Plan;
use crate::engine::Engine;
use crate::ladder::{GiveUp, Next};
use crate::refusal::Refused;
use crate::request::RequestHead;
use crate::settlement::Settlement;

/// Climbs down the ladder until a target answers; then the last rungs, then the refusal. One
/// deadline holds for all of it.
pub(crate) async fn dispatch(
    engine: &Engine,
    head: &RequestHead,
    plan: Plan,
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let mut walk = Walk::new(engine, head, plan);
    let why = loop {
        let step = match walk.next() {
            Next::Try(step) => step,
            Next::GiveUp(why) => break why,
        };
        if step.wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(step.wait_ms)).await;
            // Keys, breakers and the deadline are not what they were.
            walk.waited(&step);
            continue;
        }
        let Some(entered) = walk.enter(step) else { continue };
        let Entered { asked, wire, clearance, passage } = entered;
        walk.begin(&asked, passage, settlement)?;
        let attempt = walk.attempt(&asked, settlement.attempt_began());
        match attempt.run((wire, clearance), settlement).await {
            Ok(received) => {
                let mut answer = walk.answer(asked, received, settlement.attempt_began());
                answer.keeper.account(settlement.memory());
                return Ok(Answer::Provider(Box::new(answer)));
            }
            Err(failure) => walk.failed(&asked, failure, settlement),
        }
    };
    Box::pin(give_up(engine, head, (walk, why), settlement)).await
}

/// Nothing else can be asked: the last rungs, where the request is not at fault itself.
async fn give_up(
    engine: &Engine,
    head: &RequestHead,
    (mut walk, why): (Walk<'_>, GiveUp),
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let refused = walk.refused(why);
    settlement.note_passed_over(walk.passed_over(None));
    if !refused.refusal.is_callers_fault() {
        let reason = refused.refusal.code();
        if let Some(mut answer) = last_rung(engine, head, &walk.plan, &reason).await {
            settlement.end_attempt();
            answer.attempts = refused.attempts.map(|attempts| *attempts);
            answer.retried = refused.retried;
            return Ok(Answer::Local(Box::new(answer)));
        }
    }
    Err(refused)
}
