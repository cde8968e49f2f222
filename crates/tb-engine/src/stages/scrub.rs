//! Stage 3: the only way from a request to something that may leave.
//!
//! One walk looks at every text and notes what is to be hidden; a second step hides it and
//! splices the leaves that changed into the original bytes.

mod apart;
mod attached;
mod context;
mod digits;
mod fields;
mod heads;
mod item;
mod joined;
mod limits;
mod look;
mod place;
mod refused;
mod rewrite;
mod rules;
mod runs;
mod speakers;
mod tally;
mod walk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderName;
use tb_api::json::Document;
use tb_api::multipart::Form;
use tb_config::{GuardPolicy, OnTrouble};
use tb_core::{Classes, DataClass};
use tb_guard::Vault;

use self::apart::apart;
use self::look::Look;
use self::refused::Ended;
use self::rewrite::Rewrite;
use self::rules::Rules;
use self::speakers::Speakers;
use self::tally::Tallies;
use super::admit::Admitted;
use super::compose::{Body, Composed};
use crate::admission::MemoryHold;
use crate::ask;
use crate::clock;
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::settlement::Settlement;

/// Bodies up to this size are looked at where the request runs; larger ones would hold up the
/// others of their thread.
const MAX_INLINE_BYTES: usize = 32 * 1024;

/// A request that may leave, to providers that may receive its class.
#[derive(Debug)]
pub(crate) struct Scrubbed {
    pub(crate) composed: Composed,
    /// What it is, the guard's findings included.
    pub(crate) classes: Classes,
    /// What was hidden.
    pub(crate) guarded: Arc<Guarded>,
}

/// What came of one request.
struct Done {
    tallies: Tallies,
    vault: Vault,
    /// The body, if it changed.
    body: Result<Option<Body>, Ended>,
}

/// Hides what must not leave and settles the data class.
///
/// # Errors
/// When the rules of the service forbid what is in the request, or it cannot be looked at.
pub(crate) async fn scrub(
    engine: &Engine,
    head: &RequestHead,
    mut composed: Composed,
    settlement: &mut Settlement,
) -> Result<Scrubbed, Refused> {
    let began = clock::now();
    let policy = Arc::clone(&composed.admitted.service.guard);
    limits::check(
        policy.limits.of(head.surface),
        head.surface,
        &composed.body,
        composed.input_tokens,
    )?;
    let rules = Rules::of(engine, head, &composed);
    let guard = Arc::clone(&rules.guard);
    let done = looked_at(engine, head, (rules, &composed), settlement).await?;
    let Done { mut tallies, vault, body } = done.unwrap_or_else(|| failed(&policy));
    tallies.note_characters(&composed.characters);
    let metrics = &engine.shared.metrics;
    metrics.guard_seconds.observe(clock::elapsed(began).as_secs_f64());
    tallies.count(&policy, vault.len(), metrics);
    if tallies.failed {
        tracing::error!(request_id = %head.id, "the guard failed");
    }
    let found_class = tallies.data_class(&policy);
    let row_note = tallies.row_note(&policy);
    let Tallies { found, characters, .. } = tallies;
    let mut guarded = Guarded { guard, policy, vault, wants_json: false, found, characters };
    settlement.note_guard(&guarded, row_note);
    if let Some(body) = body? {
        composed.body = body;
    }
    settlement.note_request(&composed.body);
    guarded.wants_json = !guarded.vault.is_empty() && ask::wants_json(head.surface, &composed.body);
    let classes = classes(&composed, found_class, settlement)?;
    Ok(Scrubbed { composed, classes, guarded: Arc::new(guarded) })
}

/// Looks at a request where it runs, or on a thread of its own; nothing when the guard fails.
async fn looked_at(
    engine: &Engine,
    head: &RequestHead,
    (rules, composed): (Rules, &Composed),
    settlement: &mut Settlement,
) -> Result<Option<Done>, Refusal> {
    let (body, headers) = (&composed.body, heads::forwarded(&head.headers));
    if !rules.looks() || body.bytes() <= MAX_INLINE_BYTES {
        return Ok(caught(|| run(&rules, body, &headers)));
    }
    // The memory of the body is given back and taken again, so that the thread can hold it when
    // the request has ended.
    settlement.hold(MemoryHold::default());
    let mut memory = settlement.memory();
    if !memory.grow(body.bytes()) {
        let budget = composed.admitted.runtime.snapshot.server.memory_budget_bytes;
        return Err(engine.shared.admission.memory_spent(budget));
    }
    let (body, gone) = (body.clone(), rules.gone.clone());
    let look = move || caught(|| run(&rules, &body, &headers));
    let done = apart(&engine.shared.tasks, (memory, &gone), look).await;
    Ok(done.and_then(|(done, memory)| {
        settlement.hold(memory);
        done
    }))
}

/// What `look` gives; nothing when it panics.
fn caught<T>(look: impl FnOnce() -> T) -> Option<T> {
    // Nothing of what it may have left half done is used again.
    catch_unwind(AssertUnwindSafe(look)).ok()
}

/// What stands for a look that failed.
fn failed(policy: &GuardPolicy) -> Done {
    let tallies = Tallies { failed: true, ..Tallies::default() };
    let body = match policy.on_error {
        OnTrouble::Block => Err(Ended::failed()),
        OnTrouble::Allow => Ok(None),
    };
    Done { tallies, vault: Vault::new(0, &[0; 32]), body }
}

/// Looks at a request and hides what must not leave.
fn run(rules: &Rules, body: &Body, headers: &[(HeaderName, String)]) -> Done {
    let speakers = match body {
        Body::Json(document) if rules.looks() => Speakers::of(rules.surface, document),
        Body::Json(_) | Body::Empty | Body::Form(..) => Speakers::default(),
    };
    let mut look = Look::new(rules, speakers);
    let outcome = look_and_hide(rules, body, headers, &mut look);
    let tallies = look.tallies;
    match outcome {
        Ok((vault, body)) => Done { tallies, vault, body: Ok(body) },
        Err(ended) => Done { tallies, vault: Vault::keyed(0, rules.key.clone()), body: Err(ended) },
    }
}

fn look_and_hide(
    rules: &Rules,
    body: &Body,
    headers: &[(HeaderName, String)],
    look: &mut Look<'_>,
) -> Result<(Vault, Option<Body>), Ended> {
    if !rules.looks() {
        return Ok((Vault::keyed(0, rules.key.clone()), None));
    }
    let policy = &rules.policy;
    if policy.enabled {
        heads::check(rules, headers)?;
    }
    let items = match body {
        Body::Empty => Vec::new(),
        Body::Json(document) => look.request(document),
        Body::Form(form, _) => {
            if policy.enabled {
                heads::check_frame(rules, form)?;
            }
            fields::look(form, look)
        }
    };
    look.verdict()?;
    let mut rewrite = Rewrite::new(rules, look.tag);
    if !look.changes {
        return Ok((rewrite.vault, None));
    }
    let splices = match body {
        Body::Empty => Vec::new(),
        Body::Json(document) => rewrite.splices(document.bytes(), &items),
        Body::Form(form, _) => rewrite.splices(form.body(), &items),
    };
    let body = if splices.is_empty() { None } else { Some(spliced(body, splices)?) };
    Ok((rewrite.vault, body))
}

/// The body with its leaves changed, indexed anew.
fn spliced(body: &Body, splices: Vec<(std::ops::Range<usize>, String)>) -> Result<Body, Ended> {
    match body {
        Body::Empty => Ok(Body::Empty),
        Body::Json(document) => {
            let changed = Document::parse(document.spliced(&splices));
            changed.map(Body::Json).map_err(|_| Ended::failed())
        }
        Body::Form(form, content_type) => {
            let splices: Vec<_> =
                splices.into_iter().map(|(range, text)| (range, text.into_bytes())).collect();
            let changed = Form::parse(content_type, form.spliced(&splices));
            changed.map(|form| Body::Form(form, content_type.clone())).map_err(|_| Ended::failed())
        }
    }
}

/// What was declared and what was found together; the row says so, also of a refusal.
fn classes(
    composed: &Composed,
    found: Option<DataClass>,
    settlement: &mut Settlement,
) -> Result<Classes, Ended> {
    let Admitted { classes: declared, may_send, service, .. } = &composed.admitted;
    let Some(found) = found else { return Ok(*declared) };
    let classes = declared.joined(Classes::of(found));
    settlement.row().data_class = classes.level;
    if may_send.contains(classes) {
        return Ok(classes);
    }
    Err(Ended::data_class(classes.level.as_str(), service.name.as_str()))
}

#[cfg(test)]
mod tests;
