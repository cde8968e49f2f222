//! `eval run` through a running gateway: run, kill, resume, bless, compare, and the gate.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tb_testkit::{FakeProvider, FakeReply, Recorded};

use crate::gateway::{Folder, Serve};

const CASES: usize = 400;

/// The head of an answer that never comes.
const UNFINISHED: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";

fn config(url: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[guard]
enabled = false
[prices."up/m-1"]
input = 1
output = 1000
[prices."up/m-2"]
input = 1
output = 1000
[providers.up]
dialect = "openai"
base_url = "{url}/v1"
[models.m-1]
targets = [{{ provider = "up", model = "m-1" }}]
retry = {{ attempts = 1 }}
[models.m-2]
targets = [{{ provider = "up", model = "m-2" }}]
retry = {{ attempts = 1 }}
[services.app]
purposes = ["evaluation"]
models = ["m-*"]
"#
    )
}

/// The number of the case that a request asks.
fn case_of(request: &Recorded) -> usize {
    let asked = request.json()["messages"][0]["content"].as_str().unwrap().to_owned();
    asked.trim_start_matches("Case ").parse().unwrap()
}

fn answer(request: &Recorded, text: &str) -> FakeReply {
    let model = request.json()["model"].clone();
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 },
    });
    FakeReply::json(200, &body.to_string())
}

/// The right answer; the second model is wrong in every fifth case.
fn usual(request: &Recorded) -> FakeReply {
    let case = case_of(request);
    let is_worse = request.json()["model"] == "m-2" && case.is_multiple_of(5);
    answer(request, if is_worse { "no idea" } else { "blue" })
}

/// A gateway before a provider, with a suite and a key.
struct Setup {
    folder: Folder,
    serve: Serve,
    provider: FakeProvider,
}

impl Setup {
    fn new(provider: impl Fn(&Recorded) -> FakeReply + Send + Sync + 'static) -> Self {
        let provider = FakeProvider::start(provider);
        let folder = Folder::new(&config(&provider.url()));
        let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
        folder.write("key", made["key"].as_str().unwrap());
        let cases: String = (0..CASES).map(|case| format!("c{case},{case}\n")).collect();
        folder.write("cases.csv", &format!("id,n\n{cases}"));
        folder.write(
            "suite.toml",
            "name = \"colours\"\ndata = { file = \"cases.csv\" }\nconcurrency = 4\n\
             [request]\nmessages = [{ role = \"user\", content = \"Case {{n}}\" }]\n\
             [[checks]]\ntype = \"contains\"\ntexts = [\"blue\"]\n",
        );
        let serve = folder.serve();
        Self { folder, serve, provider }
    }

    fn arguments<'a>(url: &'a str, target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let fixed = ["eval", "run", "suite.toml", "--key-file", "key", "--url", url, "-o", "json"];
        [&fixed, ["--target", target].as_slice(), more].concat()
    }

    fn url(&self) -> String {
        format!("http://{}", self.serve.address())
    }

    /// Runs to the end; gives the exit code and what was printed.
    fn eval(&self, target: &str, more: &[&str]) -> (Option<i32>, Value) {
        let ran = self.folder.run(&Self::arguments(&self.url(), target, more));
        let printed = serde_json::from_str(&ran.stdout());
        (ran.code(), printed.unwrap_or_else(|_| panic!("{}", ran.stderr())))
    }

    /// How often each case stands in the results of a run, and with what outcome.
    fn results(&self, run: &str) -> BTreeMap<String, Vec<String>> {
        let path = self.folder.path().join("evaluations/colours").join(run).join("results.jsonl");
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let outcome = line["outcome"].as_str().unwrap().to_owned();
            found.entry(line["id"].as_str().unwrap().to_owned()).or_default().push(outcome);
        }
        found
    }
}

fn run_of(printed: &Value) -> &str {
    printed["run"].as_str().unwrap()
}

#[test]
fn the_gate_lets_what_was_tested_pass_and_nothing_else() {
    let setup = Setup::new(usual);
    let (code, baseline) = setup.eval("m-1", &[]);
    assert_eq!((code, &baseline["passed"]), (Some(0), &json!(CASES)), "{baseline}");
    assert_eq!(baseline["served_models"], json!({ "m-1": CASES }));
    let (code, worse) = setup.eval("m-2", &[]);
    assert_eq!((code, &worse["failed"]), (Some(0), &json!(CASES / 5)), "{worse}");
    let (_, again) = setup.eval("m-1", &[]);
    let run = |arguments: &[&str]| setup.folder.run(arguments);
    let lock = |to: &str, evidence: &str| {
        run(&["models", "lock", "up/m", "--to", to, "--evidence", evidence]).code()
    };
    assert_eq!(lock("m-1", run_of(&again)), Some(2), "nothing is blessed yet");
    assert_eq!(run(&["eval", "bless", run_of(&baseline)]).code(), Some(0));
    let compared = run(&["eval", "compare", run_of(&worse), "-o", "json"]);
    assert_eq!(compared.code(), Some(1), "{}", compared.stderr());
    let found: Value = serde_json::from_str(&compared.stdout()).unwrap();
    assert_eq!((&found["verdict"], &found["n"]), (&json!("regressed"), &json!(CASES)));
    assert_eq!(lock("m-2", run_of(&worse)), Some(1), "it regressed");
    assert_eq!(lock("m-2", run_of(&again)), Some(1), "another model was evaluated");
    assert!(!setup.folder.path().join("models.lock").exists());
    assert_eq!(lock("m-1", run_of(&again)), Some(0));
    let locked = std::fs::read_to_string(setup.folder.path().join("models.lock")).unwrap();
    assert!(locked.contains(run_of(&again)), "{locked}");
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let answered = Arc::new(AtomicUsize::new(0));
    let (held, counted) = (Arc::new(AtomicBool::new(true)), Arc::clone(&answered));
    let holding = Arc::clone(&held);
    let setup = Setup::new(move |request| {
        // After half of the cases nobody gets an answer, until the run is killed.
        if counted.fetch_add(1, Ordering::AcqRel) >= CASES / 2 && holding.load(Ordering::Acquire) {
            return FakeReply::raw(UNFINISHED).hang();
        }
        usual(request)
    });
    let url = setup.url();
    let mut child = setup
        .folder
        .command(&Setup::arguments(&url, "m-1", &[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + Duration::from_secs(20);
    while answered.load(Ordering::Acquire) < CASES / 2 + 4 {
        assert!(Instant::now() < give_up, "the run does not get to the middle");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    held.store(false, Ordering::Release);
    let mut runs = std::fs::read_dir(setup.folder.path().join("evaluations/colours")).unwrap();
    let run = runs.next().unwrap().unwrap().file_name().into_string().unwrap();
    let before = answered.load(Ordering::Acquire);
    let (code, whole) = setup.eval("m-1", &["--resume", &run]);
    assert_eq!((code, &whole["passed"]), (Some(0), &json!(CASES)), "{whole}");
    let asked_again = answered.load(Ordering::Acquire) - before;
    assert!(asked_again < CASES, "{asked_again} of {CASES} were asked after the kill");
    let results = setup.results(&run);
    assert_eq!(results.len(), CASES);
    assert!(results.values().all(|outcomes| outcomes == &["pass"]), "each case once");
}

#[test]
fn faults_of_the_provider_are_no_failures_of_the_model() {
    let setup = Setup::new(|request| match case_of(request) % 40 {
        1 => FakeReply::json(500, r#"{"error":{"message":"down","type":"server_error"}}"#),
        2 => FakeReply::json(200, "not json"),
        3 => FakeReply::raw(b""),
        4 => FakeReply::json(400, r#"{"error":{"message":"no","type":"invalid_request_error"}}"#),
        _ => usual(request),
    });
    let (code, ended) = setup.eval("m-1", &["--limit", "80"]);
    assert_eq!(code, Some(1), "{ended}");
    assert_eq!((&ended["failed"], &ended["errors"]), (&json!(0), &json!(8)), "{ended}");
    let results = setup.results(run_of(&ended));
    let errors: Vec<_> = results.iter().filter(|(_, found)| found[0] == "error").collect();
    assert_eq!((results.len(), errors.len()), (80, 8), "{errors:?}");
}

#[test]
fn the_money_ends_the_run_before_it_is_spent() {
    let setup = Setup::new(usual);
    // An answer costs a cent and a little.
    let (code, ended) = setup.eval("m-1", &["--max-cost", "0.1001"]);
    assert_eq!(code, Some(1), "{ended}");
    let spent = ended["cost_micro_usd"].as_f64().unwrap();
    assert!(spent > 50_000.0 && spent <= 100_100.0, "{ended}");
    assert_eq!(
        setup.provider.requests().len(),
        usize::try_from(ended["done"].as_u64().unwrap()).unwrap()
    );
    let (code, rest) = setup.eval("m-1", &["--resume", run_of(&ended), "--max-cost", "100"]);
    assert_eq!((code, &rest["passed"]), (Some(0), &json!(CASES)), "{rest}");
}
