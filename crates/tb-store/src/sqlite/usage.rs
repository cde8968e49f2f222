//! Usage rows.

use std::ops::Range;

use rusqlite::{Connection, params};
use tb_core::ports::{StoreError, UsageQuery, UsageStore, UsageSum};
use tb_core::retention::Span;
use tb_core::{DataClass, RequestId, Timestamp, UsageRow};

use super::names::Texts;
use super::partitions::{Place, span_of};
use super::row::{COLUMNS, read};
use super::{SqliteStore, lock, sums};
use crate::pages;

impl UsageStore for SqliteStore {
    fn append(&self, rows: &[UsageRow], checkpoint: u64) -> Result<(), StoreError> {
        // The checkpoint last: a process that dies in between adds the same rows once more.
        self.partitions.append(rows)?;
        self.write("note the checkpoint", |transaction| {
            transaction
                .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'checkpoint'")?
                .execute([checkpoint.cast_signed()])?;
            Ok(())
        })
    }

    fn checkpoint(&self) -> Result<u64, StoreError> {
        self.read(&self.key_reader, "read the checkpoint", |connection| {
            let value: i64 = connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'checkpoint'")?
                .query_row([], |row| row.get(0))?;
            Ok(value.cast_unsigned())
        })
    }

    fn sum(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        // One report at a time: they may be long, and memory and disk are for requests.
        let _report = lock(&self.report);
        let mut sums = sums::Sums::new(query);
        let mut places = self.partitions.places()?;
        places.retain(|place| sums.touch(*place));
        for place in places {
            self.partitions.read(place, "sum usage", |connection| sums.add(connection))?;
        }
        Ok(sums.ranked())
    }

    fn request(&self, id: RequestId) -> Result<Vec<UsageRow>, StoreError> {
        let span = span_of(id);
        let mut rows = Vec::new();
        for class in DataClass::ALL {
            let place = Place { span, class };
            let found = self
                .partitions
                .read(place, "read a request", |connection| attempts(connection, id))?;
            rows.extend(found.unwrap_or_default());
        }
        rows.sort_unstable_by_key(|row| row.attempt);
        Ok(rows)
    }

    fn recent(&self, before: Option<Timestamp>, limit: u32) -> Result<Vec<UsageRow>, StoreError> {
        let before = before.unwrap_or(Timestamp(i64::MAX));
        let mut rows = self.arrived(Timestamp(0)..before, i64::from(limit) + 1)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match pages::end(&mut rows, limit) {
            Some(ms) => self.arrived(Timestamp(ms)..Timestamp(ms + 1), i64::MAX),
            None => Ok(rows),
        }
    }
}

impl SqliteStore {
    /// The newest rows of requests that arrived within `moments`, newest first.
    fn arrived(&self, moments: Range<Timestamp>, limit: i64) -> Result<Vec<UsageRow>, StoreError> {
        let enough = usize::try_from(limit).unwrap_or(usize::MAX);
        let (first, last) = (Span::of(moments.start), Span::of(moments.end));
        let mut places = self.partitions.places()?;
        places.retain(|place| (first..=last).contains(&place.span));
        let mut rows = Vec::new();
        for of_span in places.chunk_by(|one, two| one.span == two.span).rev() {
            let mut found = Vec::new();
            for place in of_span {
                let of_place = self.partitions.read(*place, "read recent rows", |connection| {
                    newest(connection, &moments, limit)
                })?;
                found.extend(of_place.unwrap_or_default());
            }
            found.sort_unstable_by_key(|row| std::cmp::Reverse((row.request_id, row.attempt)));
            rows.extend(found);
            if rows.len() >= enough {
                rows.truncate(enough);
                break;
            }
        }
        Ok(rows)
    }
}

fn attempts(connection: &Connection, id: RequestId) -> rusqlite::Result<Vec<UsageRow>> {
    let mut texts = Texts::new(connection);
    let mut statement =
        connection.prepare(&format!("SELECT {COLUMNS} FROM usage WHERE request_id = ?1"))?;
    let rows = statement.query_map([id.0.to_be_bytes()], |row| read(row, &mut texts))?;
    rows.collect()
}

/// The newest rows in one file of requests that arrived within `moments`, newest first.
fn newest(
    connection: &Connection,
    moments: &Range<Timestamp>,
    limit: i64,
) -> rusqlite::Result<Vec<UsageRow>> {
    let mut texts = Texts::new(connection);
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM usage WHERE request_id >= ?1 AND request_id < ?2
         ORDER BY request_id DESC, attempt DESC LIMIT ?3"
    ))?;
    let bounds = params![request_bound(moments.start), request_bound(moments.end), limit];
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
