//! Whole scans: places, order, the operator's own detectors.

use proptest::prelude::*;
use tb_guard::{Checksum, DetectorFault, Guard, GuardSettings, Kind, OwnDetector, Scan};

/// The operator's detector only, so that other detectors' rules do not matter.
fn guard() -> Guard {
    let own = OwnDetector {
        kind: "badge".to_owned(),
        words: vec!["project bluebird".to_owned()],
        patterns: vec!["EMP-[0-9]{6}".to_owned()],
        ..OwnDetector::default()
    };
    Guard::new(&GuardSettings { without_names: true, own: vec![own], ..Default::default() })
        .unwrap()
}

fn badges(scan: &Scan, text: &str) -> Vec<String> {
    let badge = Kind::custom("badge".to_owned());
    let found = scan.findings.iter().filter(|finding| finding.kind == badge);
    found.map(|finding| text[finding.start..finding.end].to_owned()).collect()
}

#[test]
fn finds_through_disguises_at_the_exact_place() {
    let guard = guard();
    for disguise in [
        "EMP-123456",
        "ＥＭＰ－１２３４５６",
        "EMP\u{2011}12\u{200b}34\u{ad}56",
        "EMP-١٢٣٤٥٦",
        "ЕМР-123456",
        "E\u{301}MP-1\u{336}2\u{336}3456",
        "%45%4d%50%2D%31%32%33%34%35%36",
        "&#69;MP&#45;123456",
        "\\u0045MP\\u002d123456",
        "\\\\u0045MP-123456",
        "%2545MP-123456",
        "𝐄𝐌𝐏-𝟏𝟐𝟑𝟒𝟓𝟔",
        "🄴🄼🄿-①②③④⑤⑥",
        "RU1QLTEyMzQ1NiBpcyB0aGUgYmFkZ2U=",
        "454d502d31323334353620697320746865206261646765",
    ] {
        let text = format!("Ünser badge is {disguise}, thanks");
        assert_eq!(badges(&guard.scan(&text), &text), [disguise], "{disguise}");
    }
}

#[test]
fn finds_texts_in_tag_characters() {
    let hidden: String =
        "EMP-123456".chars().map(|c| char::from_u32(0xE0000 + u32::from(c)).unwrap()).collect();
    let text = format!("hello {hidden} you");
    assert_eq!(badges(&guard().scan(&text), &text), [hidden]);
}

#[test]
fn finds_words_of_the_dictionary_as_whole_words() {
    let text = "“Project Bluebird”, not project bluebirds";
    assert_eq!(badges(&guard().scan(text), text), ["Project Bluebird"]);
}

#[test]
fn asks_for_context_and_checksum() {
    let own = OwnDetector {
        kind: "badge".to_owned(),
        patterns: vec![r"\b[0-9]{8}\b".to_owned()],
        checksum: Some(Checksum::Luhn),
        context: vec!["badge".to_owned()],
        context_window: 20,
        ..OwnDetector::default()
    };
    let settings = GuardSettings { without_names: true, own: vec![own], ..Default::default() };
    let guard = Guard::new(&settings).unwrap();
    let found = |text: &str| badges(&guard.scan(text), text).len();
    assert_eq!(found("badge 12345674"), 1);
    assert_eq!(found("12345674 is my badge"), 1);
    assert_eq!(found("badge 12345675"), 0);
    assert_eq!(found("item 12345674"), 0);
    assert_eq!(found("badge, and a long way after it 12345674"), 0);
}

#[test]
fn lists_all_faults_of_own_detectors() {
    let faulty = |own: OwnDetector| own;
    let own = vec![
        faulty(OwnDetector { kind: "Bad Name".to_owned(), ..OwnDetector::default() }),
        faulty(OwnDetector {
            kind: "large".to_owned(),
            patterns: vec!["(".to_owned(), "(a{1000}){1000}".to_owned()],
            score: 2.0,
            ..OwnDetector::default()
        }),
    ];
    let faults = Guard::new(&GuardSettings { own, ..Default::default() }).unwrap_err().faults;
    assert_eq!(faults[0], DetectorFault::Name { index: 0 });
    assert_eq!(faults[1], DetectorFault::Empty { index: 0 });
    assert_eq!(faults[2], DetectorFault::Score { index: 1 });
    assert!(matches!(faults[3], DetectorFault::Pattern { index: 1, pattern: 0, .. }));
    assert!(matches!(faults[4], DetectorFault::Pattern { index: 1, pattern: 1, .. }));
    assert_eq!(faults.len(), 5);
}

#[test]
fn leaves_out_kinds_that_are_off_or_not_sure_enough() {
    let badge = Kind::custom("badge".to_owned());
    let own = vec![OwnDetector {
        kind: "badge".to_owned(),
        words: vec!["bluebird".to_owned()],
        ..OwnDetector::default()
    }];
    let off = GuardSettings {
        without_names: true,
        own: own.clone(),
        off: [badge.clone()].into(),
        ..Default::default()
    };
    let strict = GuardSettings {
        without_names: true,
        own,
        thresholds: [(badge, 0.95)].into(),
        ..Default::default()
    };
    for settings in [off, strict] {
        let scan = Guard::new(&settings).unwrap().scan("bluebird");
        assert!(badges(&scan, "bluebird").is_empty());
    }
}

#[test]
fn an_address_hides_nothing_that_it_carries() {
    let settings = GuardSettings { without_names: true, ..Default::default() };
    let guard = Guard::new(&settings).unwrap();
    for (kind, value) in [
        (Kind::CREDIT_CARD, "4111111111111111"),
        (Kind::EMAIL, "jo@example.com"),
        (Kind::EMAIL, "jo%40example.com"),
        (Kind::US_SSN, "536-90-4399"),
        (Kind::PHONE, "+14155550132"),
        (Kind::IBAN, "DE89370400440532013000"),
        (Kind::SECRET, "ghp_x7Kq2mZt9RbLw4VcYd8NfHs3JpAg6T1eUo5Q"),
    ] {
        for text in [
            format!("see https://shop.example/search?ssn={value}&page=2 now"),
            format!("https://shop.example/customers/{value}/orders"),
            format!("/var/spool/customers/{value}/orders.csv"),
        ] {
            // Digits in a path are rarely telephone numbers.
            if kind == Kind::PHONE && !text.contains('?') {
                continue;
            }
            let start = text.find(value).unwrap();
            let findings = guard.scan(&text).findings;
            let is_covered = |at| {
                let mut of_kind = findings.iter().filter(|finding| finding.kind == kind);
                of_kind.any(|finding| finding.start <= at && at < finding.end)
            };
            assert!((start..start + value.len()).all(is_covered), "{text} {findings:?}");
        }
    }
}

#[test]
fn says_when_a_text_unfolds_beyond_the_budget() {
    // One ligature of Arabic is 18 letters in its compatibility form.
    let text = "\u{FDFA}".repeat(4_000);
    assert!(guard().scan(&text).is_opaque);
    assert!(!guard().scan(&"plain text ".repeat(4_000)).is_opaque);
}

/// Texts that are full of what views change.
fn odd_texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        6 => any::<char>().prop_map(String::from),
        2 => "[0-9 .-]{1,12}",
        1 => "(%[0-9a-f]{2}|&#[0-9]{1,4};|\\\\u[0-9a-f]{4}|\\\\x[0-9a-f]{2}){1,4}",
        1 => "[A-Za-z0-9+/]{16,40}={0,2}",
        1 => "(one|two|three|four|double|twenty|oh|dash| |-){1,12}",
        1 => "[a-z]{1,5}( at | \\(at\\) |@)[a-z]{1,5}( dot |\\.|\\[\\.\\])[a-z]{2,4}",
        1 => Just("EMP-123456".to_owned()),
        1 => Just("\u{e0045}\u{e004d}\u{e0050}\u{e002d}\u{e0031}\u{e0032}".to_owned()),
        1 => Just("moc.elpmaxe@oj".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn places_lie_in_the_text_on_boundaries_in_order(text in odd_texts()) {
        let scan = shared().scan(&text);
        let mut until = 0;
        for finding in &scan.findings {
            prop_assert!(finding.start >= until && finding.start < finding.end);
            prop_assert!(text.is_char_boundary(finding.start));
            prop_assert!(finding.end <= text.len() && text.is_char_boundary(finding.end));
            until = finding.end;
        }
    }

    #[test]
    fn what_is_plain_is_always_found(before in odd_texts(), after in odd_texts()) {
        let text = format!("{before} EMP-123456 {after}");
        let mut place = before.len() + 1..before.len() + 11;
        let scan = shared().scan(&text);
        let is_covered = |at: usize| {
            scan.findings.iter().any(|finding| finding.start <= at && at < finding.end)
        };
        prop_assert!(scan.is_opaque || place.all(is_covered));
    }
}

fn shared() -> &'static Guard {
    static GUARD: std::sync::LazyLock<Guard> = std::sync::LazyLock::new(guard);
    &GUARD
}
