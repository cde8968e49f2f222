//! Brings hidden values back into an answer, whole or piece by piece.

pub(crate) mod form;

use std::borrow::Cow;

use self::form::{Matched, Writing, at_start, opens};
use crate::Vault;

/// What a restorer remembers between the pieces of one field of one choice, without its vault:
/// for owners that cannot borrow the vault for as long.
pub struct RestoreState {
    writing: Writing,
    held: String,
    restored: u64,
    unknown: u64,
    /// Bytes looked at, for the tests of linear time.
    work: usize,
}

impl RestoreState {
    /// For text: content, refusals, reasoning.
    #[must_use]
    pub const fn for_text() -> Self {
        Self { writing: Writing::Plain, held: String::new(), restored: 0, unknown: 0, work: 0 }
    }

    /// For JSON documents, as arguments of tools are: values go in with JSON's escapes.
    #[must_use]
    pub const fn for_json() -> Self {
        Self { writing: Writing::Json, held: String::new(), restored: 0, unknown: 0, work: 0 }
    }

    /// How many placeholders were restored.
    #[must_use]
    pub const fn restored(&self) -> u64 {
        self.restored
    }

    /// How many placeholders of this request's form nobody gave out; they stay as they are. One
    /// that is cut into pieces is not counted, because it is not held back.
    #[must_use]
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Takes the next piece; gives what may go on. Borrows where nothing is to be changed.
    pub fn push<'p>(&mut self, vault: &Vault, piece: &'p str) -> Cow<'p, str> {
        if self.held.is_empty() {
            if vault.is_empty() || !piece.bytes().any(opens) {
                return Cow::Borrowed(piece);
            }
            return Cow::Owned(self.restore(vault, piece));
        }
        let mut text = std::mem::take(&mut self.held);
        text.push_str(piece);
        Cow::Owned(self.restore(vault, &text))
    }

    /// The field is over: gives what was held back, as text.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    fn restore(&mut self, vault: &Vault, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = String::with_capacity(text.len());
        let (mut from, mut at) = (0, 0);
        self.work += bytes.len();
        while let Some(offset) =
            bytes.get(at..).and_then(|rest| rest.iter().position(|b| opens(*b)))
        {
            at += offset;
            match at_start(bytes.get(at..).unwrap_or_default(), self.writing, vault) {
                Matched::No => at += 1,
                Matched::Beginning => {
                    out.push_str(text.get(from..at).unwrap_or_default());
                    self.held.push_str(text.get(at..).unwrap_or_default());
                    return out;
                }
                Matched::Whole { bytes: length, inner } => {
                    if let Some(value) = vault.value(&inner) {
                        out.push_str(text.get(from..at).unwrap_or_default());
                        self.insert(value, &mut out);
                        from = at + length;
                    } else {
                        self.unknown += 1;
                    }
                    at += length;
                }
            }
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    fn insert(&mut self, value: &str, out: &mut String) {
        self.restored += 1;
        self.work += value.len();
        if self.writing == Writing::Plain {
            out.push_str(value);
            return;
        }
        // A string always has a JSON form.
        let quoted = serde_json::to_string(value).unwrap_or_default();
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        out.push_str(inside.unwrap_or_default());
    }
}

impl std::fmt::Debug for RestoreState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[restorer: {} restored, {} unknown]", self.restored, self.unknown)
    }
}

/// Restores one field of one choice; holds back only what may be the beginning of a known
/// placeholder.
#[derive(Debug)]
pub struct Restorer<'v> {
    vault: &'v Vault,
    state: RestoreState,
}

impl<'v> Restorer<'v> {
    /// For one field of text.
    #[must_use]
    pub const fn new(vault: &'v Vault) -> Self {
        Self { vault, state: RestoreState::for_text() }
    }

    /// For one field that is a JSON document (arguments of a tool).
    #[must_use]
    pub const fn for_json(vault: &'v Vault) -> Self {
        Self { vault, state: RestoreState::for_json() }
    }

    /// Takes the next piece; gives what may go on.
    pub fn push(&mut self, piece: &str) -> String {
        self.state.push(self.vault, piece).into_owned()
    }

    /// The field is over: gives what was held back.
    pub fn finish(&mut self) -> String {
        self.state.finish()
    }

    /// What was counted so far.
    #[must_use]
    pub const fn state(&self) -> &RestoreState {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn vault() -> Vault {
        let mut vault = Vault::new(0x7f3a, &[1; 32]);
        vault.placeholder(&Kind::EMAIL, "jo@example.com");
        vault.placeholder(&Kind::PERSON, "Jo \"J\" O\\n 😀");
        vault
    }

    fn restored(text: &str) -> String {
        let vault = vault();
        let mut restorer = Restorer::new(&vault);
        restorer.push(text) + &restorer.finish()
    }

    #[test]
    fn tolerates_how_models_write() {
        for written in [
            "<EMAIL_7f3a_1>",
            "<email_7F3A_1>",
            "[EMAIL_7f3a_1]",
            "&lt;EMAIL_7f3a_1&gt;",
            "\\<EMAIL\\_7f3a\\_1\\>",
            "<EMAIL\\_7f3a\\_1>",
        ] {
            assert_eq!(restored(written), "jo@example.com", "{written}");
        }
        assert_eq!(restored("**<EMAIL_7f3a_1>**'s"), "**jo@example.com**'s");
        assert_eq!(restored("\\<EMAIL_7f3a_1>"), "\\jo@example.com");
    }

    #[test]
    fn leaves_what_it_does_not_know() {
        for text in ["<EMAIL_7f3a_9>", "<EMAIL_7f3b_1>", "<EMAIL_7f3a_1", "<EMAIL_7f3a_1]", "a < b"]
        {
            assert_eq!(restored(text), text);
        }
        let vault = vault();
        let mut restorer = Restorer::new(&vault);
        restorer.push("<EMAIL_7f3a_9> <EMAIL_7f3a_1>");
        assert_eq!((restorer.state().restored(), restorer.state().unknown()), (1, 1));
    }

    #[test]
    fn escapes_inside_of_json() {
        let vault = vault();
        let mut restorer = Restorer::for_json(&vault);
        let json = restorer.push(r#"{"to":"<PERSON_7f3a_2>","cc":"\u003cEMAIL_7f3a_1\u003e"}"#);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["to"], "Jo \"J\" O\\n 😀");
        assert_eq!(value["cc"], "jo@example.com");
    }

    #[test]
    fn holds_back_only_beginnings_of_known_ones() {
        let vault = vault();
        let mut state = RestoreState::for_text();
        assert!(matches!(state.push(&vault, "no sign at all"), Cow::Borrowed(_)));
        assert_eq!(state.push(&vault, "see <EMA"), "see ");
        assert_eq!(state.push(&vault, "x>"), "<EMAx>");
        assert_eq!(state.push(&vault, "see <div"), "see <div");
        assert_eq!(state.push(&vault, "<EMAIL_7f3a_1"), "");
        assert_eq!(state.finish(), "<EMAIL_7f3a_1");
        let empty = Vault::new(1, &[1; 32]);
        assert_eq!(RestoreState::for_text().push(&empty, "<"), "<");
    }

    #[test]
    fn work_grows_with_the_text() {
        let work = |count: usize| {
            let mut vault = Vault::new(0x7f3a, &[1; 32]);
            let text: String = (0..count)
                .map(|n| vault.placeholder(&Kind::PERSON, &format!("name {n}")))
                .collect();
            let mut state = RestoreState::for_text();
            for piece in text.as_bytes().chunks(3) {
                state.push(&vault, std::str::from_utf8(piece).unwrap());
            }
            assert_eq!(state.restored(), u64::try_from(count).unwrap());
            state.work
        };
        assert!(work(10_000) * 2 < work(5_000) * 5);
    }
}
