//! How long records are kept: plain values and pure functions over them.
//!
//! Records are deleted as whole files, the parts of a [`crate::ports::Shelf`]. A part may go
//! once its last possible record is older than its time, and a record may stay an hour longer
//! than its time. So the span of a part and the time between two runs must be less than an
//! hour together: see [`SPAN_MS`] and [`RUN_EVERY_MS`].

mod hold;
mod span;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DataClass, Timestamp};

pub use hold::Hold;
pub use span::{SPAN_MS, Span, day_start};

/// The time between two runs of the deletion, in milliseconds.
pub const RUN_EVERY_MS: i64 = 10 * 60 * 1_000;

/// How much longer than its time a record may stay, in milliseconds.
pub const GRACE_MS: i64 = 60 * 60 * 1_000;

/// How old the oldest record in the journal may get before it is retired, in milliseconds.
pub const JOURNAL_AGE_MS: i64 = 30 * 60 * 1_000;

/// What is kept for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Usage rows.
    Requests,
    /// The audit log.
    Audit,
    /// The content log.
    Content,
    /// Which provider keeps which stored response.
    Responses,
    /// Kept answers of the response cache; each says itself until when.
    Answers,
    /// Records on their way into the store.
    Journal,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Requests, Self::Audit, Self::Content, Self::Responses, Self::Answers, Self::Journal];

    /// The word for it in reports, metrics and holds.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Audit => "audit",
            Self::Content => "content",
            Self::Responses => "responses",
            Self::Answers => "answers",
            Self::Journal => "journal",
        }
    }
}

/// What is deleted as one: a file, or a file with its side files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What its records are.
    pub kind: RecordKind,
    /// Their class, where a part holds one class only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// No record in it is older.
    pub from: Timestamp,
    /// Every record in it is older.
    pub until: Timestamp,
    /// What it takes on disk.
    pub bytes: u64,
    /// How its shelf finds it.
    pub name: String,
}

/// How long what is kept; `None` = for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionTimes {
    /// The content log.
    pub content: Duration,
    /// Usage rows.
    pub requests: Option<Duration>,
    /// The audit log.
    pub audit: Option<Duration>,
    /// Bindings of stored responses.
    pub responses: Duration,
    /// Shorter or longer for records of one class.
    pub classes: BTreeMap<DataClass, ClassTimes>,
}

/// How long records of one class are kept; `None` = as long as all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassTimes {
    /// The content log.
    pub content: Option<Duration>,
    /// Usage rows.
    pub requests: Option<Duration>,
}

impl RetentionTimes {
    /// How long records of a kind and class are kept; `None` = for ever, or as they say
    /// themselves.
    #[must_use]
    pub fn of(&self, kind: RecordKind, class: Option<DataClass>) -> Option<Duration> {
        let own = class.and_then(|class| self.classes.get(&class)).copied().unwrap_or_default();
        match kind {
            RecordKind::Requests => own.requests.or(self.requests),
            RecordKind::Content => Some(own.content.unwrap_or(self.content)),
            RecordKind::Audit => self.audit,
            RecordKind::Responses => Some(self.responses),
            RecordKind::Answers | RecordKind::Journal => None,
        }
    }

    /// Records of before this moment have had their time.
    #[must_use]
    pub fn cutoff(
        &self,
        kind: RecordKind,
        class: Option<DataClass>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let keep_ms = i64::try_from(self.of(kind, class)?.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp(now.unix_ms().saturating_sub(keep_ms)))
    }
}

/// What is to be done with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It has records whose time is not over.
    Keep,
    /// The time of all its records is over, and a hold keeps it.
    Held,
    /// The time of all its records is over.
    Due,
}

/// Says what is to be done with a part at `now`. A hold keeps every part that it touches as a
/// whole, of whatever service its records are.
#[must_use]
pub fn verdict(part: &Part, times: &RetentionTimes, holds: &[Hold], now: Timestamp) -> Verdict {
    let is_over =
        times.cutoff(part.kind, part.class, now).is_some_and(|cutoff| part.until <= cutoff);
    if !is_over {
        return Verdict::Keep;
    }
    if holds.iter().any(|hold| hold.touches(part.kind, part.from, part.until)) {
        return Verdict::Held;
    }
    Verdict::Due
}

#[cfg(test)]
mod tests;
