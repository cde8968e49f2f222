//! Stage 7: the reply: headers, body, settlement inside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tb_core::{Cost, EndReason, Surface};
use tb_providers::{Decoded, StreamDecoder};

use crate::client::UpstreamBody;
use crate::engine::Engine;
use crate::headers as names;
use crate::refusal::{Refusal, Refused, class_label, error_code};
use crate::reply::{Reply, ReplyBody};
use crate::request::RequestHead;
use crate::runtime::{RunningModel, RunningTarget};
use crate::settlement::{AttemptEnd, Settlement};
use crate::stream::{Binder, PassedBody, Progress, Running, StreamBody, Terminal, of_response};

/// Headers of a provider that are passed on; the others stay here.
const PASSED_ON: [HeaderName; 3] = [
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("content-disposition"),
];

/// A provider's answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) upstream_headers: HeaderMap,
    pub(crate) content: Content,
    pub(crate) target: Arc<RunningTarget>,
    pub(crate) model: Arc<RunningModel>,
    pub(crate) attempts: Option<HeaderValue>,
    /// More than one attempt was made.
    pub(crate) retried: bool,
    pub(crate) binder: Option<Binder>,
    /// Fields of the request that the provider's dialect cannot express.
    pub(crate) dropped: Vec<&'static str>,
    pub(crate) deadline: Instant,
    pub(crate) idle_timeout: Duration,
}

/// The body of an answer.
pub(crate) enum Content {
    /// All of it, decoded.
    Whole(Decoded),
    /// A stream of events.
    Events(UpstreamBody, Box<dyn StreamDecoder>),
    /// Bytes to pass on.
    Passed(UpstreamBody),
}

/// Makes the reply. A whole answer is settled here, the others when their body ends.
pub(crate) async fn deliver(
    engine: &Engine,
    head: &RequestHead,
    answer: Answer,
    mut settlement: Settlement,
) -> Result<Reply, Refused> {
    let mut headers = common_headers(&answer, &settlement);
    let status = answer.status;
    settlement.reply_begins();
    let body = match answer.content {
        Content::Whole(decoded) => {
            let account = (answer.binder, settlement);
            settle_whole(head, (decoded, status), account, &mut headers)
                .await
                .map(ReplyBody::whole)
                .map_err(|refusal| Refused {
                    refusal,
                    attempts: answer.attempts,
                    retried: answer.retried,
                })?
        }
        Content::Events(upstream, decoder) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(names::ACCEL_BUFFERING, HeaderValue::from_static("no"));
            let running = Running {
                surface: head.surface,
                request_id: head.id.to_string(),
                upstream,
                decoder,
                settlement,
                status,
                on_disconnect: answer.target.provider.on_client_disconnect,
                shared: Arc::clone(&engine.shared),
                binder: answer.binder,
                progress: Progress::start(answer.deadline, answer.idle_timeout),
            };
            ReplyBody::Events(Box::new(StreamBody::new(running)))
        }
        Content::Passed(upstream) => {
            let content_type = answer.upstream_headers.get(CONTENT_TYPE).cloned();
            headers.insert(
                CONTENT_TYPE,
                content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
            );
            let shared = Arc::clone(&engine.shared);
            let (deadline, idle) = (answer.deadline, answer.idle_timeout);
            let upstream = (upstream, status);
            let body = PassedBody::new(upstream, settlement, shared, deadline, idle);
            ReplyBody::Passed(Box::new(body))
        }
    };
    Ok(Reply { status, headers, body })
}

/// Settles a whole answer and completes its headers; gives the body.
async fn settle_whole(
    head: &RequestHead,
    (decoded, status): (Decoded, u16),
    (binder, mut settlement): (Option<Binder>, Settlement),
    headers: &mut HeaderMap,
) -> Result<Bytes, Refusal> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let Decoded { body, facts } = decoded;
    if let (Some(binder), Some(id)) = (&binder, &facts.response_id) {
        binder.bind(id, &mut settlement);
    }
    settlement.note_background(head.path_id.as_deref(), &facts);
    settlement.take_facts(facts);
    if let (Surface::ResponsesDelete, Some(id)) = (head.surface, &head.path_id) {
        settlement.unbind_response(id);
    }
    let terminal = match head.surface {
        Surface::Responses => of_response(&body),
        _ => Terminal::Complete,
    };
    match terminal {
        Terminal::Complete => {
            let reason = EndReason::Complete;
            settlement.settle(AttemptEnd { reason, status, outcome: "ok" }, None);
        }
        Terminal::Failed(error) => {
            let reason = EndReason::UpstreamError;
            let end = AttemptEnd { reason, status, outcome: class_label(error.class) };
            settlement.settle(end, Some(error_code(&error)));
        }
    }
    if let Some(on_disk) = settlement.on_disk()
        && !matches!(on_disk.await, Ok(true))
    {
        return Err(Refusal::AuditUnavailable);
    }
    if let Some(served) = settlement.served_model()
        && let Ok(value) = HeaderValue::from_str(served)
    {
        headers.insert(names::MODEL_SERVED, value);
    }
    if let Some(cost) = cost_header(settlement.cost()) {
        headers.insert(names::COST_USD, cost);
    }
    Ok(body)
}

fn common_headers(answer: &Answer, settlement: &Settlement) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    map.insert(names::PROVIDER, answer.target.provider_header.clone());
    map.insert(names::MODEL_REQUESTED, answer.model.name_header.clone());
    map.insert(names::MODEL_RESOLVED, answer.target.model_header.clone());
    map.insert(names::CACHE, HeaderValue::from_static("bypass"));
    map.insert(names::DEGRADED, HeaderValue::from_static("none"));
    if let Some(attempts) = &answer.attempts {
        map.insert(names::ATTEMPTS, attempts.clone());
    }
    if !answer.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&answer.dropped.join(", "))
    {
        map.insert(names::DROPPED_FIELDS, value);
    }
    let us = settlement.overhead_us();
    if let Ok(value) = HeaderValue::from_str(&format!("{}.{:03}", us / 1_000, us % 1_000)) {
        map.insert(names::OVERHEAD_MS, value);
    }
    for name in PASSED_ON {
        if let Some(value) = answer.upstream_headers.get(&name) {
            map.insert(name, value.clone());
        }
    }
    map
}

fn cost_header(cost: Cost) -> Option<HeaderValue> {
    match cost {
        Cost::Measured(amount) | Cost::Estimated(amount) => {
            HeaderValue::from_str(&amount.to_string()).ok()
        }
        Cost::Unpriced | Cost::Free => None,
    }
}
