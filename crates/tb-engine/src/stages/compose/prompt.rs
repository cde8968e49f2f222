//! `prompt`: a request that names a template has the template's messages from here on, and the
//! other stages see nothing of it but those.

mod assembly;
mod named;
mod variables;

use std::sync::Arc;

use http::HeaderValue;
use tb_api::json::{Document, Kind, Value};
use tb_core::Surface;
use tb_core::prompt::{Absent, Filling, Prompt, PromptRole, ValueFault, is_production};
use tb_guard::CharacterCounts;

use self::assembly::{Assembly, assembled};
use self::named::Named;
use self::variables::Cleaner;
pub use self::variables::clean_variable;
use super::Body;
use crate::admission::MemoryHold;
use crate::engine::Engine;
use crate::estimate;
use crate::refusal::Refusal;
use crate::settlement::Settlement;
use crate::stages::admit::Admitted;

/// The longest name of a variable that an error repeats.
const MAX_PARAM_BYTES: usize = 64;

/// What the answer says of the prompt that was used.
#[derive(Debug, Clone)]
pub(crate) struct PromptNote {
    /// `translate@3`
    pub(crate) version: HeaderValue,
    /// The hash of the version.
    pub(crate) hash: HeaderValue,
}

/// A body with nothing left to be filled in.
pub(super) struct Filled {
    pub(super) body: Body,
    /// What was taken out of variables.
    pub(super) characters: CharacterCounts,
}

/// Puts the messages of the prompt that a request names in its place, before anything else looks
/// at the request.
///
/// # Errors
/// When there is no such prompt, its variables do not fit, or the service must name one and the
/// request does not.
pub(super) fn fill(
    engine: &Engine,
    (surface, body): (Surface, Body),
    admitted: &Admitted,
    settlement: &mut Settlement,
) -> Result<Filled, Refusal> {
    let only = admitted.service.templates_only;
    let takes = matches!(surface, Surface::ChatCompletions | Surface::Responses);
    let document = match body {
        Body::Json(document) if takes => document,
        other => {
            // A stored response is read, deleted or stopped; nothing is sent.
            if only && !matches!(other, Body::Empty) {
                return Err(template_required("this route takes no prompt"));
            }
            return Ok(Filled { body: other, characters: CharacterCounts::default() });
        }
    };
    let named = document.get("prompt").filter(|value| value.kind != Kind::Null);
    let Some(named) = named else {
        if only {
            return Err(template_required("the request names no `prompt`"));
        }
        let body = Body::Json(document);
        return Ok(Filled { body, characters: CharacterCounts::default() });
    };
    let named = Named::read(&named)?;
    check_own(surface, &document)?;
    let prompt = find(engine, admitted, &named)?;
    if only {
        check_approved(engine, admitted, &prompt)?;
        check_untouched(surface, &document, &prompt)?;
    }
    let mut cleaner = Cleaner::new(&admitted.service.guard.characters);
    let filling = Filling {
        values: named.variables,
        clean: &mut |text| cleaner.clean(text),
        tokens: &estimate::tokens,
    };
    let messages = prompt.template.fill(filling).map_err(|fault| invalid(&fault))?;
    let content = &prompt.record.content;
    let bytes = assembled(&Assembly { surface, document: &document, content, messages: &messages });
    let limit = admitted.runtime.snapshot.server.max_body_bytes;
    if bytes.len() > limit {
        let message = format!("With its prompt the request exceeds {limit} bytes.");
        return Err(Refusal::caller(413, "request_too_large", "prompt", message));
    }
    hold(engine, admitted, (document.bytes().len(), bytes.len()), settlement)?;
    let filled = Document::parse(bytes.into())
        .map_err(|_| Refusal::Internal("a filled prompt is not valid JSON"))?;
    settlement.note_prompt(note(&prompt));
    Ok(Filled { body: Body::Json(filled), characters: cleaner.counts })
}

/// A longer body is held in the place of the one that came.
fn hold(
    engine: &Engine,
    admitted: &Admitted,
    (before, after): (usize, usize),
    settlement: &mut Settlement,
) -> Result<(), Refusal> {
    if after <= before {
        return Ok(());
    }
    settlement.hold(MemoryHold::default());
    let mut memory = settlement.memory();
    if !memory.grow(after) {
        let budget = admitted.runtime.snapshot.server.memory_budget_bytes;
        return Err(engine.shared.admission.memory_spent(budget));
    }
    settlement.hold(memory);
    Ok(())
}

fn find(engine: &Engine, admitted: &Admitted, named: &Named) -> Result<Arc<Prompt>, Refusal> {
    let book = engine.shared.prompts.load();
    let environment = admitted.runtime.snapshot.environment.as_deref();
    let found = book.find(&named.id, named.chosen(), environment);
    found.map(Arc::clone).map_err(|absent| {
        let (param, message) = match absent {
            Absent::Prompt => ("prompt.id", "There is no such prompt here."),
            Absent::Version => ("prompt.version", "The prompt has no such version."),
            Absent::Label => ("prompt.label", "The prompt has no such label."),
            Absent::Unlabelled => (
                "prompt.id",
                "No version of the prompt has the label `production`, and drafts are not served \
                 unasked. Promote a version (`tollbar prompts promote`), or name a `version` or a \
                 `label`.",
            ),
        };
        Refusal::caller(404, "prompt_not_found", param, message.to_owned())
    })
}

/// What the caller sends beside the prompt must be a list, or it would be lost.
fn check_own(surface: Surface, document: &Document) -> Result<(), Refusal> {
    let (field, takes_text) = match surface {
        Surface::Responses => ("input", true),
        _ => ("messages", false),
    };
    match document.get(field).map(|own| own.kind) {
        None | Some(Kind::Null | Kind::Array) => Ok(()),
        Some(Kind::String) if takes_text => Ok(()),
        Some(_) => {
            let right = if takes_text { "a string or an array" } else { "an array" };
            let message = format!("`{field}` must be {right}.");
            Err(Refusal::caller(400, "invalid_request", field, message))
        }
    }
}

/// Services that send templates only send approved ones: in production those that a protected
/// label points to.
fn check_approved(engine: &Engine, admitted: &Admitted, prompt: &Prompt) -> Result<(), Refusal> {
    let snapshot = &admitted.runtime.snapshot;
    let approved = !is_production(snapshot.environment.as_deref())
        || engine.shared.prompts.load().has_label(&prompt.record, &snapshot.prompts.protected);
    if approved {
        return Ok(());
    }
    Err(template_required("no protected label points to this version of the prompt"))
}

/// Beside a template such a service sends no orders of its own, no other model and no other
/// parameters.
fn check_untouched(surface: Surface, document: &Document, prompt: &Prompt) -> Result<(), Refusal> {
    let commands = |item: Value<'_>| {
        let role = item.get("role").and_then(|role| role.as_str());
        PromptRole::ALL.iter().any(|own| own.commands() && role.as_deref() == Some(own.as_str()))
    };
    let own = ["messages", "input"].into_iter().filter_map(|key| document.get(key));
    if own.flat_map(|items| items.elements()).any(commands) {
        return Err(template_required("the request has a system or developer message of its own"));
    }
    if document.get("instructions").is_some_and(|value| value.kind != Kind::Null) {
        return Err(template_required("the request has `instructions` of its own"));
    }
    for (name, value) in assembly::settings(surface, &prompt.record.content) {
        let Some(own) = document.get(name.as_str()).filter(|own| own.kind != Kind::Null) else {
            continue;
        };
        let own: Option<serde_json::Value> = serde_json::from_slice(own.raw).ok();
        if own.as_ref() != Some(&value) {
            let message = format!("the request has another `{name}` than the prompt");
            return Err(template_required(&message));
        }
    }
    Ok(())
}

fn template_required(why: &str) -> Refusal {
    Refusal::Policy {
        status: 403,
        code: "template_required",
        message: format!(
            "This service may only send approved prompts (`prompt`: {{ id, variables }}): {why}."
        ),
    }
}

fn invalid(fault: &ValueFault) -> Refusal {
    // The name of a variable that the prompt does not have is whatever the caller wrote.
    let named = fault.variable.as_deref().filter(|name| name.len() <= MAX_PARAM_BYTES);
    let param = named.unwrap_or("prompt.variables");
    let message = format!("The variables of the prompt do not fit: {}.", fault.message);
    Refusal::caller(422, "prompt_variables_invalid", param, message)
}

fn note(prompt: &Prompt) -> PromptNote {
    let record = &prompt.record;
    let value =
        |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("other"));
    let version = value(&format!("{}@{}", record.name, record.number));
    PromptNote { version, hash: value(&record.hash) }
}
