//! Long runs of bytes of one class, found without looking at every byte.

use std::ops::Range;

/// A set of bytes.
pub(super) struct ByteClass([bool; 256]);

impl ByteClass {
    /// The class of the bytes of `members`.
    pub(super) const fn of(members: &[u8]) -> Self {
        let mut class = [false; 256];
        let mut rest = members;
        while let [first, others @ ..] = rest {
            // A byte is always below 256.
            #[expect(clippy::indexing_slicing, reason = "the index is a byte, the table has 256")]
            {
                class[*first as usize] = true;
            }
            rest = others;
        }
        Self(class)
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// The runs of at least `least` bytes, as long as they are. Looks at one byte of `least` where
    /// there is no run, as Boyer and Moore do.
    pub(super) fn runs<'t>(&'t self, text: &'t [u8], least: usize) -> Runs<'t> {
        Runs { class: self, text, least, at: 0 }
    }
}

/// See [`ByteClass::runs`].
pub(super) struct Runs<'t> {
    class: &'t ByteClass,
    text: &'t [u8],
    least: usize,
    at: usize,
}

impl Iterator for Runs<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let window = self.text.get(self.at..self.at.checked_add(self.least)?)?;
            match window.iter().rposition(|byte| !self.class.has(*byte)) {
                Some(last_other) => self.at += last_other + 1,
                None => {
                    let start = self.at;
                    let rest = self.text.get(start..)?;
                    let length =
                        rest.iter().position(|byte| !self.class.has(*byte)).unwrap_or(rest.len());
                    self.at = start + length;
                    return Some(start..start + length);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_runs_only() {
        let class = ByteClass::of(b"ab");
        let runs: Vec<_> = class.runs(b"xxababxaaaxbbbbbbx", 4).collect();
        assert_eq!(runs, [2..6, 11..17]);
        assert_eq!(class.runs(b"abab", 4).count(), 1);
        assert_eq!(class.runs(b"aba", 4).count(), 0);
    }
}
