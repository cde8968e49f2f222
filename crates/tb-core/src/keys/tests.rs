//! The behaviour of keys at their border.

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;

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
    assert_eq!(new.record.digest, pepper().digest(part(text, 17..60)));
    assert!(!format!("{new:?}").contains(part(text, 17..60)));
}

#[test]
fn accepts_the_key_it_made() {
    let (ring, text) = ring_with(|_| ());
    let record = ring.authenticate(&text, HOME, Timestamp(5)).unwrap();
    assert_eq!(record.service.as_str(), "bot");
    assert_eq!(ring.len(), 1);
    assert!(ring.get(&record.id).is_some());
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
    let (ring, text) = ring_with(|record| record.expires_at = Some(Timestamp(10)));
    assert!(ring.authenticate(&text, HOME, Timestamp(9)).is_ok());
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(10)), Err(KeyRefusal::Expired));
}

#[test]
fn refuses_a_key_from_another_network() {
    let (ring, text) =
        ring_with(|record| record.networks = vec!["192.168.0.0/16".parse().unwrap()]);
    assert_eq!(ring.authenticate(&text, HOME, Timestamp(5)), Err(KeyRefusal::Network));
    let office = "192.168.4.5".parse().unwrap();
    assert!(ring.authenticate(&text, office, Timestamp(5)).is_ok());
}

#[test]
fn keeps_admin_tokens_and_keys_apart() {
    let new = NewAdminToken::generate(&SystemRandom::new(), &pepper()).unwrap();
    let admins = AdminRing::new(vec![(new.id, new.digest)], pepper());
    assert!(new.token.expose().starts_with("tb_admin_"));
    assert_eq!(admins.authenticate(new.token.expose()), Some(new.id));
    let (ring, key) = ring_with(|_| ());
    assert_eq!(admins.authenticate(&key), None);
    let refused = ring.authenticate(new.token.expose(), HOME, Timestamp(5));
    assert_eq!(refused, Err(KeyRefusal::Invalid));
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
