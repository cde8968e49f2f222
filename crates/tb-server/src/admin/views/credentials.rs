//! The JSON shapes of keys and admin tokens: never a digest, and a secret once.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tb_core::{
    AdminTokenRecord, KeyRecord, KeySecret, KeyUse, NewAdminToken, NewKey, Surface, Timestamp,
};

/// A key without its digests.
#[derive(Debug, Clone, Serialize)]
pub struct KeyView {
    /// The public half.
    pub id: String,
    /// The service that it belongs to.
    pub service: String,
    /// A label for people.
    pub name: Option<String>,
    /// `active`, `not_yet_valid`, `expired` or `revoked`.
    pub state: &'static str,
    /// The models it may call; null = those of its service.
    pub models: Option<Vec<String>>,
    /// The routes it may use; null = all.
    pub routes: Option<Vec<&'static str>>,
    /// The purposes it may declare; null = those of its service.
    pub purposes: Option<Vec<String>>,
    /// The purpose of calls that state none.
    pub purpose: Option<String>,
    /// The classes of data it may send; null = those of its service.
    pub data_classes: Option<Vec<String>>,
    /// Where it may be used from; empty = anywhere that its service may.
    pub networks: Vec<String>,
    /// What it may use, by the names of `limits` in the configuration.
    pub limits: Value,
    /// `25.00 usd/month UTC`; null = as much as its service.
    pub budget: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null = at once.
    pub not_before: Option<String>,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
    /// When the newest secret becomes too old, RFC 3339; null = never.
    pub rotate_by: Option<String>,
    /// RFC 3339; null = not revoked.
    pub revoked_at: Option<String>,
    /// Its secrets, the newest first: one, or two while an old one is in its period of grace.
    pub secrets: Vec<SecretView>,
}

/// A secret of a key, without its digest.
#[derive(Debug, Clone, Serialize)]
pub struct SecretView {
    /// 1 for the first one.
    pub version: u32,
    /// RFC 3339.
    pub created_at: String,
    /// From when it is refused, RFC 3339; null = until the key ends.
    pub valid_until: Option<String>,
    /// The minute of its last use, RFC 3339; null = never, or not known.
    pub last_used_at: Option<String>,
}

fn names<T: ToString>(list: Option<&Vec<T>>) -> Option<Vec<String>> {
    list.map(|list| list.iter().map(ToString::to_string).collect())
}

impl KeyView {
    /// What may be shown of a key at this moment.
    #[must_use]
    pub fn new(record: &KeyRecord, now: Timestamp) -> Self {
        let scope = &record.scope;
        let state = if record.revoked_at.is_some() {
            "revoked"
        } else if scope.expires_at.is_some_and(|end| now >= end) {
            "expired"
        } else if scope.not_before.is_some_and(|begin| now < begin) {
            "not_yet_valid"
        } else {
            "active"
        };
        let routes = scope.routes.as_ref();
        Self {
            id: record.id.to_string(),
            service: scope.service.to_string(),
            name: scope.name.clone(),
            state,
            models: names(scope.models.as_ref()),
            routes: routes.map(|routes| routes.iter().copied().map(Surface::label).collect()),
            purposes: names(scope.purposes.as_ref()),
            purpose: scope.purpose.as_ref().map(ToString::to_string),
            data_classes: scope.data_classes.clone(),
            networks: scope.networks.iter().map(ToString::to_string).collect(),
            limits: counts(record),
            budget: scope.limits.budget.as_ref().map(ToString::to_string),
            created_at: scope.created_at.to_rfc3339(),
            not_before: scope.not_before.map(Timestamp::to_rfc3339),
            expires_at: scope.expires_at.map(Timestamp::to_rfc3339),
            rotate_by: None,
            revoked_at: record.revoked_at.map(Timestamp::to_rfc3339),
            secrets: record.secrets.iter().map(SecretView::new).collect(),
        }
    }

    /// The same with `rotate_by`, where secrets may become so old.
    #[must_use]
    pub fn with_max_age(mut self, record: &KeyRecord, max_age: Option<Duration>) -> Self {
        let max_age = max_age.and_then(|age| i64::try_from(age.as_millis()).ok());
        let newest = record.secrets.first().zip(max_age);
        self.rotate_by = newest.map(|(secret, age)| secret.rotate_by(age).to_rfc3339());
        self
    }

    /// The same with the last uses of its secrets.
    #[must_use]
    pub fn with_uses(mut self, uses: &[KeyUse]) -> Self {
        for secret in &mut self.secrets {
            let is_its =
                |used: &&KeyUse| used.id.as_str() == self.id && used.version == secret.version;
            let last = uses.iter().filter(is_its).map(|used| used.at).max();
            secret.last_used_at = last.map(Timestamp::to_rfc3339);
        }
        self
    }
}

/// The limits but for the budget.
fn counts(record: &KeyRecord) -> Value {
    match serde_json::to_value(&record.scope.limits) {
        Ok(Value::Object(mut limits)) => {
            limits.remove("budget");
            Value::Object(limits)
        }
        _ => Value::Object(Map::new()),
    }
}

impl SecretView {
    fn new(secret: &KeySecret) -> Self {
        Self {
            version: secret.version,
            created_at: secret.created_at.to_rfc3339(),
            valid_until: secret.valid_until.map(Timestamp::to_rfc3339),
            last_used_at: None,
        }
    }
}

/// A key or secret just made, with its text: shown this once.
#[derive(Serialize)]
pub struct NewKeyView {
    /// Always 1.
    pub schema_version: u32,
    /// The public half.
    pub id: String,
    /// The key itself.
    pub key: String,
    /// The service that it belongs to.
    pub service: String,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
    /// Until when the secret before this one is good, RFC 3339; only after a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_secret_valid_until: Option<String>,
}

impl NewKeyView {
    /// The one showing of a key.
    #[must_use]
    pub fn new(made: &NewKey) -> Self {
        let record = &made.record;
        let older = record.secrets.get(1).and_then(|older| older.valid_until);
        Self {
            schema_version: 1,
            id: record.id.to_string(),
            key: made.key.expose().to_owned(),
            service: record.scope.service.to_string(),
            expires_at: record.scope.expires_at.map(Timestamp::to_rfc3339),
            old_secret_valid_until: older.map(Timestamp::to_rfc3339),
        }
    }
}

/// Hides the key.
impl std::fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKeyView").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An admin token without its digest.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    /// The public half.
    pub id: String,
    /// What it may do.
    pub role: &'static str,
    /// A label for people.
    pub name: Option<String>,
    /// `active`, `expired` or `revoked`.
    pub state: &'static str,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
    /// RFC 3339; null = not revoked.
    pub revoked_at: Option<String>,
}

impl TokenView {
    /// What may be shown of a token at this moment.
    #[must_use]
    pub fn new(token: &AdminTokenRecord, now: Timestamp) -> Self {
        let state = match (token.revoked_at, token.is_live(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "active",
        };
        Self {
            id: token.id.to_string(),
            role: token.role.as_str(),
            name: token.name.clone(),
            state,
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(Timestamp::to_rfc3339),
            revoked_at: token.revoked_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// An admin token just made, with its text: shown this once.
#[derive(Serialize)]
pub struct NewTokenView {
    /// Always 1.
    pub schema_version: u32,
    /// The public half.
    pub id: String,
    /// The token itself.
    pub token: String,
    /// What it may do.
    pub role: &'static str,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
}

impl NewTokenView {
    /// The one showing of a token.
    #[must_use]
    pub fn new(made: &NewAdminToken) -> Self {
        Self {
            schema_version: 1,
            id: made.record.id.to_string(),
            token: made.token.expose().to_owned(),
            role: made.record.role.as_str(),
            expires_at: made.record.expires_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Hides the token.
impl std::fmt::Debug for NewTokenView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTokenView").field("id", &self.id).finish_non_exhaustive()
    }
}
