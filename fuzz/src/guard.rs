//! Scanning, cleaning and restoring texts: findings lie in order, and what was hidden comes back
//! however the answer is cut.

use std::sync::OnceLock;

use tb_guard::{
    Action, Actions, Characters, Finding, Guard, GuardSettings, Handling, Kind, RestoreState, Vault,
};

fn the_guard() -> &'static Guard {
    static GUARD: OnceLock<Guard> = OnceLock::new();
    GUARD.get_or_init(|| Guard::new(&GuardSettings::default()).unwrap())
}

/// Scans any text; gives the number of findings.
///
/// # Panics
/// When a promise is broken.
pub fn scan(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let findings = scanned(&text);
    assert_eq!(the_guard().scan(&text).findings, findings, "the same text gives the same");
    in_order(&text, &the_guard().scan_structured(&text).findings);

    let all = Handling::Strip;
    let strip = Characters { controls: all, bidi: all, tags: all, zero_width: all };
    let cleaned = strip.clean(&text);
    let counts = cleaned.counts;
    let taken = counts.controls + counts.bidi + counts.tags + counts.zero_width;
    let length = |text: &str| u64::try_from(text.chars().count()).unwrap();
    assert_eq!(length(&text) - length(&cleaned.text), taken, "what is counted is what is taken");
    let mut rest = text.chars();
    assert!(cleaned.text.chars().all(|kept| rest.any(|symbol| symbol == kept)));
    findings.len()
}

fn scanned(text: &str) -> Vec<Finding> {
    let findings = the_guard().scan(text).findings;
    in_order(text, &findings);
    findings
}

fn in_order(text: &str, findings: &[Finding]) {
    let mut end = 0;
    for finding in findings {
        assert!(finding.start >= end, "findings lie in order and do not overlap");
        assert!(finding.end > finding.start, "findings are not empty");
        assert!(text.get(finding.start..finding.end).is_some(), "they lie between characters");
        assert!((0.0..=1.0).contains(&finding.score), "scores are shares");
        end = finding.end;
    }
}

/// Hides any text and restores it, whole and in pieces, as text and in JSON; gives the number of
/// values that were hidden.
///
/// # Panics
/// When a promise is broken.
pub fn restore(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let findings = scanned(&text);
    let reversible = |kind: &Kind| *kind != Kind::SECRET && *kind != Kind::CREDIT_CARD;
    let action = |kind: &Kind| if reversible(kind) { Action::Tokenize } else { Action::Allow };
    let by_kind = findings.iter().map(|finding| (finding.kind.clone(), action(&finding.kind)));
    let actions = Actions { by_kind: by_kind.collect() };
    let mut vault = Vault::new(0x7f3a, &[3; 32]);
    let hidden = actions.hide(&text, &findings, &mut vault).text;

    assert_eq!(restored(&vault, RestoreState::for_text(), &[&hidden]), text);
    let single: Vec<&str> = hidden.split("").collect();
    assert_eq!(restored(&vault, RestoreState::for_text(), &single), text, "one by one");
    // Every cut in two, or as many as take a bearable time.
    let every = hidden.len() / 256 + 1;
    for at in (0..hidden.len()).step_by(every) {
        if let Some((first, second)) = hidden.split_at_checked(at) {
            assert_eq!(restored(&vault, RestoreState::for_text(), &[first, second]), text, "{at}");
        }
    }

    let json = serde_json::to_string(&hidden).unwrap();
    let single: Vec<&str> = json.split("").collect();
    for pieces in [vec![json.as_str()], single] {
        let json = restored(&vault, RestoreState::for_json(), &pieces);
        let value: String = serde_json::from_str(&json).unwrap();
        assert_eq!(value, text, "in JSON");
    }
    vault.len()
}

fn restored(vault: &Vault, mut state: RestoreState, pieces: &[&str]) -> String {
    let mut out: String = pieces.iter().map(|piece| state.push(vault, piece)).collect();
    out.push_str(&state.finish());
    out
}
