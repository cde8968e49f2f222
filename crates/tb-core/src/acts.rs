//! Admin acts: who changed or read what. They wait in the store, written in the transaction of
//! the change itself, until the audit log has taken them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{KeyId, Timestamp};

/// What an admin token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees usage, health and configuration.
    Viewer,
    /// Also makes, rotates and revokes keys, purges the cache, reloads.
    Operator,
    /// Sees what a viewer sees, and the audit log; changes nothing.
    Auditor,
    /// All of it, and admin tokens, erasure, retention and legal holds.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Auditor, Self::Owner];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Owner => "owner",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("that is no role; there are: {known}")
        })
    }
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody with this admin token.
    Token(KeyId),
    /// Somebody at the admin address with authentication off.
    Anonymous,
    /// Somebody who may run the command line on the machine: the name of the system's user.
    CommandLine(String),
    /// The gateway itself: retention, rotation at its time, a reload.
    Gateway,
}

/// One act. Nothing in it is a secret or text of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdminAct {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done, `key.create`: one of a closed list, see [`AdminAct::KINDS`].
    pub kind: String,
    /// To what: a key id, a file, a subject's pseudonym.
    pub object: String,
    /// The object before, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The object after, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl AdminAct {
    /// An act without before and after.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, kind: &str, object: impl Into<String>) -> Self {
        let (kind, object) = (kind.to_owned(), object.into());
        Self { at, actor, kind, object, before: None, after: None }
    }

    /// The same act with what was before and what is after it.
    #[must_use]
    pub fn with(self, before: Option<Value>, after: Option<Value>) -> Self {
        Self { before, after, ..self }
    }

    /// Every kind of act.
    pub const KINDS: [&str; 21] = [
        "key.create",
        "key.rotate",
        "key.revoke",
        "key.report",
        "token.create",
        "token.revoke",
        "config.reload",
        "cache.purge",
        "audit.read",
        "audit.export",
        "content.read",
        "retention.run",
        "hold.place",
        "hold.lift",
        "subject.erase",
        "provider_key.switch",
        "models.lock",
        "prompt.register",
        "prompt.label",
        "gateway.start",
        "gateway.stop",
    ];
}
