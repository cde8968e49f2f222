//! What operators see of targets and keys. Never a key's text.

use tb_core::breaker::BreakerState;

use super::Health;
use crate::engine::Engine;

/// Whether a target is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Attempts go through.
    Closed,
    /// A few probes go through.
    HalfOpen,
    /// Nothing goes through for a while.
    Open,
}

impl TargetState {
    /// The word for it: `closed`, `half_open`, `open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// Its number in the metric `breaker_state`.
    pub(crate) const fn level(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }

    pub(super) const fn of(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::HalfOpen => Self::HalfOpen,
            BreakerState::Open => Self::Open,
        }
    }
}

/// One target. Models called as `provider/model` share one under the name `other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetView {
    /// The provider.
    pub provider: String,
    /// The provider's model id.
    pub model: String,
    /// Its breaker.
    pub state: TargetState,
    /// When an open breaker lets probes through, in milliseconds from now.
    pub opens_again_in_ms: Option<u64>,
    /// The share of failures among the recent attempts, in thousandths.
    pub failure_permille: u32,
    /// The recent attempts (30 seconds) that count.
    pub attempts_in_window: u32,
    /// Whether its retry budget has room, or it needs none.
    pub may_retry: bool,
    /// How long streams usually take to begin, in milliseconds.
    pub usual_first_byte_ms: Option<u64>,
    /// How long whole answers usually take, in milliseconds.
    pub usual_whole_answer_ms: Option<u64>,
}

/// Whether a key at a provider is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHealth {
    /// It is.
    Live,
    /// The provider throttled it for some model.
    Cooling,
    /// The provider refused it, or it has no credit left.
    Disabled,
}

impl KeyHealth {
    pub(crate) const ALL: [Self; 3] = [Self::Live, Self::Cooling, Self::Disabled];

    /// The word for it: `live`, `cooling`, `disabled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Cooling => "cooling",
            Self::Disabled => "disabled",
        }
    }
}

/// One key at a provider, by its place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyView {
    /// The provider.
    pub provider: String,
    /// Its place in `api_keys`, from 0.
    pub index: u32,
    /// Whether it is used.
    pub state: KeyHealth,
    /// When it is used again, in milliseconds from now; `None` = now.
    pub ends_in_ms: Option<u64>,
}

impl Health {
    /// Every target, by name.
    pub(crate) fn targets(&self) -> Vec<TargetView> {
        let now_ms = self.now_ms();
        let mut views: Vec<_> =
            self.all_targets().iter().map(|target| target.view(now_ms)).collect();
        views.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        views
    }

    /// Every key, by provider and place.
    pub(crate) fn provider_keys(&self) -> Vec<ProviderKeyView> {
        let now_ms = self.now_ms();
        let mut views: Vec<_> =
            self.all_keys().iter().flat_map(|keys| keys.views(now_ms)).collect();
        views.sort_by(|a, b| (&a.provider, a.index).cmp(&(&b.provider, b.index)));
        views
    }
}

impl Engine {
    /// The health of every target, by name.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetView> {
        self.shared.health.targets()
    }

    /// The health of every key at a provider, by provider and place.
    #[must_use]
    pub fn provider_keys(&self) -> Vec<ProviderKeyView> {
        self.shared.health.provider_keys()
    }
}
