//! Keccak-256 of one short block, for the mixed-case check of Ethereum addresses (EIP-55).

const ROTATIONS: [u32; 24] =
    [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
const LANES: [usize; 24] =
    [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];

/// Whether the case of 40 hexadecimal digits is as EIP-55 says.
pub(super) fn has_eip55_case(hex: &[u8]) -> bool {
    let mut lower = [0u8; 40];
    for (to, from) in lower.iter_mut().zip(hex) {
        *to = from.to_ascii_lowercase();
    }
    let hash = keccak_256(&lower);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.iter().zip(nibbles).all(|(character, nibble)| {
        character.is_ascii_digit() || character.is_ascii_uppercase() == (nibble >= 8)
    })
}

/// The hash of 40 bytes (less than the rate of 136, so one block).
fn keccak_256(input: &[u8; 40]) -> [u8; 32] {
    let mut state = [0u64; 25];
    for (lane, chunk) in state.iter_mut().zip(input.chunks_exact(8)) {
        *lane = chunk.iter().rev().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
    }
    if let Some(pad) = state.get_mut(5) {
        *pad = 1;
    }
    if let Some(last) = state.get_mut(16) {
        *last = 1 << 63;
    }
    permute(&mut state);
    let mut hash = [0u8; 32];
    for (bytes, lane) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

fn permute(state: &mut [u64; 25]) {
    let mut register = 1u8;
    for _ in 0..24 {
        theta(state);
        rotate(state);
        chi(state);
        if let Some(first) = state.first_mut() {
            *first ^= constant(&mut register);
        }
    }
}

fn theta(state: &mut [u64; 25]) {
    let mut parity = [0u64; 5];
    for row in state.chunks_exact(5) {
        for (column, lane) in parity.iter_mut().zip(row) {
            *column ^= lane;
        }
    }
    let [a, b, c, d, e] = parity;
    let mixed = [
        e ^ b.rotate_left(1),
        a ^ c.rotate_left(1),
        b ^ d.rotate_left(1),
        c ^ e.rotate_left(1),
        d ^ a.rotate_left(1),
    ];
    for row in state.chunks_exact_mut(5) {
        for (lane, column) in row.iter_mut().zip(mixed) {
            *lane ^= column;
        }
    }
}

fn rotate(state: &mut [u64; 25]) {
    let mut moved = state.get(1).copied().unwrap_or(0);
    for (lane, rotation) in LANES.into_iter().zip(ROTATIONS) {
        if let Some(place) = state.get_mut(lane) {
            moved = std::mem::replace(place, moved.rotate_left(rotation));
        }
    }
}

fn chi(state: &mut [u64; 25]) {
    for row in state.chunks_exact_mut(5) {
        if let [a, b, c, d, e] = row {
            let old = (*a, *b, *c, *d, *e);
            *a ^= !old.1 & old.2;
            *b ^= !old.2 & old.3;
            *c ^= !old.3 & old.4;
            *d ^= !old.4 & old.0;
            *e ^= !old.0 & old.1;
        }
    }
}

/// The next round constant, from the shift register of the specification.
fn constant(register: &mut u8) -> u64 {
    (0..7).fold(0, |constant, bit| {
        let is_set = *register & 1 == 1;
        let overflows = *register & 0x80 != 0;
        *register = *register << 1 ^ if overflows { 0x71 } else { 0 };
        constant | u64::from(is_set) << ((1u32 << bit) - 1)
    })
}
