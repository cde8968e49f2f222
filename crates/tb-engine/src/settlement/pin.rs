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

    /// Compares the model that was served with the pin, and its servers with those that answered
    /// before; the row has both already.
    pub(super) fn compare_served(&mut self) {
        if self.runtime.snapshot.pinning.policy == PinPolicy::Off {
            return;
        }
        self.compare_fingerprint();
        let pinning = &self.runtime.snapshot.pinning;
        let (Some(target), Some(served)) = (&self.target, &self.row.model_served) else { return };
        if !pins::drifts(target, served) {
            return;
        }
        self.row.has_drifted = true;
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

    /// Servers that never answered before may answer otherwise, under the same name. That is
    /// told and not held against the version: vendors change them without notice.
    fn compare_fingerprint(&mut self) {
        let (Some(target), Some(found)) = (&self.target, &self.row.fingerprint) else { return };
        if !target.pin.is_new_fingerprint(found) {
            return;
        }
        self.has_new_fingerprint = true;
        target.series.count_fingerprint();
        tracing::info!(
            request_id = %self.row.request_id, provider = %target.provider.name,
            model = target.model.as_str(), system_fingerprint = found,
            "the provider answered from servers of another configuration"
        );
    }

    /// What a whole answer says of what served it, where that is not what was expected.
    pub(crate) const fn served_note(&self) -> Option<&'static str> {
        match (self.row.has_drifted, self.has_new_fingerprint) {
            (true, _) => Some("drift"),
            (false, true) => Some("new_fingerprint"),
            (false, false) => None,
        }
    }
}
