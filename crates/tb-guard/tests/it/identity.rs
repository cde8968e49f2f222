//! Scrub, then restore, gives the text back.

use std::collections::HashMap;

use proptest::prelude::*;
use tb_guard::{Action, Actions, Finding, Kind, Restorer, Vault};

/// Texts that are full of what placeholders are made of.
pub(crate) fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => "[a-z <>&;\\[\\]\\\\_*\"]{0,6}",
        1 => Just("<EMAIL_7f3a_1>".to_owned()),
        1 => Just("[person_7f3a_2]".to_owned()),
        1 => Just("&lt;EMAIL\\_7f3a\\_1&gt;".to_owned()),
        1 => Just("\\<EMAIL_7f3a_1\\>".to_owned()),
        1 => Just("<EMAIL_7f3a_".to_owned()),
        1 => Just("_7f3a_1>".to_owned()),
        1 => Just("\\u003cEMAIL_7f3a_1\\u003e".to_owned()),
        1 => Just("😀\"\\".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::EMAIL), Just(Kind::PERSON), Just(Kind::custom("own_kind".to_owned()))]
}

/// Findings anywhere, also over each other, in the order of the text.
fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let one = (kinds(), 0_usize..120, 1_usize..20);
    proptest::collection::vec(one, 0..12).prop_map(|mut places| {
        places.sort_by_key(|(_, start, _)| *start);
        let finding = |(kind, start, length)| Finding {
            kind,
            rule: None,
            start,
            end: start + length,
            score: 1.0,
            is_encoded: false,
        };
        places.into_iter().map(finding).collect()
    })
}

fn tokenizing() -> Actions {
    let kinds = [Kind::EMAIL, Kind::PERSON, Kind::custom("own_kind".to_owned())];
    Actions { by_kind: kinds.map(|kind| (kind, Action::Tokenize)).into() }
}

proptest! {
    #[test]
    fn scrub_then_restore_is_the_identity(
        first in texts(), second in texts(), found in findings(), other in findings(),
    ) {
        let mut vault = Vault::new(0x7f3a, &[3; 32]);
        // One request has many texts and one vault.
        let hidden = [
            (&first, tokenizing().hide(&first, &found, &mut vault)),
            (&second, tokenizing().hide(&second, &other, &mut vault)),
        ];
        for (text, hidden) in hidden {
            let mut restorer = Restorer::new(&vault);
            let restored = restorer.push(&hidden.text) + &restorer.finish();
            prop_assert_eq!(&restored, text);
        }
    }

    #[test]
    fn irreversible_actions_keep_nothing_of_the_value(
        value in "[a-z0-9]{6,30}", action in prop_oneof![
            Just(Action::Mask), Just(Action::Redact), Just(Action::Hash), Just(Action::Block)],
    ) {
        let text = format!("x {value} y");
        let finding = Finding {
            kind: Kind::PERSON, rule: None, start: 2, end: 2 + value.len(), score: 1.0,
            is_encoded: false,
        };
        let mut vault = Vault::new(0x7f3a, &[3; 32]);
        let actions = Actions { by_kind: HashMap::from([(Kind::PERSON, action)]) };
        let hidden = actions.hide(&text, &[finding], &mut vault);
        prop_assert!(!hidden.text.contains(&value));
        prop_assert!(hidden.text.starts_with("x ") && hidden.text.ends_with(" y"));
        prop_assert!(vault.is_empty());
    }
}

#[test]
fn ten_thousand_entities_come_back() {
    let mut vault = Vault::new(0x7f3a, &[3; 32]);
    let names: Vec<String> = (0..10_000).map(|n| format!("name{n}")).collect();
    let text = names.join(" ");
    let mut at = 0;
    let findings: Vec<Finding> = names
        .iter()
        .map(|name| {
            let start = at;
            at += name.len() + 1;
            Finding {
                kind: Kind::PERSON,
                rule: None,
                start,
                end: start + name.len(),
                score: 1.0,
                is_encoded: false,
            }
        })
        .collect();
    let hidden = tokenizing().hide(&text, &findings, &mut vault);
    assert_eq!(vault.len(), 10_000);
    assert!(!hidden.text.contains("name"));
    let mut restorer = Restorer::new(&vault);
    assert_eq!(restorer.push(&hidden.text) + &restorer.finish(), text);
    assert_eq!(restorer.state().restored(), 10_000);
}
