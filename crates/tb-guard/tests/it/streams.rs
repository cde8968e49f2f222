//! Streams give the same text however they are cut.

use proptest::prelude::*;
use tb_guard::{Action, Actions, Finding, Kind, Restorer, Vault};

use crate::identity::texts;

const VALUES: [&str; 4] = ["jo@example.com", "\"quoted\" \\ 😀\n", "<EMAIL_7f3a_1>", "O'Neil"];

/// A vault with some values, the second of which looks like a placeholder.
fn vault() -> Vault {
    let mut vault = Vault::new(0x7f3a, &[3; 32]);
    let actions = Actions { by_kind: [(Kind::EMAIL, Action::Tokenize)].into() };
    for value in VALUES {
        let finding = Finding {
            kind: Kind::EMAIL,
            rule: None,
            start: 0,
            end: value.len(),
            score: 1.0,
            is_encoded: false,
        };
        let _ = actions.hide(value, &[finding], &mut vault);
    }
    vault
}

fn restored(mut restorer: Restorer<'_>, pieces: &[String]) -> String {
    let mut out: String = pieces.iter().map(|piece| restorer.push(piece)).collect();
    out.push_str(&restorer.finish());
    out
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_text(text in texts(), cuts in proptest::collection::vec(0_usize..300, 0..20)) {
        let vault = vault();
        let symbols: Vec<char> = text.chars().collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(symbols.len())).collect();
        cuts.push(0);
        cuts.push(symbols.len());
        cuts.sort_unstable();
        let pieces: Vec<String> =
            cuts.windows(2).map(|pair| symbols[pair[0]..pair[1]].iter().collect()).collect();
        let single: Vec<String> = symbols.iter().map(|symbol| symbol.to_string()).collect();
        for make in [Restorer::new, Restorer::for_json] {
            let whole = restored(make(&vault), std::slice::from_ref(&text));
            prop_assert_eq!(&restored(make(&vault), &pieces), &whole);
            prop_assert_eq!(&restored(make(&vault), &single), &whole);
        }
    }
}

#[test]
fn what_is_held_back_is_the_beginning_of_a_known_placeholder() {
    let vault = vault();
    let text = "a <b> [c] <EMAIL_7f3a_1> <EMAIL_7f3a_77> <EMAIL_7f3b_1> & &lt;p&gt; <EMAIL_7f3a_3>";
    let (mut given, mut taken) = (String::new(), String::new());
    let mut restorer = Restorer::new(&vault);
    for symbol in text.chars() {
        taken.push(symbol);
        given.push_str(&restorer.push(&symbol.to_string()));
        let mut until_now = Restorer::new(&vault);
        let all = until_now.push(&taken) + &until_now.finish();
        let held = all.strip_prefix(&given).unwrap();
        let known = ["<email_7f3a_1>", "<email_7f3a_2>", "&lt;email_7f3a_1", "[email_7f3a_1]"];
        let is_beginning = known.iter().any(|known| known.starts_with(&held.to_lowercase()));
        assert!(is_beginning || held.starts_with("<EMAIL_7f3a_3"), "{held}");
    }
}

#[test]
fn interleaved_fields_do_not_mix() {
    let vault = vault();
    let (mut left, mut right) = (Restorer::new(&vault), Restorer::for_json(&vault));
    let mut out = [String::new(), String::new()];
    for (l, r) in [("<EMAIL_7", "<EMAIL_7f3"), ("f3a_1>", "a_2>"), ("!", "!")] {
        out[0].push_str(&left.push(l));
        out[1].push_str(&right.push(r));
    }
    assert_eq!(out[0], "jo@example.com!");
    assert_eq!(out[1], "\\\"quoted\\\" \\\\ 😀\\n!");
}

#[test]
fn a_value_like_a_placeholder_is_not_restored_twice() {
    let vault = vault();
    let restored = restored(Restorer::new(&vault), &["<EMAIL_7f3a_3>".to_owned()]);
    assert_eq!(restored, "<EMAIL_7f3a_1>");
}
