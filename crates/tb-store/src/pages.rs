//! Pages of recent rows, for every back end. A page ends between two milliseconds, so that the
//! arrival of its last request is where the next page begins.

use tb_core::UsageRow;

/// Ends a page. `rows` are the newest ones, newest first, one more than `limit` where there are
/// so many. When all of them are of one millisecond: that one, in Unix milliseconds, whose rows
/// are the page then, however many they are.
pub(crate) fn end(rows: &mut Vec<UsageRow>, limit: usize) -> Option<i64> {
    let beyond_ms = rows.get(limit)?.request_id.unix_ms();
    rows.retain(|row| row.request_id.unix_ms() > beyond_ms);
    rows.is_empty().then_some(beyond_ms)
}
