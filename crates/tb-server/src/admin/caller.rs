//! Who asks the admin API, and what is written down of what they do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::Value;
use tb_core::{Actor, AdminAct, Role};

use super::AdminState;
use super::fault::AdminFault;

/// Somebody who passed the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) role: Role,
}

impl FromRequestParts<Arc<AdminState>> for Caller {
    type Rejection = AdminFault;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &Arc<AdminState>,
    ) -> Result<Self, AdminFault> {
        parts.extensions.get::<Self>().cloned().ok_or(AdminFault::Token)
    }
}

impl AdminState {
    /// Writes down an act that changes no key and no token (those carry their act with them).
    ///
    /// # Errors
    /// When the store fails: then the act must not be done, or its result not be shown.
    pub(crate) async fn act(
        self: &Arc<Self>,
        caller: &Caller,
        (kind, object): (&'static str, impl Into<String>),
        (before, after): (Option<Value>, Option<Value>),
    ) -> Result<(), AdminFault> {
        let now = self.engine.clock().now();
        let act = AdminAct::new(now, caller.actor.clone(), kind, object).with(before, after);
        self.reading(move |state| state.acts.note_act(&act)).await
    }
}
