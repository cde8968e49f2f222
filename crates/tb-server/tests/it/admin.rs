//! The admin API, through its router and a memory store.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tb_config::{FixedEnvironment, Loaded, Overrides, Source, load};
use tb_core::audit::{AuditFilter, AuditPage, AuditTrail, InclusionProof, Verification};
use tb_core::ports::{
    ErasureReceipt, KeyStore, RecordKeeping, RetentionReport, StoreError, UsageStore,
};
use tb_core::retention::Hold;
use tb_core::{
    Actor, AdminAct, Clock, Cost, DataClass, EndReason, KeyRing, NanoUsd, NewAdminToken, Pepper,
    Role, ServiceName, Surface, Timestamp, TokenCounts, UsageRow, UsageSource,
};
use tb_engine::{Engine, Metrics, Parts, SystemClock};
use tb_server::admin::{
    AdminState, KeyDirectory, KeyRequest, Live, PromptDirectory, router, routes,
};
use tb_store::{Destination, MemoryStore, MmapJournal};
use tower::ServiceExt;

pub(crate) const CONFIG: &str = r#"
[providers.simulated]
dialect = "simulated"
api_keys = ["sk-canary-4711"]
[models.support]
targets = [{ provider = "simulated", model = "sim-1" }]
[models.other]
targets = [{ provider = "simulated", model = "sim-2" }]
[services.bot]
purposes = ["customer_support", "search"]
models = ["support"]
[services.lab]
purposes = ["research"]
models = ["*"]
"#;

pub(crate) fn loaded(text: &str) -> Loaded {
    let source =
        Source::Text { name: "t.toml".into(), folder: "/nonexistent".into(), text: text.into() };
    load(&source, &Overrides::default(), &FixedEnvironment::default())
        .map_err(|report| report.render())
        .unwrap()
}

pub(crate) const JSON: &str = "application/json";

/// An admin API without a socket.
pub(crate) struct Admin {
    router: Router,
    pub(crate) engine: Engine,
    pub(crate) keys: Arc<KeyDirectory>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) token: String,
}

impl Admin {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:8788", CONFIG)
    }

    pub(crate) fn at(address: &str, config: &str) -> Self {
        let loaded = loaded(config);
        let address: SocketAddr = address.parse().unwrap();
        let store = Arc::new(MemoryStore::new());
        let journal =
            MmapJournal::open_temporary(Destination::unaudited(store.clone(), store.clone()))
                .unwrap();
        let pepper = Pepper::from_bytes(&[7; 32]);
        let token = new_token(&pepper, Role::Owner);
        store.put_admin_token(&token.record, &act()).unwrap();
        let engine = Engine::new(Parts {
            snapshot: Arc::clone(&loaded.snapshot),
            keys: Arc::new(KeyRing::new(Vec::new(), pepper.clone())),
            journal: Arc::new(journal),
            responses: store.clone(),
            answers: store.clone(),
            cache_secret: [9; 32],
            guard_secret: [9; 32],
            clock: Arc::new(SystemClock),
            metrics: Arc::new(Metrics::new("1.2.3")),
            seed: [1, 2],
        });
        let keys = KeyDirectory::open(store.clone(), pepper, engine.clone()).unwrap();
        let keys = Arc::new(keys);
        let state = AdminState {
            engine: engine.clone(),
            prompts: Arc::new(PromptDirectory::open(store.clone(), engine.clone()).unwrap()),
            keys: Arc::clone(&keys),
            acts: store.clone(),
            usage: store.clone(),
            audit: Arc::new(NoTrail),
            content: None,
            records: Arc::new(NothingKept),
            config: Arc::new(Live::new(loaded)),
            address,
            public_address: "127.0.0.1:8787".parse().unwrap(),
            started_at: SystemClock.now(),
            version: "1.2.3",
        };
        let token = token.token.expose().to_owned();
        Self { router: router(Arc::new(state)), engine, keys, store, token }
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let request: Request<Body> = request.body(Body::from(body.to_owned())).unwrap();
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:8788")
            .header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path), "").await
    }

    pub(crate) async fn make(&self, request: &Value) -> Answer {
        let post = self.request("POST", "/admin/v1/keys").header("content-type", JSON);
        self.send(post, &request.to_string()).await
    }
}

pub(crate) fn new_token(pepper: &Pepper, role: Role) -> NewAdminToken {
    NewAdminToken::generate(&SystemRandom::new(), pepper, role, Timestamp(0)).unwrap()
}

pub(crate) fn act() -> AdminAct {
    AdminAct::new(Timestamp(0), Actor::Gateway, "key.create", "test")
}

/// An audit log without a record.
pub(crate) struct NoTrail;

impl AuditTrail for NoTrail {
    fn page(&self, _: &AuditFilter, _: usize) -> Result<AuditPage, StoreError> {
        Err(StoreError::Unavailable("no audit log".to_owned()))
    }

    fn verify(&self) -> Result<Verification, StoreError> {
        Err(StoreError::Unavailable("no audit log".to_owned()))
    }

    fn prove(&self, _: u64) -> Result<Option<InclusionProof>, StoreError> {
        Ok(None)
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn public_key(&self) -> String {
        String::new()
    }
}

/// Nothing to retain and nobody to erase.
pub(crate) struct NothingKept;

fn nothing<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("nothing is kept".to_owned()))
}

impl RecordKeeping for NothingKept {
    fn run(&self, _: bool, _: Actor) -> Result<RetentionReport, StoreError> {
        nothing()
    }

    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        Ok(Vec::new())
    }

    fn place_hold(&self, _: Hold, _: Actor) -> Result<Hold, StoreError> {
        nothing()
    }

    fn lift_hold(&self, _: &str, _: Actor) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn erase(
        &self,
        _: &str,
        _: Option<&ServiceName>,
        _: Actor,
    ) -> Result<ErasureReceipt, StoreError> {
        nothing()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

pub(crate) fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

#[tokio::test]
async fn every_route_is_in_the_committed_openapi_file_and_the_other_way_round() {
    let answer = Admin::new().get("/openapi.json").await;
    assert_eq!(answer.json(), document(), "the committed file is what is served");
    let mut documented: Vec<(String, String)> = Vec::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        documented
            .extend(item.as_object().unwrap().keys().map(|m| (path.clone(), m.to_uppercase())));
    }
    let mut served: Vec<(String, String)> = routes()
        .iter()
        .flat_map(|route| route.methods().map(|m| (route.path.to_owned(), m.to_owned())))
        .collect();
    documented.sort();
    served.sort();
    assert_eq!(documented, served);
}

#[tokio::test]
async fn takes_exactly_the_documented_methods() {
    let admin = Admin::new();
    for route in routes() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = admin.send(admin.request(method, route.path), "").await;
            let is_refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(
                is_refused,
                !route.methods().any(|known| known == method),
                "{method} {}",
                route.path
            );
        }
    }
}

#[tokio::test]
async fn answers_have_the_documented_members() {
    let admin = Admin::new();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let id = made["id"].as_str().unwrap();
    admin.store.append(&[row(&admin)], 1).unwrap();
    let request = admin.store.recent(None, 1).unwrap()[0].request_id;
    let checks = [
        ("NewKey", made.clone()),
        ("Status", admin.get("/admin/v1/status").await.json()),
        ("Key", admin.get(&format!("/admin/v1/keys/{id}")).await.json()),
        ("Key", admin.get("/admin/v1/keys").await.json()["rows"][0].clone()),
        ("Service", admin.get("/admin/v1/services").await.json()["rows"][0].clone()),
        ("Model", admin.get("/admin/v1/models").await.json()["rows"][0].clone()),
        ("EffectiveValue", admin.get("/admin/v1/config").await.json()["rows"][0].clone()),
        ("Attempt", admin.get("/admin/v1/requests").await.json()["rows"][0].clone()),
        (
            "Attempt",
            admin.get(&format!("/admin/v1/requests/{request}")).await.json()["attempts"][0].clone(),
        ),
        (
            "UsageSum",
            admin.get("/admin/v1/usage?by=key,model,service,user,purpose,day").await.json()["rows"]
                [0]
            .clone(),
        ),
        ("Error", admin.get("/admin/v1/keys/00000000").await.json()),
    ];
    for (name, answer) in checks {
        let schema = &document()["components"]["schemas"][name];
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(members, known, "{name}");
    }
}

/// A row such as the journal would carry to the store.
pub(crate) fn row(admin: &Admin) -> UsageRow {
    UsageRow {
        request_id: admin.engine.new_request_id(),
        attempt: 1,
        is_final: true,
        started_at: Timestamp(1_000),
        service: "lab".into(),
        key_id: None,
        purpose: "research".into(),
        user: Some("someone".to_owned()),
        surface: Surface::ChatCompletions,
        stream: false,
        provider: Some("simulated".into()),
        model_requested: "support".into(),
        model_resolved: Some("sim-1".into()),
        model_served: Some("sim-1".to_owned()),
        status: 200,
        error_code: None,
        end_reason: EndReason::Complete,
        usage_source: UsageSource::Provider,
        tokens: TokenCounts { input_fresh: 10, cache_read: 2, ..TokenCounts::default() },
        cost: Cost::Measured(NanoUsd(1_500)),
        price_version: "test".into(),
        ttft_ms: None,
        duration_ms: 12,
        overhead_us: 50,
        config_hash: 7,
        rung: tb_core::Rung::default(),
        cause: tb_core::Cause::default(),
        waited_ms: 0,
        key_index: None,
        passed_over: None,
        saved: NanoUsd(0),
        guard: None,
        characters: None,
        secret_version: None,
        workload: None,
        peer: None,
        data_class: DataClass::default(),
        own_classes: None,
        region: None,
        agreement: None,
        request_hmac: None,
        answer_hmac: None,
        prompt: None,
        fingerprint: None,
        has_drifted: false,
    }
}

#[tokio::test]
async fn needs_an_admin_token() {
    let admin = Admin::new();
    let wrong = admin.token.replace("tb_admin_", "tb_live_");
    for credential in ["", "Bearer", "Bearer x", &format!("Bearer {wrong}"), &admin.token] {
        let request = Request::builder().uri("/admin/v1/keys").header("host", "127.0.0.1:8788");
        let answer = admin.send(request.header("authorization", credential), "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credential}");
        assert_eq!(answer.json()["error"]["code"], "invalid_admin_token");
    }
    assert_eq!(admin.get("/admin/v1/keys").await.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_paths_tell_nothing_without_a_token() {
    let admin = Admin::new();
    let request = Request::builder().uri("/admin/v1/nothing").header("host", "localhost");
    assert_eq!(admin.send(request, "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(admin.get("/admin/v1/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn with_authentication_off_loopback_needs_no_token() {
    let config = format!("[server]\nauthentication = \"off\"\n{CONFIG}");
    let open = |address: &str| Admin::at(address, &config);
    let ask = || Request::builder().uri("/admin/v1/keys").header("host", "localhost");
    assert_eq!(open("127.0.0.1:8788").send(ask(), "").await.status, StatusCode::OK);
    assert_eq!(open("10.0.0.1:8788").send(ask(), "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn metrics_are_open_on_loopback_only() {
    let ask = || Request::builder().uri("/metrics").header("host", "127.0.0.1:8788");
    let admin = Admin::new();
    let page = admin.send(ask(), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(page.text.contains("tollbar_build_info{version=\"1.2.3\"} 1"), "{}", page.text);
    let accept = "application/openmetrics-text; version=1.0.0, text/plain;q=0.5";
    let page = admin.send(ask().header("accept", accept), "").await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics"));
    assert!(page.text.ends_with("# EOF\n"));
    let elsewhere = Admin::at("10.0.0.1:8788", CONFIG);
    assert_eq!(elsewhere.send(ask(), "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(elsewhere.get("/metrics").await.status, StatusCode::OK);
}

#[tokio::test]
async fn refuses_a_host_name_that_is_not_its_own() {
    let admin = Admin::new();
    for host in ["evil.example:8788", "", "127.0.0.1.evil.example"] {
        let request = Request::builder().uri("/healthz").header("host", host);
        assert_eq!(admin.send(request, "").await.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let request = Request::builder().uri("/healthz").header("host", "[::1]:8788");
    assert_eq!(admin.send(request, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_of_other_sites_make_no_keys_in_any_mode() {
    let open = format!("[server]\nauthentication = \"off\"\n{CONFIG}");
    for (config, address) in [
        (CONFIG, "127.0.0.1:8788"),
        (open.as_str(), "127.0.0.1:8788"),
        (open.as_str(), "[::1]:8788"),
    ] {
        let admin = Admin::at(address, config);
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("origin", "https://localhost:8788"),
            ("sec-fetch-site", "cross-site"),
        ] {
            for (method, path) in [("POST", "/admin/v1/keys"), ("GET", "/admin/v1/keys")] {
                for content_type in ["text/plain", JSON] {
                    let request = admin.request(method, path).header(name, value);
                    let request = request.header("content-type", content_type);
                    let answer = admin.send(request, r#"{"service":"bot"}"#).await;
                    assert_eq!(
                        answer.status,
                        StatusCode::MISDIRECTED_REQUEST,
                        "{method} {name}: {value}"
                    );
                    assert_eq!(answer.json()["error"]["code"], "wrong_host");
                }
            }
        }
        assert!(admin.store.keys().unwrap().is_empty());
        let own = admin.request("POST", "/admin/v1/keys").header("content-type", JSON);
        let own = own.header("origin", "http://localhost:8788");
        let own = own.header("sec-fetch-site", "same-origin");
        assert_eq!(admin.send(own, r#"{"service":"bot"}"#).await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn a_body_that_is_not_called_json_makes_no_key() {
    let admin = Admin::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let post = admin.request("POST", "/admin/v1/keys").header("content-type", content_type);
        let answer = admin.send(post, r#"{"service":"bot"}"#).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(answer.json()["error"]["code"], "unsupported_media_type");
    }
    let untyped = admin.send(admin.request("POST", "/admin/v1/keys"), r#"{"service":"bot"}"#).await;
    assert_eq!(untyped.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(admin.store.keys().unwrap().is_empty());
    let large = admin.make(&json!({ "service": "bot", "name": "x".repeat(70_000) })).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.json()["error"]["code"], "request_too_large");
}

#[tokio::test]
async fn is_not_ready_while_draining_but_alive() {
    let admin = Admin::new();
    assert_eq!(admin.get("/readyz").await.status, StatusCode::OK);
    admin.engine.start_draining();
    assert_eq!(admin.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(admin.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_is_shown_once_and_its_digest_never() {
    let admin = Admin::new();
    let wanted = json!({
        "service": "bot", "name": "laptop", "models": ["support"], "purpose": "search",
        "networks": ["10.0.0.0/8"], "expires": "90d"
    });
    let answer = admin.make(&wanted).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(key.starts_with(&format!("tb_live_{id}_")), "{key}");
    let secret = key.rsplit('_').next().unwrap();
    for path in ["/admin/v1/keys".to_owned(), format!("/admin/v1/keys/{id}")] {
        let text = admin.get(&path).await.text;
        assert!(text.contains(id) && text.contains("laptop"), "{text}");
        assert!(!text.contains("digest") && !text.contains(secret), "{text}");
    }
    let key = admin.get(&format!("/admin/v1/keys/{id}")).await.json();
    assert_eq!(key["state"], "active");
    assert_eq!(key["models"], json!(["support"]));
    assert_eq!(key["networks"], json!(["10.0.0.0/8"]));
}

#[tokio::test]
async fn refuses_keys_that_the_configuration_has_no_place_for() {
    let admin = Admin::new();
    let faulty = [
        (json!({ "service": "bott" }), "there are: bot, lab"),
        (json!({ "service": "bot", "models": ["other"] }), "there are: support"),
        (json!({ "service": "bot", "models": ["oth*"] }), "there are: support"),
        (json!({ "service": "bot", "models": [] }), "without any model"),
        (json!({ "service": "bot", "purpose": "fun" }), "there are: customer_support, search"),
        (json!({ "service": "bot", "networks": ["10.1.2.3/8"] }), "write 10.0.0.0/8"),
        (json!({ "service": "bot", "expires": "soon" }), "90d"),
        (json!({ "service": "bot", "name": "a\u{7}b" }), "control characters"),
        (json!({ "service": "bot", "model": ["support"] }), "unknown field `model`"),
        (json!([]), "not a key request"),
    ];
    for (request, message) in faulty {
        let answer = admin.make(&request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{request}");
        assert!(answer.text.contains(message), "{request}: {}", answer.text);
    }
    assert!(admin.store.keys().unwrap().is_empty());
}

#[test]
fn accepts_models_that_the_service_can_call() {
    let snapshot = loaded(CONFIG).snapshot;
    let check = |service: &str, model: &str| {
        let request = KeyRequest {
            service: service.to_owned(),
            models: Some(vec![model.to_owned()]),
            ..KeyRequest::default()
        };
        request.checked(&snapshot, Timestamp(0)).is_ok()
    };
    for (service, model, is_good) in [
        ("bot", "support", true),
        ("bot", "sup*", true),
        ("bot", "*", true),
        ("bot", "simulated/sim-1", false),
        ("bot", "simulated/*", false),
        ("lab", "other", true),
        ("lab", "simulated/anything", true),
        ("lab", "simulated/*", true),
        ("lab", "nobody/*", false),
        ("lab", "nobody/x", false),
    ] {
        assert_eq!(check(service, model), is_good, "{service} {model}");
    }
}

#[tokio::test]
async fn a_revoked_key_stays_in_the_list_with_its_first_time() {
    let admin = Admin::new();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let path = format!("/admin/v1/keys/{}", made["id"].as_str().unwrap());
    let first = admin.send(admin.request("DELETE", &path), "").await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.json()["state"], "revoked");
    let second = admin.send(admin.request("DELETE", &path), "").await;
    assert_eq!(second.json()["revoked_at"], first.json()["revoked_at"]);
    assert_eq!(admin.get("/admin/v1/keys").await.json()["rows"].as_array().unwrap().len(), 1);
    for unknown in ["/admin/v1/keys/00000000", "/admin/v1/keys/x"] {
        let answer = admin.send(admin.request("DELETE", unknown), "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn notices_what_another_process_changed() {
    let admin = Admin::new();
    let other = new_token(&Pepper::from_bytes(&[7; 32]), Role::Viewer);
    assert_eq!(admin.keys.admin(other.token.expose()), None);
    admin.store.put_admin_token(&other.record, &act()).unwrap();
    admin.keys.reload_if_changed().unwrap();
    let found = admin.keys.admin(other.token.expose());
    assert_eq!(found, Some((other.record.id, Role::Viewer)));
}

#[tokio::test]
async fn sums_usage_as_asked() {
    let admin = Admin::new();
    admin.store.append(&[row(&admin), row(&admin)], 1).unwrap();
    let rows = admin.get("/admin/v1/usage?by=model,user").await.json()["rows"].clone();
    assert_eq!(rows[0]["model"], "support");
    assert_eq!(rows[0]["user"], "someone");
    assert_eq!(rows[0]["requests"], 2);
    assert_eq!(rows[0]["input_tokens"], 24);
    assert_eq!(rows[0]["cost_micro_usd"], 3);
    let recent = admin.get("/admin/v1/usage?by=model&since=1h").await.json();
    assert_eq!(recent["rows"], json!([]), "the rows are of 1970");
    for query in ["by=colour", "by=model,model", "since=soon", "until=1"] {
        let answer = admin.get(&format!("/admin/v1/usage?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn shows_requests_without_guessing_ids() {
    let admin = Admin::new();
    for id in ["req_1", "req_00000000000000000000000000000000", "x"] {
        let answer = admin.get(&format!("/admin/v1/requests/{id}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
    for limit in ["0", "1001", "x"] {
        let answer = admin.get(&format!("/admin/v1/requests?limit={limit}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{limit}");
    }
}

#[tokio::test]
async fn a_request_shows_what_the_guard_found_and_did() {
    let admin = Admin::new();
    let guarded = UsageRow {
        guard: Some("email=2:tokenize,credit_card=1:mask".to_owned()),
        characters: Some("zero_width=3,tags=1".to_owned()),
        ..row(&admin)
    };
    let (id, plain) = (guarded.request_id, row(&admin));
    admin.store.append(&[guarded, plain.clone()], 1).unwrap();
    let shown = admin.get(&format!("/admin/v1/requests/{id}")).await.json();
    let (attempt, step) = (&shown["attempts"][0], &shown["ladder"][0]);
    assert_eq!(attempt["guard"], "email=2:tokenize,credit_card=1:mask");
    assert_eq!(attempt["characters"], "zero_width=3,tags=1");
    assert_eq!(step["guard"], json!(["email=2:tokenize", "credit_card=1:mask"]));
    assert_eq!(step["characters"], json!(["zero_width=3", "tags=1"]));
    let shown = admin.get(&format!("/admin/v1/requests/{}", plain.request_id)).await.json();
    assert_eq!(shown["attempts"][0]["guard"], json!(null));
    assert_eq!(shown["ladder"][0]["characters"], json!([]));
}

#[tokio::test]
async fn the_ladder_keeps_apart_what_was_passed_over_before_and_after() {
    let admin = Admin::new();
    for (column, before, after) in [
        (None, json!([]), json!([])),
        (
            Some("a/x=rate_limited;b/y=no_budget"),
            json!(["a/x=rate_limited", "b/y=no_budget"]),
            json!([]),
        ),
        (Some("|b/y=attempts_spent"), json!([]), json!(["b/y=attempts_spent"])),
        (
            Some("a/x=keys_dead|b/y=deadline;c/z=no_budget"),
            json!(["a/x=keys_dead"]),
            json!(["b/y=deadline", "c/z=no_budget"]),
        ),
    ] {
        let row = UsageRow { passed_over: column.map(str::to_owned), ..row(&admin) };
        let id = row.request_id;
        admin.store.append(&[row], 1).unwrap();
        let shown = admin.get(&format!("/admin/v1/requests/{id}")).await.json();
        let step = &shown["ladder"][0];
        assert_eq!((&step["passed_over"], &step["passed_over_after"]), (&before, &after));
        let schema = &document()["components"]["schemas"]["LadderStep"]["properties"];
        let known: Vec<&String> = schema.as_object().unwrap().keys().collect();
        assert_eq!(step.as_object().unwrap().keys().collect::<Vec<_>>(), known);
    }
}

#[tokio::test]
async fn pages_of_requests_lead_to_each_other() {
    let admin = Admin::new();
    let rows: Vec<UsageRow> = (1..=5_i64)
        .flat_map(|ms| {
            let request_id = tb_core::RequestId::new(Timestamp(ms), 7);
            // Each later than the arrival of the requests after it.
            let started_at = Timestamp(ms + 3);
            (1..=2).map(move |attempt| (request_id, started_at, attempt))
        })
        .map(|(request_id, started_at, attempt)| UsageRow {
            request_id,
            started_at,
            attempt,
            ..row(&admin)
        })
        .collect();
    admin.store.append(&rows, 1).unwrap();
    let (mut path, mut seen) = ("/admin/v1/requests?limit=5".to_owned(), Vec::new());
    loop {
        let page = admin.get(&path).await.json();
        let found = page["rows"].as_array().unwrap();
        seen.extend(found.iter().map(|row| (row["request_id"].clone(), row["attempt"].clone())));
        let Some(next) = page["next_before"].as_i64() else { break };
        assert_eq!(found.len() % 2, 0, "no request is cut");
        path = format!("/admin/v1/requests?limit=5&before={next}");
    }
    assert_eq!(seen.len(), rows.len());
    seen.dedup();
    assert_eq!(seen.len(), rows.len());
}

#[tokio::test]
async fn the_configuration_shows_no_secret() {
    let admin = Admin::new();
    for path in ["config", "services", "models", "status"] {
        let answer = admin.get(&format!("/admin/v1/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.text.contains("canary"), "{path}: {}", answer.text);
    }
    let values = admin.get("/admin/v1/config").await.text;
    assert!(values.contains("models.support.targets[0].model"), "{values}");
}
