//! The trained weights, and how they are written down.
//!
//! The file: `TBN1`, the number of features (u32), the weight of one step (f32), the weights of
//! transitions (f32, row = label before), then the hashes of the features (u32, ascending), then
//! for each feature a row of one signed byte per label. All numbers are little endian.

use super::features;
use super::gazetteer::slot_of;
use super::label::COUNT;

/// One number for each label.
pub(crate) type Row = [f32; COUNT];

const MAGIC: &[u8; 4] = b"TBN1";

/// A model, ready to use.
#[derive(Debug)]
pub(crate) struct Model {
    /// By label before, then label.
    pub(crate) transitions: [Row; COUNT],
    scale: f32,
    /// A hash table.
    slots: Vec<Slot>,
    mask: usize,
    /// One bit for each of many hashes, so that features which the model does not know cost no
    /// look into the table.
    known: Vec<u64>,
}

/// A feature with its weights, in a quarter of a cache line.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// 0: free. No feature has the hash 0.
    hash: u32,
    /// By label; the rest is padding.
    weights: [i8; WIDTH],
}

/// [`COUNT`] rounded up for vector instructions.
const WIDTH: usize = 12;

/// Bits of [`Model::known`]: 32 KiB, eight bits or more for each feature.
const KNOWN_BITS: u32 = 18;

impl Model {
    /// Reads a model; `None` if the bytes are not one.
    pub(crate) fn read(bytes: &'static [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (scale, mut rest) = rest.split_first_chunk::<4>()?;
        let mut transitions = [[0.0; COUNT]; COUNT];
        for weight in transitions.iter_mut().flatten() {
            let (number, after) = rest.split_first_chunk::<4>()?;
            *weight = f32::from_le_bytes(*number);
            rest = after;
        }
        let (hashes, rows) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (rows, left) = rows.as_chunks::<COUNT>();
        if rows.len() != count || !left.is_empty() {
            return None;
        }
        let size = count.checked_mul(2)?.next_power_of_two();
        let mask = size.checked_sub(1)?;
        let mut model = Self {
            transitions,
            scale: f32::from_le_bytes(*scale),
            slots: vec![Slot::default(); size],
            mask,
            known: vec![0; 1 << (KNOWN_BITS - 6)],
        };
        for (hash, row) in hashes.as_chunks::<4>().0.iter().zip(rows) {
            model.insert(u32::from_le_bytes(*hash), row)?;
        }
        Some(model)
    }

    fn insert(&mut self, hash: u32, row: &[u8; COUNT]) -> Option<()> {
        let mut place = slot_of(hash, self.mask);
        while self.slots.get(place)?.hash != 0 {
            place = place.wrapping_add(1) & self.mask;
        }
        let slot = self.slots.get_mut(place)?;
        slot.hash = hash;
        for (weight, byte) in slot.weights.iter_mut().zip(row) {
            *weight = byte.cast_signed();
        }
        let (word, bit) = known_place(hash);
        *self.known.get_mut(word)? |= bit;
        Some(())
    }

    /// The weights of a feature.
    fn weights(&self, hash: u32) -> Option<&[i8; WIDTH]> {
        let (word, bit) = known_place(hash);
        if self.known.get(word)? & bit == 0 {
            return None;
        }
        let mut place = slot_of(hash, self.mask);
        loop {
            let slot = self.slots.get(place)?;
            if slot.hash == hash {
                return Some(&slot.weights);
            }
            if slot.hash == 0 {
                return None;
            }
            place = place.wrapping_add(1) & self.mask;
        }
    }

    /// How well each label fits a token with these features.
    pub(crate) fn emission(&self, hashes: &[u32; features::COUNT]) -> Row {
        // 48 signed bytes add up to 14 bits.
        let mut sums = [0i16; WIDTH];
        for hash in hashes.iter().filter(|hash| **hash != 0) {
            if let Some(weights) = self.weights(*hash) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += i16::from(*weight);
                }
            }
        }
        let mut row = [0.0; COUNT];
        for (fit, sum) in row.iter_mut().zip(sums) {
            *fit = f32::from(sum) * self.scale;
        }
        row
    }
}

/// The word and the bit of a hash in [`Model::known`].
fn known_place(hash: u32) -> (usize, u64) {
    let place = hash.wrapping_mul(0x85eb_ca6b) >> (32 - KNOWN_BITS);
    (usize::try_from(place >> 6).unwrap_or_default(), 1 << (place & 63))
}
