//! Usage rows.

use std::ops::Range;

use rusqlite::{Connection, params};
use tb_core::ports::{StoreError, UsageQuery, UsageStore, UsageSum};
use tb_core::{RequestId, Timestamp, UsageRow};

use super::names::Texts;
use super::row::{COLUMNS, INSERT, insert, read};
use super::{SqliteStore, sums};
use crate::pages;

impl UsageStore for SqliteStore {
    fn append(&self, rows: &[UsageRow], checkpoint: u64) -> Result<(), StoreError> {
        self.write("add usage rows", |transaction, names| {
            let mut statement = transaction.prepare_cached(INSERT)?;
            for row in rows {
                insert(&mut statement, transaction, names, row)?;
            }
            transaction
                .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'checkpoint'")?
                .execute([checkpoint.cast_signed()])?;
            Ok(())
        })
    }

    fn checkpoint(&self) -> Result<u64, StoreError> {
        self.read(&self.usage_reader, "read the checkpoint", |connection| {
            let value: i64 = connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'checkpoint'")?
                .query_row([], |row| row.get(0))?;
            Ok(value.cast_unsigned())
        })
    }

    fn sum(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        self.read(&self.usage_reader, "sum usage", |connection| sums::sum(connection, query))
    }

    fn request(&self, id: RequestId) -> Result<Vec<UsageRow>, StoreError> {
        self.read(&self.usage_reader, "read a request", |connection| {
            let mut texts = Texts::new(connection);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM usage WHERE request_id = ?1 ORDER BY attempt"
            ))?;
            let rows = statement.query_map([id.0.to_be_bytes()], |row| read(row, &mut texts))?;
            rows.collect()
        })
    }

    fn recent(&self, before: Option<Timestamp>, limit: u32) -> Result<Vec<UsageRow>, StoreError> {
        self.read(&self.usage_reader, "read recent rows", |connection| {
            let before = before.unwrap_or(Timestamp(i64::MAX));
            let mut rows = arrived(connection, Timestamp(0)..before, i64::from(limit) + 1)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            match pages::end(&mut rows, limit) {
                Some(ms) => arrived(connection, Timestamp(ms)..Timestamp(ms + 1), i64::MAX),
                None => Ok(rows),
            }
        })
    }
}

/// The newest rows of requests that arrived within `span`, newest first.
fn arrived(
    connection: &Connection,
    span: Range<Timestamp>,
    limit: i64,
) -> rusqlite::Result<Vec<UsageRow>> {
    let mut texts = Texts::new(connection);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM usage WHERE request_id >= ?1 AND request_id < ?2
         ORDER BY request_id DESC, attempt DESC LIMIT ?3"
    ))?;
    let bounds = params![request_bound(span.start), request_bound(span.end), limit];
    let rows = statement.query_map(bounds, |row| read(row, &mut texts))?;
    rows.collect()
}

/// The smallest request id of a request that began at `moment`: no attempt begins before its
/// request does.
pub(super) fn request_bound(moment: Timestamp) -> [u8; 16] {
    // 48 bits of milliseconds: later moments lie behind every id.
    let ms = u64::try_from(moment.unix_ms()).unwrap_or(0);
    if ms >> 48 == 0 { (u128::from(ms) << 80).to_be_bytes() } else { [0xFF; 16] }
}
