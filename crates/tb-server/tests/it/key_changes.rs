//! Keys and tokens as they are made, rotated, reported and revoked, with their acts.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use tb_core::ports::{ActStore, KeyStore, KeyUseStore, UsageStore};
use tb_core::{Actor, AdminAct, KeyId, KeyScope, Pepper, Role, Timestamp, UsageRow};
use tb_server::admin::{DeskFault, KeyDesk, NewToken, Repeat};
use tb_store::MemoryStore;

use crate::admin::{Admin, Answer, JSON, row};

async fn post(admin: &Admin, path: &str, body: &Value, repeat: Option<&str>) -> Answer {
    let mut request = admin.request("POST", path).header("content-type", JSON);
    if let Some(repeat) = repeat {
        request = request.header("idempotency-key", repeat);
    }
    admin.send(request, &body.to_string()).await
}

/// A part of a credential by byte positions.
fn part(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(range).unwrap()
}

fn acts(store: &MemoryStore) -> Vec<AdminAct> {
    store.waiting_acts(1_000).unwrap().into_iter().map(|(_, act)| act).collect()
}

#[tokio::test]
async fn the_scopes_of_a_key_are_checked_and_shown() {
    let admin = Admin::new();
    let wanted = json!({
        "service": "bot", "routes": ["chat_completions"], "purposes": ["search"],
        "purpose": "search", "data_classes": ["internal"], "not_before": "12h", "expires": "90d",
        "limits": { "requests_per_minute": 60, "concurrent": 4 }, "budget": "25 usd/month"
    });
    let made = admin.make(&wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let key = admin.get(&format!("/admin/v1/keys/{id}")).await.json();
    assert_eq!(key["state"], "not_yet_valid");
    for member in ["routes", "purposes", "purpose", "data_classes", "limits"] {
        assert_eq!(key[member], wanted[member], "{member}");
    }
    assert_eq!(key["budget"], "25.00 usd/month UTC");
    for (member, value, message) in [
        ("routes", json!(["chat"]), "chat_completions"),
        ("routes", json!([]), "without any route"),
        ("purposes", json!(["fun"]), "there are: customer_support, search"),
        ("purpose", json!("customer_support"), "there are: search"),
        ("data_classes", json!(["trade_secret"]), "no class of data of this service"),
        ("not_before", json!("tomorrow"), "2026-12-01T00:00:00Z"),
        ("not_before", json!("91d"), "before it becomes valid"),
        ("limits", json!({ "requests_per_week": 1 }), "unknown field"),
        ("limits", json!({ "concurrent": 0 }), "revoke the key"),
        ("budget", json!("25 eur/month"), "25 usd/month"),
    ] {
        let mut faulty = wanted.clone();
        faulty[member] = value.clone();
        let answer = admin.make(&faulty).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{member} {value}");
        assert!(answer.text.contains(message), "{member} {value}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_repeated_call_gives_the_same_key_and_another_body_a_conflict() {
    let admin = Admin::new();
    let body = json!({ "service": "lab", "expires": "90d" });
    let first = post(&admin, "/admin/v1/keys", &body, Some("call-1")).await;
    let again = post(&admin, "/admin/v1/keys", &body, Some("call-1")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    let other = json!({ "service": "lab", "expires": "91d" });
    let conflict = post(&admin, "/admin/v1/keys", &other, Some("call-1")).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    assert_eq!(conflict.json()["error"]["code"], "idempotency_conflict");
    let next = post(&admin, "/admin/v1/keys", &body, Some("call-2")).await;
    assert_ne!(next.json()["id"], first.json()["id"]);
    assert_eq!(admin.store.keys().unwrap().len(), 2);
    for bad in ["", &"x".repeat(256)] {
        let answer = post(&admin, "/admin/v1/keys", &body, Some(bad)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad:?}");
    }
    // Nothing of the secret is stored: the store has its HMAC alone.
    let stored = format!("{:?}", admin.store.keys().unwrap());
    let key = first.json()["key"].as_str().unwrap().to_owned();
    assert!(!stored.contains(part(&key, 17..60)) && !stored.contains("call-1"));
}

#[tokio::test]
async fn a_rotation_keeps_the_id_and_may_be_repeated() {
    let admin = Admin::new();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let path = format!("/admin/v1/keys/{}/rotate", made["id"].as_str().unwrap());
    let body = json!({ "grace": "72h" });
    let first = post(&admin, &path, &body, Some("r")).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(first.headers["cache-control"], "no-store");
    let new = first.json();
    assert_eq!(new["id"], made["id"]);
    assert_ne!(new["key"], made["key"]);
    assert_eq!(post(&admin, &path, &body, Some("r")).await.text, first.text);
    let other = post(&admin, &path, &json!({ "grace": "1h" }), Some("r")).await;
    assert_eq!(other.json()["error"]["code"], "idempotency_conflict");
    let third = post(&admin, &path, &body, None).await;
    assert_eq!(third.status, StatusCode::CONFLICT);
    assert_eq!(third.json()["error"]["code"], "two_live_secrets");
    let until = new["old_secret_valid_until"].as_str().unwrap();
    assert!(third.text.contains(until), "{}", third.text);
    let shown = admin.get(path.trim_end_matches("/rotate")).await.json();
    let versions: Vec<_> = shown["secrets"].as_array().unwrap().iter().collect();
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)));
    assert_eq!(versions[1]["valid_until"], until);
    for (bad, status) in [
        (json!({ "grace": "-1h" }), StatusCode::BAD_REQUEST),
        (json!({ "grace": "366d" }), StatusCode::BAD_REQUEST),
        (json!({ "gracious": "1h" }), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(post(&admin, &path, &bad, None).await.status, status, "{bad}");
    }
    let missing = post(&admin, "/admin/v1/keys/00000000/rotate", &body, None).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

fn pepper() -> Pepper {
    Pepper::from_bytes(&[7; 32])
}

fn desk<'a>(store: &'a dyn KeyStore, pepper: &'a Pepper, now: i64) -> KeyDesk<'a> {
    KeyDesk { store, pepper, actor: Actor::CommandLine("test".to_owned()), now: Timestamp(now) }
}

fn scope(at: Timestamp) -> Result<KeyScope, DeskFault> {
    Ok(KeyScope::of_service("lab".into(), at))
}

/// A store in which somebody else changes a key right before each change.
struct Racing<'s> {
    inner: &'s MemoryStore,
    races: std::sync::atomic::AtomicU32,
}

impl KeyStore for Racing<'_> {
    fn keys(&self) -> Result<Vec<tb_core::KeyRecord>, tb_core::ports::StoreError> {
        self.inner.keys()
    }

    fn put_key(
        &self,
        key: &tb_core::KeyRecord,
        act: &AdminAct,
    ) -> Result<(), tb_core::ports::StoreError> {
        use std::sync::atomic::Ordering::SeqCst;
        if self.races.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            let pepper = pepper();
            let _ = desk(self.inner, &pepper, 50).rotate_key(key.id, 0, None);
        }
        self.inner.put_key(key, act)
    }

    fn admin_tokens(&self) -> Result<Vec<tb_core::AdminTokenRecord>, tb_core::ports::StoreError> {
        self.inner.admin_tokens()
    }

    fn put_admin_token(
        &self,
        token: &tb_core::AdminTokenRecord,
        act: &AdminAct,
    ) -> Result<(), tb_core::ports::StoreError> {
        self.inner.put_admin_token(token, act)
    }

    fn change_counter(&self) -> Result<u64, tb_core::ports::StoreError> {
        self.inner.change_counter()
    }
}

fn code<T>(outcome: Result<T, DeskFault>) -> &'static str {
    match outcome.map(drop) {
        Ok(_) => "ok",
        Err(DeskFault::Conflict { code, .. }) => code,
        Err(DeskFault::Unknown(_)) => "unknown",
        Err(_) => "other",
    }
}

#[test]
fn of_two_rotations_at_once_one_loses_and_a_revocation_wins() {
    let (inner, pepper) = (MemoryStore::new(), pepper());
    let made = desk(&inner, &pepper, 0).create_key(&scope, None).unwrap();
    let racing = |races: u32| Racing { inner: &inner, races: races.into() };
    let (id, store) = (made.record.id, racing(1));
    assert_eq!(code(desk(&store, &pepper, 60).rotate_key(id, 0, None)), "changed_meanwhile");
    let store = racing(3);
    let revoked = desk(&store, &pepper, 70).revoke_key(id, "key.revoke").unwrap();
    assert_eq!(revoked.revoked_at, Some(Timestamp(70)));
    assert_eq!(inner.keys().unwrap()[0].revision, 5, "four rotations, then the revocation");
    assert_eq!(code(desk(&inner, &pepper, 80).rotate_key(id, 0, None)), "key_revoked");
    let again = desk(&inner, &pepper, 90).revoke_key(id, "key.revoke").unwrap();
    assert_eq!(again.revoked_at, Some(Timestamp(70)));
}

#[test]
fn a_secret_is_shown_again_for_a_day_and_to_its_maker_only() {
    let (store, pepper) = (MemoryStore::new(), pepper());
    let repeat = Repeat::parse(b"r").unwrap();
    let day = 86_400_000;
    let make = |now: i64, who: &str| {
        let actor = Actor::CommandLine(who.to_owned());
        let desk = KeyDesk { actor, ..desk(&store, &pepper, now) };
        desk.create_key(&scope, Some(&repeat)).map(|made| made.key.expose().to_owned())
    };
    let first = make(0, "one").unwrap();
    assert_eq!(make(day - 1, "one").unwrap(), first);
    assert_eq!(code(make(day, "one")), "idempotency_conflict");
    assert_ne!(make(1, "two").unwrap(), first);
}

#[tokio::test]
async fn each_change_stands_in_the_acts_with_its_actor_and_without_secrets() {
    let admin = Admin::new();
    let before = acts(&admin.store).len();
    let made = admin.make(&json!({ "service": "lab", "name": "laptop" })).await.json();
    let id = made["id"].as_str().unwrap();
    post(&admin, &format!("/admin/v1/keys/{id}/rotate"), &json!({}), None).await;
    admin.send(admin.request("DELETE", &format!("/admin/v1/keys/{id}")), "").await;
    let token = post(&admin, "/admin/v1/tokens", &json!({ "role": "viewer" }), None).await.json();
    let token_id = token["id"].as_str().unwrap();
    admin.send(admin.request("DELETE", &format!("/admin/v1/tokens/{token_id}")), "").await;
    let found = acts(&admin.store).split_off(before);
    let kinds: Vec<_> = found.iter().map(|act| act.kind.as_str()).collect();
    let expected = ["key.create", "key.rotate", "key.revoke", "token.create", "token.revoke"];
    assert_eq!(kinds, expected);
    let caller = KeyId::parse(part(&admin.token, 9..17)).unwrap();
    for act in &found {
        assert_eq!(act.actor, Actor::Token(caller));
        assert_eq!(act.before.is_some(), !act.kind.ends_with(".create"), "{}", act.kind);
        assert!(act.after.is_some());
        assert!(AdminAct::KINDS.contains(&act.kind.as_str()));
    }
    assert_eq!(found[2].before.as_ref().unwrap()["revoked_at"], json!(null));
    assert_ne!(found[2].after.as_ref().unwrap()["revoked_at"], json!(null));
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("digest") && text.contains("laptop"));
    for secret in [&made["key"], &token["token"]] {
        assert!(!text.contains(secret.as_str().unwrap().rsplit('_').next().unwrap()));
    }
}

#[tokio::test]
async fn a_refused_change_leaves_no_act() {
    let admin = Admin::new();
    let before = acts(&admin.store).len();
    admin.make(&json!({ "service": "nobody" })).await;
    admin.send(admin.request("DELETE", "/admin/v1/keys/00000000"), "").await;
    post(&admin, "/admin/v1/keys/report", &json!({ "key": "tb_live_x" }), None).await;
    assert_eq!(acts(&admin.store).len(), before);
}

#[tokio::test]
async fn a_reported_key_is_revoked_and_its_calls_are_listed() {
    let admin = Admin::new();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let now = admin.engine.clock().now();
    let call = |attempt: u32, key_id: Option<KeyId>| UsageRow {
        key_id,
        attempt,
        started_at: now,
        peer: Some("203.0.113.0".parse().unwrap()),
        secret_version: Some(1),
        ..row(&admin)
    };
    let rows: Vec<_> = (0..120).map(|_| call(1, KeyId::parse(id))).chain([call(1, None)]).collect();
    admin.store.append(&rows, 1).unwrap();
    let wrong = format!("{}{}", part(key, 0..60), "000000");
    let other = key.replace(id, "AAAAAAAA");
    for unknown in [wrong.as_str(), &other, "", "sk-123", &admin.token] {
        let answer = post(&admin, "/admin/v1/keys/report", &json!({ "key": unknown }), None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.json()["error"]["message"], "there is no such key");
    }
    let text = format!(" {key}\n");
    let answer = post(&admin, "/admin/v1/keys/report", &json!({ "key": text }), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let report = answer.json();
    assert_eq!(report["key"]["state"], "revoked");
    assert_eq!(report["requests"], 120);
    assert_eq!(report["calls"].as_array().unwrap().len(), 100);
    assert_eq!(report["calls"][0]["peer"], "203.0.113.0");
    assert!(!answer.text.contains(part(key, 17..60)));
    assert_eq!(acts(&admin.store).last().unwrap().kind, "key.report");
    let members: Vec<_> = report.as_object().unwrap().keys().collect();
    let schema = crate::admin::document()["components"]["schemas"]["KeyReport"].clone();
    assert_eq!(members, schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_owner_stays() {
    let admin = Admin::new();
    let own = format!("/admin/v1/tokens/{}", part(&admin.token, 9..17));
    let refused = admin.send(admin.request("DELETE", &own), "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["error"]["code"], "last_owner");
    post(&admin, "/admin/v1/tokens", &json!({ "role": "operator" }), None).await;
    assert_eq!(admin.send(admin.request("DELETE", &own), "").await.status, StatusCode::CONFLICT);
    let other = json!({ "role": "owner", "name": "next", "expires": "90d" });
    let made = post(&admin, "/admin/v1/tokens", &other, Some("t")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(post(&admin, "/admin/v1/tokens", &other, Some("t")).await.text, made.text);
    assert_eq!(admin.send(admin.request("DELETE", &own), "").await.status, StatusCode::OK);
    assert_eq!(admin.get("/admin/v1/tokens").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faulty_tokens_are_not_made() {
    let admin = Admin::new();
    for (body, message) in [
        (json!({ "role": "root" }), "viewer, operator, auditor, owner"),
        (json!({}), "missing field `role`"),
        (json!({ "role": "viewer", "expires": "soon" }), "90d"),
        (json!({ "role": "viewer", "name": "" }), "a name has"),
    ] {
        let answer = post(&admin, "/admin/v1/tokens", &body, None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.text.contains(message), "{}", answer.text);
    }
}

#[test]
fn a_lost_token_is_replaced_without_a_token() {
    let (store, pepper) = (MemoryStore::new(), pepper());
    let wanted = NewToken::checked("owner", None, None).unwrap();
    let made = desk(&store, &pepper, 5).create_token(&wanted, None).unwrap();
    assert_eq!(made.record.role, Role::Owner);
    assert_eq!(store.admin_tokens().unwrap(), [made.record]);
    assert_eq!(acts(&store)[0].actor, Actor::CommandLine("test".to_owned()));
}

#[tokio::test]
async fn the_last_use_of_a_secret_outlives_the_process() {
    let admin = Admin::new();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let id = made["id"].as_str().unwrap();
    let uses = Arc::new(MemoryStore::new());
    let used = tb_core::KeyUse { id: KeyId::parse(id).unwrap(), version: 1, at: Timestamp(60_000) };
    uses.note_key_uses(std::slice::from_ref(&used)).unwrap();
    let open = || {
        let store = admin.store.clone();
        tb_server::admin::KeyDirectory::open(store, pepper(), admin.engine.clone()).unwrap()
    };
    let keys = open().with_uses(uses.clone()).unwrap();
    assert_eq!(keys.uses(), [used]);
    uses.note_key_uses(&[tb_core::KeyUse { at: Timestamp(30_000), ..used }]).unwrap();
    assert_eq!(uses.key_uses().unwrap(), [used], "an older use changes nothing");
    keys.keep_up().unwrap();
    assert_eq!(open().with_uses(uses).unwrap().uses(), [used]);
}
