//! What holds for each key, and why.

use crate::load::Loaded;

/// One key with the value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveValue {
    /// Its path, `models.support.targets[0].weight`.
    pub key: String,
    /// The value in TOML's notation; `[secret]` for secrets.
    pub value: String,
    /// `flag`, `env NAME`, `FILE:LINE` or `default`.
    pub source: String,
}

/// Every effective value, sorted by key.
#[must_use]
pub fn effective(loaded: &Loaded) -> Vec<EffectiveValue> {
    loaded.effective.clone()
}
