//! The rules file, through the configuration that names it.

use tb_config::{FixedEnvironment, Loaded, Overrides, Report, Source, load};
use tb_core::rules::{AskedForm, DEFAULT_INTENT_THRESHOLD, Question};

use crate::{FOLDER, codes, read_in};

const CONFIGURATION: &str = r#"[providers.p]
dialect = "simulated"
[models.m]
targets = [{ provider = "p", model = "x" }]
on_exhausted = ["rules"]
rules = "rules/support.toml"
"#;

fn with_rules(rules: &str) -> FixedEnvironment {
    FixedEnvironment::default().with_file(format!("{FOLDER}/rules/support.toml"), rules)
}

fn outcome(rules: &str) -> Result<Loaded, Report> {
    read_in(CONFIGURATION, &with_rules(rules))
}

/// `file:line:column code` of each fault.
fn places(outcome: &Result<Loaded, Report>) -> Vec<String> {
    let report = outcome.as_ref().unwrap_err();
    let place = |d: &tb_config::Diagnostic| {
        let at = d.position.as_ref().unwrap();
        format!("{}:{}:{} {}", d.file, at.line, at.column, d.code.as_str())
    };
    report.diagnostics.iter().map(place).collect()
}

fn answer(loaded: &Loaded, text: &str, form: AskedForm<'_>) -> Option<(String, String)> {
    let rules = loaded.snapshot.models["m"].rules.clone().unwrap();
    let answer = rules.answer(&Question { text, form, variables: &[] })?;
    Some((answer.rule, answer.text))
}

#[test]
fn every_kind_of_condition_and_answer_is_read() {
    let loaded = outcome(
        r#"
        [[rules]]
        name = "refund"
        when = { literal = "refund" }
        answer = "Refunds take a week."

        [[rules]]
        name = "order"
        when = { regex = "order (?<number>[0-9]+)" }
        answer = "We look after it."
        json = { state = "unknown", retry = true, after_s = 0x10, parts = [1, 2.5] }

        [[rules]]
        name = "password"
        when.keywords = ["reset", "password"]
        answer = "Use the link."

        [[rules]]
        name = "hours"
        when = { keywords = [["opening", "hours"], ["open", "when"]], always = true }
        answer = "Nine to five."

        [[rules]]
        name = "greeting"
        when = { literal = ["good morning", "good evening"] }
        answer = "Good day."

        [[rules]]
        name = "human"
        when = { intent = ["I want to talk to a human", "give me a person"], threshold = 0.5 }
        answer = "Somebody will call you."

        [[rules]]
        name = "other"
        answer = "Please try again later."
        "#,
    )
    .unwrap_or_else(|report| panic!("{report}"));
    for (text, rule) in [
        ("Where is my REFUND?", "refund"),
        ("where is order 12", "order"),
        ("please reset my password", "password"),
        ("when are you open", "hours"),
        ("Good evening!", "greeting"),
        ("i want to talk to a human", "human"),
        ("what is the weather", "other"),
    ] {
        let (found, _) = answer(&loaded, text, AskedForm::Text).unwrap();
        assert_eq!(found, rule, "{text}");
    }
    let (rule, json) = answer(&loaded, "order 12", AskedForm::JsonObject).unwrap();
    assert_eq!(rule, "order");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected =
        serde_json::json!({ "state": "unknown", "retry": true, "after_s": 16, "parts": [1, 2.5] });
    assert_eq!(json, expected);
}

#[test]
fn faults_of_the_rules_stand_in_the_same_report_after_those_of_the_file() {
    let rules = "[[rules]]\nnam = \"a\"\nanswer = 7\n\n[[rules]]\nname = \"b\"\nanswer = \"x\"\nwhen = { litteral = \"y\" }\n";
    let text = format!("{CONFIGURATION}deadline = 1\n");
    let outcome = read_in(&text, &with_rules(rules));
    assert_eq!(
        places(&outcome),
        [
            "tollbar.toml:7:12 E0004",
            "rules/support.toml:1:1 E0005",
            "rules/support.toml:2:1 E0003",
            "rules/support.toml:3:10 E0004",
            "rules/support.toml:8:10 E0003",
        ]
    );
    let report = outcome.unwrap_err();
    assert_eq!(report.diagnostics[4].nearest.as_deref(), Some("literal"));
    assert!(report.render().contains("--> rules/support.toml:3:10\n"), "{report}");
    assert!(report.render().contains("3 | answer = 7\n"), "{report}");
}

#[test]
fn a_rule_that_does_not_compile_is_reported_at_its_key() {
    let rules = "[[rules]]\nname = \"a\"\nanswer = \"x\"\nwhen.literal = \"y\"\n[[rules]]\nname = \"b\"\nanswer = \"x\"\nwhen = { always = true, regex = \"(\" }\n\n[[rules]]\nname = \"c\"\n";
    let found = places(&outcome(rules));
    assert_eq!(found, ["rules/support.toml:8:33 E0047", "rules/support.toml:10:1 E0047"]);
}

#[test]
fn a_faulty_rule_does_not_hide_what_is_wrong_with_the_others() {
    let rules = "[[rules]]\nname = 1\nanswer = \"x\"\n[[rules]]\nname = \"b\"\nwhen.regex = \"(\"\nanswer = \"x\"\n";
    let found = places(&outcome(rules));
    assert_eq!(found, ["rules/support.toml:2:8 E0004", "rules/support.toml:6:14 E0047"]);
}

#[test]
fn what_has_no_effect_in_a_rule_is_refused() {
    for when in ["{ always = false }", "{ threshold = 0.5, always = true }"] {
        let rules = format!("[[rules]]\nname = \"a\"\nanswer = \"x\"\nwhen = {when}\n");
        assert_eq!(codes(&outcome(&rules)), ["E0041"], "{when}");
    }
}

#[test]
fn words_and_lists_of_words_are_not_mixed() {
    let rules = "[[rules]]\nname = \"a\"\nanswer = \"x\"\nwhen = { keywords = [[\"b\"], \"c\"] }\n";
    assert_eq!(places(&outcome(rules)), ["rules/support.toml:4:29 E0004"]);
}

#[test]
fn json_has_no_dates_and_no_endless_numbers() {
    let rules = "[[rules]]\nname = \"a\"\n[rules.json]\nday = 1979-05-27\nlist = [{ x = nan }]\nbig = 99999999999999999999\n";
    assert_eq!(
        places(&outcome(rules)),
        [
            "rules/support.toml:4:7 E0004",
            "rules/support.toml:5:15 E0004",
            "rules/support.toml:6:7 E0004"
        ]
    );
}

#[test]
fn json_in_a_string_is_refused() {
    let rules = "[[rules]]\nname = \"a\"\njson = '{ \"b\": 1 }'\n";
    assert_eq!(places(&outcome(rules)), ["rules/support.toml:3:8 E0047"]);
}

#[test]
fn the_reference_names_the_threshold_that_holds() {
    let line = format!("| `threshold` | number, 0 to 1 | {DEFAULT_INTENT_THRESHOLD} |");
    assert!(tb_config::reference().contains(&line), "{line}");
}

#[test]
fn a_syntax_error_of_the_rules_has_its_place() {
    let outcome = outcome("[[rules]]\nname = a b\n");
    assert!(places(&outcome).iter().all(|place| place.starts_with("rules/support.toml:2:")));
    assert!(codes(&outcome).contains(&"E0002"));
}

#[test]
fn a_missing_rules_file_is_reported_where_it_is_named() {
    let outcome = read_in(CONFIGURATION, &FixedEnvironment::default());
    assert_eq!(places(&outcome), ["tollbar.toml:6:9 E0046"]);
}

#[test]
fn a_file_that_is_no_rules_file_is_not_printed() {
    // Somebody may name the file of a key by mistake.
    let secret = "sk-CaNaRy0123456789abcdefCaNaRy";
    for rules in [secret.to_owned(), format!("key = \"{secret}\""), format!("key = {secret}")] {
        let report = outcome(&rules).unwrap_err();
        assert!(!format!("{report:?}{report}{}", report.to_json()).contains(secret), "{report}");
    }
}

#[test]
fn the_same_rules_file_of_two_models_is_reported_once() {
    let second = CONFIGURATION.split_once("[models.m]").unwrap().1;
    let text = format!("{CONFIGURATION}[models.n]{second}");
    assert_eq!(codes(&read_in(&text, &with_rules("rules = []"))), ["E0047"]);
}

#[test]
fn the_hash_follows_the_text_of_the_rules() {
    let hash = |answer: &str| {
        let rules = format!("[[rules]]\nname = \"a\"\nanswer = \"{answer}\"\n");
        outcome(&rules).unwrap_or_else(|report| panic!("{report}")).snapshot.hash
    };
    assert_eq!(hash("one"), hash("one"));
    assert_ne!(hash("one"), hash("two"));
}

#[test]
fn the_file_is_named_as_the_configuration_is() {
    let environment = FixedEnvironment::default()
        .with_file("conf/tollbar.toml", CONFIGURATION)
        .with_file(std::env::current_dir().unwrap().join("conf/rules/support.toml"), "rules = 1");
    let source = Source::File("conf/tollbar.toml".into());
    let report = load(&source, &Overrides::default(), &environment).unwrap_err();
    assert_eq!(report.diagnostics[0].file, "conf/rules/support.toml");
}

#[test]
fn the_rules_of_the_documentation_load() {
    let path = crate::examples().join("../docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let section = page.split_once("### The rules file").unwrap().1;
    let rules = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let loaded = outcome(rules).unwrap_or_else(|report| panic!("{report}"));
    let question = "Where is my order 17? I have been waiting for it since last week.";
    let (rule, text) = answer(&loaded, question, AskedForm::Text).unwrap();
    assert_eq!(rule, "order-state");
    assert!(text.contains("order 17"), "{text}");
}

#[test]
fn no_text_of_a_rules_file_makes_the_reader_panic() {
    let whole = "[[rules]]\nname = \"a\"\nwhen = { keywords = [[\"ä\"]], threshold = 0.5, intent = [\"c\"] }\njson = { d = [1.5, 0x1F] }\n[[rules]]\nname = \"e\"\nanswer = \"{{model}}\"\n";
    for (end, _) in whole.char_indices() {
        for diagnostic in outcome(&whole[..end]).err().iter().flat_map(|r| &r.diagnostics) {
            let Some(position) = &diagnostic.position else { continue };
            assert!(position.span.end <= end, "{diagnostic}");
        }
    }
    assert!(outcome(whole).is_ok());
}
