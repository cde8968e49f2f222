//! A token of an issuer in the place of a key, through the whole server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tb_core::Clock;
use tb_engine::SystemClock;
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

fn signer() -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
}

fn token(signer: &Ed25519KeyPair, subject: &str) -> String {
    let now = SystemClock.now().unix_ms() / 1_000;
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!(
        "{}.{}",
        encode(json!({ "alg": "EdDSA", "kid": "k1" })),
        encode(json!({
            "iss": "https://issuer.example", "aud": "tollbar", "sub": subject,
            "iat": now, "exp": now + 600,
        }))
    );
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

#[test]
fn a_workload_with_a_token_is_served_under_its_service_and_the_issuer_asked_once() {
    let signer = signer();
    let x = URL_SAFE_NO_PAD.encode(signer.public_key());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] });
    let issuer = FakeProvider::start(move |_| FakeReply::json(200, &keys.to_string()));
    let app = TestApp::start(&format!(
        r#"
        [providers.a]
        dialect = "simulated"
        [models.m]
        targets = [{{ provider = "a", model = "x" }}]
        [identity.ci]
        issuer = "https://issuer.example"
        audience = "tollbar"
        algorithms = ["EdDSA"]
        jwks_url = "{}/keys"
        [services.bot]
        purposes = ["a"]
        limits = {{ requests_per_minute = 3 }}
        workloads = ["ci:repo:acme/*"]
        "#,
        issuer.url()
    ));
    let ask = TestRequest::post(
        "/v1/chat/completions",
        r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#,
    );
    let good = token(&signer, "repo:acme/app");
    for number in 0..4 {
        let response = ask.clone().key(&good).send(app.address);
        if number == 3 {
            let outcome = (response.status, response.error_code());
            assert_eq!(outcome, (429, "rate_limit_exceeded".to_owned()), "limits hold");
            continue;
        }
        assert_eq!(response.status, 200, "{}", response.text());
        let row = app.rows(&response).pop().unwrap();
        assert_eq!((row.service.as_str(), row.key_id), ("bot", None));
        assert_eq!(row.workload.as_deref(), Some("ci:repo:acme/app"));
    }
    let models = TestRequest::new("GET", "/v1/models").key(&good).send(app.address);
    assert_eq!(models.status, 200);
    let other = ask.clone().key(&token(&signer, "repo:evil/app")).send(app.address);
    assert_eq!((other.status, other.error_code().as_str()), (403, "workload_not_allowed"));
    let forged = ask.clone().key(&token(&self::signer(), "repo:acme/app")).send(app.address);
    let unknown = ask.key("tb_live_unknown").send(app.address);
    assert_eq!((forged.status, unknown.status), (401, 401));
    assert_eq!(forged.error_code(), unknown.error_code());
    assert_eq!(forged.json()["error"]["message"], unknown.json()["error"]["message"]);
    assert_eq!(issuer.requests().len(), 1);
    assert_eq!(issuer.requests()[0].request_line, "GET /keys");
    assert!(issuer.requests()[0].header("authorization").is_none());
}
