//! Stage 7: the reply: headers, body, settlement inside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tb_core::breaker::Verdict;
use tb_core::{Cost, EndReason, Rung, Surface};
use tb_providers::Decoded;

use crate::cache::{CacheNote, Keeper, Made};
use crate::client::UpstreamBody;
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::headers as names;
use crate::local::{LocalAnswer, Origin};
use crate::refusal::{Refusal, Refused, class_label, error_code, verdict};
use crate::reply::{Reply, ReplyBody};
use crate::request::RequestHead;
use crate::restoration::Restoration;
use crate::runtime::{RunningModel, RunningTarget};
use crate::settlement::{AttemptEnd, Settlement};
use crate::stages::lookup::count as count_cached;
use crate::stream::{
    Binder, Opened, PassedBody, Progress, Running, StreamBody, Terminal, of_response,
};

/// Headers of a provider that are passed on; the others stay here.
const PASSED_ON: [HeaderName; 3] = [
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("content-disposition"),
];

/// An answer with what was done to the request.
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) guarded: Arc<Guarded>,
}

/// What the client gets.
pub(crate) enum Answer {
    /// A provider's answer.
    Provider(Box<ProviderAnswer>),
    /// One of the gateway's own.
    Local(Box<LocalAnswer>),
}

/// A provider's answer.
pub(crate) struct ProviderAnswer {
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
    /// `Target` or `FallbackModel`.
    pub(crate) rung: Rung,
    /// What becomes of it in the cache.
    pub(crate) keeper: Keeper,
}

/// The body of an answer.
pub(crate) enum Content {
    /// All of it, decoded.
    Whole(Decoded),
    /// A stream of events that began.
    Events(Box<Opened>),
    /// Bytes to pass on, beginning with these.
    Passed(Bytes, UpstreamBody),
}

/// Makes the reply. A whole answer is settled here, the others when their body ends.
pub(crate) async fn deliver(
    engine: &Engine,
    head: &RequestHead,
    Answered { answer, guarded }: Answered,
    settlement: Settlement,
) -> Result<Reply, Refused> {
    let _ = Restoration::of(&guarded, head.surface);
    match answer {
        Answer::Provider(answer) => {
            let rung = answer.rung;
            let reply = deliver_provided(engine, head, *answer, settlement).await?;
            count_degraded(engine, rung);
            Ok(reply)
        }
        Answer::Local(answer) => deliver_local(engine, *answer, settlement).await,
    }
}

/// Counts an answer below what was asked, once it is given.
fn count_degraded(engine: &Engine, rung: Rung) {
    if is_degraded(rung) {
        let labels = vec![("level", rung.as_str().to_owned())];
        engine.shared.metrics.degraded.get_or_create(&labels).inc();
    }
}

/// An answer of the gateway's own is complete: it is settled before it goes out.
async fn deliver_local(
    engine: &Engine,
    answer: LocalAnswer,
    mut settlement: Settlement,
) -> Result<Reply, Refused> {
    let headers = local_headers(&answer, &settlement);
    settlement.reply_begins();
    let mut recorded = settlement.settle_local(answer.rung, answer.saved);
    if let Some(on_disk) = settlement.on_disk()
        && !matches!(on_disk.await, Ok(true))
    {
        recorded = Err(Refusal::AuditUnavailable);
    }
    if let Err(refusal) = recorded {
        return Err(Refused { refusal, attempts: answer.attempts, retried: answer.retried });
    }
    count_local(engine, &answer);
    Ok(Reply { status: 200, headers, body: ReplyBody::whole(answer.body) })
}

/// Counts an answer of the gateway's own that is given, and what it saved. For the last rungs
/// the cache has counted its miss already.
fn count_local(engine: &Engine, answer: &LocalAnswer) {
    if answer.rung == Rung::Cache {
        count_cached(engine, &answer.note);
    }
    count_degraded(engine, answer.rung);
    #[expect(clippy::cast_precision_loss, reason = "metrics show dollars, rows keep the integer")]
    engine.shared.metrics.cache_saved_usd.inc_by(answer.saved.0 as f64 / 1e9);
}

async fn deliver_provided(
    engine: &Engine,
    head: &RequestHead,
    answer: ProviderAnswer,
    mut settlement: Settlement,
) -> Result<Reply, Refused> {
    let mut headers = common_headers(&answer, &settlement);
    let status = answer.status;
    settlement.reply_begins();
    let body = match answer.content {
        Content::Whole(decoded) => {
            let account = (answer.binder, settlement);
            let keeping = (answer.keeper, answer.target);
            settle_whole(head, (decoded, status), account, keeping, &mut headers)
                .await
                .map(ReplyBody::whole)
                .map_err(|refusal| Refused {
                    refusal,
                    attempts: answer.attempts,
                    retried: answer.retried,
                })?
        }
        Content::Events(opened) => {
            let Opened { body: upstream, decoder, events, is_ended, heard } = *opened;
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
                origin: answer.keeper.keeps().then(|| origin(&answer.target)),
                keeper: answer.keeper,
                progress: Progress::start(
                    (answer.deadline, answer.idle_timeout),
                    (events, is_ended),
                    heard,
                ),
            };
            ReplyBody::Events(Box::new(StreamBody::new(running)))
        }
        Content::Passed(first, upstream) => {
            let content_type = answer.upstream_headers.get(CONTENT_TYPE).cloned();
            headers.insert(
                CONTENT_TYPE,
                content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
            );
            let shared = Arc::clone(&engine.shared);
            let (deadline, idle) = (answer.deadline, answer.idle_timeout);
            let upstream = (first, upstream, status);
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
    (mut keeper, target): (Keeper, Arc<RunningTarget>),
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
    match &terminal {
        Terminal::Complete => {
            let reason = EndReason::Complete;
            settlement.settle(
                AttemptEnd { reason, status, outcome: "ok", verdict: Verdict::Success },
                None,
            );
        }
        Terminal::Failed(error) => {
            let reason = EndReason::UpstreamError;
            let (outcome, verdict) = (class_label(error.class), verdict(error.class));
            let end = AttemptEnd { reason, status, outcome, verdict };
            settlement.settle(end, Some(error_code(error)));
        }
    }
    if let Some(on_disk) = settlement.on_disk()
        && !matches!(on_disk.await, Ok(true))
    {
        return Err(Refusal::AuditUnavailable);
    }
    if matches!(terminal, Terminal::Complete) && keeper.keeps() {
        let served = settlement.served_model().map(str::to_owned);
        let origin = Origin { served, ..origin(&target) };
        keeper.keep_whole(&body, Made { origin, cost: settlement.cost() });
        if keeper.note().stored {
            keeper.note().write(headers);
        }
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

fn origin(target: &RunningTarget) -> Origin {
    Origin {
        provider: target.provider.name.to_string(),
        resolved: target.model.to_string(),
        served: None,
    }
}

fn local_headers(answer: &LocalAnswer, settlement: &Settlement) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    map.insert(names::MODEL_REQUESTED, answer.model.name_header.clone());
    if let Some(origin) = &answer.origin {
        let told = [
            (names::PROVIDER, Some(&origin.provider)),
            (names::MODEL_RESOLVED, Some(&origin.resolved)),
            (names::MODEL_SERVED, origin.served.as_ref()),
        ];
        for (name, text) in told {
            if let Some(Ok(value)) = text.map(|text| HeaderValue::from_str(text)) {
                map.insert(name, value);
            }
        }
    }
    let (content_type, cost) = if answer.stream {
        ("text/event-stream", None)
    } else {
        ("application/json", Some(HeaderValue::from_static("0")))
    };
    map.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(cost) = cost {
        map.insert(names::COST_USD, cost);
    }
    map.insert(names::DEGRADED, degraded(answer.rung));
    insert_common(&mut map, answer.attempts.as_ref(), &answer.note, settlement);
    map
}

/// The word of `x-tollbar-degraded`.
fn degraded(rung: Rung) -> HeaderValue {
    HeaderValue::from_static(if is_degraded(rung) { rung.as_str() } else { "none" })
}

const fn is_degraded(rung: Rung) -> bool {
    match rung {
        Rung::Target | Rung::Cache => false,
        Rung::FallbackModel | Rung::StaleCache | Rung::Rules => true,
    }
}

/// What every answer says.
fn insert_common(
    map: &mut HeaderMap,
    attempts: Option<&HeaderValue>,
    note: &CacheNote,
    settlement: &Settlement,
) {
    note.write(map);
    if let Some(attempts) = attempts {
        map.insert(names::ATTEMPTS, attempts.clone());
    }
    let us = settlement.overhead_us();
    if let Ok(value) = HeaderValue::from_str(&format!("{}.{:03}", us / 1_000, us % 1_000)) {
        map.insert(names::OVERHEAD_MS, value);
    }
}

fn common_headers(answer: &ProviderAnswer, settlement: &Settlement) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    map.insert(names::PROVIDER, answer.target.provider_header.clone());
    map.insert(names::MODEL_REQUESTED, answer.model.name_header.clone());
    map.insert(names::MODEL_RESOLVED, answer.target.model_header.clone());
    map.insert(names::DEGRADED, degraded(answer.rung));
    insert_common(&mut map, answer.attempts.as_ref(), answer.keeper.note(), settlement);
    if !answer.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&answer.dropped.join(", "))
    {
        map.insert(names::DROPPED_FIELDS, value);
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
