//! Legal holds: records that must not be deleted although their time is over.

use serde::{Deserialize, Serialize};

use super::RecordKind;
use crate::{ServiceName, Timestamp};

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// `hold_` and 16 hexadecimal digits.
    pub id: String,
    /// What is held; `None` = every kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RecordKind>,
    /// Whose records are asked for; `None` = everybody's. Files hold records of several
    /// services and are kept as a whole; only where records go one by one it narrows the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Records from this moment on.
    pub from: Timestamp,
    /// Records of before this moment.
    pub until: Timestamp,
    /// Why: the reference of the case.
    pub reason: String,
    /// Since when it holds.
    pub placed_at: Timestamp,
}

impl Hold {
    /// Whether it keeps a file of this kind with records of `from` to before `until`.
    #[must_use]
    pub fn touches(&self, kind: RecordKind, from: Timestamp, until: Timestamp) -> bool {
        self.kind.is_none_or(|held| held == kind) && self.from < until && from < self.until
    }

    /// Whether it keeps a single record.
    #[must_use]
    pub fn covers(&self, kind: RecordKind, service: &ServiceName, at: Timestamp) -> bool {
        self.touches(kind, at, at.plus_ms(1))
            && self.service.as_ref().is_none_or(|held| held == service)
    }
}
