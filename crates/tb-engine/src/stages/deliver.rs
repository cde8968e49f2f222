//! Stage 7: the reply: headers, body, settlement inside.

mod headers;
mod whole;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tb_core::Rung;
use tb_providers::Decoded;

use self::headers::{common_headers, guard_note, insert_guarded, is_degraded, local_headers};
use self::whole::{Account, blocked_end, restored};
use crate::cache::Keeper;
use crate::client::UpstreamBody;
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::headers as names;
use crate::local::{LocalAnswer, Origin};
use crate::refusal::{GuardNote, Refusal, Refused};
use crate::reply::{Reply, ReplyBody};
use crate::request::RequestHead;
use crate::restoration::{AnswerBlocked, Restoration};
use crate::runtime::{RunningModel, RunningTarget};
use crate::settlement::Settlement;
use crate::stages::lookup::count as count_cached;
use crate::stream::{Binder, Opened, PassedBody, Progress, Running, StreamBody};

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
    settlement: Box<Settlement>,
) -> Result<Reply, Refused> {
    let restoration = Restoration::of(&guarded, head.surface);
    let outcome = match answer {
        Answer::Provider(answer) => {
            let rung = answer.rung;
            let reply = deliver_provided(engine, head, *answer, restoration, settlement).await;
            reply.inspect(|_| count_degraded(engine, rung))
        }
        Answer::Local(answer) => {
            Box::pin(deliver_local(engine, *answer, restoration, settlement)).await
        }
    };
    match outcome {
        Ok(mut reply) => {
            insert_guarded(&guarded, &mut reply.headers);
            Ok(reply)
        }
        Err(mut refused) => {
            let extra = std::mem::take(&mut refused.guard.extra);
            *refused.guard = GuardNote { extra, ..guard_note(&guarded) };
            Err(refused)
        }
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
    restoration: Option<Restoration>,
    mut settlement: Box<Settlement>,
) -> Result<Reply, Refused> {
    let mut headers = local_headers(&answer, &settlement);
    settlement.write_rate_limits(&mut headers);
    settlement.keep_answer(&answer.body);
    let body = match restored(engine, restoration, &answer.body, answer.stream).await {
        Ok(body) => body,
        Err(blocked) => {
            let refusal = blocked.refusal();
            settlement.withhold(blocked_end(refusal.api_error().status), &refusal);
            if let Some(on_disk) = settlement.on_disk() {
                // A failure is logged where it happens; a refusal it is in any case.
                let _ = on_disk.await;
            }
            let refused = refused(refusal, answer.attempts, true);
            return Err(with_rate_limits(forbidden(refused, Some(&blocked)), &headers));
        }
    };
    settlement.reply_begins();
    let mut recorded = settlement.settle_local(answer.rung, answer.saved);
    if let Some(on_disk) = settlement.on_disk()
        && !matches!(on_disk.await, Ok(true))
    {
        recorded = Err(Refusal::AuditUnavailable);
    }
    if let Err(refusal) = recorded {
        let refused = refused(refusal, answer.attempts, answer.retried);
        return Err(with_rate_limits(refused, &headers));
    }
    count_local(engine, &answer);
    Ok(Reply { status: 200, headers, body: ReplyBody::whole(body) })
}

fn refused(refusal: Refusal, attempts: Option<HeaderValue>, retried: bool) -> Refused {
    Refused { attempts: attempts.map(Box::new), retried, ..Refused::from(refusal) }
}

/// Takes over what the headers of the answer would have said of the caller's limits.
fn with_rate_limits(mut refused: Refused, headers: &HeaderMap) -> Refused {
    let is_one = |name: &HeaderName| name.as_str().starts_with("x-ratelimit-");
    let told = headers.iter().filter(|(name, _)| is_one(name));
    refused.rate_limits.extend(told.map(|(name, value)| (name.clone(), value.clone())));
    refused
}

/// Says what forbade the answer.
fn forbidden(mut refused: Refused, blocked: Option<&AnswerBlocked>) -> Refused {
    refused.guard.extra.extend(blocked.iter().flat_map(|blocked| blocked.members()));
    refused
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
    restoration: Option<Restoration>,
    mut settlement: Box<Settlement>,
) -> Result<Reply, Refused> {
    let mut headers = common_headers(&answer, &settlement);
    settlement.reply_begins();
    let status = answer.status;
    let ProviderAnswer { content, binder, keeper, target, attempts, .. } = answer;
    let body = match content {
        Content::Whole(decoded) => {
            let Decoded { body, facts } = decoded;
            settlement.keep_answer(&body);
            let mut account = Account { binder, settlement, keeper, target, status };
            // Who leaves while the answer is looked at has used it all the same.
            account.take_facts(head, facts);
            let restored = restored(engine, restoration, &body, false).await;
            let blocked = restored.as_ref().err().cloned();
            // Another answer of the model would cost as much and may be no better.
            let retried = answer.retried || blocked.is_some();
            let settled = account.settle(head.surface, &body, restored, &mut headers).await;
            settled.map(ReplyBody::whole).map_err(|refusal| {
                let refused = refused(refusal, attempts, retried);
                with_rate_limits(forbidden(refused, blocked.as_ref()), &headers)
            })?
        }
        Content::Events(opened) => {
            let Opened { body: upstream, decoder, events, is_ended, heard } = *opened;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(names::ACCEL_BUFFERING, HeaderValue::from_static("no"));
            let moments = (answer.deadline, answer.idle_timeout);
            let running = Running {
                surface: head.surface,
                request_id: head.id.to_string(),
                upstream,
                decoder,
                settlement,
                status,
                on_disconnect: target.provider.on_client_disconnect,
                shared: Arc::clone(&engine.shared),
                binder,
                origin: keeper.keeps().then(|| origin(&target)),
                keeper,
                restoration,
                progress: Progress::start(moments, (events, is_ended), heard),
            };
            ReplyBody::Events(Box::new(StreamBody::new(running)))
        }
        Content::Passed(first, upstream) => {
            let content_type = answer.upstream_headers.get(CONTENT_TYPE);
            let restoration = restoration.filter(|_| content_type.is_some_and(is_text));
            if content_type.is_some_and(is_text) {
                settlement.expect_passed_text();
            }
            let fallback = HeaderValue::from_static("application/octet-stream");
            headers.insert(CONTENT_TYPE, content_type.cloned().unwrap_or(fallback));
            let shared = Arc::clone(&engine.shared);
            let moments = (answer.deadline, answer.idle_timeout);
            let upstream = (first, upstream, status);
            let body = PassedBody::new(upstream, settlement, restoration, shared, moments);
            ReplyBody::Passed(Box::new(body))
        }
    };
    Ok(Reply { status, headers, body })
}

/// Whether a body of this type is read by people: transcripts, subtitles.
fn is_text(content_type: &HeaderValue) -> bool {
    let kind = content_type.as_bytes();
    kind.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/"))
        || kind.starts_with(b"application/x-subrip")
}

fn origin(target: &RunningTarget) -> Origin {
    Origin {
        provider: target.provider.name.to_string(),
        resolved: target.model.to_string(),
        served: None,
    }
}
