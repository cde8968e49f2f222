//! What was found in a request, for its row, its headers and the metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use tb_config::{GuardPolicy, OnTrouble, Reaction};
use tb_core::DataClass;
use tb_guard::{Action, CharacterCounts, Kind};

use crate::guarded::Tally;
use crate::metrics::Metrics;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// By kind, but for those that are allowed.
    pub(super) found: BTreeMap<Kind, Tally>,
    /// Kinds that are allowed.
    pub(super) allowed: BTreeSet<Kind>,
    pub(super) characters: CharacterCounts,
    /// Words by the number of their list.
    pub(super) keywords: BTreeMap<usize, u64>,
    /// Texts that try to command the model.
    pub(super) injections: u64,
    /// Texts that could not be looked at as a whole.
    pub(super) opaque: u64,
    /// The guard failed.
    pub(super) failed: bool,
}

impl Tallies {
    /// Counts a finding with what is done about it.
    pub(super) fn note(&mut self, kind: &Kind, action: Action) {
        if action == Action::Allow {
            if !self.allowed.contains(kind) {
                self.allowed.insert(kind.clone());
            }
            return;
        }
        match self.found.get_mut(kind) {
            Some(tally) => tally.add(action),
            None => {
                self.found.insert(kind.clone(), Tally { actions: vec![(action, 1)] });
            }
        }
    }

    /// Adds what was seen of unseen characters.
    pub(super) fn note_characters(&mut self, counts: &CharacterCounts) {
        self.characters.controls += counts.controls;
        self.characters.bidi += counts.bidi;
        self.characters.tags += counts.tags;
        self.characters.zero_width += counts.zero_width;
    }

    /// The strictest class that the policy gives to what was found.
    pub(super) fn data_class(&self, policy: &GuardPolicy) -> Option<DataClass> {
        if policy.data_classes.is_empty() {
            return None;
        }
        let kinds = self.found.keys().chain(&self.allowed);
        kinds.filter_map(|kind| policy.data_classes.get(kind)).max().copied()
    }

    /// What the row says: `email=2:tokenize,credit_card=1:mask`, then the signals.
    pub(super) fn row_note(&self, policy: &GuardPolicy) -> Option<String> {
        let mut note = String::new();
        let mut add = |name: std::fmt::Arguments<'_>, count: u64, what: &str| {
            if !note.is_empty() {
                note.push(',');
            }
            // Writing to a String cannot fail.
            let _ = write!(note, "{name}={count}:{what}");
        };
        for (kind, tally) in &self.found {
            for (action, count) in &tally.actions {
                add(format_args!("{kind}"), *count, action.as_str());
            }
        }
        for (list, count) in &self.keywords {
            let (name, reaction) = list_of(policy, *list);
            add(format_args!("keyword:{name}"), *count, reaction_word(reaction));
        }
        if self.injections > 0 {
            let reaction = reaction_word(policy.injection.reaction);
            add(format_args!("injection"), self.injections, reaction);
        }
        if self.opaque > 0 {
            add(format_args!("opaque"), self.opaque, trouble_word(policy.opaque));
        }
        if self.failed {
            add(format_args!("failure"), 1, trouble_word(policy.on_error));
        }
        (!note.is_empty()).then_some(note)
    }

    /// Counts in the metrics. Kinds and lists have their names from the configuration or from
    /// the guard, never from a caller.
    pub(super) fn count(&self, policy: &GuardPolicy, placeholders: usize, metrics: &Metrics) {
        for (kind, tally) in &self.found {
            for (action, count) in &tally.actions {
                let action = action.as_str().to_owned();
                let labels = vec![("type", kind.to_string()), ("action", action)];
                metrics.guard_findings.get_or_create(&labels).inc_by(*count);
            }
        }
        let signal = |signal: String, reaction: &str, count: u64| {
            let labels = vec![("signal", signal), ("reaction", reaction.to_owned())];
            metrics.guard_signals.get_or_create(&labels).inc_by(count);
        };
        for (list, count) in &self.keywords {
            let (name, reaction) = list_of(policy, *list);
            signal(format!("keyword:{name}"), reaction_word(reaction), *count);
        }
        if self.injections > 0 {
            let reaction = reaction_word(policy.injection.reaction);
            signal("injection".to_owned(), reaction, self.injections);
        }
        if self.opaque > 0 {
            signal("opaque".to_owned(), trouble_word(policy.opaque), self.opaque);
        }
        if self.failed {
            signal("failure".to_owned(), trouble_word(policy.on_error), 1);
        }
        if placeholders > 0 {
            let labels = vec![("outcome", "issued".to_owned())];
            let issued = u64::try_from(placeholders).unwrap_or(u64::MAX);
            metrics.placeholders.get_or_create(&labels).inc_by(issued);
        }
    }
}

/// The name of a keyword list and what is done about its words.
pub(super) fn list_of(policy: &GuardPolicy, list: usize) -> (&str, Reaction) {
    let list = policy.keywords.lists.get(list);
    list.map_or(("other", Reaction::Report), |(name, reaction)| (name.as_str(), *reaction))
}

const fn reaction_word(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Off => "off",
        Reaction::Report => "report",
        Reaction::Block => "block",
    }
}

const fn trouble_word(trouble: OnTrouble) -> &'static str {
    match trouble {
        OnTrouble::Block => "block",
        OnTrouble::Allow => "allow",
    }
}
