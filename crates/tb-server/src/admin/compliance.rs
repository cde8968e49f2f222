//! `/admin/v1/compliance`: the record of processing.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tb_core::{KeyId, KeyUse, Timestamp};

use super::AdminState;
use super::fault::AdminFault;
use crate::compliance::{Records, Report, report, usage_query};

/// `GET /admin/v1/compliance`
pub(crate) async fn show(State(state): State<Arc<AdminState>>) -> Result<Json<Report>, AdminFault> {
    let made = state.reading(|state| {
        let now = state.engine.clock().now();
        let store = state.keys.store();
        let (keys, tokens) = (store.keys()?, store.admin_tokens()?);
        let usage = state.usage.sum(&usage_query(now))?;
        let last_used = last_uses(state.keys.uses());
        let records =
            Records { now, keys: &keys, tokens: &tokens, last_used: &last_used, usage: &usage };
        Ok(report(&state.engine.snapshot(), &records))
    });
    Ok(Json(made.await?))
}

/// The last use of each key, whichever of its secrets it was.
#[must_use]
pub fn last_uses(uses: impl IntoIterator<Item = KeyUse>) -> HashMap<KeyId, Timestamp> {
    let mut last = HashMap::new();
    for used in uses {
        let known = last.entry(used.id).or_insert(used.at);
        *known = used.at.max(*known);
    }
    last
}
