//! The life of a request: the seven stages, in order.
//!
//! | # | stage | takes → gives |
//! |---|---|---|
//! | 1 | `admit` | head → `Admitted` and the open `Settlement` |
//! | 2 | `compose` | body → `Composed` |
//! | 3 | `scrub` | `Composed` → `Scrubbed` |
//! | 4 | `lookup` | `Scrubbed` → a kept answer, or `Fresh` |
//! | 5 | `route` | `Fresh` → `Plan` |
//! | 6 | `dispatch` | `Plan` → `Answer` |
//! | 7 | `deliver` | `Answer` and `Settlement` → `Reply` |

use std::pin::pin;
use std::sync::Arc;

use crate::clock;
use crate::engine::Engine;
use crate::identity::fetch_token_keys;
use crate::moderation::{judge_answer, judge_request};
use crate::quota::claim;
use crate::refusal::{Refusal, Refused};
use crate::reply::Reply;
use crate::request::{BodyError, BodyFuture, PublicRequest, RequestBody, RequestHead};
use crate::settlement::Settlement;
use crate::stages::admit::{Admitted, admit, count_limit, count_unadmitted, take_turn};
use crate::stages::compose::compose;
use crate::stages::deliver::{Answer, Answered, deliver};
use crate::stages::dispatch::dispatch;
use crate::stages::lookup::{Found, first_of, lookup};
use crate::stages::route::route;
use crate::stages::scrub::scrub;

/// Serves one request. Whatever the outcome, an admitted request is settled exactly once:
/// here when it is refused, in `deliver` or inside the reply's body when it is answered,
/// on drop when the client leaves.
///
/// # Errors
/// See [`Refusal`].
pub async fn serve(engine: &Engine, request: PublicRequest) -> Result<Reply, Refused> {
    let PublicRequest { head, body } = request;
    fetch_token_keys(engine, &head).await;
    let (mut admitted, mut settlement) =
        admit(engine, &head).map_err(|refusal| count_unadmitted(engine, &head, refusal))?;
    let (service, key_note) = (Arc::clone(&admitted.service), admitted.key_note.take());
    match answer(engine, &head, body, admitted, &mut settlement).await {
        Ok(answered) => {
            let memory = settlement.take_answer_memory();
            let mut reply = deliver(engine, &head, answered, settlement).await?;
            reply.body.hold(memory);
            if let Some(note) = key_note {
                note.write(&mut reply.headers);
            }
            Ok(reply)
        }
        Err(mut refused) => {
            settlement.add_guard_note(&mut refused.guard);
            refused.rate_limits = settlement.rate_limits(&service);
            count_limit(engine, &refused.refusal);
            settlement.refuse(&refused.refusal);
            if let Some(on_disk) = settlement.on_disk() {
                // A failure is logged where it happens; a refusal it is in any case.
                let _ = on_disk.await;
            }
            Err(refused)
        }
    }
}

async fn answer(
    engine: &Engine,
    head: &RequestHead,
    body: BodyFuture,
    admitted: Admitted,
    settlement: &mut Settlement,
) -> Result<Answered, Refused> {
    let RequestBody { bytes, memory } = body.await.map_err(|error| {
        if matches!(error, BodyError::NoMemory(_)) {
            settlement.turned_away();
        }
        unreadable(engine, error)
    })?;
    take_turn(engine, &admitted, settlement).await?;
    settlement.hold(memory);
    settlement.body_arrived(clock::now());
    let composed = compose(engine, head, admitted, bytes, settlement)?;
    claim(engine, &composed, settlement)?;
    let scrubbed = scrub(engine, head, composed, settlement).await?;
    settlement.keep_request(&scrubbed);
    let judge = judge_request(engine, head, &scrubbed, settlement).await?;
    let judge = judge.as_deref();
    let guarded = Arc::clone(&scrubbed.guarded);
    let mut fresh = match lookup(engine, head, scrubbed, settlement).await? {
        Found::Hit(answer) => {
            let hit = (Answer::Local(answer), judge);
            let answer = judge_answer(engine, hit, settlement).await?;
            return Ok(Answered { answer, guarded });
        }
        Found::Fresh(fresh) => fresh,
    };
    let overheard = fresh.overheard.take();
    let first = {
        let asking = pin!(async {
            let plan = route(engine, head, fresh).await?;
            settlement.expect_end(plan.deadline);
            let answer = dispatch(engine, head, plan, settlement).await?;
            judge_answer(engine, (answer, judge), settlement).await
        });
        first_of(engine, overheard, asking).await
    };
    let answer = match first {
        Ok(asked) => asked?,
        Err(kept) => {
            settlement.overtaken();
            judge_answer(engine, (Answer::Local(kept), judge), settlement).await?
        }
    };
    Ok(Answered { answer, guarded })
}

fn unreadable(engine: &Engine, error: BodyError) -> Refusal {
    match error {
        BodyError::TooLarge(limit) => Refusal::caller(
            413,
            "request_too_large",
            "",
            format!("The request body exceeds {limit} bytes (`[server] max_body`)."),
        ),
        BodyError::TooSlow => Refusal::caller(
            408,
            "request_timeout",
            "",
            "The request body did not arrive in time.".to_owned(),
        ),
        BodyError::Broken => {
            Refusal::caller(400, "invalid_body", "", "The request body broke off.".to_owned())
        }
        BodyError::NoMemory(budget) => engine.shared.admission.memory_spent(budget),
    }
}
