//! Addresses of crypto currencies: base58check, bech32(m) and Ethereum's mixed-case check.

mod base58;
mod bech32;
mod keccak;

use crate::Kind;

use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::{Run, at, before};

/// Looks which words are addresses.
pub(super) fn find(bytes: &[u8], runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    for run in runs.iter().filter(|run| !run.is_number && (25..=108).contains(&run.len())) {
        let Some(word) = bytes.get(run.start..run.end) else { continue };
        let is_part = matches!(before(bytes, run.start), b'+' | b'/' | b'=' | b'_' | b'-')
            || matches!(at(bytes, run.end), b'+' | b'_' | b'-');
        let is_base64 = is_part && before(bytes, run.start) != b'=' && !follows_path(bytes, *run);
        let certainty = match () {
            () if is_base64 => continue,
            () if bech32::is_address(word) || base58::is_address(word) => Certainty::Checked,
            () => match ethereum(word) {
                Case::Checked => Certainty::Checked,
                Case::Plain => Certainty::Form,
                Case::None if is_announced_form(word, *run, around) => Certainty::FormAnnounced,
                Case::None => continue,
            },
        };
        hits.add(Kind::CRYPTO_ADDRESS, run.start, run.end, certainty);
    }
}

/// `…/address/1A1z…` of a block explorer: a slash between words is no base64.
fn follows_path(bytes: &[u8], run: Run) -> bool {
    let end = at(bytes, run.end);
    before(bytes, run.start) == b'/' && !matches!(end, b'+' | b'_' | b'-' | b'/')
}

enum Case {
    None,
    /// All lower or upper case: nothing to check.
    Plain,
    /// Mixed, and as EIP-55 says.
    Checked,
}

fn ethereum(word: &[u8]) -> Case {
    let Some(hex) = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")) else {
        return Case::None;
    };
    if hex.len() != 40 || !hex.iter().all(u8::is_ascii_hexdigit) {
        return Case::None;
    }
    let has = |class: fn(&u8) -> bool| hex.iter().any(class);
    match (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase)) {
        (true, true) if keccak::has_eip55_case(hex) => Case::Checked,
        (true, true) => Case::None,
        _ => Case::Plain,
    }
}

/// Formats without a checksum that is cheap to check, next to a word like `wallet`: Solana (32
/// bytes in base58), Monero (95 characters that begin with 4 or 8).
fn is_announced_form(word: &[u8], run: Run, around: &Surroundings<'_>) -> bool {
    let is_form = match word.len() {
        32..=44 => true,
        95 | 106 => matches!(word.first(), Some(b'4' | b'8')),
        _ => false,
    };
    is_form
        && base58::is_alphabet(word)
        && word.iter().any(u8::is_ascii_uppercase)
        && around.of(run.start, run.end).is_about(cues::CRYPTO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> usize {
        hits_of(text, find).len()
    }

    #[test]
    fn finds_the_examples_of_the_specifications() {
        for address in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        ] {
            assert_eq!(found(&format!("to {address}.")), 1, "{address}");
            assert_eq!(found(&format!("https://x.example/address/{address}")), 1, "{address}");
        }
    }

    #[test]
    fn refuses_wrong_checks_and_parts_of_other_words() {
        for text in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "x1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed00",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
