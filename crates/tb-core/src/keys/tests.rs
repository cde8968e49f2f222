//! The behaviour of keys at their border.

use std::cell::Cell;
use std::net::IpAddr;

use ::ring::rand::SystemRandom;
use proptest::prelude::*;

use super::*;
use crate::{Role, Secret};

thread_local! {
    /// How many secrets this thread compared with digests.
    pub(super) static PROOFS: Cell<u32> = const { Cell::new(0) };
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

fn pepper() -> Pepper {
    Pepper::from_bytes(&[7; 32])
}

fn new_key() -> NewKey {
    let scope = KeyScope::of_service("bot".into(), Timestamp(0));
    NewKey::generate(&SystemRandom::new(), &pepper(), scope).unwrap()
}

fn ring_with(change: impl FnOnce(&mut KeyRecord)) -> (KeyRing, String) {
    let NewKey { mut record, key } = new_key();
    change(&mut record);
    (KeyRing::new(vec![record], pepper()), key.expose().to_owned())
}

/// A part of a key by byte positions.
fn part(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(range).unwrap()
}

/// The same credential with another secret and a right CRC.
fn with_other_secret(text: &str) -> String {
    let other = new_key().key.expose().to_owned();
    let mut text = format!("{}{}", part(text, 0..17), part(&other, 17..60));
    let crc = crc32fast::hash(text.as_bytes());
    let mut digits = Vec::new();
    let mut rest = crc;
    for _ in 0..6 {
        digits.push(
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(rest % 62) as usize],
        );
        rest /= 62;
    }
    digits.reverse();
    text.push_str(std::str::from_utf8(&digits).unwrap());
    text
}

#[test]
fn makes_keys_of_the_contracts_form() {
    let new = new_key();
    let text = new.key.expose();
    assert_eq!(text.len(), 8 + 8 + 1 + 43 + 6);
    assert!(text.starts_with(&format!("tb_live_{}_", new.record.id)));
    assert!(part(text, 17..66).bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(new.record.secrets[0].digest, pepper().digest(part(text, 17..60)));
    assert!(!format!("{new:?}").contains(part(text, 17..60)));
}

#[test]
fn accepts_the_key_it_made() {
    let (ring, text) = ring_with(|_| ());
    let proven = ring.authenticate(&text, HOME, Timestamp(5)).unwrap();
    assert_eq!(proven.record.scope.service.as_str(), "bot");
    assert_eq!(proven.secret.version, 1);
    assert_eq!(ring.len(), 1);
    assert!(ring.get(&proven.record.id).is_some());
}

#[test]
fn refuses_an_unknown_key_and_a_wrong_secret_alike() {
    let (ring, text) = ring_with(|_| ());
    let unknown = new_key().key.expose().to_owned();
    for presented in [unknown.as_str(), &with_other_secret(&text), "", "tb_live_", "Bearer x"] {
        assert_eq!(ring.authenticate(presented, HOME, Timestamp(5)), Err(KeyRefusal::Invalid));
    }
}

#[test]
fn refuses_a_key_hashed_with_another_pepper() {
    let NewKey { record, key } = new_key();
    let ring = KeyRing::new(vec![record], Pepper::from_bytes(&[8; 32]));
    assert_eq!(ring.authenticate(key.expose(), HOME, Timestamp(5)), Err(KeyRefusal::Invalid));
}

#[test]
fn refuses_a_revoked_key_only_after_its_secret_was_proven() {
    let (ring, text) = ring_with(|record| record.revoked_at = Some(Timestamp(1)));
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(5)), Err(KeyRefusal::Revoked));
    let wrong = with_other_secret(&text);
    assert_eq!(ring.authenticate(&wrong, HOME, Timestamp(5)), Err(KeyRefusal::Invalid));
}

#[test]
fn refuses_an_expired_key_from_its_last_moment_on() {
    let (ring, text) = ring_with(|record| record.scope.expires_at = Some(Timestamp(10)));
    assert!(ring.authenticate(&text, HOME, Timestamp(9)).is_ok());
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(10)), Err(KeyRefusal::Expired));
}

#[test]
fn refuses_a_key_from_another_network() {
    let (ring, text) =
        ring_with(|record| record.scope.networks = vec!["192.168.0.0/16".parse().unwrap()]);
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(5)), Err(KeyRefusal::Network));
    let office = "192.168.4.5".parse().unwrap();
    assert!(ring.authenticate(&text, office, Timestamp(5)).is_ok());
}

#[test]
fn keeps_admin_tokens_and_keys_apart() {
    let new = new_token();
    let admins = AdminRing::new(vec![new.record.clone()], pepper());
    assert!(new.token.expose().starts_with("tb_admin_"));
    let found = admins.authenticate(new.token.expose(), Timestamp(5));
    assert_eq!(found.map(|token| (token.id, token.role)), Some((new.record.id, Role::Auditor)));
    let (ring, key) = ring_with(|_| ());
    assert_eq!(admins.authenticate(&key, Timestamp(5)), None);
    let refused = ring.authenticate(new.token.expose(), HOME, Timestamp(5));
    assert_eq!(refused, Err(KeyRefusal::Invalid));
}

fn new_token() -> NewAdminToken {
    NewAdminToken::generate(&SystemRandom::new(), &pepper(), Role::Auditor, Timestamp(0)).unwrap()
}

#[test]
fn refuses_revoked_and_expired_admin_tokens() {
    let admits = |change: fn(&mut AdminTokenRecord), at: i64| {
        let mut new = new_token();
        change(&mut new.record);
        let admins = AdminRing::new(vec![new.record], pepper());
        admins.authenticate(new.token.expose(), Timestamp(at)).is_some()
    };
    assert!(!admits(|token| token.revoked_at = Some(Timestamp(1)), 5));
    assert!(admits(|token| token.expires_at = Some(Timestamp(10)), 9));
    assert!(!admits(|token| token.expires_at = Some(Timestamp(10)), 10));
}

#[test]
fn refuses_a_key_before_its_time() {
    let (ring, text) = ring_with(|record| record.scope.not_before = Some(Timestamp(10)));
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(9)), Err(KeyRefusal::NotYet));
    assert!(ring.authenticate(&text, HOME, Timestamp(10)).is_ok());
}

fn rotate(record: &KeyRecord, now: i64, grace_ms: i64) -> Result<NewKey, RotationRefusal> {
    let seed = Seed::random(&SystemRandom::new()).unwrap();
    NewKey::rotated(record, seed, &pepper(), (Timestamp(now), grace_ms))
}

#[test]
fn an_old_secret_works_until_the_end_of_its_grace() {
    let old = new_key();
    let NewKey { record, key: new } = rotate(&old.record, 100, 50).unwrap();
    assert_eq!((record.id, record.revision), (old.record.id, 1));
    let ring = KeyRing::new(vec![record], pepper());
    let version = |key: &Secret, at| {
        ring.authenticate(key.expose(), HOME, Timestamp(at)).map(|proven| proven.secret.version)
    };
    assert_eq!((version(&old.key, 149), version(&new, 149)), (Ok(1), Ok(2)));
    assert_eq!((version(&old.key, 150), version(&new, 150)), (Err(KeyRefusal::Expired), Ok(2)));
}

#[test]
fn a_rotation_without_grace_ends_the_old_secret_at_once() {
    let old = new_key();
    let new = rotate(&old.record, 100, 0).unwrap();
    let ring = KeyRing::new(vec![new.record], pepper());
    let refused = ring.authenticate(old.key.expose(), HOME, Timestamp(100));
    assert_eq!(refused, Err(KeyRefusal::Expired));
    assert!(ring.authenticate(new.key.expose(), HOME, Timestamp(100)).is_ok());
}

#[test]
fn never_more_than_two_secrets_are_live() {
    let first = new_key();
    let second = rotate(&first.record, 100, 50).unwrap();
    let refused = rotate(&second.record, 149, 50).map(|_| ());
    assert_eq!(refused, Err(RotationRefusal::TwoLive(Timestamp(150))));
    let third = rotate(&second.record, 150, 50).unwrap();
    let versions: Vec<_> = third.record.secrets.iter().map(|secret| secret.version).collect();
    assert_eq!(versions, [3, 2]);
}

#[test]
fn dead_keys_get_no_other_secret() {
    let mut key = new_key().record;
    key.scope.expires_at = Some(Timestamp(10));
    assert_eq!(rotate(&key, 10, 0).map(|_| ()), Err(RotationRefusal::Expired));
    key.revoked_at = Some(Timestamp(5));
    assert_eq!(rotate(&key, 10, 0).map(|_| ()), Err(RotationRefusal::Revoked));
}

#[test]
fn the_same_words_give_the_same_key_and_others_another() {
    let make = |words: &[&str]| {
        let scope = KeyScope::of_service("bot".into(), Timestamp(0));
        let made = NewKey::from_seed(Seed::derived(&pepper(), words), &pepper(), scope).unwrap();
        (made.record.id, made.key.expose().to_owned())
    };
    assert_eq!(make(&["key.create", "one"]), make(&["key.create", "one"]));
    assert_ne!(make(&["key.create", "one"]).0, make(&["key.create", "two"]).0);
    assert_ne!(make(&["a", "b c"]).1, make(&["a b", "c"]).1);
}

#[test]
fn what_is_presented_does_not_change_what_it_costs() {
    let known = new_key();
    let mut revoked = new_key();
    revoked.record.revoked_at = Some(Timestamp(1));
    let mut expired = new_key();
    expired.record.scope.expires_at = Some(Timestamp(1));
    let rotated = rotate(&known.record, 1, 100).unwrap();
    let records = vec![rotated.record, revoked.record, expired.record];
    let ring = KeyRing::new(records, pepper());
    let texts = [known.key.expose(), revoked.key.expose(), expired.key.expose()];
    let mut guesses: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    guesses.extend(texts.iter().map(|text| with_other_secret(text)));
    guesses.extend(texts.iter().map(|text| format!("{}0", part(text, 0..65))));
    guesses.push(new_key().key.expose().to_owned());
    guesses.extend([String::new(), "tb_live_x".to_owned(), "sk-123".to_owned()]);
    for guess in guesses {
        PROOFS.set(0);
        let _ = ring.authenticate(&guess, HOME, Timestamp(5));
        assert_eq!(PROOFS.get(), 2, "{guess}");
    }
}

#[test]
fn the_last_use_of_each_secret_is_known_to_a_minute() {
    let old = new_key();
    let rotated = rotate(&old.record, 100, 1_000_000).unwrap();
    let ring = KeyRing::new(vec![old.record], pepper());
    let minute = 60_000;
    ring.authenticate(old.key.expose(), HOME, Timestamp(minute + 7)).unwrap();
    let next = ring.replaced(vec![rotated.record.clone()]);
    // A request that began with the ring before is not forgotten either.
    ring.authenticate(old.key.expose(), HOME, Timestamp(2 * minute + 7)).unwrap();
    let _ = next.authenticate(&with_other_secret(old.key.expose()), HOME, Timestamp(9 * minute));
    let uses = |ring: &KeyRing| {
        let mut uses: Vec<_> = ring.uses().map(|used| (used.version, used.at.0)).collect();
        uses.sort_unstable();
        uses
    };
    assert_eq!(uses(&next), [(1, 2 * minute)]);
    next.authenticate(rotated.key.expose(), HOME, Timestamp(3 * minute)).unwrap();
    assert_eq!(uses(&next), [(1, 2 * minute), (2, 3 * minute)]);
    let restarted = KeyRing::new(vec![rotated.record], pepper());
    restarted.restore_uses(&next.uses().collect::<Vec<_>>());
    assert_eq!(uses(&restarted), uses(&next));
}

proptest! {
    #[test]
    fn refuses_a_key_with_any_one_character_changed(at in 0_usize..66, byte in 0x20_u8..0x7F) {
        let (ring, text) = ring_with(|_| ());
        let mut changed = text.into_bytes();
        prop_assume!(changed[at] != byte);
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        let answer = ring.authenticate(&changed, HOME, Timestamp(5));
        prop_assert_eq!(answer, Err(KeyRefusal::Invalid));
    }

    #[test]
    fn refuses_any_text_without_a_panic(text in "\\PC{0,80}") {
        let (ring, _) = ring_with(|_| ());
        let answer = ring.authenticate(&text, HOME, Timestamp(5));
        prop_assert_eq!(answer, Err(KeyRefusal::Invalid));
    }
}
