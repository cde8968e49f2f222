//! Takes typed values out of the document, the variables and the flags. It never stops at a
//! fault: it records it, gives `None`, and goes on, so that one run finds them all.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::codes::Code;
use crate::effective::EffectiveValue;
use crate::environment::Environment;
use crate::load::Overrides;
use crate::report::Diagnostic;
use crate::value::Mistake;
use crate::watched::Watched;

mod range;
mod section;

pub(crate) use section::{Section, variable_name};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// These bytes of the file.
    File(Range<usize>),
    /// This variable.
    Variable(String),
    /// The flag for this key.
    Flag(String),
    /// Nowhere: the default.
    Default,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A fault before its place is turned into line and column.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) mistake: Mistake,
}

/// An effective value before its place is turned into `file:line`.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// Where a configuration stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'a> {
    /// Relative paths are taken from here.
    folder: &'a Path,
    /// The same folder as reports call it.
    shown: &'a Path,
}

impl<'a> Location<'a> {
    /// Of the file that reports call `name`, in that folder.
    pub(crate) fn of(name: &'a str, folder: &'a Path) -> Self {
        Self { folder, shown: Path::new(name).parent().unwrap_or(Path::new("")) }
    }
}

/// What all sections share while one configuration is read.
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a dyn Environment,
    pub(crate) overrides: &'a Overrides,
    location: Location<'a>,
    findings: RefCell<Findings>,
}

/// What reading a configuration finds out beside its values.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) faults: Vec<Fault>,
    pub(crate) effects: Vec<Effect>,
    /// Faults of other files that it names.
    pub(crate) elsewhere: Vec<Diagnostic>,
    /// What the hash covers beside the effective values.
    pub(crate) hashed: Vec<String>,
    /// The files whose changes bring about a reload, as they were just before they were read.
    pub(crate) watched: Watched,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        environment: &'a dyn Environment,
        overrides: &'a Overrides,
        location: Location<'a>,
    ) -> Self {
        Self { environment, overrides, location, findings: RefCell::default() }
    }

    /// Records a fault.
    pub(crate) fn fault(&self, place: &Place, mistake: Mistake) {
        self.findings.borrow_mut().faults.push(Fault { place: place.clone(), mistake });
    }

    /// Records a fault by its parts.
    pub(crate) fn report(
        &self,
        place: &Place,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.fault(place, Mistake::new(code, message, help));
    }

    /// Records what holds for a key.
    pub(crate) fn effect(&self, key: String, value: String, place: &Place) {
        self.findings.borrow_mut().effects.push(Effect { key, value, place: place.clone() });
    }

    /// Records the faults of another file.
    pub(crate) fn elsewhere(&self, faults: Vec<Diagnostic>) {
        self.findings.borrow_mut().elsewhere.extend(faults);
    }

    /// Makes the hash of the configuration follow this text, which no effective value shows.
    pub(crate) fn hash_too(&self, text: String) {
        self.findings.borrow_mut().hashed.push(text);
    }

    /// Makes a change of this file bring about a reload. To be called before it is read: a change
    /// in between is noticed then.
    pub(crate) fn watch(&self, path: &str) {
        let path = self.resolve(path);
        let stamp = self.environment.stamp(&path);
        self.findings.borrow_mut().watched.add(path, stamp);
    }

    /// The path, taken from the folder of the file when it is relative.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.location.folder.join(path)
    }

    /// The same path as reports call it: beside the name of the file, as that was given.
    pub(crate) fn shown(&self, path: &str) -> String {
        self.location.shown.join(path).display().to_string()
    }

    pub(crate) fn into_findings(self) -> Findings {
        self.findings.into_inner()
    }
}

/// Turns byte offsets into lines and columns.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// The same text with secrets covered, byte for byte as long.
    covered: &'a str,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(text: &'a str, covered: &'a str) -> Self {
        Self { text, covered }
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at.min(self.text.len())).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    /// The whole position of a span.
    pub(crate) fn position(&self, span: Range<usize>) -> crate::report::Position {
        let at = span.start.min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let end = self.text.get(at..).and_then(|rest| rest.find('\n'));
        let end = end.map_or(self.text.len(), |length| at.saturating_add(length));
        let chars = |range: Range<usize>| self.text.get(range).map_or(0, |s| s.chars().count());
        crate::report::Position {
            line: self.line(at),
            column: chars(start..at).saturating_add(1),
            width: chars(at..span.end.clamp(at, end)).max(1),
            excerpt: self.covered.get(start..end).unwrap_or_default().trim_end().to_owned(),
            span,
        }
    }
}

impl Effect {
    pub(crate) fn resolved(self, file: &str, lines: &Lines<'_>) -> EffectiveValue {
        let source = match self.place {
            Place::File(span) => format!("{file}:{}", lines.line(span.start)),
            Place::Variable(name) => format!("env {name}"),
            Place::Flag(_) => "flag".to_owned(),
            Place::Default => "default".to_owned(),
        };
        EffectiveValue { key: self.key, value: self.value, source }
    }
}
