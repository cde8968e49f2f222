//! `[[guard.detectors]]`

use std::collections::HashSet;

use tb_guard::{Checksum, DetectorFault, GuardFault, Kind, OwnDetector};

use super::kinds::built_in;
use super::texts::{texts, words};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Place, Section};
use crate::redact::quoted;
use crate::value::{Mistake, Score, Word};

/// The operator's detectors.
#[derive(Default)]
pub(super) struct Detectors {
    all: Vec<Detector>,
}

/// One of them, and where its parts are written.
struct Detector {
    kind: At<String>,
    /// All when it is `None`.
    services: Option<Vec<String>>,
    /// `None` was reported.
    own: Option<OwnDetector>,
    patterns: Vec<Place>,
    words: Place,
}

pub(super) fn detectors(section: &Section<'_>, services: &[String]) -> Detectors {
    let sections = section.tables("detectors");
    let all: Vec<_> = sections.iter().filter_map(|one| detector(one, services)).collect();
    for (index, one) in all.iter().enumerate() {
        let mut before = all.iter().take(index);
        if before.any(|other| other.kind.value == one.kind.value && other.services != one.services)
        {
            section.reader.report(
                &one.kind.place,
                Code::BadDetector,
                format!("two detectors find {} for different services", quoted(&one.kind.value)),
                "give them different types, or the same `services`",
            );
        }
    }
    Detectors { all }
}

fn detector(section: &Section<'_>, known: &[String]) -> Option<Detector> {
    let kind = section.value::<String>("type");
    let words = words(section);
    let patterns = texts(section, "patterns");
    let checksum = section.optional::<Word<Checksum>>("checksum");
    let context = texts(section, "context");
    let window = section.value::<i64>("context_window");
    let score = section.value::<Score<f32>>("score");
    let services = services(section, kind.as_ref(), known);
    if context.as_ref().is_some_and(Vec::is_empty)
        && let Some(place) = section.written_at("context_window")
    {
        let message = "`context_window` has no effect without `context`";
        section.reader.report(&place, Code::NoEffect, message, "remove it, or add `context`");
    }
    let kind = kind?;
    let written = |key: &str| section.value_at(key);
    let places = patterns.iter().flatten().map(|pattern| pattern.place.clone()).collect();
    let plain = |texts: Vec<At<String>>| texts.into_iter().map(|text| text.value).collect();
    let own = || {
        Some(OwnDetector {
            kind: kind.value.clone(),
            words: words?,
            patterns: plain(patterns?),
            checksum: checksum.map(|word| word.value.0),
            context: plain(context?),
            context_window: usize::try_from(window?.value).ok()?,
            score: score?.value.0,
        })
    };
    let words = ["words_file", "words", "context"].into_iter().find_map(written);
    let words = words.unwrap_or_else(|| section.place.clone());
    Some(Detector { own: own(), services, patterns: places, words, kind })
}

/// The services that a detector is meant for, when not for all.
fn services(
    section: &Section<'_>,
    kind: Option<&At<String>>,
    known: &[String],
) -> Option<Vec<String>> {
    let place = section.written_at("services")?;
    let services = section.list::<String>("services")?;
    for service in services.iter().filter(|service| !known.contains(&service.value)) {
        let message = format!("there is no service {}", quoted(&service.value));
        let help = "name one of [services], or add it there";
        let mistake = Mistake::new(Code::UnknownService, message, help);
        let nearest = nearest(&service.value, known.iter().map(String::as_str));
        section.reader.fault(&service.place, mistake.with_nearest(nearest));
    }
    if section.array_len("services") == Some(0) {
        section.reader.report(
            &place,
            Code::NoPurposes,
            "`services` is empty, so the detector would be for nobody",
            "list at least one service, or leave it out for all",
        );
    }
    if kind.is_some_and(|kind| built_in(&kind.value).is_some()) {
        section.reader.report(
            &place,
            Code::BadDetector,
            "types of the guard are looked for in all services, so `services` cannot narrow them",
            "remove `services`, or give the detector a name of its own; two letters and `_` begin national numbers",
        );
    }
    Some(services.into_iter().map(|service| service.value).collect())
}

impl Detectors {
    /// The types that they find.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.all.iter().map(|one| one.kind.value.clone()).collect()
    }

    /// Those without a fault so far.
    pub(super) fn settings(&self) -> Vec<OwnDetector> {
        self.all.iter().filter_map(|one| one.own.clone()).collect()
    }

    /// The types that are meant for other services than this.
    pub(super) fn not_for(&self, service: &str) -> HashSet<Kind> {
        let is_other = |one: &&Detector| {
            one.services.as_ref().is_some_and(|own| !own.iter().any(|name| name == service))
        };
        self.all.iter().filter(is_other).map(|one| Kind::custom(one.kind.value.clone())).collect()
    }

    /// Reports what is wrong with [`Self::settings`].
    pub(super) fn report(&self, section: Option<&Section<'_>>, fault: &GuardFault) {
        let Some(section) = section else { return };
        let compiled: Vec<_> = self.all.iter().filter(|one| one.own.is_some()).collect();
        for fault in &fault.faults {
            if let Some(one) = compiled.get(index(fault)) {
                let (place, message, help) = one.explained(fault);
                section.reader.report(place, Code::BadDetector, message, help);
            }
        }
    }
}

const fn index(fault: &DetectorFault) -> usize {
    match fault {
        DetectorFault::Name { index }
        | DetectorFault::Empty { index }
        | DetectorFault::Pattern { index, .. }
        | DetectorFault::Words { index }
        | DetectorFault::Score { index } => *index,
    }
}

impl Detector {
    fn explained(&self, fault: &DetectorFault) -> (&Place, String, &'static str) {
        match fault {
            DetectorFault::Name { .. } => (
                &self.kind.place,
                format!("{} cannot be the name of a type", quoted(&self.kind.value)),
                "use 1 to 48 of a-z, 0-9 and _",
            ),
            DetectorFault::Empty { .. } => (
                &self.words,
                "the detector has nothing to look for".to_owned(),
                "add `words`, `words_file` or `patterns`",
            ),
            DetectorFault::Pattern { pattern, reason, .. } => (
                self.patterns.get(*pattern).unwrap_or(&self.words),
                format!("the pattern cannot be used: {}", cause(reason)),
                "write it in the syntax of https://docs.rs/regex, and shorter if it is too large",
            ),
            DetectorFault::Words { .. } => (
                &self.words,
                "the words of the detector are too many".to_owned(),
                "keep them below 8 MiB, or spread them over more detectors",
            ),
            DetectorFault::Score { .. } => (
                &self.kind.place,
                "its score must lie between 0 and 1".to_owned(),
                "change `score`",
            ),
        }
    }
}

/// The compiler shows the pattern with a caret below, as the report does; the cause comes last.
fn cause(reason: &str) -> &str {
    let last = reason.trim_end().lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last)
}
