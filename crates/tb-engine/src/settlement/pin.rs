//! What a settlement knows of the version that answered.

use http::HeaderValue;
use tb_config::PinPolicy;

use super::Settlement;
use crate::pins;
use crate::refusal::Refusal;
use crate::runtime::{RunningModel, RunningTarget};

impl Settlement {
    /// Refuses a model whose versions may not be called now.
    pub(crate) fn check_pins(&self, model: &RunningModel) -> Result<(), Refusal> {
        let policy = self.runtime.snapshot.pinning.policy;
        pins::check(model, policy, self.row.started_at).inspect_err(|_| {
            self.shared.metrics.pin_violations.inc();
        })
    }

    /// What the answer says of the version that is called.
    pub(crate) fn pin_note(&self, target: &RunningTarget) -> Option<HeaderValue> {
        pins::note(target, self.runtime.snapshot.pinning.policy, self.row.started_at)
    }

    /// Counts a call of a name that floats, where that is allowed and reported.
    pub(super) fn count_floating(&self, target: &RunningTarget) {
        let policy = self.runtime.snapshot.pinning.policy;
        if policy == PinPolicy::Warn
            && pins::fault_if_refused(target, self.row.started_at).is_some()
        {
            self.shared.metrics.pin_violations.inc();
        }
    }

    /// Compares the model that was served with the pin; the row has it already.
    pub(super) fn compare_served(&mut self) {
        let pinning = &self.runtime.snapshot.pinning;
        let (Some(target), Some(served)) = (&self.target, &self.row.model_served) else { return };
        if pinning.policy == PinPolicy::Off || !pins::drifts(target, served) {
            return;
        }
        self.has_drifted = true;
        target.series.count_drift();
        let resolved = target.model.as_str();
        tracing::warn!(
            request_id = %self.row.request_id, provider = %target.provider.name, resolved, served,
            "the provider served another model"
        );
        if pinning.freeze_on_drift {
            pins::freeze(target);
        }
    }

    /// Whether another model than the pinned one answered.
    pub(crate) const fn has_drifted(&self) -> bool {
        self.has_drifted
    }
}
