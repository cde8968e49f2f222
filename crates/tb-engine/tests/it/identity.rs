//! Callers with tokens in the place of keys: who is let in, and how often an issuer is asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tb_config::{FixedEnvironment, Overrides, Source, load};
use tb_core::ports::{Journal, JournalEntry, StoreError};
use tb_core::{Clock, KeyRing, Pepper, Secret, Surface};
use tb_engine::{
    Credential, Engine, Metrics, Parts, RequestHead, SystemClock, WorkloadId, fetch_token_keys,
    list_models,
};
use tb_store::MemoryStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// Nothing here is accounted.
struct Unwritten;

impl Journal for Unwritten {
    fn append(&self, _: JournalEntry<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn lag_ms(&self) -> u64 {
        0
    }
}

/// What the fake issuer answers with.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<(Option<String>, Vec<String>)>>);

impl Published {
    fn publish(&self, keys: &[(&Signer, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(signer, id)| signer.public(id)).collect();
        self.0.lock().unwrap().0 = Some(json!({ "keys": keys }).to_string());
    }

    fn publish_raw(&self, answer: &str) {
        self.0.lock().unwrap().0 = Some(answer.to_owned());
    }

    /// From now on every connection is closed without an answer.
    fn fail(&self) {
        self.0.lock().unwrap().0 = None;
    }

    fn fetches(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }
}

/// An issuer on a free loopback port, gone with the handle.
struct Issuer {
    published: Published,
    port: u16,
    serving: AbortHandle,
    _tasks: JoinSet<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let published = Published::default();
        let state = published.clone();
        let mut tasks = JoinSet::new();
        let serving = tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let line = String::from_utf8_lossy(&head[..read]).lines().next().map(str::to_owned);
                let answer = {
                    let mut state = state.0.lock().unwrap();
                    state.1.extend(line);
                    state.0.clone()
                };
                let Some(body) = answer else { continue };
                let answer = match body.strip_prefix("raw:") {
                    Some(raw) => raw.to_owned(),
                    None => format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    ),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { published, port, serving, _tasks: tasks }
    }
}

struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn public(&self, id: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x })
    }

    fn token(&self, header: &Value, body: &Value) -> String {
        signed(header, body, |text| self.0.sign(text.as_bytes()).as_ref().to_vec())
    }

    /// A good token of this key id and subject.
    fn good(&self, id: &str, subject: &str) -> String {
        self.token(
            &json!({ "alg": "EdDSA", "kid": id }),
            &body(|body| body["sub"] = json!(subject)),
        )
    }
}

fn signed(header: &Value, body: &Value, sign: impl Fn(&str) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(body));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(sign(&text)))
}

fn now_s() -> i64 {
    SystemClock.now().unix_ms() / 1_000
}

fn body(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "iss": "https://issuer.example", "sub": "repo:acme/app", "aud": ["other", "tollbar"],
        "iat": now_s(), "exp": now_s() + 600,
    });
    change(&mut body);
    body
}

fn config(port: u16) -> String {
    format!(
        r#"
        [providers.a]
        dialect = "simulated"
        [models.m]
        targets = [{{ provider = "a", model = "x" }}]
        [identity.ci]
        issuer = "https://issuer.example"
        audience = "tollbar"
        algorithms = ["RS256", "EdDSA"]
        jwks_url = "http://127.0.0.1:{port}/keys"
        [services.bot]
        purposes = ["a"]
        workloads = ["ci:repo:acme/*"]
        [services.other]
        purposes = ["a"]
        workloads = ["ci:repo:other"]
        "#
    )
}

fn engine(config: &str, environment: &FixedEnvironment) -> Engine {
    let store = Arc::new(MemoryStore::new());
    let pepper = Pepper::from_bytes(&[7; 32]);
    Engine::new(Parts {
        snapshot: snapshot(config, environment),
        keys: Arc::new(KeyRing::new(Vec::new(), pepper)),
        journal: Arc::new(Unwritten),
        responses: Arc::clone(&store) as _,
        answers: store,
        cache_secret: [1; 32],
        guard_secret: [2; 32],
        clock: Arc::new(SystemClock),
        metrics: Arc::new(Metrics::new("test")),
        seed: [4, 2],
    })
}

fn snapshot(config: &str, environment: &FixedEnvironment) -> Arc<tb_config::Snapshot> {
    let folder = PathBuf::from("/f");
    let source = Source::Text { name: "t".to_owned(), folder, text: config.to_owned() };
    let loaded = load(&source, &Overrides::default(), environment);
    loaded.unwrap_or_else(|report| panic!("{}", report.render())).snapshot
}

/// What a caller with this credential gets at the cheapest route.
async fn ask(engine: &Engine, credential: Option<&str>, workload: Option<&str>) -> (u16, String) {
    let head = RequestHead {
        id: engine.new_request_id(),
        surface: Surface::Models,
        path_id: None,
        headers: HeaderMap::new(),
        credential: credential.map(|text| Credential(Secret::new(text.to_owned()))),
        workload: workload.map(|uri| WorkloadId::spiffe(uri).unwrap()),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        arrived: Instant::now().into_std(),
        arrived_at: engine.clock().now(),
    };
    fetch_token_keys(engine, &head).await;
    match list_models(engine, &head) {
        Ok(_) => (200, String::new()),
        Err(refused) => (refused.refusal.api_error().status, refused.refusal.code()),
    }
}

async fn shown(engine: &Engine, token: &str) -> (u16, String) {
    ask(engine, Some(token), None).await
}

fn refused() -> (u16, String) {
    (401, "invalid_api_key".to_owned())
}

fn not_allowed() -> (u16, String) {
    (403, "workload_not_allowed".to_owned())
}

fn served() -> (u16, String) {
    (200, String::new())
}

/// Lets this much time pass, for timers and for the ages of keys.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

const PAUSE: Duration = Duration::from_secs(31);

/// Tokens that prove nothing, each for a reason of its own.
fn bad_tokens(signer: &Signer, stranger: &Signer, port: u16) -> Vec<String> {
    let header = |change: fn(&mut Value)| {
        let mut header = json!({ "alg": "EdDSA", "kid": "k1", "typ": "JWT" });
        change(&mut header);
        header
    };
    let usual = header(|_| {});
    let public = signer.0.public_key().as_ref().to_vec();
    let by_hmac = |header: &Value| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
        signed(header, &body(|_| {}), |text| hmac::sign(&key, text.as_bytes()).as_ref().to_vec())
    };
    let jwk = stranger.public("k1");
    let good = signer.good("k1", "repo:acme/app");
    let mut bad = vec![
        signed(&header(|h| h["alg"] = json!("none")), &body(|_| {}), |_| Vec::new()),
        signed(&header(|h| h["alg"] = json!("None")), &body(|_| {}), |_| Vec::new()),
        by_hmac(&header(|h| h["alg"] = json!("HS256"))),
        by_hmac(&usual),
        signer.token(&header(|h| h["alg"] = json!("RS256")), &body(|_| {})),
        signer.token(&usual, &body(|b| b["aud"] = json!("somebody"))),
        signer.token(&usual, &body(|b| b["iss"] = json!("https://issuer.example/"))),
        signer.token(&usual, &body(|b| b["iss"] = json!("https://evil.example"))),
        signer.token(&usual, &body(|b| b["exp"] = json!(now_s() - 61))),
        signer.token(&usual, &body(|b| b["nbf"] = json!(now_s() + 120))),
        signer.token(&usual, &body(|b| b["iat"] = json!(now_s() + 120))),
        signer.token(&usual, &body(|b| b["exp"] = json!(now_s() + 86_400))),
        signer.token(&header(|h| h["crit"] = json!(["exp"])), &body(|_| {})),
        stranger.good("k1", "repo:acme/app"),
        stranger.token(&json!({ "alg": "EdDSA", "kid": "k1", "jwk": jwk }), &body(|_| {})),
        stranger.token(
            &json!({ "alg": "EdDSA", "kid": "k1", "jku": format!("http://127.0.0.1:{}/evil", port) }),
            &body(|_| {}),
        ),
        good.rsplit_once('.').map(|(rest, _)| format!("{rest}.")).unwrap(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        format!("{good}.x"),
        "x".repeat(9_000),
    ];
    for id in ["../../etc/passwd", "k2", "", "%2e%2e/keys", "http://127.0.0.1/k"] {
        bad.push(stranger.good(id, "repo:acme/app"));
    }
    bad
}

#[tokio::test]
async fn whoever_proves_nothing_is_refused_like_an_unknown_key() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let issuer = Issuer::start().await;
    issuer.published.publish(&[(&signer, "k1")]);
    let engine = engine(&config(issuer.port), &FixedEnvironment::default());
    let good = signer.good("k1", "repo:acme/app");
    assert_eq!(shown(&engine, &good).await, served());

    // The set that the issuer publishes is swapped right after it was fetched.
    issuer.published.publish(&[(&stranger, "k1"), (&stranger, "k2")]);
    for token in &bad_tokens(&signer, &stranger, issuer.port) {
        assert_eq!(shown(&engine, token).await, refused(), "{token}");
    }
    assert_eq!(shown(&engine, &good).await, served());
    assert_eq!(issuer.published.fetches(), 1, "nothing of a token makes it fetch again so soon");

    // Also later an unknown key id brings about one fetch in 30 seconds, and of one address only.
    for _ in 0..3 {
        pass(PAUSE).await;
        let mut asked = JoinSet::new();
        for number in 0..20 {
            let (engine, token) = (engine.clone(), stranger.good(&format!("u{number}"), "repo:x"));
            asked.spawn(async move { shown(&engine, &token).await });
        }
        assert!(asked.join_all().await.into_iter().all(|outcome| outcome == refused()));
    }
    let lines = issuer.published.0.lock().unwrap().1.clone();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(BTreeSet::from_iter(lines), ["GET /keys HTTP/1.1".to_owned()].into());
}

#[tokio::test]
async fn a_proven_workload_is_let_in_only_where_one_service_lists_it() {
    let signer = Signer::new();
    let issuer = Issuer::start().await;
    issuer.published.publish(&[(&signer, "k1")]);
    let engine = engine(&config(issuer.port), &FixedEnvironment::default());
    for subject in ["repo:acme/app", "repo:acme/", "repo:other"] {
        assert_eq!(shown(&engine, &signer.good("k1", subject)).await, served(), "{subject}");
    }
    let long = format!("repo:acme/{}", "a".repeat(1_100));
    for subject in ["repo:evil/app", "repo:acme", "repo:others", "repo:acme/a\nb", &long] {
        assert_eq!(shown(&engine, &signer.good("k1", subject)).await, not_allowed(), "{subject}");
    }
    assert_eq!(ask(&engine, None, None).await, refused());
}

#[tokio::test]
async fn keys_are_rotated_by_their_ids() {
    let (old, new) = (Signer::new(), Signer::new());
    let issuer = Issuer::start().await;
    issuer.published.publish(&[(&old, "k1")]);
    let engine = engine(&config(issuer.port), &FixedEnvironment::default());
    let (by_old, by_new) = (old.good("k1", "repo:acme/a"), new.good("k2", "repo:acme/a"));
    assert_eq!(shown(&engine, &by_old).await, served());
    issuer.published.publish(&[(&old, "k1"), (&new, "k2")]);
    assert_eq!(shown(&engine, &by_new).await, refused(), "it was fetched a moment ago");
    pass(PAUSE).await;
    assert_eq!(shown(&engine, &by_new).await, served());
    assert_eq!(shown(&engine, &by_old).await, served());
    assert_eq!(issuer.published.fetches(), 2);

    // A key that the issuer took back is found out behind the requests.
    issuer.published.publish(&[(&new, "k2")]);
    pass(Duration::from_secs(601)).await;
    let mut outcome = shown(&engine, &by_old).await;
    while outcome == served() {
        tokio::task::yield_now().await;
        outcome = shown(&engine, &by_old).await;
    }
    assert_eq!((outcome, issuer.published.fetches()), (refused(), 3));
    assert_eq!(shown(&engine, &by_new).await, served());
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_again_hold_for_a_day() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let issuer = Issuer::start().await;
    issuer.published.publish(&[(&signer, "k1")]);
    let engine = engine(&config(issuer.port), &FixedEnvironment::default());
    let good = signer.good("k1", "repo:acme/a");
    assert_eq!(shown(&engine, &good).await, served());
    let redirect =
        "raw:HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(300 * 1024));
    for (round, answer) in [None, Some(redirect), Some(&large), Some("{}")].into_iter().enumerate()
    {
        match answer {
            Some(answer) => issuer.published.publish_raw(answer),
            None => issuer.published.fail(),
        }
        pass(PAUSE).await;
        assert_eq!(shown(&engine, &stranger.good("k9", "repo:acme/a")).await, refused());
        assert_eq!(shown(&engine, &good).await, served(), "{round}");
        assert_eq!(issuer.published.fetches(), round + 2);
    }
    pass(Duration::from_secs(86_400)).await;
    assert_eq!(shown(&engine, &good).await, refused());
    issuer.published.publish(&[(&signer, "k1")]);
    pass(PAUSE).await;
    assert_eq!(shown(&engine, &good).await, served());
}

#[tokio::test]
async fn a_request_waits_for_a_silent_issuer_at_most_five_seconds() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let engine =
        engine(&config(listener.local_addr().unwrap().port()), &FixedEnvironment::default());
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(shown(&engine, &Signer::new().good("k1", "repo:acme/a")).await, refused());
    assert!(began.elapsed().as_secs() <= 5, "{:?}", began.elapsed());
}

#[tokio::test]
async fn keys_out_of_a_file_follow_a_reload_and_nothing_is_fetched() {
    let (old, new) = (Signer::new(), Signer::new());
    let issuer = Issuer::start().await;
    let url = format!("jwks_url = \"http://127.0.0.1:{}/keys\"", issuer.port);
    let config = config(issuer.port).replace(&url, "jwks_file = \"keys.json\"");
    let with = |signer: &Signer| {
        let set = json!({ "keys": [signer.public("k1")] }).to_string();
        FixedEnvironment::default().with_file("/f/keys.json", &set)
    };
    let engine = engine(&config, &with(&old));
    let (by_old, by_new) = (old.good("k1", "repo:acme/a"), new.good("k1", "repo:acme/a"));
    assert_eq!(shown(&engine, &by_old).await, served());
    assert_eq!(shown(&engine, &by_new).await, refused());
    engine.apply(snapshot(&config, &with(&new)));
    assert_eq!(shown(&engine, &by_old).await, refused());
    assert_eq!(shown(&engine, &by_new).await, served());
    assert_eq!(issuer.published.fetches(), 0);
}

#[tokio::test]
async fn fetched_keys_outlive_a_reload() {
    let signer = Signer::new();
    let issuer = Issuer::start().await;
    issuer.published.publish(&[(&signer, "k1")]);
    let engine = engine(&config(issuer.port), &FixedEnvironment::default());
    let good = signer.good("k1", "repo:acme/a");
    assert_eq!(shown(&engine, &good).await, served());
    let narrower = config(issuer.port).replace("repo:acme/*", "repo:acme/b");
    engine.apply(snapshot(&narrower, &FixedEnvironment::default()));
    assert_eq!(shown(&engine, &good).await, not_allowed());
    assert_eq!(shown(&engine, &signer.good("k1", "repo:acme/b")).await, served());
    assert_eq!(issuer.published.fetches(), 1);
}
