//! The guard: views, detectors, conflicts.

mod checksum;
mod conflicts;
mod own;

use std::collections::{HashMap, HashSet};

use thiserror::Error;

pub use self::checksum::Checksum;
use self::own::Compiled;
pub use self::own::{DetectorFault, OwnDetector};
use crate::vault::is_hash;
use crate::view::{self, Purpose, View, Views};
use crate::{Finding, Found, Kind, detectors, names, secrets};

/// What is less sure than this is not reported, where no threshold is set for its kind.
pub const DEFAULT_THRESHOLD: f32 = 0.4;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct GuardSettings {
    /// Leave out names of people, places and organisations (the slowest part).
    pub without_names: bool,
    /// The least score of a kind, 0 to 1; [`DEFAULT_THRESHOLD`] for the others.
    pub thresholds: HashMap<Kind, f32>,
    /// Kinds that are not looked for.
    pub off: HashSet<Kind>,
    /// The operator's own detectors.
    pub own: Vec<OwnDetector>,
}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the guard's settings have {} faults", .faults.len())]
pub struct GuardFault {
    /// Each fault, in the order of the settings.
    pub faults: Vec<DetectorFault>,
}

/// A compiled guard; made once for a configuration, shared by all requests. What does not depend
/// on the settings is compiled once for the process.
#[derive(Debug)]
pub struct Guard {
    without_names: bool,
    own: Vec<Compiled>,
    thresholds: HashMap<Kind, f32>,
    off: HashSet<Kind>,
}

/// What a scan gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scan {
    /// What was found, in the order of the text, without overlaps.
    pub findings: Vec<Finding>,
    /// Part of the text could not be looked at (too much encoded in itself).
    pub is_opaque: bool,
}

impl Guard {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// All faults of the operator's own detectors.
    pub fn new(settings: &GuardSettings) -> Result<Self, GuardFault> {
        let mut faults = Vec::new();
        let own = settings.own.iter().enumerate();
        let own = own
            .filter_map(|(index, detector)| Compiled::compile(index, detector, &mut faults))
            .collect();
        if !faults.is_empty() {
            return Err(GuardFault { faults });
        }
        Ok(Self {
            without_names: settings.without_names,
            own,
            thresholds: settings.thresholds.clone(),
            off: settings.off.clone(),
        })
    }

    /// Compiles now what the first scan would compile otherwise.
    pub fn warm(&self) {
        view::warm();
        detectors::warm();
        secrets::warm();
        // Any text compiles a table of words, of its alphabet.
        let _ = (crate::injection("a"), crate::injection("\u{e9}"));
        if !self.without_names {
            names::warm();
        }
    }

    /// Looks at a text for secrets and structured identifiers and the operator's own kinds, not
    /// for names: where there is no prose (object keys, identifiers, answers by default).
    #[must_use]
    pub fn scan_structured(&self, text: &str) -> Scan {
        let views = Views::of(text);
        let mut findings = Vec::new();
        self.add_structured(&views, &mut findings);
        Scan { findings: conflicts::resolve(findings), is_opaque: views.is_opaque }
    }

    /// Looks at a text.
    #[must_use]
    pub fn scan(&self, text: &str) -> Scan {
        let views = Views::of(text);
        let mut findings = Vec::new();
        self.add_structured(&views, &mut findings);
        if !self.without_names {
            self.add_names(&views, &mut findings);
        }
        Scan { findings: conflicts::resolve(findings), is_opaque: views.is_opaque }
    }

    fn add_structured(&self, views: &Views<'_>, findings: &mut Vec<Finding>) {
        let mut found = Vec::new();
        for view in &views.views {
            detectors::find(&view.text, &mut found);
            if !self.off.contains(&Kind::SECRET) {
                secrets::find(&view.text, &mut found);
            }
            for own in &self.own {
                own.find(&view.text, &mut found);
            }
            self.add(view, &mut found, findings);
        }
    }

    fn add_names(&self, views: &Views<'_>, findings: &mut Vec<Finding>) {
        let mut found = Vec::new();
        for view in views.views.iter().filter(|view| view.purpose == Purpose::Plain) {
            names::find(&view.text, &mut found);
            self.add(view, &mut found, findings);
        }
    }

    fn add(&self, view: &View<'_>, found: &mut Vec<Found>, findings: &mut Vec<Finding>) {
        for one in found.drain(..).filter(|one| self.counts(one, view.purpose)) {
            let value = view.text.get(one.start..one.end).unwrap_or_default();
            if is_hash(&one.kind, value) {
                // It was hidden before.
                continue;
            }
            if let Some(place) = view.original(&(one.start..one.end)) {
                findings.push(Finding {
                    kind: one.kind,
                    rule: one.rule,
                    start: place.start,
                    end: place.end,
                    score: one.score,
                    is_encoded: view.is_decoded,
                });
            }
        }
    }

    fn counts(&self, found: &Found, purpose: Purpose) -> bool {
        let threshold = self.thresholds.get(&found.kind).copied().unwrap_or(DEFAULT_THRESHOLD);
        let is_wanted = found.score >= threshold && !self.off.contains(&found.kind);
        is_wanted && (purpose != Purpose::LookAlikes || is_of_letters(&found.kind))
    }
}

/// Kinds that look-alike letters can disguise.
fn is_of_letters(kind: &Kind) -> bool {
    !matches!(
        kind.as_str(),
        "phone" | "date" | "date_of_birth" | "age" | "zip_code" | "address" | "ip_address"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structured_scan_is_a_scan_without_names() {
        let all = Guard::new(&GuardSettings::default()).unwrap();
        let settings = GuardSettings { without_names: true, ..GuardSettings::default() };
        let without_names = Guard::new(&settings).unwrap();
        all.warm();
        for text in [
            "My name is Veronika Pospíšil, card ４111 1111 1111 1111, jo at example dot org",
            "password: hunter2!x in Rotterdam, am9AZXhhbXBsZS5vcmcgaXMgbWU=",
            "plain prose",
        ] {
            assert_eq!(all.scan_structured(text), without_names.scan(text));
            assert_eq!(without_names.scan_structured(text), without_names.scan(text));
        }
        assert_ne!(all.scan("Dear Zorvilda Quembrant,"), Scan::default());
        assert_eq!(all.scan_structured("Dear Zorvilda Quembrant,"), Scan::default());
    }
}
