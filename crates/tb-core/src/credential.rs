//! The text form that keys and admin tokens share:
//! `<prefix><8 id>_<43 base62 secret><6 base62 CRC32>`.
//!
//! 43 base62 digits hold 256 bits; the CRC32 (IEEE) covers everything before it, so that
//! secret scanners can tell a real key from a look-alike without asking us.

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::{KeyId, Pepper, Secret};

/// How virtual keys begin.
pub(crate) const LIVE_PREFIX: &str = "tb_live_";

/// How admin tokens begin.
pub(crate) const ADMIN_PREFIX: &str = "tb_admin_";

/// What is hashed in place of the secret of a malformed credential.
pub(crate) const DUMMY_SECRET: &str = "0000000000000000000000000000000000000000000";

const ID_LENGTH: usize = 8;
const SECRET_LENGTH: usize = 43;
const CRC_LENGTH: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoRandomness;

/// The random bits of a new credential.
pub struct Seed {
    id: [u8; 8],
    secret: Zeroizing<[u8; 32]>,
}

impl Seed {
    /// 320 bits of the system's.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut seed = Self { id: [0; 8], secret: Zeroizing::new([0; 32]) };
        random.fill(&mut seed.id).map_err(|_| NoRandomness)?;
        random.fill(seed.secret.as_mut()).map_err(|_| NoRandomness)?;
        Ok(seed)
    }

    /// The same bits for the same words, for calls that may be repeated; who has not the pepper
    /// cannot tell them from random ones.
    #[must_use]
    pub fn derived(pepper: &Pepper, words: &[&str]) -> Self {
        // Each word with its length, so that no two lists of words are the same text.
        let text: String = words.iter().map(|word| format!("{} {word} ", word.len())).collect();
        let id = pepper.derive(&format!("an id for {text}"));
        let secret = Zeroizing::new(pepper.derive(&format!("a secret for {text}")));
        let id = id.first_chunk().copied().unwrap_or_default();
        Self { id, secret }
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[seed]")
    }
}

/// A credential just made.
pub(crate) struct Credential {
    pub(crate) id: KeyId,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) text: Secret,
}

impl Credential {
    /// Makes one with an id of its own.
    pub(crate) fn new(mut seed: Seed, prefix: &str) -> Result<Self, NoRandomness> {
        let id = KeyId::parse(&base62(&mut seed.id, ID_LENGTH)).ok_or(NoRandomness)?;
        Ok(Self::of(id, seed, prefix))
    }

    /// Makes another secret for an id.
    pub(crate) fn of(id: KeyId, mut seed: Seed, prefix: &str) -> Self {
        let secret = Zeroizing::new(base62(seed.secret.as_mut(), SECRET_LENGTH));
        let mut text = String::with_capacity(prefix.len() + 64);
        text.push_str(prefix);
        text.push_str(id.as_str());
        text.push('_');
        text.push_str(&secret);
        let check = check_digits(&text);
        text.push_str(&check);
        Self { id, secret, text: Secret::new(text) }
    }
}

/// A presented credential of the right form.
pub(crate) struct Presented<'a> {
    pub(crate) id: KeyId,
    pub(crate) secret: &'a str,
    /// Whether its CRC is right. One with a wrong CRC is looked up like any other: the answer
    /// shall take as long.
    pub(crate) is_sound: bool,
}

impl<'a> Presented<'a> {
    /// Reads a credential; `None` for anything that cannot be one of ours.
    pub(crate) fn read(text: &'a str, prefix: &str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(prefix)?.split_at_checked(ID_LENGTH)?;
        let (secret, check) = rest.strip_prefix('_')?.split_at_checked(SECRET_LENGTH)?;
        let covered = text.get(..text.len().checked_sub(CRC_LENGTH)?)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        // Without a branch on the first digit that differs.
        let expected = check_digits(covered);
        let differing = check.bytes().zip(expected.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
        let is_sound = (differing == 0) & (check.len() == expected.len());
        Some(Self { id: KeyId::parse(id)?, secret, is_sound })
    }
}

/// The CRC32 of `covered` as six base62 digits.
fn check_digits(covered: &str) -> String {
    base62(&mut crc32fast::hash(covered.as_bytes()).to_be_bytes(), CRC_LENGTH)
}

/// The last `length` base62 digits of a big-endian number, which is divided down to nothing.
fn base62(number: &mut [u8], length: usize) -> String {
    let mut digits: Vec<u8> = (0..length)
        .map(|_| {
            let remainder = divide_by_62(number);
            DIGITS.get(usize::from(remainder)).copied().unwrap_or(b'0')
        })
        .collect();
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

/// Divides a big-endian number by 62 in place and gives the remainder.
fn divide_by_62(number: &mut [u8]) -> u8 {
    let mut remainder: u16 = 0;
    for byte in number {
        let value = remainder * 256 + u16::from(*byte);
        *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
        remainder = value % 62;
    }
    u8::try_from(remainder).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_in_base_62() {
        assert_eq!(base62(&mut [0; 4], 6), "000000");
        assert_eq!(base62(&mut [61], 2), "0z");
        assert_eq!(base62(&mut [62], 2), "10");
        let largest = base62(&mut [0xFF; 4], CRC_LENGTH);
        let value = largest.bytes().fold(0_u64, |sum, digit| {
            sum * 62 + DIGITS.iter().position(|known| *known == digit).unwrap() as u64
        });
        assert_eq!(value, u64::from(u32::MAX));
    }

    #[test]
    fn holds_256_bits_in_43_digits() {
        let mut largest = [0xFF; 32];
        base62(&mut largest, SECRET_LENGTH);
        assert_eq!(largest, [0; 32]);
    }
}
