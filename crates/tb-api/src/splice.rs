//! Texts in the place of ranges: the one way in which documents and forms are changed.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// `bytes` with ranges replaced, everything else byte for byte; the same buffer when there is
/// nothing to replace. `splices` come in rising order and do not overlap.
pub(crate) fn splice<T: AsRef<[u8]>>(bytes: &Bytes, splices: &[(Range<usize>, T)]) -> Bytes {
    if splices.is_empty() {
        return bytes.clone();
    }
    let added: usize = splices.iter().map(|(_, text)| text.as_ref().len()).sum();
    let mut out = BytesMut::with_capacity(bytes.len() + added);
    let mut at = 0;
    for (range, text) in splices {
        out.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(text.as_ref());
        at = range.end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out.freeze()
}
