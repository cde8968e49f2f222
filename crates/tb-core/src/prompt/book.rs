//! What requests are served with: every version compiled, every label, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::content::PromptRecord;
use super::label::LabelRecord;
use super::template::Template;

/// The label of what is served where nothing else is said.
const PRODUCTION: &str = "production";

/// A version ready to be filled.
#[derive(Debug)]
pub struct Prompt {
    /// What it is.
    pub record: PromptRecord,
    /// What is filled.
    pub template: Template,
}

/// Which version is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// The one of this number.
    Number(u32),
    /// The one that this label points to.
    Label(&'a str),
    /// None is named.
    Usual,
}

/// Why there is no version to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// Nothing is called so.
    #[error("there is no such prompt")]
    Prompt,
    /// The prompt has no version of this number.
    #[error("the prompt has no such version")]
    Version,
    /// The prompt has no such label.
    #[error("the prompt has no such label")]
    Label,
    /// None was named, and in production only what has a label is served then.
    #[error(
        "no version of the prompt has the label `production`; promote one, or name a version or \
         a label"
    )]
    Unlabelled,
}

#[derive(Debug, Default)]
struct Entry {
    versions: BTreeMap<u32, Arc<Prompt>>,
    labels: BTreeMap<String, u32>,
}

/// All prompts. Immutable: a change makes another book.
#[derive(Debug, Default)]
pub struct PromptBook {
    entries: HashMap<String, Entry>,
    aliases: HashMap<String, String>,
}

/// Whether the environment of this name is the one that people depend on. So is one without a
/// name: whoever forgets to name it must not serve drafts.
#[must_use]
pub fn is_production(environment: Option<&str>) -> bool {
    environment.is_none_or(|name| {
        name.eq_ignore_ascii_case(PRODUCTION) || name.eq_ignore_ascii_case("prod")
    })
}

impl PromptBook {
    /// A book of these versions and labels. What `before` has compiled is taken from there. Also
    /// gives the versions that cannot be used, with the reason: they were added by another
    /// version of this program.
    #[must_use]
    pub fn new(
        records: Vec<PromptRecord>,
        labels: &[LabelRecord],
        before: &Self,
    ) -> (Self, Vec<(PromptRecord, String)>) {
        let (mut book, mut faulty) = (Self::default(), Vec::new());
        for record in records {
            let known = before.version(&record.name, record.number);
            let prompt = match known.filter(|known| known.record == record) {
                Some(known) => Arc::clone(known),
                None => match Template::compile(&record.content) {
                    Ok(template) => Arc::new(Prompt { record, template }),
                    Err(fault) => {
                        faulty.push((record, fault.to_string()));
                        continue;
                    }
                },
            };
            let record = &prompt.record;
            for alias in &record.content.aliases {
                book.aliases.entry(alias.clone()).or_insert_with(|| record.name.clone());
            }
            let entry = book.entries.entry(record.name.clone()).or_default();
            entry.versions.insert(record.number, prompt);
        }
        for label in labels {
            if let Some(entry) = book.entries.get_mut(&label.name) {
                entry.labels.insert(label.label.clone(), label.number);
            }
        }
        (book, faulty)
    }

    fn version(&self, name: &str, number: u32) -> Option<&Arc<Prompt>> {
        self.entries.get(name)?.versions.get(&number)
    }

    /// The version to serve, of a prompt by its name or an alias. Where none is named it is the
    /// one with the label of the environment's name, or else `production`; outside production, or
    /// else the newest one.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(
        &self,
        id: &str,
        chosen: Chosen<'_>,
        environment: Option<&str>,
    ) -> Result<&Arc<Prompt>, Absent> {
        let entry = self
            .entries
            .get(id)
            .or_else(|| self.entries.get(self.aliases.get(id)?))
            .ok_or(Absent::Prompt)?;
        let labelled = |label: &str| entry.versions.get(entry.labels.get(label)?);
        match chosen {
            Chosen::Number(number) => entry.versions.get(&number).ok_or(Absent::Version),
            Chosen::Label(label) => labelled(label).ok_or(Absent::Label),
            Chosen::Usual => {
                let newest = || entry.versions.values().next_back();
                environment
                    .and_then(labelled)
                    .or_else(|| labelled(PRODUCTION))
                    .or_else(|| newest().filter(|_| !is_production(environment)))
                    .ok_or(Absent::Unlabelled)
            }
        }
    }

    /// Whether one of these labels points to the version now.
    #[must_use]
    pub fn has_label(&self, prompt: &PromptRecord, labels: &[String]) -> bool {
        let Some(entry) = self.entries.get(&prompt.name) else { return false };
        labels.iter().any(|label| entry.labels.get(label) == Some(&prompt.number))
    }

    /// Whether there is no prompt at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::{MessageSource, PromptContent, PromptRole};
    use super::*;
    use crate::Timestamp;

    fn record(name: &str, number: u32) -> PromptRecord {
        let source = format!("{name} {number}");
        let content = PromptContent {
            aliases: vec![format!("pmpt_{name}")],
            messages: vec![MessageSource { role: PromptRole::User, source }],
            ..PromptContent::default()
        };
        let (name, hash) = (name.to_owned(), content.hash());
        PromptRecord { name, number, hash, created_at: Timestamp(0), content }
    }

    fn label(name: &str, number: u32) -> LabelRecord {
        LabelRecord::new("t", name, (number, Timestamp(0)))
    }

    fn book(labels: &[LabelRecord]) -> PromptBook {
        let records = (1..=3).map(|number| record("t", number)).collect();
        PromptBook::new(records, labels, &PromptBook::default()).0
    }

    fn usual(book: &PromptBook, environment: Option<&str>) -> Result<u32, Absent> {
        book.find("t", Chosen::Usual, environment).map(|prompt| prompt.record.number)
    }

    #[test]
    fn a_draft_without_a_label_is_never_served_in_production() {
        let bare = book(&[]);
        for environment in [None, Some("production"), Some("Prod")] {
            assert_eq!(usual(&bare, environment), Err(Absent::Unlabelled));
        }
        assert_eq!(usual(&bare, Some("staging")), Ok(3));
        let named = bare.find("t", Chosen::Number(2), None).unwrap();
        assert_eq!(named.record.number, 2, "who names a version gets it");
    }

    #[test]
    fn the_label_of_the_environment_goes_before_production() {
        let both = book(&[label("production", 1), label("staging", 2)]);
        assert_eq!(usual(&both, None), Ok(1));
        assert_eq!(usual(&both, Some("staging")), Ok(2));
        assert_eq!(usual(&both, Some("test")), Ok(1));
    }

    #[test]
    fn what_is_absent_is_told_apart() {
        let book = book(&[label("staging", 2)]);
        let absent = |id, chosen| book.find(id, chosen, None).unwrap_err();
        assert_eq!(absent("other", Chosen::Usual), Absent::Prompt);
        assert_eq!(absent("t", Chosen::Number(9)), Absent::Version);
        assert_eq!(absent("t", Chosen::Label("production")), Absent::Label);
    }

    #[test]
    fn an_alias_names_the_same_prompt() {
        let book = book(&[label("production", 1)]);
        let found = book.find("pmpt_t", Chosen::Usual, None).unwrap();
        assert_eq!((found.record.name.as_str(), found.record.number), ("t", 1));
    }

    #[test]
    fn a_new_book_compiles_only_what_is_new() {
        let old = book(&[]);
        let (new, _) = PromptBook::new(vec![record("t", 2)], &[label("production", 2)], &old);
        let (before, after) = (old.version("t", 2).unwrap(), new.version("t", 2).unwrap());
        assert!(Arc::ptr_eq(before, after));
        assert!(new.has_label(&after.record, &["production".to_owned()]));
        assert!(!old.has_label(&after.record, &["production".to_owned()]));
    }

    #[test]
    fn a_version_that_cannot_be_compiled_keeps_no_other_from_work() {
        let mut broken = record("b", 1);
        broken.content.messages[0].source = "{{ undeclared }}".to_owned();
        let (book, faulty) =
            PromptBook::new(vec![broken, record("t", 1)], &[], &PromptBook::default());
        assert_eq!(faulty.len(), 1);
        assert!(book.find("t", Chosen::Number(1), None).is_ok());
        assert!(book.find("b", Chosen::Number(1), None).is_err());
    }
}
