//! What is refused, and how it is said.

use super::*;

fn faults(specs: &[RuleSpec]) -> Vec<RuleFault> {
    Rules::compile(specs).expect_err("refused")
}

/// The only fault of a rule with this condition: key and message.
fn fault_of(condition: Condition) -> (&'static str, String) {
    match faults(&[rule("a", vec![condition])]).as_slice() {
        [one] => (one.key, one.message.clone()),
        several => panic!("{several:?}"),
    }
}

fn spec(answer: Option<&str>, json: Option<&str>) -> RuleSpec {
    let (answer, json) = (answer.map(str::to_owned), json.map(str::to_owned));
    RuleSpec { name: "a".to_owned(), when: vec![regex("(?P<order>x)")], answer, json }
}

fn fault_of_answer(answer: Option<&str>, json: Option<&str>) -> RuleFault {
    let mut all = faults(&[spec(answer, json)]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn names_must_fit_and_differ() {
    let long = "x".repeat(65);
    for name in ["", "a b", "é", long.as_str()] {
        let all = faults(&[rule(name, vec![])]);
        assert_eq!((all.len(), all[0].key), (1, "name"), "{name}");
    }
    let twice = faults(&[rule("a.B_1-", vec![literal(&["x"])]), rule("a.B_1-", vec![])]);
    assert_eq!(twice.len(), 1);
    assert_eq!((twice[0].rule, twice[0].key), (1, "name"));
    assert_eq!(twice[0].to_string(), "there is a rule `a.B_1-` before this one");
}

#[test]
fn lists_must_hold_something() {
    assert_eq!(fault_of(literal(&[])).0, "literal");
    assert_eq!(fault_of(literal(&[" "])).0, "literal");
    assert_eq!(fault_of(keywords(&[])).0, "keywords");
    assert_eq!(fault_of(keywords(&[&["a"], &[]])).0, "keywords");
    assert_eq!(fault_of(keywords(&[&["?!"]])), ("keywords", "`?!` holds no word".to_owned()));
    assert_eq!(fault_of(intent(&[])).0, "intent");
    assert_eq!(fault_of(intent(&["a", "…"])).0, "intent");
    assert_eq!(fault_of(language(&[])).0, "language");
    assert_eq!(fault_of(regex("")).0, "regex");
}

#[test]
fn sizes_are_bounded() {
    let many: Vec<String> = (0..201).map(|number| format!("w{number}")).collect();
    assert_eq!(fault_of(Condition::Literal(many)).1, "the list has 201 entries");
    let long = "é".repeat(501);
    assert!(fault_of(literal(&[&long])).1.ends_with("…` is 1002 bytes long"));
    assert!(fault_of(regex(r"(?:\w{100}){100}")).1.contains("size limit"));
    let all_entries: Vec<RuleSpec> =
        (0..27).map(|place| rule(&format!("r{place}"), vec![literal(&["x"; 200])])).collect();
    let all = faults(&all_entries);
    assert_eq!((all.len(), all[0].rule), (1, 25));
    let rules: Vec<_> = (0..501).map(|n| rule(&format!("r{n}"), vec![literal(&["x"])])).collect();
    let all = faults(&rules);
    assert_eq!((all.len(), all[0].rule), (1, 500));
    assert_eq!(faults(&[rule("a", vec![Condition::Always; 17])])[0].key, "name");
    assert_eq!(fault_of_answer(Some(&"x".repeat(70_000)), None).key, "answer");
}

#[test]
fn a_bad_regex_is_told_in_one_line() {
    assert_eq!(fault_of(regex("a(b")), ("regex", "unclosed group".to_owned()));
    assert!(!fault_of(regex("(?P<n>a)(?P<n>b)")).1.contains('\n'));
}

#[test]
fn groups_need_names_of_their_own() {
    assert_eq!(fault_of(regex("(?P<model>x)")).0, "regex");
    let twice = faults(&[rule("a", vec![regex("(?P<n>x)"), regex("(?P<n>y)")])]);
    assert_eq!(twice[0].message, "two regexes have a group `n`");
}

#[test]
fn thresholds_lie_between_zero_and_one() {
    for threshold in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
        let (key, _) = fault_of(Condition::Intent { examples: strings(&["a"]), threshold });
        assert_eq!(key, "intent", "{threshold}");
    }
}

#[test]
fn languages_must_be_known() {
    let all = faults(&[rule("a", vec![language(&["de", "DE", "english"])])]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].message, "`DE` is no language that can be told");
    assert!(all[0].help.contains("de, el, en, es"), "{}", all[0].help);
}

#[test]
fn a_rule_says_something() {
    assert_eq!(fault_of_answer(None, None).message, "the rule answers nothing");
    assert_eq!(fault_of_answer(Some(" "), None).key, "answer");
    let broken = fault_of_answer(None, Some("{"));
    assert_eq!(broken.key, "json");
    assert!(broken.message.starts_with("this is no JSON: EOF"), "{}", broken.message);
}

#[test]
fn templates_name_known_variables() {
    let unknown = fault_of_answer(Some("{{order}} {{oder}}"), None);
    assert_eq!((unknown.key, unknown.message.as_str()), ("answer", "there is no variable `oder`"));
    assert_eq!(unknown.help, "there are: model, service, request_id, date, language, order");
    assert_eq!(fault_of_answer(None, Some(r#"[{"a":"{{x}}"}]"#)).key, "json");
    let open = fault_of_answer(Some("{{order"), None);
    assert_eq!(open.message, "`{{` is not closed");
    assert_eq!(open.help, "write `{{name}}` for a value and `{{{{` for two braces");
    // The groups of another rule are not known.
    let mut other = rule("b", vec![literal(&["y"])]);
    other.answer = Some("{{order}}".to_owned());
    assert_eq!(faults(&[spec(Some("{{order}}"), None), other])[0].rule, 1);
}

#[test]
fn a_bad_regex_does_not_also_make_its_groups_unknown() {
    let mut bad = rule("a", vec![regex("(?P<order>[)")]);
    bad.answer = Some("{{order}}".to_owned());
    let all = faults(&[bad]);
    assert_eq!((all.len(), all[0].key), (1, "regex"));
}

#[test]
fn an_answer_after_a_rule_for_everything_is_never_said() {
    let all = faults(&[
        rule("card", vec![literal(&["card"])]),
        rule("any", vec![Condition::Always]),
        rule("late", vec![literal(&["late"])]),
        rule("later", vec![]),
    ]);
    assert_eq!(
        all.iter().map(|fault| (fault.rule, fault.key)).collect::<Vec<_>>(),
        [(2, "answer"), (3, "answer"),]
    );
    assert_eq!(all[0].message, "this is never said: the rule `any` answers everything");
    assert_eq!(all[1].help, "move this rule before `any`");
}

#[test]
fn json_after_a_rule_for_everything_still_serves_other_schemas() {
    let mut any = json_rule("any", &json!({"a": 1}));
    any.answer = Some("text".to_owned());
    let rules = [any, json_rule("other", &json!({"b": 1}))];
    let schema = r#"{"required":["b"]}"#;
    assert_eq!(ask(&rules, "Hello", AskedForm::JsonSchema(schema)).unwrap().rule, "other");
}

#[test]
fn all_faults_are_told_in_order() {
    let mut first = rule("a b", vec![literal(&[]), regex("(")]);
    first.answer = Some("{{x".to_owned());
    first.json = Some("[".to_owned());
    let second = rule("c", vec![language(&["xx"])]);
    let told: Vec<_> = faults(&[first, second]).iter().map(|one| (one.rule, one.key)).collect();
    let expected =
        [(0, "name"), (0, "literal"), (0, "regex"), (0, "answer"), (0, "json"), (1, "language")];
    assert_eq!(told, expected);
}
