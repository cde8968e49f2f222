//! `GET /v1/models`: only what this key may call.

use std::sync::Arc;

use crate::engine::Engine;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::stages::admit::{Admitted, count_answered, count_unadmitted, identify_admitted};

/// A model as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// What to send as `model`.
    pub id: String,
    /// The provider of its first target.
    pub owned_by: String,
}

/// The models that the caller of `head` may name, by name. With a path id only that one.
///
/// # Errors
/// When the caller is refused, or may not name the one asked for.
pub fn list_models(engine: &Engine, head: &RequestHead) -> Result<Vec<ModelEntry>, Refused> {
    let admitted = identify_admitted(engine, head)
        .map_err(|refusal| count_unadmitted(engine, head, refusal))?;
    let entries: Vec<ModelEntry> = match &head.path_id {
        None => all(&admitted),
        Some(id) => one(&admitted, id).into_iter().collect(),
    };
    if head.path_id.is_some() && entries.is_empty() {
        let message = "There is no such model for this key.".to_owned();
        let refusal = Refusal::caller(404, "model_not_found", "model", message);
        return Err(count_unadmitted(engine, head, refusal));
    }
    count_answered(engine, head);
    Ok(entries)
}

fn all(admitted: &Admitted) -> Vec<ModelEntry> {
    let models = &admitted.runtime.snapshot.models;
    models.keys().filter_map(|name| one(admitted, name.as_str())).collect()
}

fn one(admitted: &Admitted, name: &str) -> Option<ModelEntry> {
    let running = admitted.runtime.model(name).filter(|_| admitted.may_call(name))?;
    let first = running.targets.first().map(Arc::clone)?;
    Some(ModelEntry { id: name.to_owned(), owned_by: first.provider.name.to_string() })
}
