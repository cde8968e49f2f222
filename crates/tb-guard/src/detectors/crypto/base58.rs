//! Base58check: Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron and Ripple addresses.

use ring::digest::{SHA256, digest};

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// First characters of addresses with one version byte (25 bytes) or two (26 bytes, Zcash).
const FIRST: &[u8] = b"13LMDAXTtnm29";

/// Whether a word is an address.
pub(super) fn is_address(word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    (25..=36).contains(&word.len())
        && (FIRST.contains(first) && is_checked(word, BITCOIN)
            || *first == b'r' && is_checked(word, RIPPLE))
}

/// Whether a word has no other characters.
pub(super) fn is_alphabet(word: &[u8]) -> bool {
    word.iter().all(|character| BITCOIN.contains(character))
}

fn is_checked(word: &[u8], alphabet: &[u8; 58]) -> bool {
    let mut number = [0u8; 26];
    for character in word {
        let Some(place) = alphabet.iter().position(|letter| letter == character) else {
            return false;
        };
        let mut carry = u32::try_from(place).unwrap_or(0);
        for byte in number.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry.to_le_bytes().first().copied().unwrap_or(0);
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let is_checked = |payload: &[u8]| {
        payload.split_last_chunk::<4>().is_some_and(|(body, check)| {
            let twice = digest(&SHA256, digest(&SHA256, body).as_ref());
            twice.as_ref().starts_with(check)
        })
    };
    match number {
        [0, ref short @ ..] => is_checked(short),
        ref long => is_checked(long),
    }
}
