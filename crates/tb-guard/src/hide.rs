//! What is done with findings.

mod mask;

use std::collections::HashMap;

use crate::restore::form::{Matched, Writing, at_start, opens};
use crate::vault::{is_hash, shown};
use crate::view::{ceil, floor};
use crate::{Finding, Kind, Vault};

/// What is done with one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Allow,
    /// It is counted and stays.
    Report,
    /// Most of it becomes `*`; cards keep the last 4.
    Mask,
    /// The name of its kind stands in its place: `[EMAIL]`.
    Redact,
    /// A placeholder stands in its place and is restored in the answer.
    Tokenize,
    /// A keyed hash stands in its place, the same for the same value and tenant.
    Hash,
    /// The whole text is refused.
    Block,
}

impl Action {
    /// The word for it in the configuration, rows, metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Report => "report",
            Self::Mask => "mask",
            Self::Redact => "redact",
            Self::Tokenize => "tokenize",
            Self::Hash => "hash",
            Self::Block => "block",
        }
    }
}

/// The action of each kind.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    /// By kind; what is not listed has the guard's default, see [`Actions::standard`]. Secrets
    /// and cards are never reversible: [`Action::Tokenize`] redacts the former and masks the
    /// latter.
    pub by_kind: HashMap<Kind, Action>,
}

/// A text with its findings hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// What may leave.
    pub text: String,
    /// Some kind is to be blocked.
    pub is_blocked: bool,
}

impl Actions {
    /// What is done with a kind.
    #[must_use]
    pub fn of(&self, kind: &Kind) -> Action {
        let action = self.by_kind.get(kind).copied().unwrap_or_else(|| Self::standard(kind));
        match action {
            Action::Tokenize if *kind == Kind::SECRET => Action::Redact,
            Action::Tokenize if *kind == Kind::CREDIT_CARD => Action::Mask,
            _ => action,
        }
    }

    /// What is done with a kind of which nothing is said.
    ///
    /// * Cards are masked: the last four digits are enough to speak of one.
    /// * Secrets, national numbers and those of bank accounts, driving licences, passports and
    ///   medical records are redacted: no answer needs them.
    /// * Mail and postal addresses, people, telephone numbers, dates of birth and addresses of
    ///   cryptocurrencies are tokenized: an answer may need to repeat them.
    /// * The rest is reported: places, organisations, nationalities, titles, ages, dates, postal
    ///   codes, URLs and addresses of networks say little alone, and a model needs them often.
    /// * The operator's own kinds are redacted: who looks for something wants it hidden, as long
    ///   as nothing else is said.
    #[must_use]
    pub fn standard(kind: &Kind) -> Action {
        let tokenized = [
            Kind::EMAIL,
            Kind::PERSON,
            Kind::PHONE,
            Kind::DATE_OF_BIRTH,
            Kind::ADDRESS,
            Kind::CRYPTO_ADDRESS,
        ];
        let redacted = [Kind::SECRET, Kind::IBAN, Kind::DRIVER_LICENSE, Kind::MEDICAL_RECORD];
        // National numbers are named by their country, `us_ssn`; IP is none.
        let is_national = matches!(kind.as_str().as_bytes(), [a, b, b'_', ..]
            if a.is_ascii_lowercase() && b.is_ascii_lowercase() && (*a, *b) != (b'i', b'p'));
        if *kind == Kind::CREDIT_CARD {
            Action::Mask
        } else if tokenized.contains(kind) {
            Action::Tokenize
        } else if is_national || redacted.contains(kind) || !Kind::KNOWN.contains(kind) {
            Action::Redact
        } else {
            Action::Report
        }
    }

    /// Hides the findings of a text; what is tokenized goes into the vault. Findings come in the
    /// order of the text; what overlaps the one before is hidden from its end on. Where the text
    /// itself looks like a placeholder of this request, that becomes a placeholder of its own, so
    /// that restoring gives back what was written. Findings to be blocked are redacted. A hash
    /// stays one: it stands where something that announces a secret stood, and would be hashed
    /// again in every turn of a conversation.
    #[must_use]
    pub fn hide(&self, text: &str, findings: &[Finding], vault: &mut Vault) -> Hidden {
        let mut out = String::with_capacity(text.len());
        let mut is_blocked = false;
        let mut at = 0;
        for finding in findings {
            let action = self.of(&finding.kind);
            is_blocked |= action == Action::Block;
            let start = floor(text, finding.start).max(at);
            let end = ceil(text, finding.end);
            let Some(value) = text.get(start..end).filter(|value| !value.is_empty()) else {
                continue;
            };
            if is_hash(&finding.kind, value) {
                continue;
            }
            let with = match action {
                Action::Allow | Action::Report => continue,
                Action::Mask => mask::mask(&finding.kind, value, finding.is_encoded),
                Action::Tokenize => vault.placeholder(&finding.kind, value),
                Action::Hash => vault.hash(&finding.kind, value),
                Action::Redact | Action::Block => format!("[{}]", shown(&finding.kind)),
            };
            keep(text.get(at..start).unwrap_or_default(), vault, &mut out);
            out.push_str(&with);
            at = end;
        }
        keep(text.get(at..).unwrap_or_default(), vault, &mut out);
        Hidden { text: out, is_blocked }
    }
}

/// Copies what stays of a text; look-alikes of placeholders, in any writing that would be
/// restored, become placeholders of themselves.
fn keep(text: &str, vault: &mut Vault, out: &mut String) {
    let bytes = text.as_bytes();
    let (mut from, mut at) = (0, 0);
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| opens(*b))) {
        at += offset;
        // JSON's ways of writing include the plain ones.
        match at_start(bytes.get(at..).unwrap_or_default(), Writing::Json, vault) {
            Matched::Whole { bytes: length, .. } => {
                out.push_str(text.get(from..at).unwrap_or_default());
                let look_alike = text.get(at..at + length).unwrap_or_default();
                out.push_str(&vault.escape(look_alike));
                at += length;
                from = at;
            }
            Matched::No | Matched::Beginning => at += 1,
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Restorer;

    fn finding(kind: Kind, start: usize, end: usize) -> Finding {
        Finding { kind, rule: None, start, end, score: 1.0, is_encoded: false }
    }

    #[test]
    fn does_what_the_defaults_say() {
        let text = "jo@example.com 4111111111111111 123-45-6789 hunter2 London";
        let findings = [
            finding(Kind::EMAIL, 0, 14),
            finding(Kind::CREDIT_CARD, 15, 31),
            finding(Kind::US_SSN, 32, 43),
            finding(Kind::SECRET, 44, 51),
            finding(Kind::LOCATION, 52, 58),
        ];
        let mut vault = Vault::new(0x7f3a, &[1; 32]);
        let hidden = Actions::default().hide(text, &findings, &mut vault);
        assert_eq!(hidden.text, "<EMAIL_7f3a_1> ************1111 [US_SSN] [SECRET] London");
        assert!(!hidden.is_blocked);
    }

    #[test]
    fn every_known_kind_has_the_standard_that_is_documented() {
        let of = |action| -> Vec<&str> {
            let kinds = Kind::KNOWN.iter().filter(|kind| Actions::standard(kind) == action);
            kinds.map(Kind::as_str).collect()
        };
        assert_eq!(of(Action::Mask), ["credit_card"]);
        let tokenized = ["phone", "email", "crypto_address", "date_of_birth", "person", "address"];
        assert_eq!(of(Action::Tokenize), tokenized);
        let reported = [
            "url",
            "ip_address",
            "mac_address",
            "date",
            "title",
            "age",
            "location",
            "zip_code",
            "organization",
            "nationality",
        ];
        assert_eq!(of(Action::Report), reported);
        assert_eq!(of(Action::Redact).len() + 1 + 6 + 10, Kind::KNOWN.len());
        assert_eq!(Actions::standard(&Kind::fixed("de_tax_id")), Action::Redact);
    }

    #[test]
    fn hides_kinds_of_the_operator_without_an_action() {
        for name in ["project_name", "ip_block", "x"] {
            let kind = Kind::custom(name.to_owned());
            assert_eq!(Actions::default().of(&kind), Action::Redact, "{name}");
        }
    }

    #[test]
    fn never_tokenizes_secrets_and_cards() {
        let kinds = [Kind::SECRET, Kind::CREDIT_CARD];
        let by_kind = kinds.into_iter().map(|kind| (kind, Action::Tokenize)).collect();
        let actions = Actions { by_kind };
        assert_eq!(actions.of(&Kind::SECRET), Action::Redact);
        assert_eq!(actions.of(&Kind::CREDIT_CARD), Action::Mask);
        let mut vault = Vault::new(1, &[1; 32]);
        let hidden = actions.hide("hunter2", &[finding(Kind::SECRET, 0, 7)], &mut vault);
        assert_eq!(hidden.text, "[SECRET]");
        assert!(vault.is_empty());
    }

    #[test]
    fn a_text_like_a_placeholder_comes_back_as_it_was() {
        let mut vault = Vault::new(0x7f3a, &[1; 32]);
        let text = "<EMAIL_7f3a_1> &lt;email_7f3a_1&gt; jo@example.com";
        let at = text.len() - 14;
        let findings = [finding(Kind::EMAIL, at, text.len())];
        let hidden = Actions::default().hide(text, &findings, &mut vault);
        assert_eq!(hidden.text, "<TEXT_7f3a_2> <TEXT_7f3a_3> <EMAIL_7f3a_1>");
        assert_eq!(Restorer::new(&vault).push(&hidden.text), text);
    }

    #[test]
    fn blocks() {
        let by_kind = HashMap::from([(Kind::EMAIL, Action::Block)]);
        let mut vault = Vault::new(1, &[1; 32]);
        let hidden =
            Actions { by_kind }.hide("jo@example.com", &[finding(Kind::EMAIL, 0, 14)], &mut vault);
        assert_eq!(hidden, Hidden { text: "[EMAIL]".to_owned(), is_blocked: true });
    }
}
