//! Calls that may be repeated: `Idempotency-Key`. Nothing is kept for it: the id and the secret
//! of what is made follow from the caller, the key and the pepper, so that the same call gives
//! the same answer again.

use tb_core::{Actor, Pepper, Seed, Timestamp};

use super::DeskFault;

/// For so long a repeated call shows a secret again.
const PERIOD_MS: i64 = 24 * 3_600_000;

/// The longest one, in bytes.
const MAX_BYTES: usize = 255;

/// The value of `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat(String);

impl Repeat {
    /// Reads the header's value.
    ///
    /// # Errors
    /// `Invalid` when it is empty, too long, or has other characters.
    pub fn parse(text: &[u8]) -> Result<Self, DeskFault> {
        let is_good = (1..=MAX_BYTES).contains(&text.len())
            && text.iter().all(|byte| (b' '..=b'~').contains(byte));
        match std::str::from_utf8(text) {
            Ok(text) if is_good => Ok(Self(text.to_owned())),
            _ => Err(DeskFault::Invalid(format!(
                "`Idempotency-Key` takes 1 to {MAX_BYTES} visible ASCII characters"
            ))),
        }
    }

    /// The seed of what this call of this actor makes. Another actor who learns the key gets
    /// another secret.
    pub(super) fn seed(&self, pepper: &Pepper, actor: &Actor, words: &[&str]) -> Seed {
        let who = match actor {
            Actor::Token(id) => format!("token {id}"),
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::CommandLine(user) => format!("command line {user}"),
            Actor::Gateway => "gateway".to_owned(),
        };
        let words = [&[who.as_str(), self.0.as_str()], words].concat();
        Seed::derived(pepper, &words)
    }

    /// Whether what is there may be shown again: the same was asked for, not long ago.
    pub(super) fn check(is_same: bool, made: Timestamp, now: Timestamp) -> Result<(), DeskFault> {
        if is_same && now < made.plus_ms(PERIOD_MS) {
            return Ok(());
        }
        let message = if is_same {
            "this `Idempotency-Key` was used more than 24 hours ago: take another one"
        } else {
            "this `Idempotency-Key` was used for another request: take another one"
        };
        Err(DeskFault::conflict("idempotency_conflict", message))
    }
}
