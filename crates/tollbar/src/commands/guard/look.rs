//! One text under the rules of a service.

use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tb_config::{GuardPolicy, OnTrouble, Reaction, Snapshot};
use tb_guard::score::{self, Place};
use tb_guard::{Action, CharacterCounts, Finding, Guard, Injection, Scan, Vault, injection};

use crate::failure::Failed;
use crate::output::Rows;

/// The guard and what it does.
pub(super) struct Rules {
    guard: Arc<Guard>,
    pub(super) policy: Arc<GuardPolicy>,
    tag: u64,
    key: [u8; 32],
}

/// A text looked at.
pub(super) struct Looked {
    found: Vec<(Finding, Place, Action)>,
    /// What would leave.
    pub(super) text: String,
    /// Part of it could not be looked at, and what is done then.
    opaque: Option<OnTrouble>,
    characters: CharacterCounts,
    has_forbidden_characters: bool,
    injection: Injection,
    /// Word lists with a word in the text, how often, and what is done then.
    keywords: Vec<(String, u64, Reaction)>,
}

const COLUMNS: [&str; 8] =
    ["type", "rule", "start", "end", "byte_start", "byte_end", "score", "action"];

impl Rules {
    /// Those of a service, or those of `[guard]`.
    pub(super) fn new(snapshot: &Snapshot, service: Option<&str>) -> anyhow::Result<Self> {
        let policy = match service {
            None => &snapshot.guard.policy,
            Some(name) => {
                let service = snapshot.services.get(name);
                let service = service
                    .ok_or_else(|| Failed::usage(format!("there is no service `{name}`")))?;
                &service.guard
            }
        };
        let mut seed = [0; 8];
        let mut key = [0; 32];
        let random = SystemRandom::new();
        random
            .fill(&mut seed)
            .and_then(|()| random.fill(&mut key))
            .map_err(|_| anyhow::anyhow!("the system's random number generator failed"))?;
        Ok(Self {
            guard: Arc::clone(&snapshot.guard.guard),
            policy: Arc::clone(policy),
            tag: u64::from_le_bytes(seed),
            key,
        })
    }

    /// What the guard finds for this service.
    pub(super) fn scan(&self, text: &str) -> Scan {
        let mut scan = self.guard.scan(text);
        scan.findings.retain(|finding| !self.policy.not_ours.contains(&finding.kind));
        scan
    }

    /// Looks at a text. Places are those in the text as it came; what leaves is made of the text
    /// without the characters that are stripped, as it is for requests.
    pub(super) fn look(&self, text: &str) -> anyhow::Result<Looked> {
        let policy = &self.policy;
        let scan = self.scan(text);
        let cleaned = policy.characters.clean(text);
        let mut vault = Vault::new(self.tag, &self.key);
        let hidden = match &cleaned.text {
            std::borrow::Cow::Borrowed(same) => {
                policy.actions.hide(same, &scan.findings, &mut vault)
            }
            std::borrow::Cow::Owned(stripped) => {
                policy.actions.hide(stripped, &self.scan(stripped).findings, &mut vault)
            }
        };
        let places = score::places(text, &scan.findings);
        let found = scan.findings.into_iter().zip(places);
        Ok(Looked {
            found: found
                .map(|(finding, place)| {
                    let action = policy.actions.of(&finding.kind);
                    (finding, place, action)
                })
                .collect(),
            text: hidden.text,
            opaque: scan.is_opaque.then_some(policy.opaque),
            characters: cleaned.counts,
            has_forbidden_characters: cleaned.is_rejected,
            injection: self.injection(text),
            keywords: self.keywords(text),
        })
    }

    /// What speaks for an injection, from the threshold of the service on.
    fn injection(&self, text: &str) -> Injection {
        let rules = self.policy.injection;
        match rules.reaction {
            Reaction::Off => Injection::default(),
            Reaction::Report | Reaction::Block => {
                let seen = injection(text);
                if seen.score >= rules.threshold { seen } else { Injection::default() }
            }
        }
    }

    fn keywords(&self, text: &str) -> Vec<(String, u64, Reaction)> {
        let filter = &self.policy.keywords;
        let found = filter.keywords.find(text).into_iter();
        let listed = found.filter_map(|(list, count)| {
            let (name, reaction) = filter.lists.get(list)?;
            Some((name.clone(), count, *reaction))
        });
        listed.filter(|(_, _, reaction)| *reaction != Reaction::Off).collect()
    }
}

impl Looked {
    /// The object of `-o json`. The contract has its first three members.
    pub(super) fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.found.iter().map(described).collect();
        let keywords: serde_json::Map<String, Value> =
            self.keywords.iter().map(|(list, count, _)| (list.clone(), json!(count))).collect();
        let characters: serde_json::Map<String, Value> =
            self.classes().map(|(class, count)| (class.to_owned(), json!(count))).collect();
        json!({
            "schema_version": 1,
            "findings": findings,
            "text": self.text,
            "opaque": self.opaque.is_some(),
            "characters": characters,
            "injection": { "score": rounded(self.injection.score), "signals": self.injection.signals },
            "keywords": keywords,
        })
    }

    /// The findings, a row each.
    pub(super) fn rows(&self) -> Rows {
        let mut rows = Rows::new(COLUMNS.to_vec());
        for found in &self.found {
            let object = described(found);
            let cell = |name: &&str| object.get(*name).cloned().unwrap_or_default();
            rows.push(COLUMNS.iter().map(cell).collect());
        }
        rows
    }

    /// What else is to be said of the text.
    pub(super) fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        if self.found.iter().any(|(_, _, action)| *action == Action::Block) {
            messages.push("a request with this text is refused: an action is `block`".to_owned());
        }
        if let Some(policy) = self.opaque {
            let then = match policy {
                OnTrouble::Block => "such a request is refused",
                OnTrouble::Allow => "such a request goes on all the same",
            };
            messages.push(format!(
                "part of the text could not be looked at, too much is encoded in itself: {then}"
            ));
        }
        let classes: Vec<_> =
            self.classes().map(|(class, count)| format!("{class}={count}")).collect();
        if !classes.is_empty() {
            let then = if self.has_forbidden_characters { ": refused" } else { "" };
            messages.push(format!("unseen characters: {}{then}", classes.join(",")));
        }
        if self.injection.score > 0.0 {
            let signals = self.injection.signals.join(", ");
            let score = self.injection.score;
            messages.push(format!("signals of prompt injection, score {score:.2}: {signals}"));
        }
        for (list, count, reaction) in &self.keywords {
            let then = if *reaction == Reaction::Block { ": refused" } else { "" };
            messages.push(format!("word list `{list}`: {count}{then}"));
        }
        messages
    }

    /// The classes of unseen characters that are there.
    fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.characters;
        let classes = [
            ("controls", counts.controls),
            ("bidi", counts.bidi),
            ("tags", counts.tags),
            ("zero_width", counts.zero_width),
        ];
        classes.into_iter().filter(|(_, count)| *count > 0)
    }
}

fn described((finding, place, action): &(Finding, Place, Action)) -> Value {
    json!({
        "type": finding.kind.as_str(),
        "rule": finding.rule,
        "start": place.start,
        "end": place.end,
        "byte_start": finding.start,
        "byte_end": finding.end,
        "score": rounded(finding.score),
        "action": action.as_str(),
    })
}

fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}
