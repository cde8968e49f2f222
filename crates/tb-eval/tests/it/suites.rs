//! Suites and readers: what they understand, and how they say what they do not.

use std::path::Path;

use serde_json::{Value, json};
use tb_eval::case::{Case, CheckKind};
use tb_eval::suite::Suite;

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn suite(&self) -> Suite {
        Suite::load(&self.path().join("suite.toml")).unwrap()
    }

    fn cases(&self) -> Vec<Case> {
        self.suite().cases(None).unwrap().map(|case| case.unwrap()).collect()
    }

    /// All faults, without the folder.
    fn faults(&self) -> String {
        let loaded = Suite::load(&self.path().join("suite.toml"));
        let faults = loaded.and_then(|suite| suite.survey(None)).unwrap_err();
        faults.to_string().replace(&format!("{}/", self.path().display()), "")
    }
}

fn checks(case: &Case) -> Value {
    serde_json::to_value(&case.checks).unwrap()
}

#[test]
fn every_fault_of_a_suite_has_its_line_and_column() {
    let folder = Folder::new(&[(
        "suite.toml",
        "name = \"a/b\"\nrepeat = 3\n\n[[cases]]\ninput = \"x\"\n\n[[checks]]\ntype = \"equal\"\n\n\
         [[checks]]\ntype = \"regex\"\npattern = \"(\"\n\n[[checks]]\ntype = \"contains\"\ntexts = [1]\n",
    )]);
    let faults = folder.faults();
    for expected in [
        "suite.toml:1:1: name: this cannot name a suite",
        "suite.toml:2:1: repeat: there is no `repeat`\n  = help: did you mean `repeats`?",
        "suite.toml:8:1: checks[0].type: there is no check `equal`\n  = help: did you mean `equals`?",
        "suite.toml:10:1: checks[1]: not a regular expression",
        "suite.toml:16:1: checks[2].texts: this must be a text or a list of texts",
    ] {
        assert!(faults.contains(expected), "{expected}\n---\n{faults}");
    }
}

#[test]
fn a_faulty_line_of_data_is_named_and_so_is_an_id_that_stands_there_twice() {
    let suite = "name = \"s\"\ndata = { file = \"c.jsonl\" }\n[[checks]]\ntype = \"equals\"\nany = \"{{right}}\"\n";
    let lines = "{\"id\":\"a\",\"input\":\"x\",\"right\":\"y\"}\n{\"id\":\"a\",\"input\":\"x\",\"right\":\"y\"}\n{\"input\":\"x\"}\nnot json\n";
    let faults = Folder::new(&[("suite.toml", suite), ("c.jsonl", lines)]).faults();
    assert!(faults.contains("the id `a` stands there twice"), "{faults}");
    assert!(faults.contains("c.jsonl:3: checks[0] of the suite: `{{right}}` names no column"));
    assert!(faults.contains("c.jsonl:4:2: not a JSON object"), "{faults}");
}

#[test]
fn a_case_without_a_check_or_without_a_question_is_a_fault() {
    let bare = "name = \"s\"\n[[cases]]\ninput = \"x\"\n";
    assert!(
        Folder::new(&[("suite.toml", bare)])
            .faults()
            .contains("suite.toml:2:1: the case has no checks")
    );
    let silent = "name = \"s\"\n[[cases]]\nchecks = [{ type = \"refusal\" }]\n";
    assert!(Folder::new(&[("suite.toml", silent)]).faults().contains("there is nothing to ask"));
}

#[test]
fn csv_columns_fill_the_request_the_checks_the_group_and_the_slices() {
    let suite = "name = \"s\"\ndata = { file = \"c.csv\" }\ngroup = \"doc\"\nslices = [\"lang\"]\n\
        [request]\ntemperature = 0\nmessages = [{ role = \"user\", content = \"To {{lang}}: {{text}}\" }]\n\
        [[checks]]\ntype = \"number\"\nvalue = \"{{sum}}\"\n";
    let csv = "text,lang,doc,sum\n\"a, {{b}}\",de,d1,\"1,200\"\n";
    let folder = Folder::new(&[("suite.toml", suite), ("c.csv", csv)]);
    let cases = folder.cases();
    let case = &cases[0];
    assert_eq!(case.request["messages"][0]["content"], "To de: a, {{b}}");
    assert_eq!((case.id.as_str(), case.group.as_deref()), ("1", Some("d1")));
    assert_eq!(case.slices, ["lang=de"]);
    assert!(matches!(case.checks[0].kind, CheckKind::Number { value, .. } if value == 1200.0));
}

#[test]
fn the_hash_of_the_data_ignores_the_version_of_the_prompt_and_the_checks() {
    let suite = |version: &str, check: &str| {
        let text = format!(
            "name = \"s\"\nprompt = {{ id = \"p\", version = \"{version}\", variables = [\"t\"] }}\n\
             [[cases]]\nt = \"x\"\n[[checks]]\ntype = \"{check}\"\n"
        );
        Folder::new(&[("suite.toml", &text)]).suite().survey(None).unwrap()
    };
    let (one, two, other) = (suite("1", "refusal"), suite("2", "refusal"), suite("1", "json"));
    assert_eq!((&one.data_hash, &one.checks_hash), (&two.data_hash, &two.checks_hash));
    assert_eq!(one.data_hash, other.data_hash);
    assert_ne!(one.checks_hash, other.checks_hash);
}

#[test]
fn an_unknown_label_is_absent_and_not_a_fault() {
    let suite = "name = \"s\"\ndata = { file = \"c.csv\" }\n[[checks]]\ntype = \"label\"\nlabels = [\"a\", \"b\"]\nexpected = \"{{label}}\"\n";
    let folder = Folder::new(&[("suite.toml", suite), ("c.csv", "input,label\nx,a\ny,\n")]);
    let cases = folder.cases();
    assert_eq!(checks(&cases[0])[0]["expected"], "a");
    assert_eq!(checks(&cases[1])[0].get("expected"), None);
}

const PROMPTFOO: &str = "name = \"s\"\njudge = \"j\"\ndata = { file = \"p.yaml\" }\n";

#[test]
fn promptfoo_tests_are_expanded_with_every_prompt_and_their_assertions_kept() {
    let yaml = "prompts:\n  - 'Say {{word}}'\n  - 'Shout {{word}}'\nproviders: [openai:gpt]\n\
        defaultTest:\n  assert:\n    - type: not-icontains\n      value: sorry\n\
        tests:\n  - vars:\n      word: [a, b]\n    assert:\n      - type: contains\n        value: '{{word}}'\n        weight: 2\n";
    let folder = Folder::new(&[("suite.toml", PROMPTFOO), ("p.yaml", yaml)]);
    let cases = folder.cases();
    let asked: Vec<&str> =
        cases.iter().map(|case| case.request["messages"][0]["content"].as_str().unwrap()).collect();
    assert_eq!(asked, ["Say a", "Shout a", "Say b", "Shout b"]);
    assert_eq!(cases[3].id, "2/2");
    let wanted = json!([
        {"type": "contains", "texts": ["sorry"], "all": false, "ignore_case": true, "not": true, "weight": 1.0},
        {"type": "contains", "texts": ["b"], "all": false, "ignore_case": false, "weight": 2.0},
    ]);
    assert_eq!(checks(&cases[3]), wanted);
    assert_eq!(
        folder.suite().survey(None).unwrap().notes,
        ["`providers` of promptfoo is not used"]
    );
}

#[test]
fn what_is_not_understood_of_promptfoo_is_a_fault_with_its_place() {
    let test = |assertion: &str| {
        let yaml = format!("prompts: ['x']\ntests:\n  - assert:\n      - {assertion}\n");
        Folder::new(&[("suite.toml", PROMPTFOO), ("p.yaml", &yaml)]).faults()
    };
    for kind in ["javascript", "levenshtein", "rouge-n", "contains-json"] {
        let faults = test(&format!("{{ type: {kind}, value: x }}"));
        let expected =
            format!("p.yaml: tests[0].assert[0]: the assertion `{kind}` is not supported");
        assert!(faults.contains(&expected), "{faults}");
    }
    assert!(test("{ type: equals, value: x, transform: y }").contains("`transform`"));
    let scenario =
        Folder::new(&[("suite.toml", PROMPTFOO), ("p.yaml", "prompts: ['x']\nscenarios: []\n")]);
    assert!(scenario.faults().contains("p.yaml: scenarios: this is not supported"));
}

#[test]
fn promptfoo_csv_has_short_assertions() {
    let suite = "name = \"s\"\ndata = { file = \"t.csv\", format = \"promptfoo_csv\" }\n[request]\nmessages = [{ role = \"user\", content = \"{{q}}\" }]\n";
    let csv = "q,__expected,__expected1,__metadata:lang\n1+1,2,\"not-contains: {{q}}\",en\nx,latency(500),,de\n";
    let cases = Folder::new(&[("suite.toml", suite), ("t.csv", csv)]).cases();
    let both = checks(&cases[0]);
    assert_eq!((&both[0]["type"], &both[0]["any"]), (&json!("equals"), &json!(["2"])));
    assert_eq!((&both[1]["texts"], &both[1]["not"]), (&json!(["1+1"]), &json!(true)));
    assert_eq!(checks(&cases[1])[0]["limit"], 500.0);
    assert_eq!(cases[1].slices, ["lang=de"]);
    let python = csv.replace("latency(500)", "python: x");
    let faults = Folder::new(&[("suite.toml", suite), ("t.csv", &python)]).faults();
    assert!(faults.contains("t.csv:3: __expected: the assertion `python` is not supported"));
}

#[test]
fn openai_evals_begin_with_include_or_resemble_their_ideal() {
    let lines = "{\"input\":[{\"role\":\"user\",\"content\":\"q\"}],\"ideal\":[\"a.\",\"b\"]}\n";
    let with = |matching: &str| {
        let suite = format!(
            "name = \"s\"\ndata = {{ file = \"e.jsonl\", format = \"openai_evals\", match = \"{matching}\" }}\n"
        );
        checks(&Folder::new(&[("suite.toml", &suite), ("e.jsonl", lines)]).cases()[0])[0].clone()
    };
    assert_eq!(with("begins")["pattern"], "\\A(?:a\\.|b)");
    assert_eq!(with("includes")["texts"], json!(["a.", "b"]));
    assert_eq!(with("fuzzy")["lenient"], true);
}

const EXPORT: &str = r#"{"data_source": {"type": "completions",
  "input_messages": {"type": "template", "template": [{"role": "developer", "content": "Classify"},
    {"role": "user", "content": {"type": "input_text", "text": "{{item.ticket}}"}}]},
  "source": {"type": "file_content", "content": [{"item": {"ticket": "My {{x}}", "label": "hw"}}]}},
  "testing_criteria": [
   {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "{{ item.label }}", "operation": "ilike"},
   {"type": "text_similarity", "input": "{{sample.output_text}}", "reference": "{{item.label}}", "evaluation_metric": "rouge_l", "pass_threshold": 0.5},
   {"type": "label_model", "model": "j", "labels": ["good", "bad"], "passing_labels": ["good"],
    "input": [{"role": "user", "content": "Is {{sample.output_text}} right for {{item.ticket}}?"}]}]}"#;

#[test]
fn exported_evals_become_requests_and_checks() {
    let suite = "name = \"s\"\ndata = { file = \"e.json\", format = \"openai_export\" }\n";
    let cases = Folder::new(&[("suite.toml", suite), ("e.json", EXPORT)]).cases();
    assert_eq!(cases[0].request["messages"][1]["content"], "My {{x}}");
    let found = checks(&cases[0]);
    assert_eq!((&found[0]["texts"], &found[0]["ignore_case"]), (&json!(["hw"]), &json!(true)));
    assert_eq!(found[1]["threshold"], 0.5);
    let rubric = found[2]["rubric"].as_str().unwrap();
    assert!(rubric.starts_with("Is (the answer) right for My {{x}}?"), "{rubric}");
    let python = EXPORT.replace("\"type\": \"string_check\"", "\"type\": \"python\"");
    let faults = Folder::new(&[("suite.toml", suite), ("e.json", &python)]).faults();
    assert!(faults.contains("e.json: testing_criteria[0]: `python` graders run foreign code"));
}

#[test]
fn captured_traffic_is_asked_again_and_what_cannot_be_is_counted() {
    let suite = "name = \"s\"\ndata = { file = \"c.jsonl\", format = \"captured\" }\n[[checks]]\ntype = \"rouge_l\"\ntext = \"{{answer}}\"\n";
    let lines = concat!(
        r#"{"request_id":"req_1","route":"chat_completions","is_cut":false,"request":{"model":"m","stream":true,"messages":[{"role":"user","content":"q"}]},"answer":{"choices":[{"message":{"content":"then"}}]}}"#,
        "\n",
        r#"{"request_id":"req_2","route":"embeddings","request":{"input":"x"}}"#,
        "\n",
    );
    let folder = Folder::new(&[("suite.toml", suite), ("c.jsonl", lines)]);
    let cases = folder.cases();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].id, "req_1");
    assert_eq!(cases[0].request.keys().collect::<Vec<_>>(), ["messages"]);
    assert_eq!(checks(&cases[0])[0]["text"], "then");
    let notes = folder.suite().survey(None).unwrap().notes;
    assert!(notes[0].ends_with("c.jsonl:2: left out, it is no chat completion"), "{notes:?}");
}
