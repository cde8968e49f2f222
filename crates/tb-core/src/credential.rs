//! The text form that keys and admin tokens share:
//! `<prefix><8 id>_<43 base62 secret><6 base62 CRC32>`.
//!
//! 43 base62 digits hold 256 bits; the CRC32 (IEEE) covers everything before it, so that
//! secret scanners can tell a real key from a look-alike without asking us.

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::{KeyId, Secret};

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

/// A credential just made.
pub(crate) struct Credential {
    pub(crate) id: KeyId,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) text: Secret,
}

impl Credential {
    /// Makes one out of 40 random bytes: 8 for the id, 32 for the secret.
    pub(crate) fn generate(random: &dyn SecureRandom, prefix: &str) -> Result<Self, NoRandomness> {
        let mut id_bytes = [0; 8];
        let mut secret_bytes = Zeroizing::new([0; 32]);
        random.fill(&mut id_bytes).map_err(|_| NoRandomness)?;
        random.fill(secret_bytes.as_mut()).map_err(|_| NoRandomness)?;
        let id_text = base62(&mut id_bytes, ID_LENGTH);
        let secret = Zeroizing::new(base62(secret_bytes.as_mut(), SECRET_LENGTH));
        let mut text = String::with_capacity(prefix.len() + 64);
        text.push_str(prefix);
        text.push_str(&id_text);
        text.push('_');
        text.push_str(&secret);
        let check = check_digits(&text);
        text.push_str(&check);
        let id = KeyId::parse(&id_text).ok_or(NoRandomness)?;
        Ok(Self { id, secret, text: Secret::new(text) })
    }
}

/// A presented credential of the right form, CRC included.
pub(crate) struct Presented<'a> {
    pub(crate) id: KeyId,
    pub(crate) secret: &'a str,
}

impl<'a> Presented<'a> {
    /// Reads a credential; `None` for anything that cannot be one of ours.
    pub(crate) fn read(text: &'a str, prefix: &str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(prefix)?.split_at_checked(ID_LENGTH)?;
        let (secret, check) = rest.strip_prefix('_')?.split_at_checked(SECRET_LENGTH)?;
        let covered = text.get(..text.len().checked_sub(CRC_LENGTH)?)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
            || check != check_digits(covered)
        {
            return None;
        }
        Some(Self { id: KeyId::parse(id)?, secret })
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
