//! Which versions of models may be called.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tb_core::versions::facts;
use tb_core::{ModelName, Timestamp};
use tb_providers::{Standing, standing};

use super::Provider;

/// `[pinning]` with the lock file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pinning {
    /// What happens to floating names and retired models.
    pub policy: PinPolicy,
    /// What happens after the last day of a pinned model.
    pub on_retired: OnRetired,
    /// Whether a target that served another model than the pinned one is not called any more.
    pub freeze_on_drift: bool,
    /// Where the lock file is, or would be.
    pub lock_file: PathBuf,
    /// What stands in it, by `provider/model`.
    pub locked: BTreeMap<String, Locked>,
}

/// What happens to names that stand for whatever is newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PinPolicy {
    /// Not called.
    Refuse,
    /// Called as the version that the lock file names, else not called.
    Resolve,
    /// Called, and reported.
    #[default]
    Warn,
    /// Called.
    Off,
}

impl PinPolicy {
    /// Whether what is not pinned, or retired, is not called.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Refuse | Self::Resolve)
    }
}

/// What happens after the last day of a pinned model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRetired {
    /// It is not called.
    #[default]
    Refuse,
    /// The version that the lock file names for it is called in its place.
    Successor,
}

/// One entry of the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The version that is called.
    pub snapshot: String,
    /// The evaluation run that it passed; `None` when it was locked with a reason instead.
    pub evidence: Option<String>,
}

/// What is known of the version that a target names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetVersion {
    /// The name as it was written, where the lock file put another in its place.
    pub written: Option<ModelName>,
    /// What the name that is called promises.
    pub standing: Standing,
    /// The moment from which it is not served.
    pub ends: Option<Timestamp>,
    /// What is called from that moment on.
    pub successor: Option<ModelName>,
    /// What its vendor recommends in its place.
    pub replacement: Option<String>,
}

impl Pinning {
    /// The name that is called for a target, and what is known of it.
    #[must_use]
    pub fn version(&self, provider: &Provider, model: &str) -> (ModelName, TargetVersion) {
        let vendor = provider.vendor.as_str();
        let locked = |name: &str| {
            let entry = self.locked.get(&format!("{}/{name}", provider.name))?;
            Some(entry.snapshot.clone())
        };
        let floats = matches!(standing(vendor, model), Standing::Floating { .. });
        let resolved = match self.policy {
            PinPolicy::Resolve if floats => locked(model),
            _ => None,
        };
        let called = resolved.as_deref().unwrap_or(model);
        let known = facts(vendor, called);
        let successor = match self.on_retired {
            OnRetired::Successor if !floats || resolved.is_some() => locked(called),
            _ => None,
        };
        let version = TargetVersion {
            written: resolved.is_some().then(|| model.into()),
            standing: standing(vendor, called),
            ends: known.and_then(tb_core::versions::VersionFacts::ends),
            successor: successor.map(|name| name.as_str().into()),
            replacement: known.and_then(|facts| facts.replacement.clone()),
        };
        (called.into(), version)
    }
}
