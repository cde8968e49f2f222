//! Health data and a provider without an agreement: through the real server, under faults, not
//! even a connection is opened to it.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use tb_core::ports::ResponseBinding;
use tb_core::{DataClass, Timestamp};
use tb_testkit::{FakeProvider, FakeReply, Recorded, TestApp, TestRequest};

use crate::chat::ANSWER;

/// Random requests of a run. `cargo xtask chaos --only data-class` sends 10,000 to the release
/// build.
const REQUESTS: u64 = 1_000;

/// Where nobody may ring. It answers nothing, so whoever rings does not go unnoticed either.
struct Doorbell {
    listener: TcpListener,
    rings: Cell<usize>,
}

impl Doorbell {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, rings: Cell::new(0) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// How many connections came so far. The system takes them in by itself.
    fn rings(&self) -> usize {
        loop {
            match self.listener.accept() {
                Ok(_) => self.rings.set(self.rings.get() + 1),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.rings.get(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

const ALL: &str = r#"data_classes = ["public", "internal", "personal", "health"]"#;

/// `bare` stands first everywhere and has no agreement; `sworn` has one, and two keys.
fn config(bare: &str, sworn: &str) -> String {
    let targets = |id: &str| {
        format!(
            "targets = [{{ provider = \"bare\", model = \"{id}\", weight = 1000 }}, \
             {{ provider = \"sworn\", model = \"{id}\", weight = 0 }}]\n\
             deadline = \"1s\"\nretry = {{ attempts = 3, backoff = \"1ms\", max_backoff = \"2ms\" }}"
        )
    };
    format!(
        r#"
        [providers.bare]
        dialect = "openai"
        base_url = "{bare}/v1"
        {ALL}
        [providers.sworn]
        dialect = "openai"
        base_url = "{sworn}/v1"
        api_keys = ["sk-one", "sk-two"]
        {ALL}
        baa = {{ reference = "BAA-1", expires = "2099-01-01" }}
        [models.m]
        {}
        fallbacks = ["n"]
        [models.n]
        {}
        [models.judge]
        {}
        [guard]
        data_classes = {{ email = "health" }}
        [services.default]
        purposes = ["general"]
        models = ["*"]
        {ALL}
        [services.clinic]
        purposes = ["care"]
        models = ["*"]
        {ALL}
        data_class = "health"
        [services.clinic.guard.moderation]
        model = "judge"
        before = true
        after = true
        on_failure = "allow"
        "#,
        targets("x"),
        targets("y"),
        targets("judge-1"),
    )
}

/// An answer of the right kind for what was asked.
fn answer(request: &Recorded) -> FakeReply {
    let streams = request.body.windows(13).any(|piece| piece == b"\"stream\":true");
    let path = request.request_line.split(' ').nth(1).unwrap_or_default();
    match path {
        "/v1/chat/completions" if streams => FakeReply::events(&[
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ]),
        "/v1/chat/completions" => FakeReply::json(200, ANSWER),
        "/v1/embeddings" => FakeReply::json(
            200,
            r#"{"object":"list","model":"x","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#,
        ),
        "/v1/moderations" => FakeReply::json(
            200,
            r#"{"id":"m","model":"j","results":[{"flagged":false,"categories":{"hate":false},"category_scores":{"hate":0.0}}]}"#,
        ),
        _ => FakeReply::json(
            200,
            r#"{"id":"resp_kept","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1}}"#,
        ),
    }
}

/// Something goes wrong with every second request.
fn faulty(request: &Recorded, dice: &Mutex<Dice>) -> FakeReply {
    let fault = dice.lock().unwrap().below(14);
    let throttled = b"HTTP/1.1 429 X\r\nretry-after-ms: 1\r\ncontent-type: application/json\r\n\
                      content-length: 2\r\n\r\n{}";
    match fault {
        0 => FakeReply::raw(throttled),
        1 => FakeReply::json(500, "{}"),
        2 => FakeReply::json(503, "{}"),
        3 => FakeReply::raw(b""),
        4 => FakeReply::raw(b"nonsense\r\n\r\n"),
        5 => FakeReply::stream_head().chunk(Duration::from_millis(2), b"data: {\n\n"),
        6 => FakeReply::body(200, "text/html", b"<p>"),
        _ => answer(request),
    }
}

/// A request on one of the ways out.
fn ask(dice: &mut Dice, text: &str) -> TestRequest {
    let post = |path: &str, body: String| TestRequest::post(path, body);
    let messages = format!(r#""messages":[{{"role":"user","content":"{text}"}}]"#);
    match dice.below(8) {
        0 => post("/v1/chat/completions", format!(r#"{{"model":"m",{messages}}}"#)),
        1 => post("/v1/chat/completions", format!(r#"{{"model":"m","stream":true,{messages}}}"#)),
        2 => post("/v1/embeddings", format!(r#"{{"model":"m","input":"{text}"}}"#)),
        3 => post("/v1/moderations", format!(r#"{{"model":"m","input":"{text}"}}"#)),
        4 => post("/v1/responses", format!(r#"{{"model":"m","input":"{text}"}}"#)),
        5 => post("/v1/messages", format!(r#"{{"model":"m","max_tokens":9,{messages}}}"#)),
        6 => post(
            "/v1/responses",
            format!(r#"{{"model":"m","previous_response_id":"resp_kept","input":"{text}"}}"#),
        ),
        _ => match dice.below(3) {
            0 => TestRequest::new("GET", "/v1/responses/resp_kept"),
            1 => TestRequest::new("POST", "/v1/responses/resp_kept/cancel"),
            _ => TestRequest::new("GET", "/v1/responses/resp_bare"),
        },
    }
}

/// A response that `bare` keeps, from the time when its agreement held.
fn kept_by_bare(service: &str) -> ResponseBinding {
    ResponseBinding {
        response_id: "resp_bare".to_owned(),
        service: service.into(),
        provider: "bare".into(),
        model: "m".into(),
        key_index: 0,
        created_at: Timestamp(0),
    }
}

#[test]
fn who_has_no_agreement_sees_no_connection_in_random_faults() {
    let bare = Doorbell::new();
    let faults = Mutex::new(Dice(1));
    let sworn = FakeProvider::start(move |request| faulty(request, &faults));
    let mut app = TestApp::start(&config(&bare.url(), &sworn.url()));
    let clinic = app.make_key("clinic", |_| {});
    app.bind_response(kept_by_bare("default"));
    app.bind_response(kept_by_bare("clinic"));
    let mut dice = Dice(2);
    let mut answered = 0;
    for number in 0..REQUESTS {
        // The class comes from the service, from the header, or from what is found.
        let source = dice.below(3);
        let text = if source == 2 { "write to ann@example.org" } else { "hello" };
        let mut request = ask(&mut dice, text);
        // What has no text has the class of its header or service.
        let says_nothing = !request.has_body();
        request = match source {
            0 => request.key(&clinic),
            2 if !says_nothing => request.key(&app.key),
            _ => request.key(&app.key).header("x-tollbar-data-class", "health"),
        };
        answered += u64::from(request.send(app.address).status == 200);
        assert_eq!(bare.rings(), 0, "request {number}");
    }
    assert!(answered > REQUESTS / 3, "{answered} of {REQUESTS} were answered");
    assert!(app.all_rows().iter().all(|row| row.data_class == DataClass::Health));
}

#[test]
fn the_doorbell_rings_when_somebody_is_there() {
    let bare = Doorbell::new();
    let sworn = FakeProvider::start(answer);
    let app = TestApp::start(&config(&bare.url(), &sworn.url()));
    let internal = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    // The first requests of a process may take longer than a hurried caller waits.
    let rang = (0..50).any(|_| {
        let quick = TestRequest::post("/v1/chat/completions", internal);
        let quick = quick.header("x-tollbar-timeout-ms", "100").key(&app.key);
        assert_ne!(quick.send(app.address).status, 403);
        bare.rings() > 0
    });
    assert!(rang, "the test above could not fail otherwise");
}

#[test]
fn a_zero_retention_provider_is_told_to_store_nothing() {
    let zero = FakeProvider::start(answer);
    let text = format!(
        "[providers.zero]\ndialect = \"openai\"\nbase_url = \"{}/v1\"\nzero_retention = true\n\
         [models.m]\ntargets = [{{ provider = \"zero\", model = \"m\" }}]\n",
        zero.url()
    );
    let app = TestApp::start(&text);
    for (path, sent, stored) in [
        (
            "/v1/responses",
            r#"{"model":"m","input":"hi","novel":1.50}"#,
            r#"{"model":"m","input":"hi","novel":1.50,"store":false}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"m", "store" : true,"input":"hi"}"#,
            r#"{"model":"m", "store" : false,"input":"hi"}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"m","store":false,"input":"hi"}"#,
            r#"{"model":"m","store":false,"input":"hi"}"#,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"m","messages":[]}"#,
            r#"{"model":"m","messages":[],"store":false}"#,
        ),
        ("/v1/embeddings", r#"{"model":"m","input":"hi"}"#, r#"{"model":"m","input":"hi"}"#),
    ] {
        assert_eq!(app.post(path, sent).status, 200, "{sent}");
        let got = zero.requests().pop().unwrap();
        assert_eq!(String::from_utf8(got.body).unwrap(), stored, "{path}");
    }
    let messages = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(app.post("/v1/messages", messages).status, 200);
    assert_eq!(zero.requests().pop().unwrap().json()["store"], false);
    let before = zero.requests().len();
    let refused = app.post("/v1/responses", r#"{"model":"m","input":"hi","background":true}"#);
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "no_eligible_provider"));
    assert_eq!(zero.requests().len(), before);
}

#[test]
fn a_key_may_be_narrower_than_its_service() {
    let sworn = FakeProvider::start(answer);
    let mut app = TestApp::start(&config("http://127.0.0.1:1", &sworn.url()));
    let narrow = app.make_key("default", |key| {
        key.scope.data_classes = Some(vec!["internal".to_owned(), "personal".to_owned()]);
    });
    let health = TestRequest::post("/v1/embeddings", r#"{"model":"m","input":"hi"}"#)
        .header("x-tollbar-data-class", "health");
    let refused = health.clone().key(&narrow).send(app.address);
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "data_class_not_allowed"));
    let found = TestRequest::post("/v1/embeddings", r#"{"model":"m","input":"ann@example.org"}"#);
    let refused = found.key(&narrow).send(app.address);
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "data_class_not_allowed"));
    assert_eq!(health.key(&app.key).send(app.address).status, 200);
}
