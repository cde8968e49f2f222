//! Stage 6: the attempts. Nothing is retried here after the first byte went to the client,
//! because an [`Answer`] is only made once an attempt has succeeded.

mod attempt;
mod failure;

use std::sync::Arc;
use std::time::Instant;

use tb_core::Surface;
use tb_providers::{AnswerShape, Call, EncodeError, Endpoint, WireRequest, dialect};

use self::attempt::{Attempt, Received};
use self::failure::Failure;
use super::deliver::Answer;
use super::route::Plan;
use crate::attempts::{Attempts, Ended};
use crate::engine::Engine;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::runtime::RunningTarget;
use crate::settlement::Settlement;
use crate::stream::Binder;

/// Tries the targets in order, each once, until one answers. A target whose dialect cannot
/// express the request is passed over.
pub(crate) async fn dispatch(
    engine: &Engine,
    head: &RequestHead,
    plan: Plan,
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let mut attempts = Attempts::default();
    let mut passed_over: Option<EncodeError> = None;
    let mut last: Option<Failure> = None;
    for target in &plan.targets {
        let wire = match encode(head, &plan, target) {
            Ok(wire) => wire,
            Err(error) => {
                passed_over.get_or_insert(error);
                continue;
            }
        };
        if let Some(failure) = last.take() {
            settlement.end_attempt(failure.end(), failure.label().to_owned());
        }
        settlement.begin_attempt(target).map_err(|refusal| refused(refusal, &attempts))?;
        match attempt(engine, head, &plan, target).run(wire, settlement).await {
            Ok(received) => {
                attempts.push(target, Ended::Status(received.status));
                return Ok(answer(head.surface, &plan, target, received, &attempts));
            }
            Err(failure) => {
                attempts.push(target, failure.ended());
                let goes_on = failure.is_worth_another_target() && Instant::now() < plan.deadline;
                last = Some(failure);
                if !goes_on {
                    break;
                }
            }
        }
    }
    let refusal = match (last, passed_over) {
        (Some(failure), _) => {
            settlement.note_failure(failure.status(), failure.label());
            failure.into_refusal(attempts.trace())
        }
        (None, Some(error)) => error.into(),
        (None, None) => Refusal::Internal("a plan without targets"),
    };
    Err(refused(refusal, &attempts))
}

fn refused(refusal: Refusal, attempts: &Attempts) -> Refused {
    Refused { refusal, attempts: attempts.header(), retried: attempts.len() > 1 }
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
        retried: attempts.len() > 1,
        binder: binder(surface, target, plan.key_index.unwrap_or(0)),
        dropped: received.dropped,
        deadline: plan.deadline,
        idle_timeout: plan.model.model.idle_timeout,
    }
}

fn attempt<'a>(
    engine: &'a Engine,
    head: &RequestHead,
    plan: &Plan,
    target: &'a RunningTarget,
) -> Attempt<'a> {
    let composed = &plan.fresh.scrubbed.composed;
    Attempt {
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
    }
}

fn encode(
    head: &RequestHead,
    plan: &Plan,
    target: &RunningTarget,
) -> Result<WireRequest, EncodeError> {
    let composed = &plan.fresh.scrubbed.composed;
    let call = Call {
        surface: head.surface,
        model: target.model.as_str(),
        stream: composed.stream,
        body: composed.body.as_call(),
        headers: &head.headers,
        response_id: head.path_id.as_deref(),
    };
    let endpoint = Endpoint {
        base_url: &target.provider.base_url,
        api_key: target.api_key(plan.key_index),
        quirks: &target.provider.quirks,
    };
    dialect(target.provider.dialect).encode(&call, &endpoint)
}

/// Stored responses stay with the provider and the key that made them.
fn binder(surface: Surface, target: &RunningTarget, key_index: u32) -> Option<Binder> {
    (surface == Surface::Responses)
        .then(|| Binder { provider: target.provider.name.clone(), key_index })
}
