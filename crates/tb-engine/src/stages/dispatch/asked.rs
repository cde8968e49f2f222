//! A target that is asked: how it looks to the planner, the request for it, and what its
//! failures say of keys.

use tb_core::key_pool::KeyChoice;
use tb_providers::{Call, EncodeError, Endpoint, ErrorClass, WireRequest, dialect};

use super::failure::Failure;
use crate::clearance::Clearance;
use crate::health::{Forbidden, Passage, Sight};
use crate::ladder::{Fault, Look, Moment, Try};
use crate::request::RequestHead;
use crate::stages::route::{Plan, PlannedTarget};

/// How long a throttled key rests that alone may be used, where the provider does not say:
/// as long as keys of a pool for the first time.
const BOUND_REST_MS: u64 = 1_000;

/// A step with its target.
pub(super) struct Asked {
    pub(super) step: Try,
    pub(super) planned: PlannedTarget,
}

/// An attempt that may be made now.
pub(super) struct Entered {
    pub(super) asked: Asked,
    pub(super) wire: WireRequest,
    /// That the request may be sent there.
    pub(super) clearance: Clearance,
    pub(super) passage: Passage,
}

/// How a target looks at this moment, to be asked with another key than `tried`. Before the
/// first attempt only its breaker and its keys matter.
pub(super) fn look(
    plan: &Plan,
    moment: Moment,
    is_first: bool,
    (number, tried): (usize, &[u32]),
) -> Look {
    let now_ms = moment.now_ms;
    let Some(planned) = plan.target(number) else {
        let key = KeyChoice::Dead;
        return Look { closed_until_ms: None, key, has_budget: false, usual_ms: 0 };
    };
    let Sight { closed_until_ms, has_budget, usual_ms } = if is_first {
        planned.target.health.glance(now_ms)
    } else {
        planned.target.health.sight(now_ms, plan.fresh.scrubbed.composed.stream)
    };
    let key = match plan.key_index {
        Some(index) => KeyChoice::Ready(index),
        None => planned.key(now_ms, moment.roll, tried),
    };
    Look { closed_until_ms, key, has_budget, usual_ms }
}

/// The request for a step.
pub(super) fn encode(
    head: &RequestHead,
    plan: &Plan,
    planned: &PlannedTarget,
    key: u32,
) -> Result<WireRequest, EncodeError> {
    let composed = &plan.fresh.scrubbed.composed;
    let target = &planned.target;
    let call = Call {
        surface: head.surface,
        model: target.model.as_str(),
        stream: composed.stream,
        body: composed.body.as_call(),
        headers: &head.headers,
        response_id: head.path_id.as_deref(),
    };
    let endpoint = Endpoint {
        base_url: &target.provider.base_url,
        api_key: target.api_key(Some(key)),
        quirks: &target.provider.quirks,
        zero_retention: target.provider.handling.zero_retention,
    };
    dialect(target.provider.dialect).encode(&call, &endpoint)
}

impl Asked {
    /// Tells the provider's keys what the failure says of the one that was used; `again`: the
    /// provider gave this request a 403 before. Gives back the failure as it is to be taken.
    pub(super) fn note_key(&self, failure: Failure, now_ms: u64, again: bool) -> Failure {
        if failure.is_forbidden() {
            return self.note_forbidden(failure, now_ms, again);
        }
        let keys = &self.planned.target.keys;
        let (name, key) = (self.planned.pool_name(), self.step.key);
        match failure.class() {
            Some(ErrorClass::RateLimit) => {
                keys.cool(key, name, now_ms, failure.retry_after_ms());
            }
            Some(ErrorClass::BadCredentials) => keys.disable(key, now_ms, "credentials"),
            Some(ErrorClass::QuotaExhausted) => keys.disable(key, now_ms, "quota"),
            _ => {}
        }
        failure
    }

    /// A 403 is ambiguous: the key may not, or nobody may, since some providers answer like
    /// this to content. Whoever can make a provider say it must not take keys from others.
    fn note_forbidden(&self, failure: Failure, now_ms: u64, again: bool) -> Failure {
        let keys = &self.planned.target.keys;
        let key = self.step.key;
        let says = if again {
            Forbidden::Request
        } else if self.planned.model.configured {
            keys.forbidden(key, self.planned.pool_name(), now_ms)
        } else if keys.worked_lately(key, now_ms) {
            Forbidden::Request
        } else {
            // The model is one that the caller named: the key may not use that one perhaps.
            Forbidden::Uncertain
        };
        match says {
            Forbidden::Request => failure.forbidden(Fault::Lasting),
            Forbidden::Uncertain => failure.forbidden(Fault::KeyRefused),
            Forbidden::Key => failure,
        }
    }
}

/// What follows from a failure where one key alone may be used.
pub(super) fn with_one_key(fault: Fault, failure: &Failure) -> Fault {
    match fault {
        Fault::KeyRefused => Fault::Lasting,
        Fault::Throttled => Fault::Passing(failure.retry_after_ms().unwrap_or(BOUND_REST_MS)),
        other => other,
    }
}
