//! Pins: whether a target's version may be called now, and whether its provider served it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use tb_config::{PinPolicy, TargetVersion};
use tb_core::Timestamp;
use tb_providers::Standing;

use crate::refusal::Refusal;
use crate::runtime::{RunningModel, RunningTarget};

/// From how long before its last day answers say when a model retires: the shortest notice that
/// vendors give of models in general use is 60 days.
const NOTICE_MS: i64 = 60 * 86_400_000;

/// A target's version while it is served with.
#[derive(Debug)]
pub(crate) struct RunningPin {
    pub(crate) version: TargetVersion,
    /// What is called after the last day.
    successor: Option<Arc<RunningTarget>>,
    /// Its provider served another model, and the operator wants no more of that.
    is_frozen: AtomicBool,
    /// The model that was served last, where the name promises none.
    seen: Mutex<Option<Box<str>>>,
    /// The servers that answered, as they call themselves.
    fingerprints: Mutex<Vec<Box<str>>>,
}

/// Fingerprints remembered of a target: vendors spread a model over a handful.
const MAX_FINGERPRINTS: usize = 64;

/// Why a version may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PinFault {
    /// Its last day is over.
    Retired,
    /// Its name stands for whatever is newest.
    Floating,
    /// Its provider served another model.
    Frozen,
}

impl RunningPin {
    pub(crate) fn new(version: TargetVersion, successor: Option<Arc<RunningTarget>>) -> Self {
        Self {
            version,
            successor,
            is_frozen: AtomicBool::new(false),
            seen: Mutex::default(),
            fingerprints: Mutex::default(),
        }
    }

    /// Notes who answered. Whether others did before, and these did not.
    pub(crate) fn is_new_fingerprint(&self, found: &str) -> bool {
        let mut known = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|one| **one == *found) {
            return false;
        }
        if known.len() >= MAX_FINGERPRINTS {
            known.remove(0);
        }
        known.push(found.into());
        known.len() > 1
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.version.ends.is_some_and(|end| end <= now)
    }

    fn floats(&self) -> bool {
        matches!(self.version.standing, Standing::Floating { .. })
    }

    /// What forbids to call it now.
    pub(crate) fn fault(&self, policy: PinPolicy, now: Timestamp) -> Option<PinFault> {
        if self.is_frozen.load(Ordering::Acquire) {
            return Some(PinFault::Frozen);
        }
        match policy.refuses() {
            true if self.floats() => Some(PinFault::Floating),
            true if self.has_ended(now) => Some(PinFault::Retired),
            _ => None,
        }
    }
}

/// What would forbid to call a target if the policy refused anything.
pub(crate) fn fault_if_refused(target: &RunningTarget, now: Timestamp) -> Option<PinFault> {
    target.pin.fault(PinPolicy::Refuse, now)
}

/// The target that is called for this one now: its successor after its last day.
pub(crate) fn current(target: &Arc<RunningTarget>, now: Timestamp) -> &Arc<RunningTarget> {
    let successor = target.pin.successor.as_ref().filter(|_| target.pin.has_ended(now));
    successor.unwrap_or(target)
}

/// Refuses a model of which no target may be called now, and says what to name instead.
///
/// # Errors
/// 422 `model_not_pinned` or `model_retired`.
pub(crate) fn check(
    model: &RunningModel,
    policy: PinPolicy,
    now: Timestamp,
) -> Result<(), Refusal> {
    let mut worst: Option<(PinFault, &RunningTarget)> = None;
    for target in &model.targets {
        let target = current(target, now);
        let Some(fault) = target.pin.fault(policy, now) else { return Ok(()) };
        if worst.is_none_or(|(other, _)| other < fault) {
            worst = Some((fault, target));
        }
    }
    match worst {
        Some((fault, target)) => Err(refusal(fault, target, policy)),
        None => Ok(()),
    }
}

fn refusal(fault: PinFault, target: &RunningTarget, policy: PinPolicy) -> Refusal {
    let version = &target.pin.version;
    let name = &target.model;
    let (code, message) = match fault {
        PinFault::Floating => {
            let remedy = match (&version.standing, policy) {
                (Standing::Floating { snapshot: Some(snapshot) }, _) => {
                    format!("Use the snapshot `{snapshot}`, which it stands for at present.")
                }
                (_, PinPolicy::Resolve) => {
                    "The lock file of this gateway does not say which version it means.".to_owned()
                }
                _ => "Use a name with its version.".to_owned(),
            };
            ("model_not_pinned", format!("`{name}` stands for whatever is newest. {remedy}"))
        }
        PinFault::Frozen => (
            "model_not_pinned",
            format!(
                "The provider served another model than `{name}`, so it is not called until the operator has looked at it."
            ),
        ),
        PinFault::Retired => {
            let day = version.ends.map(last_day).unwrap_or_default();
            let remedy = version.replacement.as_ref().map_or_else(String::new, |other| {
                format!(" Its vendor recommends `{other}`: test it before you use it.")
            });
            ("model_retired", format!("`{name}` is not served any more{day}.{remedy}"))
        }
    };
    Refusal::caller(422, code, "model", message)
}

/// ` since the end of 2026-11-30`; nothing where nobody knows.
fn last_day(end: Timestamp) -> String {
    if end.unix_ms() == 0 {
        return String::new();
    }
    format!(", since the end of {}", end.plus_ms(-1).utc_day())
}

/// What `x-tollbar-pin` says of a target before it answered: `floating`, the snapshot that it
/// stands for, the last day of its model when that is near. Nothing of what is as it should be.
pub(crate) fn note(
    target: &RunningTarget,
    policy: PinPolicy,
    now: Timestamp,
) -> Option<HeaderValue> {
    if policy == PinPolicy::Off {
        return None;
    }
    let version = &target.pin.version;
    let mut text = String::new();
    if let Standing::Floating { snapshot } = &version.standing {
        text.push_str("floating");
        if let Some(snapshot) = snapshot {
            text = format!("{text};snapshot={snapshot}");
        }
    }
    if let Some(end) = version.ends.filter(|end| end.plus_ms(-NOTICE_MS) <= now) {
        let mark = if text.is_empty() { "" } else { ";" };
        let day = if end.unix_ms() == 0 { "gone".to_owned() } else { end.plus_ms(-1).utc_day() };
        text = format!("{text}{mark}retires={day}");
    }
    HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
}

/// Compares the model that was served with the pin. Whether it is another one.
pub(crate) fn drifts(target: &RunningTarget, served: &str) -> bool {
    let served = served.strip_prefix("models/").unwrap_or(served);
    if target.pin.version.standing == Standing::Pinned {
        return !is_version(target.model.as_str(), served);
    }
    let mut seen = target.pin.seen.lock().unwrap_or_else(PoisonError::into_inner);
    match seen.as_deref() {
        Some(before) if before == served => false,
        before => {
            let is_other = before.is_some();
            *seen = Some(served.into());
            is_other
        }
    }
}

/// Makes the target one that is not called any more.
pub(crate) fn freeze(target: &RunningTarget) {
    target.pin.is_frozen.store(true, Ordering::Release);
}

/// Whether a served name is that version: the name itself, or with its date behind it, as vendors
/// answer that give names without one.
fn is_version(pinned: &str, served: &str) -> bool {
    let Some((same, rest)) = served.split_at_checked(pinned.len()) else { return false };
    let is_date =
        |rest: &str| rest.starts_with('-') && rest.bytes().all(|b| b == b'-' || b.is_ascii_digit());
    same.eq_ignore_ascii_case(pinned) && (rest.is_empty() || is_date(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_name_may_have_the_date_of_its_version() {
        assert!(is_version("claude-opus-4-6", "claude-opus-4-6-20260205"));
        assert!(is_version("gpt-4o-2024-08-06", "GPT-4o-2024-08-06"));
        assert!(!is_version("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"));
        assert!(!is_version("gemini-2.5-pro", "gemini-3.8-flash"));
        assert!(!is_version("gemini-2.5", "gemini-2.5-pro"));
        assert!(!is_version("gpt-4o", "gpt"));
    }
}
