//! The last rungs: a kept answer past its time, or an answer by rule.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tb_config::LastRung;
use tb_core::rules::{AskedForm, Question};
use tb_core::{NanoUsd, Rung, Surface};
use tb_providers::local::{Spoken, answer, mark, mark_stream, replay};

use crate::ask::{Form, LastTurn, last_turn};
use crate::engine::Engine;
use crate::headers;
use crate::local::LocalAnswer;
use crate::request::RequestHead;
use crate::stages::route::Plan;

/// The answer of the first of the model's `on_exhausted` that has one. `reason` is the error code
/// that the client would get otherwise. Waits for no provider; at most for the database.
pub(super) async fn last_rung(
    engine: &Engine,
    head: &RequestHead,
    plan: &Plan,
    reason: &str,
) -> Option<LocalAnswer> {
    let rungs = &plan.model.model.on_exhausted;
    if rungs.is_empty() || !may_degrade(head, plan) {
        return None;
    }
    let turn = last_turn(head.surface, &plan.fresh.scrubbed.composed.body);
    if turn.is_tool_turn {
        return None;
    }
    for rung in rungs {
        let answer = match rung {
            LastRung::StaleCache => stale_answer(engine, plan, reason).await,
            LastRung::Rules => rule_answer(head, plan, &turn, reason),
        };
        if answer.is_some() {
            return answer;
        }
    }
    None
}

/// Whether caller, route and data class leave room for an answer below what was asked.
fn may_degrade(head: &RequestHead, plan: &Plan) -> bool {
    let has_messages = matches!(
        head.surface,
        Surface::ChatCompletions | Surface::Completions | Surface::Responses | Surface::Messages
    );
    let refused = head.header(&headers::FALLBACK) == Some("off");
    let level = plan.fresh.scrubbed.classes.level;
    has_messages && !refused && plan.model.model.on_exhausted_data_classes.contains(&level)
}

async fn stale_answer(engine: &Engine, plan: &Plan, reason: &str) -> Option<LocalAnswer> {
    let shared = &engine.shared;
    let kept = shared.cache.stale(shared, &plan.fresh.keeper).await?;
    let age_s = kept.note.age.unwrap_or_default().as_secs();
    let extension = extension("stale_cache", reason, ("age_s", age_s.into()));
    let body = if kept.stream {
        mark_stream(&kept.body, &extension)
    } else {
        mark(&kept.body, &extension)
    };
    Some(LocalAnswer {
        rung: Rung::StaleCache,
        body,
        stream: kept.stream,
        model: plan.model.clone(),
        origin: Some(kept.origin),
        saved: kept.saved,
        note: kept.note,
        attempts: None,
        retried: false,
    })
}

fn rule_answer(
    head: &RequestHead,
    plan: &Plan,
    turn: &LastTurn,
    reason: &str,
) -> Option<LocalAnswer> {
    let rules = plan.model.model.rules.as_ref()?;
    let composed = &plan.fresh.scrubbed.composed;
    let (request_id, model) = (head.id.to_string(), plan.model.model.name.as_str());
    let date = head.arrived_at.utc_day();
    let said = rules.answer(&Question {
        text: turn.user_text.as_deref()?,
        form: match &turn.form {
            Form::Text => AskedForm::Text,
            Form::JsonObject => AskedForm::JsonObject,
            Form::JsonSchema(schema) => AskedForm::JsonSchema(schema),
        },
        variables: &[
            ("model", model),
            ("service", composed.admitted.service.name.as_str()),
            ("request_id", &request_id),
            ("date", &date),
        ],
    })?;
    let whole = answer(&Spoken {
        surface: head.surface,
        id: request_id.strip_prefix("req_").unwrap_or(&request_id),
        created: head.arrived_at.unix_ms() / 1_000,
        model,
        text: &said.text,
    })?;
    let extension = extension("rules", reason, ("rule", said.rule.into()));
    let body = if composed.stream {
        mark_stream(&events(head.surface, &whole, composed.stream_usage)?, &extension)
    } else {
        mark(&whole, &extension)
    };
    Some(LocalAnswer {
        rung: Rung::Rules,
        body,
        stream: composed.stream,
        model: plan.model.clone(),
        origin: None,
        saved: NanoUsd(0),
        note: plan.fresh.keeper.note().clone(),
        attempts: None,
        retried: false,
    })
}

/// A whole answer as the bytes of a stream.
fn events(surface: Surface, whole: &Bytes, stream_usage: bool) -> Option<Bytes> {
    let events = replay(surface, whole, stream_usage)?;
    let mut bytes = BytesMut::new();
    for event in &events {
        event.write(&mut bytes);
    }
    Some(bytes.freeze())
}

/// The member `tollbar` of the answer.
fn extension(level: &str, reason: &str, (detail, value): (&str, Value)) -> String {
    json!({ "degraded": { "level": level, "reason": reason, detail: value } }).to_string()
}
