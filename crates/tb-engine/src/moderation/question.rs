//! One call of a moderation model: a request of its own through the gateway's ladder, with an
//! account of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use tb_api::json::Document;
use tb_config::{Moderation, ModerationForm, Service};
use tb_core::breaker::Verdict;
use tb_core::{ClassSet, Classes, EndReason, Purpose, RequestId, Surface, UsageRow};
use tb_guard::CharacterCounts;

use super::portions::Portion;
use super::verdict::{Scores, of_chat, of_moderations};
use super::{Failed, Judge};
use crate::cache::Keeper;
use crate::classes::own_note;
use crate::clock;
use crate::engine::Engine;
use crate::estimate;
use crate::guarded::Guarded;
use crate::quota::claim_own;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::runtime::{RunningModel, Runtime};
use crate::settlement::{AttemptEnd, Settlement};
use crate::stages::admit::Admitted;
use crate::stages::compose::{Body, Composed};
use crate::stages::deliver::{Answer, Content, ProviderAnswer};
use crate::stages::dispatch::dispatch;
use crate::stages::lookup::Fresh;
use crate::stages::route::route;
use crate::stages::scrub::Scrubbed;

/// What rows of moderation calls say they were for.
const PURPOSE: &str = "moderation";

/// Room for `unsafe` and a list of categories.
const MAX_OUTPUT_TOKENS: u32 = 100;

/// On whose behalf a moderation model is asked.
pub(super) struct Asker {
    pub(super) runtime: Arc<Runtime>,
    pub(super) service: Arc<Service>,
    /// The classes of the judged request; its answer may have stricter ones.
    pub(super) classes: Classes,
    pub(super) guarded: Arc<Guarded>,
    /// The judged request's row as it began.
    pub(super) row: UsageRow,
    pub(super) peer: IpAddr,
}

impl Judge {
    /// Asks once. The call settles on its own, whatever becomes of the judged request.
    pub(super) async fn ask(
        &self,
        engine: &Engine,
        (portion, classes): (&Portion, Classes),
        deadline: Instant,
    ) -> Result<Scores, Failed> {
        let moderation = &*self.moderation;
        let asker = &self.asker;
        let model = asker.runtime.model(moderation.model.as_str()).ok_or(Failed::NoModel)?;
        let head = asker.head(engine, surface(moderation.form));
        let mut settlement = asker.open(engine, (&head, classes), moderation);
        let answered = async {
            let fresh = asker.fresh(&head, (model, body(moderation, portion)), classes)?;
            settlement.expect_input_tokens(fresh.scrubbed.composed.input_tokens);
            claim_own(engine, &asker.service, &fresh.scrubbed.composed, &mut settlement);
            let mut plan = route(engine, &head, fresh).await?;
            plan.deadline = plan.deadline.min(deadline);
            dispatch(engine, &head, plan, &mut settlement).await
        };
        match answered.await {
            Ok(Answer::Provider(answer)) => settle(*answer, portion, settlement),
            // A rule of the operator's answers texts, it does not judge them.
            Ok(Answer::Local(_)) => {
                settlement.refuse(&Refusal::Internal("a moderation model has no last rungs"));
                Err(Failed::NoAnswer)
            }
            Err(Refused { refusal, .. }) => {
                settlement.refuse(&refusal);
                Err(match refusal {
                    Refusal::Policy { .. } => Failed::NoTarget,
                    _ => Failed::NoAnswer,
                })
            }
        }
    }
}

impl Asker {
    fn head(&self, engine: &Engine, surface: Surface) -> RequestHead {
        RequestHead {
            id: engine.new_request_id(),
            surface,
            path_id: None,
            headers: HeaderMap::new(),
            credential: None,
            workload: None,
            peer: self.peer,
            arrived: clock::now(),
            arrived_at: engine.shared.clock.now(),
        }
    }

    /// The account of a call: the judged request's tenant, key and user, a purpose of its own.
    /// It takes no place in admission, where the judged request holds one already.
    fn open(
        &self,
        engine: &Engine,
        (head, classes): (&RequestHead, Classes),
        moderation: &Moderation,
    ) -> Settlement {
        let row = UsageRow {
            request_id: head.id,
            started_at: head.arrived_at,
            surface: head.surface,
            stream: false,
            purpose: Purpose::from(PURPOSE),
            model_requested: moderation.model.clone(),
            guard: Some(parent(self.row.request_id)),
            characters: None,
            data_class: classes.level,
            own_classes: own_note(&self.runtime.snapshot.classes, classes.own),
            ..self.row.clone()
        };
        let account = (Arc::clone(&engine.shared), Arc::clone(&self.runtime));
        Settlement::open(account, row, head.arrived)
    }

    /// The call as the stages after the cache take it: it is neither looked up nor kept.
    fn fresh(
        &self,
        head: &RequestHead,
        (model, text): (Arc<RunningModel>, String),
        classes: Classes,
    ) -> Result<Fresh, Refusal> {
        let document = Document::parse(Bytes::from(text));
        let document = document.map_err(|_| Refusal::Internal("a moderation call is no JSON"))?;
        let body = Body::Json(document);
        let input_tokens = estimate::input_tokens(head.surface, &body);
        let admitted = Admitted {
            runtime: Arc::clone(&self.runtime),
            service: Arc::new(with_all_models(&self.service)),
            key_models: None,
            classes,
            // What is judged was let through already.
            may_send: ClassSet::ALL,
            timeout: None,
            key_note: None,
            arrived: head.arrived,
        };
        let composed = Composed {
            admitted,
            body,
            model: Some(model),
            stream: false,
            stream_usage: false,
            base64_embeddings: false,
            previous_response_id: None,
            input_tokens,
            characters: CharacterCounts::default(),
        };
        let scrubbed = self.scrubbed(composed);
        Ok(Fresh { scrubbed, keeper: Keeper::default(), overheard: None })
    }
}

impl Asker {
    /// The one request that does not pass the guard's stage by itself, because its texts did:
    /// what a portion holds is cut out of [`Screened`](super::screened::Screened) texts, which
    /// only the guard makes, and all else of the call is the gateway's own words.
    fn scrubbed(&self, composed: Composed) -> Scrubbed {
        let classes = composed.admitted.classes;
        Scrubbed { composed, classes, guarded: Arc::clone(&self.guarded) }
    }
}

/// The service as the operator's own call sees it: the moderation model and its fallback models
/// need not be among the models that callers may name.
fn with_all_models(service: &Service) -> Service {
    Service {
        models: vec!["*".into()],
        data_classes: service.data_classes.clone(),
        guard: Arc::clone(&service.guard),
        limits: service.limits.clone(),
        user_limits: service.user_limits.clone(),
        audit: service.audit,
        own_classes: service.own_classes,
        data_class: service.data_class,
        ..Service::bare(service.name.clone())
    }
}

/// What the row of a call says of the request that is judged.
fn parent(id: RequestId) -> String {
    format!("moderation_of={id}")
}

const fn surface(form: ModerationForm) -> Surface {
    match form {
        ModerationForm::Moderations => Surface::Moderations,
        ModerationForm::Chat => Surface::ChatCompletions,
    }
}

fn body(moderation: &Moderation, portion: &Portion) -> String {
    let model = moderation.model.as_str();
    let body = match portion {
        Portion::Inputs(inputs) => json!({"model": model, "input": inputs}),
        Portion::Message(text) => json!({
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": MAX_OUTPUT_TOKENS,
        }),
    };
    body.to_string()
}

/// Closes the account of a call that was answered, and reads the answer.
fn settle(
    answer: ProviderAnswer,
    portion: &Portion,
    mut settlement: Settlement,
) -> Result<Scores, Failed> {
    let status = answer.status;
    let scores = match answer.content {
        Content::Whole(decoded) => {
            let scores = match portion {
                Portion::Inputs(inputs) => of_moderations(&decoded.body, inputs.len()),
                Portion::Message(_) => of_chat(&decoded.body),
            };
            settlement.take_facts(decoded.facts);
            scores
        }
        Content::Events(_) | Content::Passed(..) => None,
    };
    // What the text under judgement can bring about says nothing of the target's health.
    let (end, code) = match &scores {
        Some(_) => {
            let (reason, verdict) = (EndReason::Complete, Verdict::Success);
            (AttemptEnd { reason, status, outcome: "ok", verdict }, None)
        }
        None => {
            let (reason, verdict) = (EndReason::UpstreamError, Verdict::Neutral);
            let outcome = "provider_malformed";
            let code = "moderation_unreadable".to_owned();
            (AttemptEnd { reason, status, outcome, verdict }, Some(code))
        }
    };
    settlement.settle(end, code);
    scores.ok_or(Failed::Unreadable)
}
