//! Records by id, looked up in a time that does not tell whether there is one.

use crate::KeyId;

/// Records in the order of their ids. A map would answer sooner where it has nothing, and touch
/// no record then; here a search takes the same steps in both cases and ends at a record, be it
/// the one asked for or another.
#[derive(Debug, Clone)]
pub(super) struct ById<T> {
    ids: Vec<u64>,
    records: Vec<T>,
}

impl<T> ById<T> {
    /// Of two records with one id the later one stays.
    pub(super) fn new(records: impl Iterator<Item = (KeyId, T)>) -> Self {
        let mut records: Vec<_> =
            records.map(|(id, record)| (u64::from_be_bytes(id.0), record)).collect();
        // Stable, so that the later one comes last and, after the turn, is the one that stays.
        records.reverse();
        records.sort_by_key(|(id, _)| *id);
        records.dedup_by_key(|(id, _)| *id);
        let (ids, records) = records.into_iter().unzip();
        Self { ids, records }
    }

    /// The record of an id, or another one in its place, and whether it is the one; `None` only
    /// where there is none at all.
    pub(super) fn nearest(&self, id: KeyId) -> Option<(&T, bool)> {
        let wanted = u64::from_be_bytes(id.0);
        let last = self.ids.len().checked_sub(1)?;
        let found = self.ids.partition_point(|id| *id < wanted).min(last);
        let is_same = self.ids.get(found).copied().unwrap_or_default() == wanted;
        // Neighbours of wide gaps would be touched more often than others, and so be in the
        // caches: a multiplicative hash (Knuth) spreads what is nobody's evenly.
        let spread = wanted.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let len = u64::try_from(self.ids.len()).unwrap_or(u64::MAX);
        let other = usize::try_from(spread.wrapping_mul(len) >> 32).unwrap_or(0).min(last);
        let place = [other, found].get(usize::from(is_same)).copied().unwrap_or(found);
        self.records.get(place).map(|record| (record, is_same))
    }

    /// The record of an id.
    pub(super) fn get(&self, id: KeyId) -> Option<&T> {
        self.nearest(id).filter(|(_, is_same)| *is_same).map(|(record, _)| record)
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.records.iter()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> KeyId {
        KeyId([b'a' + number; 8])
    }

    proptest! {
        #[test]
        fn finds_what_a_map_finds(numbers in prop::collection::vec(0_u8..20, 0..12)) {
            let pairs = || numbers.iter().enumerate().map(|(place, number)| (id(*number), place));
            let (sorted, map) =
                (ById::new(pairs()), pairs().collect::<std::collections::HashMap<_, _>>());
            prop_assert_eq!(sorted.len(), map.len());
            for number in 0..20 {
                prop_assert_eq!(sorted.get(id(number)), map.get(&id(number)));
                prop_assert_eq!(sorted.nearest(id(number)).is_none(), numbers.is_empty());
            }
        }
    }
}
