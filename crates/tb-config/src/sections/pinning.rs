//! `[pinning]` and the lock file, another TOML text that is reported under its own name.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::named_file;
use crate::codes::Code;
use crate::document::Document;
use crate::keys::LOCK_FILE;
use crate::load::Overrides;
use crate::reader::{At, Location, Place, Reader, Section};
use crate::snapshot::{Locked, OnRetired, PinPolicy, Pinning, is_model_name};
use crate::value::Word;

/// The whole section. `None` was reported.
pub(super) fn pinning(section: Option<&Section<'_>>) -> Option<Pinning> {
    let section = section?;
    let policy = section.value::<Word<PinPolicy>>("policy");
    let on_retired = section.value::<Word<OnRetired>>("on_retired");
    let freeze_on_drift = section.value::<bool>("freeze_on_drift");
    let path = section.value::<String>("lock_file");
    let path = path?;
    let is_awaited = policy.as_ref().is_some_and(|policy| policy.value.0 == PinPolicy::Resolve);
    let locked = lock_file(section.reader, &path, is_awaited);
    Some(Pinning {
        policy: policy?.value.0,
        on_retired: on_retired?.value.0,
        freeze_on_drift: freeze_on_drift?.value,
        lock_file: section.reader.resolve(&path.value),
        locked: locked?,
    })
}

/// The entries of the file; none before the first `models lock`. `None` was reported.
fn lock_file(
    reader: &Reader<'_>,
    path: &At<String>,
    is_awaited: bool,
) -> Option<BTreeMap<String, Locked>> {
    let read = reader.environment.read_file(&reader.resolve(&path.value));
    if matches!(read, Err(why) if why.kind() == ErrorKind::NotFound) {
        if is_awaited {
            reader.watch(&path.value);
        }
        return Some(BTreeMap::new());
    }
    let text = named_file::watched(reader, path, "lock file", Code::UnreadableLock)?;
    let name = reader.shown(&path.value);
    let document = Document::parse(&text, &LOCK_FILE);
    let overrides = Overrides::default();
    let location = Location::of(&name, Path::new(""));
    let inner = Reader::new(reader.environment, &overrides, location);
    let locked = entries(&inner, &document);
    reader.elsewhere(document.diagnostics(&name, inner.into_findings().faults));
    drop(document);
    reader.hash_too(text);
    locked
}

fn entries(reader: &Reader<'_>, document: &Document<'_>) -> Option<BTreeMap<String, Locked>> {
    let whole = Place::File(0..0);
    let root = Section::new(reader, &LOCK_FILE, Some(document.table()), String::new(), whole);
    let mut locked = BTreeMap::new();
    let mut complete = true;
    for (name, section) in root.named("models") {
        match entry(&section) {
            Some(entry) => drop(locked.insert(name, entry)),
            None => complete = false,
        }
    }
    complete.then_some(locked)
}

fn entry(section: &Section<'_>) -> Option<Locked> {
    let snapshot = section.value::<String>("snapshot");
    let evidence = section.optional::<String>("evidence");
    // For people and their reviews; read so that a fault in them is found.
    for key in ["evidence_sha256", "date", "reason"] {
        let _ = section.optional::<String>(key);
    }
    let snapshot = snapshot?;
    if !is_model_name(&snapshot.value) {
        let help = "write the name of a model as its provider knows it";
        section.reader.report(&snapshot.place, Code::BadName, "`snapshot` is no model name", help);
        return None;
    }
    Some(Locked { snapshot: snapshot.value, evidence: evidence.map(|run| run.value) })
}
