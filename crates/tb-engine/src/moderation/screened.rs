//! Texts on their way to a moderation model, which may be another provider's than the one that
//! receives the request or wrote the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tb_config::{ModerationForm, OnTrouble};
use tb_core::Classes;
use tb_guard::Vault;

use super::outcome::Failed;
use super::portions::{Portion, portions};
use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::restoration::outside_own_marks;
use crate::stages::scrub::Scrubbed;

/// Longer texts are looked at on a thread that may be busy for a while.
const MAX_INLINE_BYTES: usize = 32 * 1024;

/// Texts without what must not leave, with the classes of what they hold. Only the guard makes
/// them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Screened {
    texts: Vec<String>,
    classes: Classes,
}

impl Screened {
    /// Texts of a request that went through the guard as a whole.
    pub(super) fn of_request(scrubbed: &Scrubbed, texts: Vec<String>) -> Self {
        Self { texts, classes: scrubbed.classes }
    }

    /// Texts that a model wrote: what must not leave in a request is hidden in them as well, for
    /// good. Placeholders and redactions of the request stay. Their classes are these or
    /// stricter ones.
    pub(super) async fn of_answer(
        engine: &Engine,
        guarded: &Arc<Guarded>,
        (texts, declared, key): (Vec<String>, Classes, [u8; 32]),
    ) -> Result<Self, Failed> {
        let size: usize = texts.iter().map(String::len).sum();
        if size <= MAX_INLINE_BYTES {
            return hidden(guarded, texts, declared, &key);
        }
        let guarded = Arc::clone(guarded);
        let job = move || hidden(&guarded, texts, declared, &key);
        let task = engine.shared.tasks.spawn_blocking(job);
        task.await.unwrap_or(Err(Failed::Unseen))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn classes(&self) -> Classes {
        self.classes
    }

    /// What each call is about; nothing where they would be too many.
    pub(super) fn portions(self, form: ModerationForm) -> Option<Vec<Portion>> {
        portions(form, self.texts)
    }
}

/// Shows sizes only: what was written must not reach logs.
impl std::fmt::Debug for Screened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screened({} texts, {})", self.texts.len(), self.classes.level.as_str())
    }
}

/// The texts with what was found in them hidden. Nothing brings it back: the vault ends here.
fn hidden(
    guarded: &Guarded,
    mut texts: Vec<String>,
    declared: Classes,
    key: &[u8; 32],
) -> Result<Screened, Failed> {
    let policy = &guarded.policy;
    let mut classes = declared;
    if !policy.enabled {
        return Ok(Screened { texts, classes });
    }
    let mut vault = Vault::new(0, key);
    for text in &mut texts {
        let Ok(scan) = catch_unwind(AssertUnwindSafe(|| guarded.guard.scan(text))) else {
            tracing::error!("the guard failed on an answer that was to be judged");
            match policy.on_error {
                OnTrouble::Block => return Err(Failed::Unseen),
                OnTrouble::Allow => continue,
            }
        };
        if scan.is_opaque && policy.opaque == OnTrouble::Block {
            return Err(Failed::Unseen);
        }
        let mut findings = scan.findings;
        findings.retain(|finding| !policy.not_ours.contains(&finding.kind));
        let findings = outside_own_marks(text, findings, &guarded.vault);
        let found = findings.iter().filter_map(|one| policy.data_classes.get(&one.kind));
        classes = found.fold(classes, |all, one| all.joined(Classes::of(*one)));
        if !findings.is_empty() {
            *text = policy.actions.hide(text, &findings, &mut vault).text;
        }
    }
    Ok(Screened { texts, classes })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use tb_config::GuardPolicy;
    use tb_core::DataClass;
    use tb_guard::{Action, Actions, CharacterCounts, Finding, Guard, GuardSettings, Kind};

    use super::*;

    fn guarded(policy: GuardPolicy) -> Guarded {
        let settings = GuardSettings { without_names: true, ..GuardSettings::default() };
        let mut vault = Vault::new(0x7f3a, &[3; 32]);
        let (kind, rule) = (Kind::EMAIL, None);
        let finding = Finding { kind, rule, start: 0, end: 14, score: 1.0, is_encoded: false };
        let _ = Actions::default().hide("jo@example.com", &[finding], &mut vault);
        Guarded {
            guard: Arc::new(Guard::new(&settings).unwrap()),
            policy: Arc::new(policy),
            vault,
            wants_json: false,
            found: BTreeMap::new(),
            characters: CharacterCounts::default(),
        }
    }

    fn screened(policy: GuardPolicy, text: &str) -> Result<(String, DataClass), Failed> {
        let texts = vec![text.to_owned()];
        let screened = hidden(&guarded(policy), texts, Classes::default(), &[1; 32])?;
        Ok((screened.texts.concat(), screened.classes.level))
    }

    #[test]
    fn what_a_model_writes_is_hidden_and_the_requests_own_marks_stay() {
        let text = "<EMAIL_7f3a_1> [US_SSN] 4111 1111 1111 1111 536-90-4399 to ann@example.org";
        let (text, class) = screened(GuardPolicy::default(), text).unwrap();
        assert!(text.starts_with("<EMAIL_7f3a_1> [US_SSN] **** **** **** 1111 "), "{text}");
        assert!(!text.contains("ann@"), "{text}");
        assert_eq!(class, DataClass::Internal);
    }

    #[test]
    fn what_was_found_raises_the_class() {
        let by_kind = [(Kind::CREDIT_CARD, Action::Allow)].into();
        let policy = GuardPolicy {
            actions: Actions { by_kind },
            data_classes: [(Kind::CREDIT_CARD, DataClass::Personal)].into(),
            ..GuardPolicy::default()
        };
        let card = "4111 1111 1111 1111";
        let seen = screened(policy.clone(), card);
        assert_eq!(seen, Ok((card.to_owned(), DataClass::Personal)));
        assert_eq!(screened(policy, "none").unwrap().1, DataClass::Internal);
    }

    #[test]
    fn kinds_of_others_and_services_without_a_guard_are_left_alone() {
        let card = "4111 1111 1111 1111";
        let not_ours = HashSet::from([Kind::CREDIT_CARD]);
        for policy in [
            GuardPolicy { not_ours, ..GuardPolicy::default() },
            GuardPolicy { enabled: false, ..GuardPolicy::default() },
        ] {
            assert_eq!(screened(policy, card).unwrap().0, card);
        }
    }
}
