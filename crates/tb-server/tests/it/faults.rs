//! Random faults at two targets: whatever they do, every request ends once and honestly.

use std::time::Duration;

use serde_json::{Value, json};
use tb_core::UsageRow;
use tb_testkit::{
    FakeProvider, FakeReply, Fault, FaultPlan, FaultProxy, Proxied, Recorded, TestApp, TestRequest,
    TestResponse,
};

const SCRIPTS: u64 = 120;
/// Scripts that run at the same time: they mostly wait for time-outs.
const AT_ONCE: usize = 6;
/// Requests of one script, sent at the same time.
const REQUESTS: usize = 4;
const ATTEMPTS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(2);
/// What a busy machine may add between two readings of its clock.
const SLACK: Duration = Duration::from_secs(1);
/// The pieces of an answer.
const PIECES: usize = 6;

/// Two targets behind proxies, and the gateway before them.
struct Scene {
    app: TestApp,
    proxies: [FaultProxy; 2],
    _providers: [FakeProvider; 2],
    seed: u64,
}

/// One request of a script.
#[derive(Clone)]
struct Ask {
    question: String,
    stream: bool,
    deadline: Duration,
}

/// What an answer says.
struct Said {
    text: String,
    /// The last event is the proper one.
    is_done: bool,
    /// The error event of a stream.
    error: Option<Value>,
}

/// A target of which every piece of an answer names target and question.
fn target(name: &'static str) -> FakeProvider {
    FakeProvider::start(move |request: &Recorded| {
        let asked = request.json();
        let question = asked["messages"][0]["content"].as_str().unwrap().to_owned();
        let pieces: Vec<String> = (0..PIECES).map(|at| piece(name, &question, at)).collect();
        if asked["stream"] == true { streamed(&pieces) } else { whole(&pieces) }
    })
}

fn piece(target: &str, question: &str, at: usize) -> String {
    format!("{target}.{question}.{at} ")
}

fn whole(pieces: &[String]) -> FakeReply {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": pieces.concat() },
        }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11 },
    });
    FakeReply::json(200, &body.to_string())
}

fn streamed(pieces: &[String]) -> FakeReply {
    let event = |delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        })
        .to_string()
    };
    let mut events = vec![event(json!({ "role": "assistant", "content": "" }), Value::Null)];
    events.extend(pieces.iter().map(|text| event(json!({ "content": text }), Value::Null)));
    events.extend([event(json!({}), json!("stop")), "[DONE]".to_owned()]);
    FakeReply::events(&events.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Scene {
    fn new(seed: u64, plans: [FaultPlan; 2]) -> Self {
        let providers = [target("alpha"), target("beta")];
        let [one, two] = plans;
        let proxies = [
            FaultProxy::start(providers[0].address(), one),
            FaultProxy::start(providers[1].address(), two),
        ];
        let provider = |name: &str, proxy: &FaultProxy| {
            format!("[providers.{name}]\ndialect = \"openai\"\nbase_url = \"{}/v1\"\n", proxy.url())
        };
        let app = TestApp::start(&format!(
            "{}{}[models.m]\ntargets = [{{ provider = \"alpha\", model = \"m-1\" }}, \
             {{ provider = \"beta\", model = \"m-1\" }}]\n\
             deadline = \"2s\"\nfirst_byte_timeout = \"150ms\"\nidle_timeout = \"150ms\"\n\
             retry = {{ attempts = {ATTEMPTS}, backoff = \"20ms\" }}\n",
            provider("alpha", &proxies[0]),
            provider("beta", &proxies[1]),
        ));
        Self { app, proxies, _providers: providers, seed }
    }

    fn send(&self, ask: &Ask) -> TestResponse {
        let body = json!({
            "model": "m", "stream": ask.stream,
            "messages": [{ "role": "user", "content": ask.question }],
        });
        let request = TestRequest::post("/v1/chat/completions", body.to_string());
        let ms = ask.deadline.as_millis().to_string();
        self.app.send(&request.header("x-tollbar-timeout-ms", &ms))
    }

    /// Sends all at the same time.
    fn send_all(&self, asks: &[Ask]) -> Vec<TestResponse> {
        std::thread::scope(|scope| {
            let sent: Vec<_> = asks.iter().map(|ask| scope.spawn(|| self.send(ask))).collect();
            sent.into_iter().map(|sent| sent.join().unwrap()).collect()
        })
    }

    /// What the proxies saw of a question, of `None` those whose body was not read.
    fn seen(&self, question: Option<&str>) -> Vec<Proxied> {
        let asked = |record: &Proxied| match question {
            Some(question) => {
                let body = String::from_utf8_lossy(&record.request.body).into_owned();
                body.contains(&format!("\"{question}\""))
            }
            None => record.request.body.is_empty(),
        };
        self.proxies.iter().flat_map(FaultProxy::records).filter(asked).collect()
    }

    /// Checks one answer against everything that is promised; true when it is a whole answer.
    fn judge(&self, ask: &Ask, response: &TestResponse) -> bool {
        let rows = self.app.rows(response);
        let place = format!(
            "seed {}, {}: {} {} {}\n{rows:#?}\n{:#?}",
            self.seed,
            ask.question,
            response.status,
            response.header("x-tollbar-attempts").unwrap_or("no attempts"),
            response.text(),
            self.seen(Some(&ask.question)),
        );
        self.judge_rows(ask, response, &rows, &place);
        assert!(response.complete, "{place}");
        if response.status != 200 {
            judge_error(&response.json(), &place);
            assert!([429, 502, 503, 504].contains(&response.status), "{place}");
            return false;
        }
        let said = if ask.stream { read_stream(response, &place) } else { read_whole(response) };
        let target = response.header("x-tollbar-provider").unwrap();
        assert_eq!(rows.last().unwrap().provider.as_ref().unwrap().as_str(), target, "{place}");
        let twice =
            self.seen(Some(&ask.question)).iter().any(|r| r.fault == Fault::DuplicatedChunk);
        let pieces = pieces_of(&said.text, twice && ask.stream);
        let expected: Vec<String> =
            (0..PIECES).map(|at| piece(target, &ask.question, at)).collect();
        if said.is_done {
            assert_eq!(pieces, expected, "{place}");
            assert!(said.error.is_none(), "{place}");
        } else {
            assert!(expected.starts_with(&pieces) && ask.stream, "{place}");
            assert!(said.error.is_some(), "no error event: {place}");
            judge_error(said.error.as_ref().unwrap(), &place);
        }
        said.is_done
    }

    /// One final row, as many attempts as are allowed and were seen, none after the deadline.
    fn judge_rows(&self, ask: &Ask, response: &TestResponse, rows: &[UsageRow], place: &str) {
        let finals: Vec<bool> = rows.iter().map(|row| row.is_final).collect();
        let (last, before) = finals.split_last().unwrap();
        assert!(*last && before.iter().all(|is_final| !is_final), "{place}");
        let attempts = rows.iter().filter(|row| row.attempt > 0).count();
        assert!((1..=ATTEMPTS).contains(&attempts), "{place}");
        let trace = response.header("x-tollbar-attempts").unwrap_or_default();
        assert_eq!(trace.split(';').count(), attempts, "{place}");
        assert!(self.seen(Some(&ask.question)).len() <= attempts, "{place}");
        let arrived_ms = rows[0].request_id.unix_ms();
        for row in rows {
            let began = Duration::from_millis(row.started_at.unix_ms().abs_diff(arrived_ms));
            let took = Duration::from_millis(row.duration_ms.into());
            assert!(began <= ask.deadline + SLACK / 2, "began late: {place}");
            assert!(began + took <= ask.deadline + SLACK, "ended late: {place}");
        }
        if attempts > 1 && response.status != 200 {
            assert_eq!(response.header("x-should-retry"), Some("false"), "{place}");
        }
    }
}

/// The pieces of a text, a repeated one once where that is the target's own doing.
fn pieces_of(text: &str, twice: bool) -> Vec<String> {
    let mut pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    if twice {
        pieces.dedup();
    }
    pieces
}

fn judge_error(body: &Value, place: &str) {
    let error = &body["error"];
    for member in ["message", "type", "code"] {
        assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {place}");
    }
    assert!(error["tollbar"]["request_id"].is_string(), "{place}");
    assert!(error["tollbar"]["origin"].is_string(), "{place}");
}

fn read_whole(response: &TestResponse) -> Said {
    let text = response.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    Said { text, is_done: true, error: None }
}

fn read_stream(response: &TestResponse, place: &str) -> Said {
    let mut said = Said { text: String::new(), is_done: false, error: None };
    let mut finished = false;
    for line in response.text().lines().filter_map(|line| line.strip_prefix("data: ")) {
        assert!(!said.is_done && said.error.is_none(), "something follows the end: {place}");
        if line == "[DONE]" {
            assert!(finished, "{place}");
            said.is_done = true;
            continue;
        }
        let event: Value = serde_json::from_str(line).unwrap();
        if event["error"].is_object() {
            said.error = Some(event);
            continue;
        }
        let choice = &event["choices"][0];
        said.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        finished |= choice["finish_reason"] == "stop";
    }
    said
}

fn asks(seed: u64) -> Vec<Ask> {
    (0..REQUESTS)
        .map(|number| Ask {
            question: format!("q{seed}x{number}"),
            stream: number % 2 == 1,
            // A part has no time for a second attempt after a silent one.
            deadline: if (seed + number as u64).is_multiple_of(5) {
                Duration::from_millis(220)
            } else {
                DEADLINE
            },
        })
        .collect()
}

/// Requests, and how many of them got a whole answer.
type Count = (usize, usize);
const NONE: Count = (0, 0);

fn add(one: Count, other: Count) -> Count {
    (one.0 + other.0, one.1 + other.1)
}

/// Runs one script.
fn run(seed: u64) -> Count {
    let permille = [250, 500, 800, 1_000][(seed % 4) as usize];
    let plan = |half| FaultPlan::seeded(2 * seed + half, permille);
    let scene = Scene::new(seed, [plan(0), plan(1)]);
    let asks = asks(seed);
    let answers = scene.send_all(&asks);
    let whole = asks.iter().zip(&answers).filter(|(ask, answer)| scene.judge(ask, answer)).count();
    let rows = scene.app.all_rows();
    let attempts = rows.iter().filter(|row| row.attempt > 0).count();
    let known: usize = asks.iter().map(|ask| scene.seen(Some(&ask.question)).len()).sum();
    assert!(known + scene.seen(None).len() <= attempts, "seed {seed}: more was sent than is known");
    // With the faults gone, whatever state they left must not stand in the way of an answer.
    scene.proxies.iter().for_each(|proxy| proxy.set_plan(FaultPlan::none()));
    let last = Ask {
        question: format!("q{seed}last"),
        stream: seed.is_multiple_of(2),
        deadline: DEADLINE,
    };
    let answer = scene.send(&last);
    assert!(scene.judge(&last, &answer), "seed {seed}: {} {}", answer.status, answer.text());
    (asks.len(), whole)
}

#[test]
fn every_request_ends_once_and_honestly_whatever_two_targets_do() {
    let (all, whole) = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..SCRIPTS)
            .take(AT_ONCE)
            .map(|lane| {
                scope.spawn(move || (lane..SCRIPTS).step_by(AT_ONCE).map(run).fold(NONE, add))
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).fold(NONE, add)
    });
    assert!(whole * 2 > all, "most requests find an answer: {whole} of {all}");
    assert!(whole < all, "some faults must reach the client");
}

/// A scene whose first target has these faults, then the second; asked once.
fn once(faults: [Fault; 2], stream: bool) -> (Scene, TestResponse) {
    let scene = Scene::new(0, faults.map(|fault| FaultPlan::script([fault])));
    let ask = Ask { question: "q".to_owned(), stream, deadline: DEADLINE };
    let answer = scene.send(&ask);
    scene.judge(&ask, &answer);
    (scene, answer)
}

#[test]
fn a_fault_before_the_first_output_is_not_seen() {
    for fault in [
        Fault::ResetBeforeHead,
        Fault::ResetAfterHead,
        Fault::NeverAnswers,
        Fault::StopsReading,
        Fault::Garbage,
        Fault::GarbageBody,
        Fault::Status(503),
        Fault::Throttled(Duration::from_millis(10)),
    ] {
        for stream in [false, true] {
            let (scene, answer) = once([fault.clone(), fault.clone()], stream);
            assert_eq!(answer.status, 200, "{fault:?} {}", answer.text());
            let attempts = scene.app.rows(&answer).len();
            assert_eq!(attempts, 3, "{fault:?}: both targets fail once");
        }
    }
}

#[test]
fn a_fault_in_the_middle_of_a_body_is_hidden_where_nothing_was_sent_and_told_where_it_was() {
    for fault in [
        Fault::ResetInBody,
        Fault::Stall,
        Fault::Truncated,
        Fault::LengthTooLong,
        Fault::LengthTooShort,
    ] {
        let (_scene, answer) = once([fault.clone(), fault.clone()], false);
        assert_eq!(answer.status, 200, "{fault:?} {}", answer.text());
        let (scene, answer) = once([fault.clone(), fault.clone()], true);
        let text = answer.text();
        // The events were all there when only the length was wrong.
        let is_error = text.contains("\"error\"");
        assert!(is_error || fault == Fault::LengthTooLong, "{fault:?} {text}");
        assert_eq!(scene.app.rows(&answer).len(), 1, "{fault:?}: nothing follows an output");
    }
}
