//! Bech32 and bech32m (BIP 173, BIP 350): segregated witness and Cardano addresses.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Prefixes of coins.
const PREFIXES: &[&[u8]] =
    &[b"bc", b"tb", b"bcrt", b"ltc", b"tltc", b"addr", b"stake", b"cosmos", b"zs"];

/// Whether a word is an address: one case, a known prefix, a right checksum.
pub(super) fn is_address(word: &[u8]) -> bool {
    let is_mixed =
        word.iter().any(u8::is_ascii_lowercase) && word.iter().any(u8::is_ascii_uppercase);
    let Some(separator) = word.iter().rposition(|byte| *byte == b'1') else { return false };
    let (Some(prefix), Some(payload)) = (word.get(..separator), word.get(separator + 1..)) else {
        return false;
    };
    if is_mixed || !PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(prefix)) {
        return false;
    }
    let mut check = 1u32;
    for byte in prefix {
        check = step(check, u32::from(byte.to_ascii_lowercase() >> 5));
    }
    check = step(check, 0);
    for byte in prefix {
        check = step(check, u32::from(byte.to_ascii_lowercase() & 31));
    }
    for byte in payload {
        let character = byte.to_ascii_lowercase();
        let place = ALPHABET.iter().position(|letter| *letter == character);
        let Some(value) = place.and_then(|place| u32::try_from(place).ok()) else { return false };
        check = step(check, value);
    }
    check == 1 || check == 0x2bc8_30a3
}

fn step(check: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = check >> 25;
    let mut next = (check & 0x01ff_ffff) << 5 ^ value;
    for (bit, term) in GENERATOR.iter().enumerate() {
        if top >> bit & 1 == 1 {
            next ^= term;
        }
    }
    next
}
