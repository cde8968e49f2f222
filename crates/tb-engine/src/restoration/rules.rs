//! What is done with the texts of an answer: placeholders are restored, findings are counted,
//! hidden, or end the answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tb_api::json::Document;
use tb_config::OnTrouble;
use tb_core::Surface;
use tb_guard::{Action, Actions, Finding, Kind, RestoreState, Vault};

use super::AnswerBlocked;
use super::exempt;
use super::odds;
use super::tally::Tally;
use crate::guarded::Guarded;

/// What is written in the place of which bytes of a document.
pub(super) type Splices = Vec<(Range<usize>, String)>;

/// How the text that placeholders stand in is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Text for people.
    Text,
    /// A JSON document: values go in with JSON's escapes.
    Json,
}

/// How closely texts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Not at all.
    Off,
    /// What is found is counted.
    Report,
    /// What is found may have to be hidden, so that text must be held back.
    Intervene,
}

/// The rules of one answer, and what came of them so far.
#[derive(Debug)]
pub(super) struct Rules {
    guarded: Arc<Guarded>,
    actions: Actions,
    duty: Duty,
    /// Some kind is found by the slow part only.
    with_names: bool,
    /// What is looked at now was counted before.
    pub(super) is_repeated: bool,
    pub(super) tally: Tally,
}

/// The kinds that only a whole scan finds.
const OF_NAMES: [&str; 9] = [
    "person",
    "location",
    "address",
    "organization",
    "title",
    "age",
    "nationality",
    "zip_code",
    "date",
];

impl Rules {
    pub(super) fn new(guarded: &Arc<Guarded>) -> Self {
        let policy = &guarded.policy;
        let counts = |kind: &Kind, action: Action| {
            action != Action::Allow && !policy.not_ours.contains(kind)
        };
        let listed = policy.answers.iter().filter(|(kind, action)| counts(kind, **action));
        // Nothing brings a placeholder of an answer back, so it would be one more redaction.
        let meant = |action: Action| match action {
            Action::Tokenize | Action::Hash => Action::Redact,
            action => action,
        };
        let by_kind = listed.map(|(kind, action)| (kind.clone(), meant(*action))).collect();
        let actions = Actions { by_kind };
        let duty = match actions.by_kind.values().any(|action| *action != Action::Report) {
            _ if actions.by_kind.is_empty() || !policy.enabled => Duty::Off,
            true => Duty::Intervene,
            false => Duty::Report,
        };
        let with_names = actions.by_kind.keys().any(|kind| OF_NAMES.contains(&kind.as_str()));
        let guarded = Arc::clone(guarded);
        let tally = Tally::default();
        Self { guarded, actions, duty, with_names, is_repeated: false, tally }
    }

    pub(super) fn duty(&self) -> Duty {
        self.duty
    }

    /// What is done with an answer that cannot be looked at.
    pub(super) fn on_error(&self) -> OnTrouble {
        self.guarded.policy.on_error
    }

    /// Where a document says what may have to be hidden a second time.
    pub(super) fn odds(&self, surface: Surface, document: &Document) -> Splices {
        match self.duty {
            Duty::Intervene => odds::of(surface, document),
            Duty::Off | Duty::Report => Splices::new(),
        }
    }

    /// Whether the caller asked for an answer that is JSON.
    pub(super) fn wants_json(&self) -> bool {
        self.guarded.wants_json
    }

    /// A whole text, restored.
    pub(super) fn restore<'t>(&mut self, text: &'t str, writing: Writing) -> Cow<'t, str> {
        let mut state = state(writing);
        let restored = state.push(&self.guarded.vault, text);
        let held = state.finish();
        self.tally.restored += state.restored();
        self.tally.unknown += state.unknown();
        if held.is_empty() { restored } else { Cow::Owned(restored.into_owned() + &held) }
    }

    /// A piece of a text, restored; `held` is what the pieces before left open, then what this
    /// one does.
    pub(super) fn restore_piece(
        &mut self,
        piece: &str,
        writing: Writing,
        held: &mut String,
    ) -> String {
        let mut state = state(writing);
        held.push_str(piece);
        let restored = state.push(&self.guarded.vault, held).into_owned();
        *held = state.finish();
        self.tally.restored += state.restored();
        self.tally.unknown += state.unknown();
        restored
    }

    /// What the rules forbid in a text that is not restored yet, in its order. Placeholders and
    /// what the gateway itself has hidden are no findings.
    pub(super) fn look(&self, text: &str) -> Result<Vec<Finding>, AnswerBlocked> {
        let guard = &self.guarded.guard;
        let scan = catch_unwind(AssertUnwindSafe(|| {
            if self.with_names { guard.scan(text) } else { guard.scan_structured(text) }
        }));
        let Ok(scan) = scan else {
            tracing::error!("the guard failed on an answer");
            return match self.on_error() {
                OnTrouble::Block => Err(AnswerBlocked { found: String::new() }),
                OnTrouble::Allow => Ok(Vec::new()),
            };
        };
        let mut findings = scan.findings;
        findings.retain(|finding| self.actions.by_kind.contains_key(&finding.kind));
        if !findings.is_empty() {
            findings = exempt::outside(text, findings, &self.guarded.vault);
        }
        Ok(findings)
    }

    /// Ends the answer where some of these findings forbid it.
    pub(super) fn allow<'f>(
        &mut self,
        findings: impl Iterator<Item = &'f Finding>,
    ) -> Result<(), AnswerBlocked> {
        let mut counts: BTreeMap<&Kind, u64> = BTreeMap::new();
        for finding in findings {
            if self.actions.of(&finding.kind) == Action::Block {
                *counts.entry(&finding.kind).or_default() += 1;
                self.count(&finding.kind, Action::Block);
            }
        }
        if counts.is_empty() {
            return Ok(());
        }
        let found: Vec<String> =
            counts.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
        Err(AnswerBlocked { found: found.join(",") })
    }

    /// Counts a finding and says what stands in its place; nothing where it stays.
    pub(super) fn judge(&mut self, finding: &Finding, value: &str) -> Option<String> {
        let action = self.actions.of(&finding.kind);
        self.count(&finding.kind, action);
        if matches!(action, Action::Allow | Action::Report) {
            return None;
        }
        let whole = Finding { start: 0, end: value.len(), ..finding.clone() };
        let mut nothing = Vault::new(0, &[0; 32]);
        Some(self.actions.hide(value, &[whole], &mut nothing).text)
    }

    fn count(&mut self, kind: &Kind, action: Action) {
        if !self.is_repeated {
            *self.tally.found.entry((kind.clone(), action.as_str())).or_default() += 1;
        }
    }
}

const fn state(writing: Writing) -> RestoreState {
    match writing {
        Writing::Text => RestoreState::for_text(),
        Writing::Json => RestoreState::for_json(),
    }
}
