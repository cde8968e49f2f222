//! `guard test`.

use serde_json::{Value, json};

use crate::gateway::{CONFIG, Folder};

#[test]
fn shows_places_in_characters_and_the_text_that_would_leave() {
    let folder = Folder::empty();
    let line = json!({ "id": 7, "text": "Zoë: jane.doe@example.org, 4111 1111 1111 1111" });
    std::fs::write(folder.path().join("texts.jsonl"), format!("{line}\n\n{line}\n")).unwrap();
    let ran = folder.run(&["guard", "test", "--jsonl", "-o", "jsonl", "texts.jsonl"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let lines: Vec<Value> =
        ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let found = |kind: &str| {
        let findings = lines[0]["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["type"] == kind).unwrap().clone()
    };
    let (email, card) = (found("email"), found("credit_card"));
    assert_eq!((&email["start"], &email["end"]), (&5.into(), &25.into()));
    assert_eq!((&email["byte_start"], &email["byte_end"]), (&6.into(), &26.into()));
    assert_eq!((&email["action"], &card["action"]), (&"tokenize".into(), &"mask".into()));
    let text = lines[0]["text"].as_str().unwrap();
    assert!(!text.contains("jane") && !text.contains("4111") && text.ends_with("1111"), "{text}");
    std::fs::write(folder.path().join("texts.jsonl"), "{}\n").unwrap();
    let ran = folder.run(&["guard", "test", "--jsonl", "texts.jsonl"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("line 1"), "{}", ran.stderr());
}

#[test]
fn does_what_the_configuration_and_the_service_say() {
    let folder = Folder::new(&format!(
        "{CONFIG}guard = {{ actions = {{ email = \"mask\" }} }}\n\n[guard]\nnames = false\n\
         actions = {{ email = \"redact\" }}\n[[guard.detectors]]\ntype = \"badge\"\n\
         patterns = [\"EMP-[0-9]{{6}}\"]\nservices = [\"app\"]\n\
         [services.other]\npurposes = [\"testing\"]\nmodels = [\"sim\"]\n"
    ));
    folder.write("text.txt", "My name is Jane Miller, jo@example.org, EMP-123456");
    let look = |more: &[&str]| {
        let ran = folder.run(&[&["guard", "test", "text.txt", "-o", "json"], more].concat());
        let seen = ran.json();
        let types: Vec<_> =
            seen["findings"].as_array().unwrap().iter().map(|f| f["type"].clone()).collect();
        (types, seen["text"].as_str().unwrap().to_owned())
    };
    let (types, _) = look(&[]);
    assert_eq!(types, ["email", "badge"], "names are off");
    let (types, text) = look(&["--service", "other"]);
    assert_eq!(types, ["email"], "the detector is another service's");
    assert!(text.contains("[EMAIL], EMP-123456"), "{text}");
    let (types, text) = look(&["--service", "app"]);
    assert_eq!(types, ["email", "badge"]);
    assert!(text.contains("*") && !text.contains("jo@") && !text.contains("[EMAIL]"), "{text}");
    let ran = folder.run(&["guard", "test", "text.txt", "--service", "nobody"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("`nobody`"), "{}", ran.stderr());
}

#[test]
fn an_invalid_configuration_ends_with_78() {
    let folder = Folder::new("[guard]\ncolour = 1\n");
    folder.write("text.txt", "nothing");
    assert_eq!(folder.run(&["guard", "test", "text.txt"]).code(), Some(78));
}

#[test]
fn tells_people_of_what_they_do_not_see() {
    let folder = Folder::empty();
    folder.write("text.txt", "plain\u{7} text with a bell and a\u{200b}zero width");
    let ran = folder.run(&["guard", "test", "text.txt"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stderr().contains("controls=1,zero_width=1"), "{}", ran.stderr());
    assert!(!ran.stdout().contains('\u{7}'), "{}", ran.stdout());
}

/// Three mail addresses of which one is labelled, one wrongly; a card; a label of nobody.
fn labelled() -> String {
    let span = |start: usize, end: usize, label: &str| json!({ "start": start, "end": end, "type": label });
    let lines = [
        json!({ "text": "Zo\u{eb}: jane@example.org", "spans": [span(5, 21, "EMAIL_ADDRESS")] }),
        json!({ "text": "to jo@example.com", "spans": [span(0, 17, "email")] }),
        json!({ "text": "4111 1111 1111 1111", "spans": [span(0, 19, "CREDIT_CARD")], "id": 3 }),
        json!({ "text": "a blue one", "spans": [span(2, 6, "COLOUR")] }),
    ];
    lines.map(|line| line.to_string()).join("\n")
}

#[test]
fn measures_precision_and_recall_by_type() {
    let folder = Folder::empty();
    folder.write("labelled.jsonl", &labelled());
    let figures = folder.run(&["guard", "test", "--stats", "labelled.jsonl", "-o", "json"]).json();
    let row = |kind: &str| {
        let rows = figures["rows"].as_array().unwrap();
        rows.iter().find(|row| row["type"] == kind).unwrap().clone()
    };
    let email = row("email");
    assert_eq!(
        (&email["gold"], &email["found"], &email["right"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(
        (&email["precision"], &email["f1"], &email["f2"]),
        (&0.5.into(), &0.5.into(), &0.5.into())
    );
    assert_eq!(email["recall_interval"], json!([0.095, 0.905]));
    assert_eq!(row("credit_card")["f2"], 1.0);
    assert_eq!(figures["all"]["recall"], 0.667);
    assert_eq!(figures["unknown_labels"], json!({ "COLOUR": 1 }));
    assert_eq!(figures["texts"], 4);
    let shown = folder.run(&["guard", "test", "--stats", "labelled.jsonl"]);
    assert!(shown.stdout().contains("credit_card"), "{}", shown.stdout());
    assert!(shown.stderr().contains("COLOUR (1)"), "{}", shown.stderr());
}

#[test]
fn a_label_may_name_a_type_of_the_operators_own() {
    let detector = "[guard]\nnames = false\n[[guard.detectors]]\ntype = \"badge\"\npatterns = [\"EMP-[0-9]{6}\"]\n";
    let folder = Folder::new(&format!("{CONFIG}\n{detector}"));
    let missed =
        json!({ "text": "EMP-12345", "spans": [{ "start": 0, "end": 9, "type": "badge" }] });
    let found =
        json!({ "text": "EMP-123456", "spans": [{ "start": 0, "end": 10, "type": "BADGE" }] });
    folder.write("labelled.jsonl", &format!("{missed}\n{found}\n"));
    let figures = folder.run(&["guard", "test", "--stats", "labelled.jsonl", "-o", "json"]).json();
    assert_eq!(figures["rows"][0]["type"], "badge");
    assert_eq!((&figures["rows"][0]["gold"], &figures["rows"][0]["right"]), (&2.into(), &1.into()));
}

#[test]
fn refuses_labels_outside_of_the_text_and_packed_files() {
    let folder = Folder::empty();
    let outside =
        json!({ "text": "\u{e9}\u{e9}", "spans": [{ "start": 0, "end": 3, "type": "PERSON" }] });
    folder.write("labelled.jsonl", &outside.to_string());
    let ran = folder.run(&["guard", "test", "--stats", "labelled.jsonl"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("line 1"), "{}", ran.stderr());
    std::fs::write(folder.path().join("labelled.jsonl.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    let ran = folder.run(&["guard", "test", "--stats", "labelled.jsonl.gz"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("zcat"), "{}", ran.stderr());
}
