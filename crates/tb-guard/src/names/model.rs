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
    /// Hash and row; row `u32::MAX` is free.
    slots: Vec<(u32, u32)>,
    mask: usize,
    rows: &'static [[u8; COUNT]],
}

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
        let mut slots = vec![(0, u32::MAX); size];
        for (hash, row) in hashes.as_chunks::<4>().0.iter().zip(0u32..) {
            let hash = u32::from_le_bytes(*hash);
            let mut place = slot_of(hash, mask);
            while slots.get(place).is_some_and(|slot| slot.1 != u32::MAX) {
                place = place.wrapping_add(1) & mask;
            }
            *slots.get_mut(place)? = (hash, row);
        }
        Some(Self { transitions, scale: f32::from_le_bytes(*scale), slots, mask, rows })
    }

    /// The weights of a feature.
    fn row(&self, hash: u32) -> Option<&[u8; COUNT]> {
        let mut place = slot_of(hash, self.mask);
        loop {
            let (found, row) = *self.slots.get(place)?;
            if row == u32::MAX {
                return None;
            }
            if found == hash {
                return self.rows.get(usize::try_from(row).ok()?);
            }
            place = place.wrapping_add(1) & self.mask;
        }
    }

    /// How well each label fits a token with these features.
    pub(crate) fn emission(&self, hashes: &[u32; features::COUNT]) -> Row {
        let mut sums = [0i32; COUNT];
        for hash in hashes.iter().filter(|hash| **hash != 0) {
            if let Some(row) = self.row(*hash) {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += i32::from(weight.cast_signed());
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "48 bytes add up to 13 bits")]
        sums.map(|sum| sum as f32 * self.scale)
    }
}
