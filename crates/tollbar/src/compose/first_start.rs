//! The first start makes one key and one admin token, so that there is a way in.

use anyhow::anyhow;
use ring::rand::SystemRandom;
use tb_config::Snapshot;
use tb_core::{
    Actor, AdminAct, KeyId, KeyScope, NewAdminToken, NewKey, Role, Secret, ServiceName, Timestamp,
};
use tb_server::admin::{KeyView, TokenView};

use crate::storage::Stores;

/// The service whose key is made when it exists; else the first by name.
const USUAL_SERVICE: &str = "default";

/// What was made, to be shown this once.
#[derive(Debug, Default)]
pub(crate) struct FirstStart {
    /// A key with its service, when the store had none.
    pub(crate) key: Option<(ServiceName, Secret)>,
    /// An admin token, when the store had none.
    pub(crate) token: Option<Secret>,
}

/// Makes and stores what the store has none of.
pub(super) fn prepare(
    stores: &Stores,
    snapshot: &Snapshot,
    now: Timestamp,
) -> anyhow::Result<FirstStart> {
    let random = SystemRandom::new();
    let mut first = FirstStart::default();
    let service = snapshot
        .services
        .get(USUAL_SERVICE)
        .or_else(|| snapshot.services.values().min_by(|a, b| a.name.cmp(&b.name)));
    if let Some(service) = service
        && stores.keys.keys()?.is_empty()
    {
        let mut scope = KeyScope::of_service(service.name.clone(), now);
        scope.name = Some("first start".to_owned());
        let made = NewKey::generate(&random, &stores.pepper, scope).map_err(|e| anyhow!(e))?;
        let after = serde_json::to_value(KeyView::new(&made.record, now)).ok();
        let act = act("key.create", made.record.id, now).with(None, after);
        stores.keys.put_key(&made.record, &act)?;
        first.key = Some((made.record.scope.service, made.key));
    }
    if stores.keys.admin_tokens()?.is_empty() {
        let made = NewAdminToken::generate(&random, &stores.pepper, Role::Owner, now)
            .map_err(|e| anyhow!(e))?;
        let after = serde_json::to_value(TokenView::new(&made.record, now)).ok();
        let act = act("token.create", made.record.id, now).with(None, after);
        stores.keys.put_admin_token(&made.record, &act)?;
        first.token = Some(made.token);
    }
    Ok(first)
}

fn act(kind: &str, id: KeyId, now: Timestamp) -> AdminAct {
    AdminAct::new(now, Actor::Gateway, kind, id.as_str())
}
