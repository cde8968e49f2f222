//! Writes the learned weights down: the features that matter most, one byte for each weight.

use super::label::COUNT;
use super::learn::Field;

/// No more features are kept, which makes the file 14 bytes for each.
const MOST: usize = 27_000;

/// The file's bytes, as `names/model.rs` reads them.
pub(super) fn bytes(field: &Field) -> Vec<u8> {
    let strength = |row: &[f32; COUNT]| row.iter().map(|weight| weight.abs()).fold(0.0, f32::max);
    let mut kept: Vec<_> = field.weights.iter().filter(|(_, row)| strength(row) > 0.02).collect();
    kept.sort_by(|a, b| strength(b.1).total_cmp(&strength(a.1)).then(a.0.cmp(b.0)));
    kept.truncate(MOST);
    let most = kept.first().map_or(1.0, |(_, row)| strength(row));
    kept.sort_by_key(|(hash, _)| **hash);
    let scale = most / 127.0;
    let mut bytes = b"TBN1".to_vec();
    bytes.extend(u32::try_from(kept.len()).unwrap_or_default().to_le_bytes());
    bytes.extend(scale.to_le_bytes());
    bytes.extend(field.transitions.iter().flatten().flat_map(|weight| weight.to_le_bytes()));
    bytes.extend(kept.iter().flat_map(|(hash, _)| hash.to_le_bytes()));
    for (_, row) in kept {
        #[expect(clippy::cast_possible_truncation, reason = "scaled to a signed byte")]
        bytes.extend(row.iter().flat_map(|weight| ((weight / scale).round() as i8).to_le_bytes()));
    }
    bytes
}
