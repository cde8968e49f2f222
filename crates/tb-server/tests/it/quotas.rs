//! Limits and budgets through the real server.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use serde_json::Value;
use tb_core::quota::{Limit, Span};
use tb_core::{Budget, BudgetWindow, Cost, KeyRecord, NanoUsd, UsageRow};
use tb_engine::BudgetView;
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};

use crate::chat::{ANSWER, config};

const PATH: &str = "/v1/chat/completions";

/// Two tokens of input by the estimate, and three of output at most: 8 µUSD. The answer is told
/// as 12 and 3 tokens, 18 µUSD.
const ASK: &str = r#"{"model":"m","max_tokens":3,"messages":[{"role":"user","content":"hi"}]}"#;

fn month(micro_usd: i64) -> Option<Budget> {
    let (window, time_zone) = (BudgetWindow::Month, "Europe/Berlin".into());
    Some(Budget { amount: NanoUsd(micro_usd * 1_000), window, time_zone })
}

fn app(provider: &FakeProvider, more: &str) -> TestApp {
    let service = "purposes = [\"p\"]\nmodels = [\"m\"]";
    TestApp::start(&format!("{}\n[services.bot]\n{service}\n{more}\n", config(&provider.url())))
}

fn keyed(app: &mut TestApp, change: impl FnOnce(&mut KeyRecord)) -> String {
    app.make_key("bot", change)
}

fn nanos(row: &UsageRow) -> u64 {
    match row.cost {
        Cost::Measured(amount) | Cost::Estimated(amount) => amount.0.unsigned_abs(),
        Cost::Unpriced | Cost::Free => 0,
    }
}

fn gauge(app: &TestApp, scope: &str, limit: Limit) -> BudgetView {
    let rows = app.engine.budgets();
    let is_asked = |row: &&BudgetView| row.scope.label() == scope && row.limit == limit;
    rows.iter().find(is_asked).unwrap_or_else(|| panic!("{scope} {limit:?}: {rows:?}")).clone()
}

/// Sends as many at once as there are; what came of each.
fn at_once(app: &TestApp, requests: Vec<TestRequest>) -> Vec<TestResponse> {
    let barrier = Arc::new(Barrier::new(requests.len()));
    let address = app.address;
    let threads: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || {
                barrier.wait();
                request.send(address)
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn of_200_requests_at_once_a_budget_for_one_lets_one_pass() {
    let provider = FakeProvider::start(|_| {
        let (head, rest) = ANSWER.split_at(10);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n{:x}\r\n{head}\r\n",
            head.len()
        );
        FakeReply::raw(head.as_bytes()).chunk(Duration::from_millis(300), rest.as_bytes()).end()
    });
    let mut app = app(&provider, "");
    // What is reserved for one request, and not for two.
    let key = keyed(&mut app, |record| record.scope.limits.budget = month(14));
    let requests = vec![TestRequest::post(PATH, ASK).key(&key); 200];
    let responses = at_once(&app, requests);
    let served = responses.iter().filter(|response| response.status == 200).count();
    let refused: Vec<_> = responses.iter().filter(|response| response.status == 429).collect();
    assert_eq!((served, refused.len(), provider.requests().len()), (1, 199, 1));
    for response in refused {
        assert_eq!(response.error_code(), "budget_exceeded", "{}", response.text());
        let told = &response.json()["error"]["tollbar"];
        let name = told["limit_name"].as_str().unwrap();
        assert!(name.starts_with("keys.") && name.ends_with(".limits.budget"), "{name}");
        assert_eq!((&told["limit"], &told["unit"]), (&14.into(), &"micro_usd".into()));
        assert!(told["used"].as_u64().unwrap() > 0 && told["origin"] == "policy");
        assert!(response.header("retry-after").is_some());
    }
    let spent: u64 = app.all_rows().iter().map(nanos).sum();
    let own = gauge(&app, "key", Limit::Budget);
    assert_eq!((own.used, own.reserved), (spent, 0));
}

#[test]
fn every_answer_says_what_is_left_of_the_tightest_limit() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, ANSWER));
    let more = "limits = { requests_per_minute = 5, tokens_per_minute = 1000 }";
    let mut app = app(&provider, more);
    let key = keyed(&mut app, |record| record.scope.limits.requests_per_hour = Some(2));
    let ask = |body: &str| TestRequest::post(PATH, body).key(&key).send(app.address);
    let first = ask(ASK);
    let told = |response: &TestResponse, kind: &str| {
        ["limit", "remaining"].map(|word| {
            let name = format!("x-ratelimit-{word}-{kind}");
            response
                .header(&name)
                .unwrap_or_else(|| panic!("{name}: {:?}", response.headers))
                .to_owned()
        })
    };
    assert_eq!(told(&first, "requests"), ["2", "1"]);
    assert_eq!(told(&first, "tokens"), ["1000", "985"], "12 and 3 are used");
    let reset = first.header("x-ratelimit-reset-requests").unwrap();
    assert!(reset.starts_with("1h") && reset.ends_with('s'), "{reset}");
    let wrong = ask("{");
    assert_eq!((wrong.status, told(&wrong, "requests")), (400, ["2", "1"].map(str::to_owned)));
    let streamed = ask(&ASK.replacen('{', "{\"stream\":true,", 1));
    assert_eq!(told(&streamed, "requests"), ["2", "0"]);
    let refused = ask(ASK);
    assert_eq!((refused.status, refused.error_code()), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(told(&refused, "requests"), ["2", "0"]);
    assert!(app.rows(&refused).is_empty(), "who floods does not fill the journal");
    let name = refused.json()["error"]["tollbar"]["limit_name"].as_str().unwrap().to_owned();
    assert!(name.ends_with(".limits.requests_per_hour"), "{name}");
    let page = app.engine.metrics().openmetrics(0);
    let counted = "limit_rejections_total{kind=\"requests\",scope=\"key\"} 1\n";
    assert!(page.contains(counted), "{page}");
    let other = keyed(&mut app, |_| {});
    let other = TestRequest::post(PATH, ASK).key(&other).send(app.address);
    assert_eq!(told(&other, "requests"), ["5", "2"], "another key of the same service");
}

#[test]
fn a_place_of_a_key_comes_back_when_its_request_ends() {
    let provider = FakeProvider::start(|request| {
        if request.json()["stream"] == true {
            let delta = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
            FakeReply::stream_head().chunk(Duration::ZERO, delta).hang()
        } else {
            FakeReply::json(200, ANSWER)
        }
    });
    let mut app = app(&provider, "");
    let key = keyed(&mut app, |record| record.scope.limits.concurrent = Some(1));
    let stream = ASK.replacen('{', "{\"stream\":true,", 1);
    let mut running = TestRequest::post(PATH, stream).key(&key).start(app.address);
    let mut head = [0; 12];
    running.read_exact(&mut head).unwrap();
    let ask = || TestRequest::post(PATH, ASK).key(&key).send(app.address);
    let refused = ask();
    assert_eq!(refused.error_code(), "concurrency_limit_exceeded", "{}", refused.text());
    drop(running);
    assert!(app.eventually(|_| ask().status == 200));
    assert_eq!(gauge(&app, "key", Limit::Concurrent).used, 0);
}

/// What the provider says that it served, over all requests.
#[derive(Default)]
struct Counted {
    input: AtomicU64,
    output: AtomicU64,
}

impl Counted {
    /// Every fifth request fails, the others use what their seed says.
    fn reply(&self, body: &Value) -> FakeReply {
        let number = body["seed"].as_u64().unwrap();
        if number.is_multiple_of(5) {
            return FakeReply::json(400, r#"{"error":{"message":"no"}}"#);
        }
        let (input, output) = (number % 17 + 1, number % 23 + 1);
        self.input.fetch_add(input, Ordering::AcqRel);
        self.output.fetch_add(output, Ordering::AcqRel);
        let usage = format!(r#""usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}"#);
        if body["stream"] == true {
            let delta = format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"Hi\"}}}}],{usage}}}\n\n"
            );
            let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            let reply = FakeReply::stream_head().chunk(Duration::ZERO, delta.as_bytes());
            return reply.chunk(Duration::from_millis(40), end.as_bytes()).end();
        }
        let answer = r#"{"id":"c","object":"chat.completion","created":1,"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"#;
        FakeReply::json(200, &format!("{answer}{usage}}}"))
    }
}

/// Sends plain requests and streams; half of the streams are left once they have begun, and
/// what was told by then counts.
fn send_some(address: SocketAddr, key: &str, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let stream = seed % 2 == 0;
        let body = format!(
            r#"{{"model":"m","seed":{seed},"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let request = TestRequest::post(PATH, body).key(key);
        if !stream || seed % 4 != 0 {
            let _ = request.send(address);
            continue;
        }
        let mut running = request.start(address);
        let mut read = Vec::new();
        let mut piece = [0; 512];
        while !String::from_utf8_lossy(&read).contains("Hi") {
            match running.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(some) => read.extend_from_slice(&piece[..some]),
            }
        }
    }
}

#[test]
fn after_any_mix_the_rows_and_the_ledger_say_what_the_provider_counted() {
    let counted = Arc::new(Counted::default());
    let own = Arc::clone(&counted);
    let provider = FakeProvider::start(move |request| own.reply(&request.json()));
    let limits = "limits = { tokens_per_day = 1000000 }\n\
                  budget = { amount = \"5 usd\", window = \"week\", time_zone = \"Asia/Tokyo\" }\n\
                  [organisation]\nlimits = { tokens_per_hour = 1000000, concurrent = 1000 }";
    let app = app(&provider, limits);
    let address = app.address;
    std::thread::scope(|scope| {
        for thread in 0..6_u64 {
            let (key, first) = (&app.key, thread * 1_000);
            scope.spawn(move || send_some(address, key, first..first + 40));
        }
    });
    assert!(app.eventually(|app| app.engine.inflight() == 0));
    let rows = app.all_rows();
    let sum = |of: fn(&UsageRow) -> u64| rows.iter().map(of).sum::<u64>();
    let (input, output) = (sum(|row| row.tokens.input()), sum(|row| row.tokens.output()));
    let provider_says =
        (counted.input.load(Ordering::Acquire), counted.output.load(Ordering::Acquire));
    assert_eq!((input, output), provider_says);
    let day = gauge(&app, "service", Limit::Tokens(Span::Day));
    assert_eq!((day.used, day.reserved), (input + output, 0));
    let hour = gauge(&app, "organisation", Limit::Tokens(Span::Hour));
    assert_eq!((hour.used, hour.reserved), (input + output, 0));
    assert_eq!(gauge(&app, "organisation", Limit::Concurrent).used, 0);
    let money = gauge(&app, "service", Limit::Budget);
    assert_eq!((money.used, money.reserved), (sum(nanos), 0));
    assert_eq!(sum(nanos), input * 1_000 + output * 2_000);
}
