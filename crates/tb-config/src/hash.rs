//! A hash that stays the same from build to build: FNV-1a with 64 bits.

/// Offset basis and prime of the 64-bit FNV-1a hash (draft-eastlake-fnv).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The FNV-1a hash of all pieces, each ended by a zero byte so that the cuts count too.
pub(crate) fn fnv1a<'a>(pieces: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = OFFSET;
    for piece in pieces {
        for byte in piece.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_value_for_a_known_text() {
        // The zero byte at the end leaves ("a\0") as the input; FNV-1a("a") is af63dc4c8601ec8c.
        let of_a: u64 = 0xaf63_dc4c_8601_ec8c;
        assert_eq!(fnv1a(["a"]), of_a.wrapping_mul(PRIME));
    }

    #[test]
    fn tells_different_cuts_apart() {
        assert_ne!(fnv1a(["ab", "c"]), fnv1a(["a", "bc"]));
    }
}
