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
use crate::reply::{Reply, ReplyBody};
use crate::request::RequestHead;
use crate::runtime::{RunningModel, RunningTarget};
use crate::settlement::{AttemptEnd, Settlement};
use crate::stream::{Binder, Clocks, PassedBody, Running, StreamBody};

/// Headers of a provider that are passed on; the others stay here.
const PASSED_ON: [HeaderName; 4] = [
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("openai-organization"),
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
    settlement: Settlement,
) -> Reply {
    let mut headers = common_headers(&answer, &settlement);
    let status = answer.status;
    match answer.content {
        Content::Whole(decoded) => {
            let account = (answer.binder, settlement);
            let body = settle_whole(head, (decoded, status), account, &mut headers).await;
            Reply { status, headers, body: ReplyBody::whole(body) }
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
                deadline: answer.deadline,
                idle_timeout: answer.idle_timeout,
                on_disconnect: answer.target.provider.on_client_disconnect,
                tasks: engine.shared.tasks.clone(),
                binder: answer.binder,
                clocks: Clocks::start(),
            };
            Reply { status, headers, body: ReplyBody::Events(Box::new(StreamBody::new(running))) }
        }
        Content::Passed(upstream) => {
            let content_type = answer.upstream_headers.get(CONTENT_TYPE).cloned();
            headers.insert(
                CONTENT_TYPE,
                content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
            );
            let body = PassedBody::new(upstream, settlement, status, answer.idle_timeout);
            Reply { status, headers, body: ReplyBody::Passed(Box::new(body)) }
        }
    }
}

/// Settles a whole answer and completes its headers; gives the body.
async fn settle_whole(
    head: &RequestHead,
    (decoded, status): (Decoded, u16),
    (binder, mut settlement): (Option<Binder>, Settlement),
    headers: &mut HeaderMap,
) -> Bytes {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    settlement.note_facts(&decoded.facts);
    if let (Some(binder), Some(id)) = (&binder, &decoded.facts.response_id) {
        binder.bind(id, &mut settlement);
    }
    if let (Surface::ResponsesDelete, Some(id)) = (head.surface, &head.path_id) {
        settlement.unbind_response(id);
    }
    settlement.settle(AttemptEnd { reason: EndReason::Complete, status, outcome: "ok" }, None);
    if let Some(on_disk) = settlement.on_disk() {
        // A failure is logged where it happens; the answer is the same.
        let _ = on_disk.await;
    }
    if let Some(served) = &decoded.facts.served_model
        && let Ok(value) = HeaderValue::from_str(served)
    {
        headers.insert(names::MODEL_SERVED, value);
    }
    if let Some(cost) = cost_header(settlement.cost()) {
        headers.insert(names::COST_USD, cost);
    }
    decoded.body
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
