//! What passes as a workload's token, and what does not.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const ISSUER: &str = "https://issuer.example";

/// A key made for these tests alone.
const RSA: &[u8] = include_bytes!("../../tests/fixtures/token_rsa_2048.der");
const SHORT_RSA: &[u8] = include_bytes!("../../tests/fixtures/token_rsa_1024.der");

enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn p256() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_der(RSA).unwrap())
    }

    fn algorithm(&self) -> TokenAlgorithm {
        match self {
            Self::Ed(_) => TokenAlgorithm::EdDsa,
            Self::Ec(_) => TokenAlgorithm::Es256,
            Self::Rsa(_) => TokenAlgorithm::Rs256,
        }
    }

    fn public(&self, id: &str) -> Value {
        match self {
            Self::Ed(pair) => json!({
                "kty": "OKP", "crv": "Ed25519", "kid": id, "x": encode(pair.public_key()),
            }),
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "kid": id, "use": "sig",
                    "x": encode(&point[1..33]), "y": encode(&point[33..]),
                })
            }
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "kid": id, "n": encode(public.n), "e": encode(public.e) })
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn token(&self, header: &Value, body: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(body.to_string()));
        format!("{signed}.{}", encode(self.sign(signed.as_bytes())))
    }
}

fn keys(signers: &[(&Signer, &str)]) -> Jwks {
    let keys: Vec<_> = signers.iter().map(|(signer, id)| signer.public(id)).collect();
    Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn body(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "iss": ISSUER, "sub": "system:serviceaccount:prod:bot", "aud": ["other", "tollbar"],
        "iat": 1_799_999_990, "exp": 1_800_000_600,
    });
    change(&mut body);
    body
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        audience: "tollbar",
        algorithms: &TokenAlgorithm::ALL,
        max_lifetime_ms: 3_600_000,
    }
}

fn header(signer: &Signer) -> Value {
    json!({ "alg": signer.algorithm().as_str(), "kid": "k1", "typ": "JWT" })
}

#[test]
fn accepts_each_algorithm_with_a_key_of_its_own() {
    for signer in [Signer::ed25519(), Signer::p256(), Signer::rsa()] {
        let token = signer.token(&header(&signer), &body(|_| {}));
        let claims = verify(&token, &expected(), &keys(&[(&signer, "k1")]), NOW).unwrap();
        assert_eq!(claims.subject, "system:serviceaccount:prod:bot");
        assert_eq!(claims.expires_at, Timestamp(1_800_000_600_000));
        assert_eq!(claimed(&token).unwrap().issuer, ISSUER);
    }
}

#[test]
fn refuses_what_is_not_said_by_the_issuer_to_us_now() {
    let signer = Signer::ed25519();
    let keys = keys(&[(&signer, "k1")]);
    let cases: [(&str, Value, TokenFault); 8] = [
        ("iss", json!("https://issuer.example/"), TokenFault::Issuer),
        ("aud", json!("somebody"), TokenFault::Audience),
        ("aud", json!([]), TokenFault::Audience),
        ("exp", json!(1_799_999_000), TokenFault::Expired),
        ("exp", json!(1_900_000_000), TokenFault::TooLong),
        ("nbf", json!(1_800_000_100), TokenFault::NotYet),
        ("iat", json!(1_800_000_100), TokenFault::NotYet),
        ("sub", json!(""), TokenFault::Malformed),
    ];
    for (claim, value, fault) in cases {
        let token = signer.token(&header(&signer), &body(|body| body[claim] = value.clone()));
        assert_eq!(verify(&token, &expected(), &keys, NOW), Err(fault), "{claim} {value}");
    }
    for claim in ["iss", "sub", "aud", "exp"] {
        let without = body(|body| drop(body.as_object_mut().unwrap().remove(claim)));
        let token = signer.token(&header(&signer), &without);
        assert_eq!(verify(&token, &expected(), &keys, NOW), Err(TokenFault::Malformed), "{claim}");
    }
}

#[test]
fn refuses_other_algorithms_and_keys_of_another_kind() {
    let (signer, other) = (Signer::rsa(), Signer::p256());
    let keys = keys(&[(&signer, "k1"), (&other, "k2")]);
    let refused = |header: Value| {
        let token = signer.token(&header, &body(|_| {}));
        verify(&token, &expected(), &keys, NOW)
    };
    for algorithm in ["none", "HS256", "RS512", "rs256", ""] {
        assert_eq!(refused(json!({ "alg": algorithm, "kid": "k1" })), Err(TokenFault::Algorithm));
    }
    assert_eq!(refused(json!({ "alg": "RS256", "kid": "../k1" })), Err(TokenFault::UnknownKey));
    assert_eq!(refused(json!({ "alg": "RS256", "kid": "k2" })), Err(TokenFault::UnknownKey));
    assert_eq!(refused(json!({ "alg": "ES256", "kid": "k2" })), Err(TokenFault::Signature));
    let critical = json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] });
    assert_eq!(refused(critical), Err(TokenFault::Critical));
    let only_rsa = Expected { algorithms: &[TokenAlgorithm::EdDsa], ..expected() };
    let token = signer.token(&header(&signer), &body(|_| {}));
    assert_eq!(verify(&token, &only_rsa, &keys, NOW), Err(TokenFault::Algorithm));
}

#[test]
fn refuses_a_public_key_used_as_a_shared_secret() {
    let signer = Signer::rsa();
    let keys = keys(&[(&signer, "k1")]);
    let header = json!({ "alg": "HS256", "kid": "k1" });
    let signed = format!("{}.{}", encode(header.to_string()), encode(body(|_| {}).to_string()));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, RSA);
    let token = format!("{signed}.{}", encode(ring::hmac::sign(&secret, signed.as_bytes())));
    assert_eq!(verify(&token, &expected(), &keys, NOW), Err(TokenFault::Algorithm));
}

#[test]
fn refuses_short_rsa_keys() {
    assert!(RsaKeyPair::from_der(SHORT_RSA).is_err());
    let signer = Signer::rsa();
    let mut public = signer.public("k1");
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    public["n"] = json!(encode(&modulus[..128]));
    let keys = Jwks::parse(json!({ "keys": [public] }).to_string().as_bytes()).unwrap();
    let token = signer.token(&header(&signer), &body(|_| {}));
    assert_eq!(verify(&token, &expected(), &keys, NOW), Err(TokenFault::Signature));
}

#[test]
fn any_change_of_a_character_breaks_it() {
    let signer = Signer::ed25519();
    let keys = keys(&[(&signer, "k1")]);
    let token = signer.token(&header(&signer), &body(|_| {}));
    for at in 0..token.len() {
        let change = |(place, old)| match (place == at, old) {
            (false, _) => old,
            (true, 'A') => 'B',
            (true, _) => 'A',
        };
        let changed: String = token.chars().enumerate().map(change).collect();
        assert!(verify(&changed, &expected(), &keys, NOW).is_err(), "{at}");
    }
    for text in ["", ".", "..", "a.b.c", "a.b.c.d", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
        assert_eq!(verify(text, &expected(), &keys, NOW), Err(TokenFault::Malformed));
    }
}

#[test]
fn a_set_without_keys_for_signatures_is_refused() {
    for text in ["", "[]", "{}", r#"{"keys":1}"#] {
        assert!(matches!(Jwks::parse(text.as_bytes()), Err(JwksFault::Malformed(_))), "{text}");
    }
    let other =
        r#"{"keys":[{"kty":"oct","k":"AA"},{"kty":"RSA","use":"enc","n":"AA","e":"AQAB"}]}"#;
    assert_eq!(Jwks::parse(other.as_bytes()).unwrap_err(), JwksFault::NoKeys);
}
