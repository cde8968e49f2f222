//! Stage 3: the only way from a request to something that may leave.
//!
//! One walk looks at every text and notes what is to be hidden; a second step hides it and
//! splices the leaves that changed into the original bytes.

mod attached;
mod fields;
mod heads;
mod item;
mod joined;
mod limits;
mod look;
mod place;
mod refused;
mod rewrite;
mod speakers;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderName;
use tb_api::json::Document;
use tb_api::multipart::Form;
use tb_config::{GuardPolicy, OnTrouble};
use tb_core::{DataClass, Surface};
use tb_guard::{Finding, Guard, Scan, Vault};

use self::look::Look;
use self::refused::Ended;
use self::rewrite::Rewrite;
use self::speakers::Speakers;
use self::tally::Tallies;
use super::compose::{Body, Composed};
use crate::ask;
use crate::clock;
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::refusal::Refused;
use crate::request::RequestHead;
use crate::settlement::Settlement;

/// Bodies up to this size are looked at where the request runs; larger ones would hold up the
/// others of their thread.
const MAX_INLINE_BYTES: usize = 32 * 1024;

/// So much of a key says what its value is.
const MAX_KEY_BYTES: usize = 64;

/// A request that may leave, to providers that may receive its class.
#[derive(Debug)]
pub(crate) struct Scrubbed {
    pub(crate) composed: Composed,
    pub(crate) data_class: DataClass,
    /// What was hidden.
    pub(crate) guarded: Arc<Guarded>,
}

/// What is looked for in one request, and what is done.
struct Rules {
    guard: Arc<Guard>,
    policy: Arc<GuardPolicy>,
    /// The tenant's key.
    key: [u8; 32],
    surface: Surface,
    /// The configuration names the model.
    knows_model: bool,
    /// The stored response that the provider goes on from; it may hold placeholders of an earlier
    /// request, which must not be taken for this one's.
    goes_on_from: Option<String>,
}

impl Rules {
    /// Whether anything is looked for at all.
    fn looks(&self) -> bool {
        self.policy.enabled || !self.policy.keywords.lists.is_empty()
    }

    fn structured(&self, text: &str) -> Scan {
        self.guard.scan_structured(text)
    }

    /// What is in a value, its key before it.
    fn keyed(&self, key: &str, value: &str) -> Scan {
        // Its end says what follows; all of it would be scanned again for each element of a list.
        let key = key.get(key.ceil_char_boundary(key.len().saturating_sub(MAX_KEY_BYTES))..);
        let key = key.unwrap_or_default();
        let mut text = String::with_capacity(key.len() + value.len() + 6);
        text.extend(["\"", key, "\": \"", value, "\""]);
        let start = key.len() + 5;
        let mut scan = self.guard.scan(&text);
        let inside = |mut one: Finding| {
            one.start = one.start.max(start) - start;
            one.end = one.end.min(start + value.len()).saturating_sub(start);
            (one.start < one.end).then_some(one)
        };
        scan.findings = scan.findings.into_iter().filter_map(inside).collect();
        scan
    }
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
    let admitted = &composed.admitted;
    let policy = Arc::clone(&admitted.service.guard);
    let rules = Rules {
        guard: Arc::clone(&admitted.runtime.snapshot.guard.guard),
        policy: Arc::clone(&policy),
        key: engine.shared.guard_keys.of(&admitted.service.name),
        surface: head.surface,
        goes_on_from: composed.previous_response_id.clone(),
        knows_model: composed.model.as_ref().is_none_or(|model| model.configured),
    };
    let guard = Arc::clone(&rules.guard);
    limits::check(
        policy.limits.of(head.surface),
        head.surface,
        &composed.body,
        composed.input_tokens,
    )?;
    let headers = heads::forwarded(&head.headers);
    let done = if !rules.looks() || composed.body.bytes() <= MAX_INLINE_BYTES {
        caught(|| run(&rules, &composed.body, &headers))
    } else {
        let body = composed.body.clone();
        let job = move || run(&rules, &body, &headers);
        engine.shared.tasks.spawn_blocking(job).await.ok()
    };
    let done = done.unwrap_or_else(|| failed(&policy));
    let Done { tallies, vault, body } = done;
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
    guarded.wants_json = !guarded.vault.is_empty() && ask::wants_json(head.surface, &composed.body);
    let data_class = data_class(&composed, found_class)?;
    Ok(Scrubbed { composed, data_class, guarded: Arc::new(guarded) })
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
        Err(ended) => Done { tallies, vault: Vault::new(0, &rules.key), body: Err(ended) },
    }
}

fn look_and_hide(
    rules: &Rules,
    body: &Body,
    headers: &[(HeaderName, String)],
    look: &mut Look<'_>,
) -> Result<(Vault, Option<Body>), Ended> {
    if !rules.looks() {
        return Ok((Vault::new(0, &rules.key), None));
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

/// The stricter of what was declared and what was found.
fn data_class(composed: &Composed, found: Option<DataClass>) -> Result<DataClass, Ended> {
    let declared = composed.admitted.data_class;
    let service = &composed.admitted.service;
    match found {
        Some(found) if found > declared => {
            if service.data_classes.contains(&found) {
                Ok(found)
            } else {
                Err(Ended::data_class(found.as_str(), service.name.as_str()))
            }
        }
        _ => Ok(declared),
    }
}

#[cfg(test)]
mod tests;
