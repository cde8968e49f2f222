//! Where versions are registered and labels moved. Every change is written with the act that it
//! is.

use serde_json::{Value, json};

use super::content::PromptRecord;
use super::is_label;
use super::label::LabelRecord;
use super::source::PromptSource;
use crate::ports::{PromptStore, StoreError};
use crate::{Actor, AdminAct, Timestamp};

/// How often a registration is tried when others register at the same time.
const TRIES: usize = 8;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// What the gate is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The label that is to be moved.
    pub label: &'a str,
    /// Where it is to point to.
    pub version: &'a PromptRecord,
    /// Where it points to now.
    pub baseline: Option<&'a PromptRecord>,
}

/// A comparison that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The run or comparison, as people call it.
    pub id: String,
    /// The hash of its results.
    pub hash: String,
}

/// Asked before a protected label is moved.
pub trait PromotionGate: Send + Sync {
    /// What `evidence` (a file or an id) shows of exactly this version.
    ///
    /// # Errors
    /// Why it does not show that the version is as good as the one before, in words.
    fn judge(&self, candidate: &Candidate<'_>, evidence: &str) -> Result<Evidence, String>;
}

/// Takes no evidence, where there are no evaluations to read: only an override moves a protected
/// label there.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGate;

impl PromotionGate for NoGate {
    fn judge(&self, _: &Candidate<'_>, _: &str) -> Result<Evidence, String> {
        Err("evidence cannot be read here; use the command line, or an override".to_owned())
    }
}

/// Why a label may be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warrant {
    /// Nothing is said: enough for labels that are not protected.
    None,
    /// A comparison, for the gate to judge.
    Evidence(String),
    /// Somebody takes it upon themselves, with a reason.
    Override(String),
}

/// A label to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The prompt.
    pub name: String,
    /// The label.
    pub label: String,
    /// Where to.
    pub number: u32,
    /// Where it must point to now; 0 = it must not exist. `None` = wherever.
    pub expect: Option<u32>,
    /// Why it may.
    pub warrant: Warrant,
}

/// Why a label was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveFault {
    /// There is no such prompt, version or label.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The request is faulty.
    #[error("{0}")]
    Invalid(String),
    /// The label points elsewhere than was expected.
    #[error("the label points to version {0} meanwhile (0 = it does not exist); look again")]
    Moved(u32),
    /// It never pointed elsewhere.
    #[error("the label has no version to go back to")]
    NothingEarlier,
    /// A protected label needs evidence.
    #[error(
        "the label `{0}` is protected: it moves with the evidence of a passed comparison, or with \
         an override and its reason"
    )]
    NeedsEvidence(String),
    /// The evidence does not do.
    #[error("the evidence does not do: {0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where prompts are changed.
pub struct PromptDesk<'a> {
    /// Where they are kept.
    pub store: &'a dyn PromptStore,
    /// The protected labels.
    pub protected: &'a [String],
    /// Who judges evidence.
    pub gate: &'a dyn PromotionGate,
    /// Who acts.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

impl std::fmt::Debug for PromptDesk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromptDesk").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl PromptDesk<'_> {
    /// The version that a file is: a new one with the next number, or the one that has its hash
    /// already. Also tells whether it is new.
    ///
    /// # Errors
    /// When the store fails.
    pub fn register(&self, source: &PromptSource) -> Result<(PromptRecord, bool), StoreError> {
        let hash = source.content.hash();
        let mut last = StoreError::Conflict(format!("prompt {}", source.name));
        for _ in 0..TRIES {
            let versions = self.versions(&source.name)?;
            if let Some(known) = versions.iter().find(|version| version.hash == hash) {
                return Ok((known.clone(), false));
            }
            let number = versions.iter().map(|version| version.number).max().unwrap_or(0) + 1;
            let record = PromptRecord {
                name: source.name.clone(),
                number,
                hash: hash.clone(),
                created_at: self.now,
                content: source.content.clone(),
            };
            let object = format!("{}@{number}", source.name);
            let after = json!({ "version": number, "hash": hash });
            let act = self.act("prompt.register", object).with(None, Some(after));
            match self.store.add_prompt(&record, &act) {
                Ok(()) => return Ok((record, true)),
                Err(conflict @ StoreError::Conflict(_)) => last = conflict,
                Err(other) => return Err(other),
            }
        }
        Err(last)
    }

    /// Moves a label. A protected one takes evidence that the gate accepts, or an override.
    ///
    /// # Errors
    /// See [`MoveFault`]; nothing was moved then.
    pub fn promote(&self, asked: &Move) -> Result<LabelRecord, MoveFault> {
        if !is_label(&asked.label) {
            let message = "a label has 1 to 64 letters, digits, `-`, `_` and `.`, and not digits \
                           alone";
            return Err(MoveFault::Invalid(message.to_owned()));
        }
        let versions = self.versions(&asked.name)?;
        if versions.is_empty() {
            return Err(MoveFault::Unknown("prompt"));
        }
        let find = |number| versions.iter().find(|version| version.number == number);
        let version = find(asked.number).ok_or(MoveFault::Unknown("version"))?;
        let current = self.label(&asked.name, &asked.label)?;
        expected(current.as_ref(), asked.expect)?;
        let baseline = current.as_ref().and_then(|label| find(label.number));
        let candidate = Candidate { label: &asked.label, version, baseline };
        let warrant = self.warranted(&candidate, &asked.warrant)?;
        let moved = match &current {
            None => LabelRecord::new(&asked.name, &asked.label, (asked.number, self.now)),
            Some(label) => label.moved(asked.number, self.now),
        };
        self.put(current.as_ref(), moved, (&versions, warrant))
    }

    /// Moves a label back to where it pointed before. Protected ones too: it was there already,
    /// and whoever needs it needs it now.
    ///
    /// # Errors
    /// See [`MoveFault`]; nothing was moved then.
    pub fn rollback(
        &self,
        (name, label): (&str, &str),
        expect: Option<u32>,
    ) -> Result<LabelRecord, MoveFault> {
        let versions = self.versions(name)?;
        if versions.is_empty() {
            return Err(MoveFault::Unknown("prompt"));
        }
        let current = self.label(name, label)?.ok_or(MoveFault::Unknown("label"))?;
        expected(Some(&current), expect)?;
        let back = current.rolled_back(self.now).ok_or(MoveFault::NothingEarlier)?;
        self.put(Some(&current), back, (&versions, json!({ "rollback": true })))
    }

    /// What the act says of why the label may move.
    fn warranted(&self, candidate: &Candidate<'_>, warrant: &Warrant) -> Result<Value, MoveFault> {
        match warrant {
            Warrant::Evidence(evidence) => {
                let found = self.gate.judge(candidate, evidence).map_err(MoveFault::Refused)?;
                Ok(json!({ "evidence": found.id, "evidence_hash": found.hash }))
            }
            Warrant::Override(reason) => {
                if reason.trim().is_empty() || reason.chars().count() > MAX_REASON {
                    let message =
                        format!("the reason of an override has 1 to {MAX_REASON} characters");
                    return Err(MoveFault::Invalid(message));
                }
                Ok(json!({ "override": reason }))
            }
            Warrant::None if self.protected.iter().any(|label| label == candidate.label) => {
                Err(MoveFault::NeedsEvidence(candidate.label.to_owned()))
            }
            Warrant::None => Ok(json!({})),
        }
    }

    fn put(
        &self,
        before: Option<&LabelRecord>,
        after: LabelRecord,
        (versions, why): (&[PromptRecord], Value),
    ) -> Result<LabelRecord, MoveFault> {
        let shown = |number: u32| {
            let version = versions.iter().find(|version| version.number == number);
            json!({ "version": number, "hash": version.map(|version| version.hash.as_str()) })
        };
        let mut target = shown(after.number);
        if let (Value::Object(target), Value::Object(why)) = (&mut target, why) {
            target.extend(why);
        }
        let object = format!("{}@{}", after.name, after.label);
        let act = self
            .act("prompt.label", object)
            .with(before.map(|label| shown(label.number)), Some(target));
        match self.store.put_prompt_label(&after, &act) {
            Ok(()) => Ok(after),
            Err(StoreError::Conflict(_)) => {
                let now = self.label(&after.name, &after.label)?;
                Err(MoveFault::Moved(now.map_or(0, |label| label.number)))
            }
            Err(other) => Err(other.into()),
        }
    }

    fn act(&self, kind: &str, object: String) -> AdminAct {
        AdminAct::new(self.now, self.actor.clone(), kind, object)
    }

    fn versions(&self, name: &str) -> Result<Vec<PromptRecord>, StoreError> {
        let mut versions = self.store.prompts()?;
        versions.retain(|version| version.name == name);
        Ok(versions)
    }

    fn label(&self, name: &str, label: &str) -> Result<Option<LabelRecord>, StoreError> {
        let labels = self.store.prompt_labels()?;
        Ok(labels.into_iter().find(|own| own.name == name && own.label == label))
    }
}

fn expected(current: Option<&LabelRecord>, expect: Option<u32>) -> Result<(), MoveFault> {
    let now = current.map_or(0, |label| label.number);
    match expect {
        Some(expect) if expect != now => Err(MoveFault::Moved(now)),
        _ => Ok(()),
    }
}
