//! Which version is meant: `translate`, `translate@3`, `translate@production`, a file.

use std::path::Path;
use std::sync::Arc;

use tb_config::{GuardPolicy, Snapshot};
use tb_core::prompt::{LabelRecord, PromptContent, PromptRecord, PromptSource};

use crate::cli::Global;
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};

/// A version, or a file that may be none yet.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) content: PromptContent,
    pub(super) record: Option<PromptRecord>,
}

impl Found {
    fn stored(record: &PromptRecord) -> Self {
        let (name, content) = (record.name.clone(), record.content.clone());
        Self { name, content, record: Some(record.clone()) }
    }

    fn draft(source: &PromptSource) -> Self {
        Self { name: source.name.clone(), content: source.content.clone(), record: None }
    }

    pub(super) fn hash(&self) -> String {
        self.record.as_ref().map_or_else(|| self.content.hash(), |record| record.hash.clone())
    }

    /// What people call it.
    pub(super) fn title(&self) -> String {
        match &self.record {
            Some(record) => format!("{}@{}", record.name, record.number),
            None => format!("{} (file)", self.name),
        }
    }
}

/// Name and what stands behind the `@`.
pub(super) fn parts(text: &str) -> (&str, Option<&str>) {
    match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    }
}

/// Where versions and files are looked for.
pub(super) struct Shelf {
    /// `None` where only a file is asked for, which needs no configuration.
    snapshot: Option<Arc<Snapshot>>,
}

impl Shelf {
    pub(super) fn open(
        wanted: &str,
        configuration: &Configuration,
        global: &Global,
    ) -> anyhow::Result<Self> {
        let snapshot = match is_file(wanted) {
            true => None,
            false => Some(configuration.load_loudly(global.quiet)?.snapshot),
        };
        Ok(Self { snapshot })
    }

    /// The rules for characters: those of `[guard]`.
    pub(super) fn policy(&self) -> Arc<GuardPolicy> {
        self.snapshot
            .as_ref()
            .map(|snapshot| Arc::clone(&snapshot.guard.policy))
            .unwrap_or_default()
    }

    pub(super) fn find(&self, text: &str) -> anyhow::Result<Found> {
        let Some(snapshot) = &self.snapshot else { return super::files::read(Path::new(text)) };
        let (name, version) = parts(text);
        let file = snapshot.prompts.sources.iter().find(|source| source.name == name);
        if let (None, Some(source)) = (version, file) {
            return Ok(Found::draft(source));
        }
        let (versions, labels) = super::stored(snapshot)?;
        Ok(Found::stored(stored(&versions, &labels, (name, version))?))
    }
}

fn is_file(text: &str) -> bool {
    text.ends_with(".prompt") || text.contains('/')
}

/// A stored version by number or label; the newest one where neither is said.
pub(super) fn stored<'r>(
    versions: &'r [PromptRecord],
    labels: &[LabelRecord],
    (name, version): (&str, Option<&str>),
) -> anyhow::Result<&'r PromptRecord> {
    let own = || versions.iter().filter(|record| record.name == name);
    let label = |word: &str| labels.iter().find(|label| label.name == name && label.label == word);
    let number = match version {
        None => own().map(|record| record.number).max(),
        Some(word) if word.bytes().all(|b| b.is_ascii_digit()) => word.parse().ok(),
        Some(word) => label(word).map(|label| label.number),
    };
    own().find(|record| Some(record.number) == number).ok_or_else(|| {
        let what = match (own().next(), version) {
            (None, _) => format!("there is no prompt `{name}`"),
            (Some(_), Some(version)) => format!("`{name}` has no version or label `{version}`"),
            (Some(_), None) => format!("`{name}` has no version"),
        };
        Failed::new(NEGATIVE, what).into()
    })
}

impl From<&PromptSource> for Found {
    fn from(source: &PromptSource) -> Self {
        Self::draft(source)
    }
}
