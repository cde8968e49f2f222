//! What was hidden is not found again: a gateway behind a gateway, and a conversation that carries
//! what was hidden in an earlier turn, change nothing.

use std::sync::LazyLock;

use tb_guard::{Action, Actions, Guard, GuardSettings, Kind, Vault};

static GUARD: LazyLock<Guard> = LazyLock::new(|| Guard::new(&GuardSettings::default()).unwrap());

/// Texts with findings of many kinds, in prose, in code, in JSON and in lists.
const TEXTS: &[&str] = &[
    "My name is John Smith, my email is john.smith@example.com and my phone is +1 415 555 0132.",
    "Please charge 4111 1111 1111 1111, or 378282246310005, IBAN DE89 3704 0044 0532 0130 00.",
    "SSN: 536-90-4399, ITIN 912-78-1234, NHS number 943 476 5919, passport number 543210987",
    "password: hunter2-Tr0ub4dor, api_key = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"",
    "{\"email\":\"jo@example.com\",\"ssn\":\"536-90-4399\",\"card\":\"4111111111111111\",\"name\":\"Maria Garcia\"}",
    "export AWS_SECRET_ACCESS_KEY=wJb2rXUtnFEMI/K7MDENG/bPxRfiCYzQx7Lw3Pk9",
    "postgres://admin:S3cretPa55@db.example.com:5432/app and https://x.example/?card=4111111111111111&mail=jo@example.com",
    "Authorization: Bearer qL8vT2mXz9RbK4wYc7NfHs3JdPg6",
    "The patient Anna Schmidt, born 12 March 1984, MRN: 84736251, lives at 12 Main Street, Springfield, IL 62704.",
    "driver's license D1234567, account number 000123456789, routing 021000021",
    "Send 0.1 BTC to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa from 192.168.17.4 (00:1b:44:11:3a:b7)",
    "Dr. Angela Merkel met Emmanuel Macron of France in Berlin on 3 May 2019, aged 64.",
    "Aadhaar 2345 6789 0124, PESEL 44051401359, CPF 529.982.247-25, Steuer-ID 86 095 742 719",
    "tel: 030 1234567; DOB: 1984-03-12; card ending in 1111; username jsmith password Winter2024!",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aumZxNlUCVwrlRUKP0hPWAWDJt\n-----END RSA PRIVATE KEY-----",
];

fn hidden(text: &str, actions: &Actions, tag: u64) -> String {
    let scan = GUARD.scan(text);
    actions.hide(text, &scan.findings, &mut Vault::new(tag, &[5; 32])).text
}

fn all(action: Action) -> Actions {
    let mut by_kind: std::collections::HashMap<_, _> =
        Kind::KNOWN.iter().map(|kind| (kind.clone(), action)).collect();
    for text in TEXTS {
        for finding in GUARD.scan(text).findings {
            by_kind.insert(finding.kind, action);
        }
    }
    Actions { by_kind }
}

#[test]
fn scrubbing_a_scrubbed_text_changes_nothing() {
    let actions = [
        ("standard", Actions::default()),
        ("mask", all(Action::Mask)),
        ("redact", all(Action::Redact)),
        ("tokenize", all(Action::Tokenize)),
        ("hash", all(Action::Hash)),
    ];
    let mut bad = Vec::new();
    for (name, actions) in actions {
        for text in TEXTS {
            let once = hidden(text, &actions, 0x7f3a);
            let is_changed = name == "standard" || once != **text;
            assert!(is_changed, "{name} {text}");
            let twice = hidden(&once, &actions, 0x90c2);
            if once != twice {
                bad.push(format!("{name}:\n  {once}\n  {twice}"));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
