//! From a source to a checked configuration, or to a report of all that is wrong.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codes::{Code, Severity};
use crate::document::Document;
use crate::effective::EffectiveValue;
use crate::environment::Environment;
use crate::keys::ROOT;
use crate::nearest::nearest;
use crate::reader::{Effect, Fault, Findings, Location, Place, Reader, Section};
use crate::report::{Diagnostic, Report};
use crate::sections;
use crate::snapshot::Snapshot;
use crate::value::Mistake;
use crate::vendors;
use crate::watched::Watched;

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This file; relative paths in it are taken from its folder.
    File(PathBuf),
    /// This text, for tests and editors.
    Text {
        /// What reports call it.
        name: String,
        /// Where relative paths in it are taken from.
        folder: PathBuf,
        /// The TOML text.
        text: String,
    },
    /// No file: the built-in defaults.
    BuiltIn,
}

impl Source {
    /// The file of `--config`, else of `$TOLLBAR_CONFIG`, else `./tollbar.toml` if there is
    /// one, else the built-in defaults.
    #[must_use]
    pub fn find(given: Option<&Path>, environment: &dyn Environment) -> Self {
        if let Some(path) = given {
            return Self::File(path.to_owned());
        }
        if let Some(path) = environment.var("TOLLBAR_CONFIG").filter(|path| !path.is_empty()) {
            return Self::File(path.into());
        }
        let usual = Path::new("tollbar.toml");
        match environment.read_file(usual) {
            Err(error) if error.kind() == ErrorKind::NotFound => Self::BuiltIn,
            _ => Self::File(usual.to_owned()),
        }
    }
}

/// Values from the command line, which go before everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    values: Vec<(String, String)>,
}

impl Overrides {
    /// Sets a key such as `server.listen`; a later value goes before an earlier one. Only
    /// the keys of `server`, `storage`, `journal`, `telemetry`, `cache` and `environment` can be
    /// set so; others are reported by [`load`].
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.values.push((key.to_owned(), value.into()));
        self
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// A configuration that may be served with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// The file it came from; `None` for texts and the built-in defaults.
    pub origin: Option<PathBuf>,
    /// What somebody should know, though it is accepted.
    pub warnings: Vec<Diagnostic>,
    /// The files that it was made of and that others renew: secrets, certificates, key sets.
    pub watched: Watched,
    pub(crate) effective: Vec<EffectiveValue>,
}

impl Loaded {
    /// The configuration of a start without a file: SQLite and journal in `./tollbar-data/`,
    /// the service `default`, and a provider for each vendor whose usual variable is set.
    ///
    /// # Errors
    /// When a `TOLLBAR_*` variable is faulty.
    pub fn defaults(environment: &dyn Environment) -> Result<Self, Report> {
        load(&Source::BuiltIn, &Overrides::default(), environment)
    }
}

/// Reads and checks a configuration.
///
/// # Errors
/// A report of everything that is wrong with it (and of the warnings).
pub fn load(
    source: &Source,
    overrides: &Overrides,
    environment: &dyn Environment,
) -> Result<Loaded, Report> {
    match source {
        Source::File(path) => {
            let name = path.display().to_string();
            let text = environment.read_file(path).map_err(|why| unreadable(&name, &why))?;
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let folder = absolute.parent().unwrap_or(Path::new("/"));
            let input = Input { name: &name, folder, text: &text, built_in: false };
            let loaded = read(&input, overrides, environment)?;
            Ok(Loaded { origin: Some(path.clone()), ..loaded })
        }
        Source::Text { name, folder, text } => {
            read(&Input { name, folder, text, built_in: false }, overrides, environment)
        }
        Source::BuiltIn => {
            let folder = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
            let (text, warnings) = vendors::built_in(environment);
            let input = Input { name: vendors::NAME, folder: &folder, text: &text, built_in: true };
            let mut loaded = read(&input, overrides, environment)?;
            loaded.warnings.extend(warnings);
            Ok(loaded)
        }
    }
}

/// A text with its name and folder.
struct Input<'a> {
    name: &'a str,
    folder: &'a Path,
    text: &'a str,
    /// Nobody wrote the text, so nothing in it has a line.
    built_in: bool,
}

fn unreadable(name: &str, why: &std::io::Error) -> Report {
    let (message, help) = match why.kind() {
        ErrorKind::NotFound => (
            "the configuration file does not exist".to_owned(),
            "name another file, or write one with `tollbar init`",
        ),
        ErrorKind::InvalidData => {
            ("the configuration file is not UTF-8 text".to_owned(), "save it as UTF-8")
        }
        _ => (
            format!("the configuration file cannot be read: {why}"),
            "make it readable for the user that runs tollbar",
        ),
    };
    Report::new(vec![Diagnostic {
        code: Code::UnreadableFile,
        file: name.to_owned(),
        position: None,
        message,
        help: help.to_owned(),
        nearest: None,
    }])
}

fn read(
    input: &Input<'_>,
    overrides: &Overrides,
    environment: &dyn Environment,
) -> Result<Loaded, Report> {
    let document = Document::parse(input.text, &ROOT);
    let reader = Reader::new(environment, overrides, Location::of(input.name, input.folder));
    check_overrides(&reader);
    let whole = Place::File(0..0);
    let root = Section::new(&reader, &ROOT, Some(document.table()), String::new(), whole);
    let draft = sections::snapshot(&root);
    drop(root);
    let Findings { mut faults, mut effects, elsewhere, hashed, watched } = reader.into_findings();
    if input.built_in {
        unplace(&mut faults, &mut effects);
    }
    let lines = document.lines();
    let mut effective: Vec<_> =
        effects.into_iter().map(|effect| effect.resolved(input.name, &lines)).collect();
    effective.sort_by(|a, b| a.key.cmp(&b.key));

    let report = Report::new(document.diagnostics(input.name, faults)).and(elsewhere);
    match draft {
        Some(mut snapshot) if report.count(Severity::Error) == 0 => {
            let values = effective.iter().flat_map(|one| [one.key.as_str(), one.value.as_str()]);
            snapshot.hash = crate::hash::fnv1a(values.chain(hashed.iter().map(String::as_str)));
            let warnings = report.diagnostics;
            Ok(Loaded { snapshot: Arc::new(snapshot), origin: None, warnings, watched, effective })
        }
        _ => Err(report),
    }
}

/// Nobody wrote the built-in text, so nothing in it has a line; its providers are there because
/// of variables.
fn unplace(faults: &mut [Fault], effects: &mut [Effect]) {
    let in_text = |place: &Place| matches!(place, Place::File(_));
    for fault in faults.iter_mut().filter(|fault| in_text(&fault.place)) {
        fault.place = Place::Default;
    }
    for effect in effects.iter_mut().filter(|effect| in_text(&effect.place)) {
        effect.place = vendors::variable_behind(&effect.key)
            .map_or(Place::Default, |variable| Place::Variable(variable.to_owned()));
    }
}

/// Flags for keys that cannot be set so.
fn check_overrides(reader: &Reader<'_>) {
    let known: Vec<String> = ROOT
        .keys
        .iter()
        .filter_map(|key| key.kind.below())
        .filter(|table| table.overridable)
        .flat_map(|table| {
            let scalars = table.keys.iter().filter(|key| key.kind.below().is_none());
            scalars.map(|key| format!("{}.{}", table.place, key.name))
        })
        .collect();
    for (key, _) in &reader.overrides.values {
        if !known.contains(key) {
            let message = format!("the key `{key}` cannot be set on the command line");
            let help = format!("these can: {}", known.join(", "));
            let nearest = nearest(key, known.iter().map(String::as_str));
            let mistake = Mistake::new(Code::UnknownKey, message, help).with_nearest(nearest);
            reader.fault(&Place::Flag(key.clone()), mistake);
        }
    }
}
