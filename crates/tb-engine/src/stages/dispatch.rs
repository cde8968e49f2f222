//! Stage 6: the attempts. Nothing is retried here after the first byte went to the client,
//! because an [`Answer`] is only made once an attempt has succeeded.

mod attempt;
mod failure;

use std::sync::Arc;
use std::time::Instant;

use tb_core::Surface;
use tb_providers::{AnswerShape, Call, Endpoint, WireRequest, dialect};

use self::attempt::{Attempt, Received};
use self::failure::Failure;
use super::deliver::Answer;
use super::route::Plan;
use crate::attempts::{Attempts, Ended};
use crate::engine::Engine;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::runtime::RunningTarget;
use crate::settlement::{AttemptEnd, Settlement};
use crate::stream::Binder;

/// Tries the targets in order, each once, until one answers.
pub(crate) async fn dispatch(
    engine: &Engine,
    head: &RequestHead,
    plan: Plan,
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let mut attempts = Attempts::default();
    let mut targets = plan.targets.iter().peekable();
    while let Some(target) = targets.next() {
        let failure = match try_target(engine, head, &plan, target, settlement).await {
            Ok(received) => {
                attempts.push(target, Ended::Status(received.status));
                return Ok(answer(head.surface, &plan, target, received, &attempts));
            }
            Err(failure) => failure,
        };
        attempts.push(target, failure.ended());
        let time_left = Instant::now() < plan.deadline;
        if failure.is_worth_another_target() && time_left && targets.peek().is_some() {
            let end = AttemptEnd {
                reason: failure.end_reason(),
                status: failure.status(),
                outcome: failure.label(),
            };
            settlement.end_attempt(end, failure.label().to_owned());
            continue;
        }
        settlement.note_failure(failure.status(), failure.label());
        let trace = attempts.trace();
        let refusal = failure.into_refusal(trace, attempts.len());
        return Err(Refused { refusal, attempts: attempts.header() });
    }
    Err(Refusal::Internal("a plan without targets").into())
}

fn answer(
    surface: Surface,
    plan: &Plan,
    target: &Arc<RunningTarget>,
    received: Received,
    attempts: &Attempts,
) -> Answer {
    Answer {
        status: received.status,
        upstream_headers: received.headers,
        content: received.content,
        target: Arc::clone(target),
        model: Arc::clone(&plan.model),
        attempts: attempts.header(),
        binder: binder(surface, target, received.key_index),
        dropped: received.dropped,
        deadline: plan.deadline,
        idle_timeout: plan.model.model.idle_timeout,
    }
}

async fn try_target(
    engine: &Engine,
    head: &RequestHead,
    plan: &Plan,
    target: &Arc<RunningTarget>,
    settlement: &mut Settlement,
) -> Result<Received, Failure> {
    let composed = &plan.fresh.scrubbed.composed;
    let key_index = plan.key_index.unwrap_or(0);
    let mut wire = encode(head, plan, target, key_index)?;
    let dropped = std::mem::take(&mut wire.dropped);
    settlement.begin_attempt(target).map_err(Failure::Refused)?;
    let attempt = Attempt {
        engine,
        target,
        shape: AnswerShape {
            surface: head.surface,
            stream_usage: composed.stream_usage,
            base64_embeddings: composed.base64_embeddings,
            created: head.arrived_at.unix_ms() / 1_000,
        },
        stream: composed.stream,
        deadline: plan.deadline,
        first_byte_timeout: plan.model.model.first_byte_timeout,
    };
    let mut received = attempt.run(wire).await?;
    received.key_index = key_index;
    received.dropped = dropped;
    Ok(received)
}

fn encode(
    head: &RequestHead,
    plan: &Plan,
    target: &RunningTarget,
    key_index: u32,
) -> Result<WireRequest, Failure> {
    let composed = &plan.fresh.scrubbed.composed;
    let call = Call {
        surface: head.surface,
        model: target.model.as_str(),
        stream: composed.stream,
        body: composed.body.as_call(),
        headers: &head.headers,
        response_id: head.path_id.as_deref(),
    };
    let keys = &target.provider.api_keys;
    let endpoint = Endpoint {
        base_url: &target.provider.base_url,
        api_key: usize::try_from(key_index).ok().and_then(|index| keys.get(index)),
        quirks: &target.provider.quirks,
    };
    dialect(target.provider.dialect)
        .encode(&call, &endpoint)
        .map_err(|error| Failure::Refused(error.into()))
}

/// Stored responses stay with the provider and the key that made them.
fn binder(surface: Surface, target: &RunningTarget, key_index: u32) -> Option<Binder> {
    (surface == Surface::Responses)
        .then(|| Binder { provider: target.provider.name.clone(), key_index })
}
