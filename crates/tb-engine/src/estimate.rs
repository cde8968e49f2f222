//! Token estimates, for reservations and for attempts whose provider told no count.

use tb_core::TokenCounts;

/// Bytes of UTF-8 text per token: 4 is what vendors state for English text. Estimates are
/// marked as such wherever they are shown.
const BYTES_PER_TOKEN: u64 = 4;

/// The estimate for `bytes` of text, rounded up.
pub(crate) const fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Counts out of the bytes that went and came.
pub(crate) fn counts(input_tokens: u64, output_bytes: u64) -> TokenCounts {
    TokenCounts {
        input_fresh: input_tokens,
        output_visible: tokens(output_bytes),
        ..TokenCounts::default()
    }
}
