//! `[guard]`, of the file and of services. A faulty value is reported and what it would replace
//! is taken in its place, so that the rest is read; the snapshot is then refused as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use tb_guard::{Guard, GuardSettings, Kind};

use self::detectors::Detectors;
use self::keywords::keyword_filter;
use self::kinds::Kinds;
use self::overlay::{Overlay, overlaid};
use crate::reader::{At, Section};
use crate::snapshot::{GuardPolicy, GuardRules};
use crate::value::Score;

mod detectors;
mod keywords;
mod kinds;
mod limits;
mod moderation;
mod overlay;
mod texts;

/// The names that the guard may refer to.
pub(super) struct Names<'a> {
    pub(super) models: &'a [String],
    pub(super) services: &'a [String],
}

/// `[guard]`, for services to go over.
pub(super) struct GuardSection<'a> {
    names: &'a Names<'a>,
    kinds: Kinds,
    detectors: Detectors,
    /// `None` was reported.
    guard: Option<Arc<Guard>>,
    all: Overlay,
    policy: Arc<GuardPolicy>,
}

impl<'a> GuardSection<'a> {
    /// Reads `[guard]`; without it the defaults hold.
    pub(super) fn read(section: Option<&Section<'_>>, names: &'a Names<'a>) -> Self {
        let found = section.map(|section| detectors::detectors(section, names.services));
        let detectors = found.unwrap_or_default();
        let kinds = Kinds::with_own(detectors.kinds());
        let standard = Overlay::default();
        let all = match section {
            Some(section) => {
                kinds.show_actions(section);
                let mut all = overlaid(section, &standard, &kinds, names);
                all.policy.keywords = Arc::new(keyword_filter(section));
                all
            }
            None => standard,
        };
        let settings = GuardSettings {
            without_names: section
                .and_then(|section| section.value::<bool>("names"))
                .is_some_and(|names| !names.value),
            thresholds: section.map(|section| thresholds(section, &kinds)).unwrap_or_default(),
            own: detectors.settings(),
            ..GuardSettings::default()
        };
        let guard = Guard::new(&settings).map_err(|fault| detectors.report(section, &fault));
        let policy = Arc::new(all.policy.clone());
        Self { names, kinds, detectors, guard: guard.ok().map(Arc::new), all, policy }
    }

    /// What holds for a service; it shares what is the same for all.
    pub(super) fn of_service(&self, name: &str, section: &Section<'_>) -> Arc<GuardPolicy> {
        let not_ours = self.detectors.not_for(name);
        let own = section.table("guard");
        if own.is_none() && not_ours.is_empty() {
            return Arc::clone(&self.policy);
        }
        let policy = match own {
            Some(own) => overlaid(&own, &self.all, &self.kinds, self.names).policy,
            None => self.all.policy.clone(),
        };
        Arc::new(GuardPolicy { not_ours, ..policy })
    }

    /// What holds for all; `None` was reported.
    pub(super) fn rules(&self) -> Option<GuardRules> {
        Some(GuardRules { guard: self.guard.clone()?, policy: Arc::clone(&self.policy) })
    }
}

fn thresholds(section: &Section<'_>, kinds: &Kinds) -> HashMap<Kind, f32> {
    let entries: Vec<(_, At<Score<f32>>)> = section.entries("thresholds");
    let entry = |(kind, score): (At<String>, At<Score<f32>>)| {
        Some((kinds.read(section, "thresholds", &kind)?, score.value.0))
    };
    entries.into_iter().filter_map(entry).collect()
}
