//! The keys that services have as well as `[guard]`, each over what holds otherwise.

use std::collections::HashMap;
use std::sync::Arc;

use tb_core::DataClass;
use tb_guard::{Action, Actions, Characters, Handling, Kind};

use super::Names;
use super::kinds::Kinds;
use super::limits::input_limits;
use super::moderation::moderation;
use crate::codes::Code;
use crate::reader::{At, Place, Section};
use crate::snapshot::{GuardPolicy, InjectionPolicy, Moderation, OnTrouble};
use crate::value::{AnswerAction, Score, Value, Word};

/// A policy, and what its moderation is when nobody is asked: services may turn that on.
#[derive(Default)]
pub(super) struct Overlay {
    pub(super) policy: GuardPolicy,
    moderation: Option<Moderation>,
}

/// Reads one table over another.
pub(super) fn overlaid(
    section: &Section<'_>,
    base: &Overlay,
    kinds: &Kinds,
    names: &Names<'_>,
) -> Overlay {
    let before = &base.policy;
    let enabled = section.value_over("enabled", before.enabled);
    let on_error = section.value_over("on_error", Word(before.on_error));
    warn(section, &enabled, &on_error);
    let moderation = moderation(section, base.moderation.as_ref(), names.models);
    let policy = GuardPolicy {
        enabled: enabled.value,
        on_error: on_error.value.0,
        opaque: section.value_over("opaque", Word(before.opaque)).value.0,
        attachments: section.value_over("attachments", Word(before.attachments)).value.0,
        actions: Actions { by_kind: actions(section, &before.actions.by_kind, kinds) },
        not_ours: before.not_ours.clone(),
        answers: merged(section, "answers", &before.answers, kinds, |word: AnswerAction| word.0),
        data_classes: merged(
            section,
            "data_classes",
            &before.data_classes,
            kinds,
            |word: Word<DataClass>| word.0,
        ),
        limits: input_limits(section, &before.limits),
        characters: characters(section, before.characters),
        injection: injection(section, before.injection),
        keywords: Arc::clone(&before.keywords),
        moderation: moderation.clone().filter(|one| one.before || one.after).map(Arc::new),
    };
    Overlay { policy, moderation }
}

/// What lets texts leave as they come is allowed, but never unseen.
fn warn(section: &Section<'_>, enabled: &At<bool>, on_error: &At<Word<OnTrouble>>) {
    if !enabled.value && enabled.place != Place::Default {
        section.reader.report(
            &enabled.place,
            Code::GuardOff,
            "the guard is off here: texts leave as they come",
            "set `enabled = true`, and the actions of single types to \"allow\"",
        );
    }
    if on_error.value.0 == OnTrouble::Allow && on_error.place != Place::Default {
        section.reader.report(
            &on_error.place,
            Code::FailsOpen,
            "when the guard fails, texts leave as they come",
            "set `on_error = \"block\"`",
        );
    }
}

fn actions(
    section: &Section<'_>,
    base: &HashMap<Kind, Action>,
    kinds: &Kinds,
) -> HashMap<Kind, Action> {
    let mut actions = base.clone();
    for (name, action) in section.entries::<Word<Action>>("actions") {
        let Some(kind) = kinds.read(section, "actions", &name) else { continue };
        let is_final = [Kind::SECRET, Kind::CREDIT_CARD].contains(&kind);
        if is_final && action.value.0 == Action::Tokenize {
            section.reader.report(
                &action.place,
                Code::Irreversible,
                format!("`{kind}` cannot be tokenized: secrets and cards are never reversible"),
                "use \"mask\", \"redact\", \"hash\" or \"block\"",
            );
        }
        actions.insert(kind, action.value.0);
    }
    actions
}

/// A table by type, entry by entry over another.
fn merged<T: Value, M: Copy>(
    section: &Section<'_>,
    key: &str,
    base: &HashMap<Kind, M>,
    kinds: &Kinds,
    meaning: impl Fn(T) -> M,
) -> HashMap<Kind, M> {
    let mut map = base.clone();
    for (name, entry) in section.entries::<T>(key) {
        if let Some(kind) = kinds.read(section, key, &name) {
            map.insert(kind, meaning(entry.value));
        }
    }
    map
}

fn characters(section: &Section<'_>, base: Characters) -> Characters {
    let Some(own) = section.always("characters") else { return base };
    let handling = |key: &str, base: Handling| own.value_over(key, Word(base)).value.0;
    Characters {
        controls: handling("controls", base.controls),
        bidi: handling("bidi", base.bidi),
        tags: handling("tags", base.tags),
        zero_width: handling("zero_width", base.zero_width),
    }
}

fn injection(section: &Section<'_>, base: InjectionPolicy) -> InjectionPolicy {
    let Some(own) = section.always("injection") else { return base };
    InjectionPolicy {
        reaction: own.value_over("reaction", Word(base.reaction)).value.0,
        threshold: own.value_over("threshold", Score(base.threshold)).value.0,
    }
}
