//! The Merkle tree of RFC 6962, section 2.1. Proofs are given as the ranges of leaves whose
//! subtree hashes they consist of, so that who has the leaf hashes reads only what it needs.

use std::ops::Range;

use ring::digest::{Context, SHA256, digest};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 of a zero byte and the record's bytes.
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(record);
    taken(context)
}

/// The hash of a node: SHA-256 of a one byte and both children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[1]);
    context.update(left);
    context.update(right);
    taken(context)
}

fn taken(context: Context) -> Hash {
    // A SHA-256 digest has 32 bytes.
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    // A text that grows digit by digit costs more than the digits.
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Reads what [`hex`] writes, of a hash.
#[must_use]
pub fn unhex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let mut hash = Hash::default();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: &u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        *byte = value(pair.first()?)? * 16 + value(pair.last()?)?;
    }
    Some(hash)
}

/// The hashes of the whole subtrees of a tree, from the largest to the smallest: all that
/// appending needs, at most 64 of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, from the largest subtree to the smallest.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// What [`Self::size`] and [`Self::peaks`] gave; `None` when they do not belong together.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a whole subtree that the new leaf completes.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root; of no leaves the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else {
            return digest(&SHA256, b"").as_ref().try_into().unwrap_or_default();
        };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The subtrees of the proof that leaf `index` is in the tree of `size` leaves, in the proof's
/// order (RFC 6962, section 2.1.1); none when it is not in it.
#[must_use]
pub fn inclusion_path(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut path, mut tree) = (Vec::new(), 0..size);
    while tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        let (left, right) = (tree.start..middle, middle..tree.end);
        let (inside, outside) = if index < middle { (left, right) } else { (right, left) };
        path.push(outside);
        tree = inside;
    }
    path.reverse();
    Some(path)
}

/// The subtrees of the proof that the tree of `old` leaves begins that of `new` ones, in the
/// proof's order (RFC 6962, section 2.1.2); none unless 0 < `old` <= `new`.
#[must_use]
pub fn consistency_path(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut path, mut tree, mut is_left_edge) = (Vec::new(), 0..new, true);
    while tree.end != old {
        let middle = tree.start + split(tree.end - tree.start);
        if old <= middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
            is_left_edge = false;
        }
    }
    if !is_left_edge {
        path.push(tree);
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that `leaf` is number `index` of the tree of `size` leaves with this
/// root (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: Hash, (index, size): (u64, u64), path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for other in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(other, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `path` proves that the tree of the `old` size and root begins that of the `new` ones
/// (RFC 9162, section 2.1.4.2).
#[must_use]
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 || old_size > new_size {
        return false;
    }
    let mut path = path.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let shift = (old_size - 1).trailing_ones();
    let (mut at, mut last) = ((old_size - 1) >> shift, (new_size - 1) >> shift);
    let (mut small, mut large) = (*first, *first);
    for other in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            small = node_hash(other, &small);
            large = node_hash(other, &large);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            large = node_hash(&large, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && small == *old_root && large == *new_root
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the trees of the tests are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The leaves of the tests of Certificate Transparency, with the roots of their prefixes.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn root(leaves: &[Hash]) -> Hash {
        let mut tree = Frontier::default();
        tree.extend(leaves.iter().copied());
        tree.root()
    }

    fn hashes(leaves: &[Hash], path: Vec<Range<u64>>) -> Vec<Hash> {
        let part = |range: Range<u64>| root(&leaves[range.start as usize..range.end as usize]);
        path.into_iter().map(part).collect()
    }

    fn published() -> Vec<Hash> {
        LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect()
    }

    /// The definition of RFC 6962, section 2.1.
    fn defined_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => digest(&SHA256, b"").as_ref().try_into().unwrap(),
            [leaf] => *leaf,
            leaves => {
                let middle = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(middle);
                node_hash(&defined_root(left), &defined_root(right))
            }
        }
    }

    #[test]
    fn gives_the_published_roots() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(&Frontier::default().root()), nothing);
        for (size, expected) in (1..).zip(ROOTS) {
            assert_eq!(hex(&root(&published()[..size])), expected, "{size} leaves");
        }
    }

    #[test]
    fn gives_the_published_proofs() {
        let path = |path| hashes(&published(), path).iter().map(|h| hex(h)).collect::<Vec<_>>();
        assert_eq!(
            path(inclusion_path(0, 8).unwrap()),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            path(inclusion_path(5, 8).unwrap()),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                ROOTS[3],
            ]
        );
        assert_eq!(
            path(consistency_path(6, 8).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                ROOTS[3],
            ]
        );
    }

    #[test]
    fn hexadecimal_digits_come_back() {
        let hash = leaf_hash(b"x");
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        for wrong in ["", "0", &"0".repeat(63), &"g".repeat(64), &"A".repeat(64)] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_le_bytes())).collect()
    }

    proptest! {
        #[test]
        fn the_frontier_has_the_root_of_the_definition(count in 0_usize..300) {
            prop_assert_eq!(root(&leaves(count)), defined_root(&leaves(count)));
        }

        #[test]
        fn a_leaf_is_proven_and_no_other_one(count in 1_u64..200, at in any::<u64>(), other in any::<u64>()) {
            let (index, other) = (at % count, other % count);
            let all = leaves(count as usize);
            let root = root(&all);
            let path = hashes(&all, inclusion_path(index, count).unwrap());
            let leaf = all[index as usize];
            prop_assert!(verify_inclusion(leaf, (index, count), &path, &root));
            if other != index {
                prop_assert!(!verify_inclusion(all[other as usize], (index, count), &path, &root));
                prop_assert!(!verify_inclusion(leaf, (other, count), &path, &root));
            }
            if let Some((_, shorter)) = path.split_first() {
                prop_assert!(!verify_inclusion(leaf, (index, count), shorter, &root));
            }
            prop_assert!(!verify_inclusion(leaf, (count, count), &path, &root));
            prop_assert_eq!(inclusion_path(count, count), None);
        }

        #[test]
        fn a_tree_that_grew_is_proven_and_no_changed_one(new in 1_u64..200, at in any::<u64>(), changed in any::<u64>()) {
            let old = at % new + 1;
            let mut all = leaves(new as usize);
            let (old_root, new_root) = (root(&all[..old as usize]), root(&all));
            let path = hashes(&all, consistency_path(old, new).unwrap());
            prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &path));
            all[(changed % old) as usize] = [7; 32];
            let forged_root = root(&all);
            let forged = hashes(&all, consistency_path(old, new).unwrap());
            prop_assert!(!verify_consistency((old, &old_root), (new, &forged_root), &forged));
            prop_assert!(!verify_consistency((old, &old_root), (new, &forged_root), &path));
        }
    }
}
