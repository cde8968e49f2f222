//! Prompt versions and labels, on every back end, and the desk that changes them.

use std::collections::BTreeMap;

use tb_core::ports::StoreError;
use tb_core::prompt::{
    Candidate, Evidence, LabelRecord, Move, MoveFault, NoGate, PromotionGate, PromptDesk,
    PromptSource, Warrant,
};
use tb_core::{Actor, AdminAct, Timestamp};
use tb_store::{Durability, StorageAddress, Stores, connect};

use crate::conformance::on_every_back_end;

on_every_back_end!(
    a_content_has_one_number_for_ever,
    a_number_or_a_hash_is_never_given_twice,
    a_label_moves_only_from_where_it_was_expected,
    of_two_who_move_a_label_one_is_told,
    every_change_counts_and_is_noted,
    a_protected_label_moves_with_evidence_or_an_override,
    a_rollback_needs_neither,
);

fn source(name: &str, text: &str) -> PromptSource {
    PromptSource::parse(name, text, &BTreeMap::new()).unwrap()
}

/// Takes the hash of the version as evidence.
struct ByHash;

impl PromotionGate for ByHash {
    fn judge(&self, candidate: &Candidate<'_>, evidence: &str) -> Result<Evidence, String> {
        if evidence != candidate.version.hash {
            return Err("it is of another version".to_owned());
        }
        Ok(Evidence { id: "run-1".to_owned(), hash: "abc".to_owned() })
    }
}

fn with_desk<T>(stores: &Stores, work: impl FnOnce(&PromptDesk<'_>) -> T) -> T {
    let protected = ["production".to_owned()];
    work(&PromptDesk {
        store: &*stores.prompts,
        protected: &protected,
        gate: &ByHash,
        actor: Actor::CommandLine("uid 1".to_owned()),
        now: Timestamp(7),
    })
}

fn registered(stores: &Stores) {
    with_desk(stores, |desk| {
        for text in ["one", "two", "three"] {
            desk.register(&source("greet", text)).unwrap();
        }
    });
}

fn to(label: &str, number: u32, expect: Option<u32>) -> Move {
    let (name, label) = ("greet".to_owned(), label.to_owned());
    Move { name, label, number, expect, warrant: Warrant::None }
}

fn a_content_has_one_number_for_ever(stores: &Stores) {
    with_desk(stores, |desk| {
        let number = |name: &str, text: &str| {
            let (record, is_new) = desk.register(&source(name, text)).unwrap();
            (record.number, is_new)
        };
        assert_eq!(number("greet", "one"), (1, true));
        assert_eq!(number("greet", "two"), (2, true));
        assert_eq!(number("greet", "one"), (1, false), "it was there before");
        assert_eq!(number("other", "one"), (1, true));
    });
    let records = stores.prompts.prompts().unwrap();
    let names: Vec<_> = records.iter().map(|r| (r.name.as_str(), r.number)).collect();
    assert_eq!(names, [("greet", 1), ("greet", 2), ("other", 1)]);
    assert_eq!(records[0].content.messages[0].source, "one");
}

fn a_number_or_a_hash_is_never_given_twice(stores: &Stores) {
    registered(stores);
    let act = AdminAct::new(Timestamp(0), Actor::Gateway, "prompt.register", "greet@2");
    let before = (stores.prompts.prompts().unwrap(), stores.acts.waiting_acts(9).unwrap());
    let mut same_number = before.0[1].clone();
    same_number.hash = "f".repeat(64);
    let mut same_hash = before.0[1].clone();
    same_hash.number = 9;
    for record in [same_number, same_hash] {
        let refused = stores.prompts.add_prompt(&record, &act);
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    let after = (stores.prompts.prompts().unwrap(), stores.acts.waiting_acts(9).unwrap());
    assert_eq!(before, after, "nothing of a refused change stays");
}

fn a_label_moves_only_from_where_it_was_expected(stores: &Stores) {
    registered(stores);
    with_desk(stores, |desk| {
        assert_eq!(desk.promote(&to("staging", 1, Some(0))).unwrap().number, 1);
        let late = desk.promote(&to("staging", 2, Some(0)));
        assert!(matches!(late, Err(MoveFault::Moved(1))), "{late:?}");
        let wrong = desk.promote(&to("staging", 2, Some(3)));
        assert!(matches!(wrong, Err(MoveFault::Moved(1))), "{wrong:?}");
        assert_eq!(desk.promote(&to("staging", 2, Some(1))).unwrap().number, 2);
        assert_eq!(desk.promote(&to("staging", 3, None)).unwrap().number, 3);
        for (asked, what) in [(to("staging", 9, None), "version"), (to("12", 1, None), "label")] {
            let refused = desk.promote(&asked).unwrap_err();
            assert!(refused.to_string().contains(what), "{refused}");
        }
    });
}

fn of_two_who_move_a_label_one_is_told(stores: &Stores) {
    registered(stores);
    let act = AdminAct::new(Timestamp(0), Actor::Gateway, "prompt.label", "greet@staging");
    let first = LabelRecord::new("greet", "staging", (1, Timestamp(0)));
    stores.prompts.put_prompt_label(&first, &act).unwrap();
    let moved = first.moved(2, Timestamp(1));
    stores.prompts.put_prompt_label(&moved, &act).unwrap();
    for late in
        [first.moved(3, Timestamp(2)), LabelRecord::new("greet", "staging", (3, Timestamp(2)))]
    {
        let refused = stores.prompts.put_prompt_label(&late, &act);
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    assert_eq!(stores.prompts.prompt_labels().unwrap(), [moved]);
}

fn every_change_counts_and_is_noted(stores: &Stores) {
    let start = stores.prompts.prompt_changes().unwrap();
    registered(stores);
    with_desk(stores, |desk| {
        desk.promote(&to("staging", 1, None)).unwrap();
        desk.promote(&to("staging", 2, None)).unwrap();
    });
    assert_eq!(stores.prompts.prompt_changes().unwrap(), start + 5);
    let acts = stores.acts.waiting_acts(9).unwrap();
    let (_, last) = acts.last().unwrap();
    assert_eq!((last.kind.as_str(), last.object.as_str()), ("prompt.label", "greet@staging"));
    assert!(acts.iter().all(|(_, act)| AdminAct::KINDS.contains(&act.kind.as_str())));
    let version = |value: &Option<serde_json::Value>| value.as_ref().unwrap()["version"].clone();
    assert_eq!((version(&last.before), version(&last.after)), (1.into(), 2.into()));
}

fn a_protected_label_moves_with_evidence_or_an_override(stores: &Stores) {
    registered(stores);
    let hash = stores.prompts.prompts().unwrap()[0].hash.clone();
    with_desk(stores, |desk| {
        let promote = |warrant| desk.promote(&Move { warrant, ..to("production", 1, None) });
        let bare = promote(Warrant::None);
        assert!(matches!(bare, Err(MoveFault::NeedsEvidence(_))), "{bare:?}");
        let other = promote(Warrant::Evidence("0".repeat(64)));
        assert!(matches!(other, Err(MoveFault::Refused(_))), "{other:?}");
        let silent = promote(Warrant::Override("  ".to_owned()));
        assert!(matches!(silent, Err(MoveFault::Invalid(_))), "{silent:?}");
        assert_eq!(stores.prompts.prompt_labels().unwrap(), []);
        assert_eq!(promote(Warrant::Evidence(hash)).unwrap().number, 1);
        let urgent = Warrant::Override("ticket 7".to_owned());
        desk.promote(&Move { warrant: urgent, ..to("production", 2, Some(1)) }).unwrap();
    });
    let acts = stores.acts.waiting_acts(9).unwrap();
    let after = |back: usize| acts[acts.len() - back].1.after.clone().unwrap();
    assert_eq!(
        (&after(2)["evidence"], &after(1)["override"]),
        (&"run-1".into(), &"ticket 7".into())
    );
}

fn a_rollback_needs_neither(stores: &Stores) {
    registered(stores);
    with_desk(stores, |desk| {
        let urgent = || Warrant::Override("test".to_owned());
        for number in [1, 2] {
            desk.promote(&Move { warrant: urgent(), ..to("production", number, None) }).unwrap();
        }
        let stale = desk.rollback(("greet", "production"), Some(1));
        assert!(matches!(stale, Err(MoveFault::Moved(2))), "{stale:?}");
        assert_eq!(desk.rollback(("greet", "production"), Some(2)).unwrap().number, 1);
        let no_more = desk.rollback(("greet", "production"), None);
        assert!(matches!(no_more, Err(MoveFault::NothingEarlier)), "{no_more:?}");
        let never = desk.rollback(("greet", "canary"), None);
        assert!(matches!(never, Err(MoveFault::Unknown("label"))), "{never:?}");
    });
}

#[test]
fn prompts_outlive_the_process_and_other_processes_see_them() {
    let directory = tempfile::tempdir().unwrap();
    let address = StorageAddress::Sqlite(directory.path().join("tollbar.db"));
    let [one, other] = [(); 2].map(|()| connect(&address, Durability::Process).unwrap());
    let before = other.prompts.prompt_changes().unwrap();
    registered(&one);
    assert!(other.prompts.prompt_changes().unwrap() > before);
    assert_eq!(other.prompts.prompts().unwrap(), one.prompts.prompts().unwrap());
    let asked = Move { warrant: Warrant::Evidence("x".to_owned()), ..to("production", 1, None) };
    let desk = PromptDesk {
        store: &*one.prompts,
        protected: &[],
        gate: &NoGate,
        actor: Actor::Gateway,
        now: Timestamp(0),
    };
    assert!(matches!(desk.promote(&asked), Err(MoveFault::Refused(_))));
}
