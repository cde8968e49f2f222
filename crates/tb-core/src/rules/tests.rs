//! Rules as an operator writes them, asked as a client asks.

use proptest::prelude::*;
use serde_json::json;

use super::*;

mod faults;

const VALUES: [(&str, &str); 4] =
    [("model", "support"), ("service", "shop"), ("request_id", "req-7"), ("date", "2026-11-23")];

fn rule(name: &str, when: Vec<Condition>) -> RuleSpec {
    RuleSpec { name: name.to_owned(), when, answer: Some(format!("from {name}")), json: None }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn literal(texts: &[&str]) -> Condition {
    Condition::Literal(strings(texts))
}

fn regex(pattern: &str) -> Condition {
    Condition::Regex(pattern.to_owned())
}

fn keywords(sets: &[&[&str]]) -> Condition {
    Condition::Keywords(sets.iter().map(|set| strings(set)).collect())
}

fn language(codes: &[&str]) -> Condition {
    Condition::Language(strings(codes))
}

fn intent(examples: &[&str]) -> Condition {
    Condition::Intent { examples: strings(examples), threshold: DEFAULT_INTENT_THRESHOLD }
}

fn ask(rules: &[RuleSpec], text: &str, form: AskedForm<'_>) -> Option<RuleAnswer> {
    let rules = Rules::compile(rules).unwrap();
    rules.answer(&Question { text, form, variables: &VALUES })
}

fn text(rules: &[RuleSpec], message: &str) -> Option<String> {
    ask(rules, message, AskedForm::Text).map(|answer| answer.text)
}

fn holds(condition: Condition, message: &str) -> bool {
    text(&[rule("one", vec![condition])], message).is_some()
}

#[test]
fn the_first_rule_that_fits_answers() {
    let rules = [
        rule("a", vec![literal(&["card"])]),
        rule("b", vec![literal(&["my card"])]),
        rule("last", vec![]),
    ];
    assert_eq!(text(&rules, "Where is my card?").unwrap(), "from a");
    assert_eq!(text(&rules, "Hello").unwrap(), "from last");
    assert_eq!(ask(&rules, "Hello", AskedForm::Text).unwrap().rule, "last");
    assert_eq!(text(&rules[..2], "Hello"), None);
    assert_eq!(text(&[], "Hello"), None);
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let both = [rule("both", vec![Condition::Always, literal(&["card"]), literal(&["lost"])])];
    assert!(text(&both, "I lost my card").is_some());
    assert_eq!(text(&both, "I have a card"), None);
}

#[test]
fn literals_ignore_case_and_white_space() {
    let condition = || literal(&["Öffnungs\n zeiten", "refund"]);
    assert!(holds(condition(), "Eure ÖFFNUNGS   ZEITEN?"));
    assert!(holds(condition(), "non-REFUNDable"));
    assert!(!holds(condition(), "Öffnungszeiten"));
    assert!(holds(literal(&["what's up"]), "What’s up?"));
}

#[test]
fn keywords_are_whole_words_in_any_order() {
    let condition = || keywords(&[&["open", "hours"], &["opening times"]]);
    assert!(holds(condition(), "In which HOURS are you open?"));
    assert!(holds(condition(), "opening, times"));
    assert!(!holds(condition(), "times of opening"));
    assert!(!holds(condition(), "reopen within hours"));
    assert!(!holds(condition(), "open"));
    assert!(holds(keywords(&[&["营业时间"]]), "请问营业时间是几点"));
}

#[test]
fn regexes_see_the_message_as_it_came() {
    assert!(holds(regex(r"^Cancel\b"), "Cancel it"));
    assert!(!holds(regex(r"^Cancel\b"), "cancel it"));
    assert!(holds(regex(r"(?i)order\s+\d{4}"), "ORDER \n 4711"));
}

#[test]
fn languages_are_those_of_the_message() {
    assert!(holds(language(&["de", "fr"]), "Wo ist mein Paket?"));
    assert!(!holds(language(&["de"]), "Where is my package?"));
    assert!(!holds(language(&["en"]), "ok"));
}

#[test]
fn groups_and_variables_fill_the_answer() {
    let mut order = rule("order", vec![regex(r"order (?P<order>\w+)(?: of (?P<day>\w+))?")]);
    order.answer = Some(
        "{{order}}/{{day}}/{{model}}/{{ service }}/{{request_id}}/{{date}}/{{language}}".to_owned(),
    );
    let said = text(&[order], "Where is my order A17?").unwrap();
    assert_eq!(said, "A17//support/shop/req-7/2026-11-23/en");
}

#[test]
fn a_value_of_the_message_is_bounded_and_tame() {
    let mut echo = rule("echo", vec![regex(r"(?s)say (?P<what>.*)")]);
    echo.answer = Some("{{what}}".to_owned());
    let message = format!("say \u{1b}[31m{{{{model}}}}\n{}", "x".repeat(5_000));
    let said = text(&[echo], &message).unwrap();
    assert!(said.starts_with("[31m{{model}} x"), "{said}");
    assert_eq!(said.chars().count(), template::VALUE_CHARACTERS);
}

#[test]
fn reads_only_the_beginning_of_a_long_message() {
    let long = |gap: usize| format!("{} card", "x ".repeat(gap));
    assert!(holds(literal(&["card"]), &long(8_000)));
    assert!(!holds(literal(&["card"]), &long(8_192)));
}

fn json_rule(name: &str, json: &Value) -> RuleSpec {
    RuleSpec { name: name.to_owned(), when: Vec::new(), answer: None, json: Some(json.to_string()) }
}

#[test]
fn each_form_is_answered_by_the_rules_that_have_it() {
    let rules = [
        json_rule("list", &json!(["a"])),
        json_rule("object", &json!({"id": "{{request_id}}"})),
        rule("text", vec![]),
    ];
    let named = |form| ask(&rules, "Hello", form).map(|answer| (answer.rule, answer.text));
    let is = |rule: &str, text: &str| Some((rule.to_owned(), text.to_owned()));
    assert_eq!(named(AskedForm::Text), is("text", "from text"));
    assert_eq!(named(AskedForm::JsonObject), is("object", r#"{"id":"req-7"}"#));
    assert_eq!(named(AskedForm::JsonSchema("{}")), is("list", r#"["a"]"#));
    let schema = r#"{"type":"object","required":["id"]}"#;
    assert_eq!(named(AskedForm::JsonSchema(schema)), is("object", r#"{"id":"req-7"}"#));
    assert_eq!(named(AskedForm::JsonSchema(r#"{"type":"string"}"#)), None);
    assert_eq!(named(AskedForm::JsonSchema("not JSON")), None);
}

#[test]
fn the_schema_sees_the_values() {
    let mut order = json_rule("order", &json!({"order": "{{order}}"}));
    order.when = vec![regex(r"order (?P<order>\w+)")];
    let schema = r#"{"properties":{"order":{"type":"string","pattern":"^[0-9]+$"}}}"#;
    let rules = [order, json_rule("other", &json!({}))];
    let named = |text| ask(&rules, text, AskedForm::JsonSchema(schema)).unwrap().rule;
    assert_eq!(named("order 17"), "order");
    assert_eq!(named("order A17"), "other");
}

/// What the default threshold does with questions that nobody wrote into the file. The word-based
/// likeness follows changed word order, spelling and filling; it cannot know that "parcel" is a
/// package.
#[test]
fn the_default_threshold_takes_near_paraphrases_and_leaves_the_rest() {
    let rules = [
        rule(
            "delivery",
            vec![intent(&[
                "Where is my package?",
                "My order has not arrived yet",
                "Can I track my delivery?",
                "When will my order be delivered?",
            ])],
        ),
        rule(
            "refund",
            vec![intent(&[
                "I want my money back",
                "How do I get a refund?",
                "Can I return the item I bought?",
                "How long does a refund take?",
            ])],
        ),
        rule(
            "password",
            vec![intent(&[
                "I forgot my password",
                "How do I reset my password?",
                "I cannot log in",
            ])],
        ),
    ];
    let chosen =
        |message| text(&rules, message).map_or_else(String::new, |said| said.replace("from ", ""));
    for (message, expected) in [
        ("where's my package??", "delivery"),
        ("Hey, my order still has not arrived", "delivery"),
        ("Please track my delivery", "delivery"),
        ("when will the order be delivered", "delivery"),
        ("i want the money back please", "refund"),
        ("How can I get a refund", "refund"),
        ("how long do refunds take", "refund"),
        ("Good morning! Please help. I have forgotten my password.", "password"),
        ("reset password", "password"),
        ("How do I change my password?", "password"),
        // The same in other words or with much around it: not found.
        ("Is there a way to track the delivery?", ""),
        ("What happened to the parcel you shipped last week?", ""),
        ("Reimburse me", ""),
        // Something else in similar words: not taken.
        ("Do you sell gift cards?", ""),
        ("What are your opening hours?", ""),
        ("How do I become a reseller?", ""),
        ("How do I get an invoice?", ""),
        ("Can I pay by invoice?", ""),
        ("Write a poem about the sea", ""),
    ] {
        assert_eq!(chosen(message), expected, "{message}");
    }
}

#[test]
fn thresholds_zero_and_one_mean_all_and_the_same() {
    let at =
        |threshold| Condition::Intent { examples: strings(&["Where is my package?"]), threshold };
    assert!(holds(at(0.0), "Something else"));
    assert!(holds(at(1.0), "where is my PACKAGE"));
    assert!(!holds(at(1.0), "where is my package now"));
}

/// All but intents: how like an example is depends on the examples of the other rules.
fn any_condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just(Condition::Always),
        Just(literal(&["a", "b c"])),
        Just(regex("(?P<g>[ab]+)c?")),
        Just(keywords(&[&["a", "b"], &["c"]])),
        Just(language(&["en", "de", "zh"])),
    ]
}

proptest! {
    #[test]
    fn every_message_gets_the_answer_of_the_first_rule_that_holds_alone(
        conditions in prop::collection::vec(any_condition(), 1..6),
        message in "[a-c é营{}\"\\\\\n]{0,40}",
    ) {
        let specs: Vec<_> = conditions
            .into_iter()
            .enumerate()
            .map(|(place, when)| RuleSpec {
                name: format!("r{place}"),
                when: vec![when],
                answer: None,
                json: Some(format!(r#"{{"rule":"r{place}"}}"#)),
            })
            .collect();
        let alone = specs.iter().find(|spec| {
            ask(std::slice::from_ref(spec), &message, AskedForm::JsonObject).is_some()
        });
        let together = ask(&specs, &message, AskedForm::JsonObject);
        prop_assert_eq!(together.map(|answer| answer.rule), alone.map(|spec| spec.name.clone()));
    }

    #[test]
    fn json_stays_json_whatever_the_message_says(message in "\\PC{0,60}|[\"\\\\{}\n\u{0}]{0,20}") {
        let mut echo = json_rule("echo", &json!({"said": "<{{said}}>"}));
        echo.when = vec![regex("(?s)^(?P<said>.*)$")];
        let said = ask(&[echo], &message, AskedForm::JsonObject).unwrap().text;
        let value: Value = serde_json::from_str(&said).unwrap();
        prop_assert_eq!(value, json!({"said": format!("<{}>", tame(&message))}));
    }
}
