//! Legal holds, and the deletion of records that stand in the database itself.

use rusqlite::params;
use tb_core::ports::{Pseudonymisation, Pseudonymised, RetentionStore, StoreError};
use tb_core::retention::{Hold, RecordKind};
use tb_core::{AdminAct, ServiceName, Timestamp};

use super::keys::{from_json, json, note};
use super::{SqliteStore, erasure, failed, lock, truncate_log};

/// Bindings deleted in one transaction.
const DELETED_AT_ONCE: usize = 1_000;

impl RetentionStore for SqliteStore {
    fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.read(&self.key_reader, "read the holds", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT record FROM holds ORDER BY placed_ms, id")?;
            statement.query_map([], |row| from_json(0, &row.get::<_, String>(0)?))?.collect()
        })
    }

    fn place_hold(&self, hold: &Hold, act: &AdminAct) -> Result<(), StoreError> {
        let (record, act) = (json(hold)?, json(act)?);
        let placed = self.write("place a hold", |transaction| {
            let placed = transaction.execute(
                "INSERT OR IGNORE INTO holds (id, placed_ms, record) VALUES (?1, ?2, ?3)",
                params![hold.id, hold.placed_at.unix_ms(), record],
            )?;
            if placed > 0 {
                note(transaction, &act)?;
            }
            Ok(placed > 0)
        })?;
        if placed { Ok(()) } else { Err(StoreError::Conflict(format!("hold {}", hold.id))) }
    }

    fn lift_hold(&self, id: &str, act: &AdminAct) -> Result<bool, StoreError> {
        let act = json(act)?;
        self.write("lift a hold", |transaction| {
            let lifted = transaction.execute("DELETE FROM holds WHERE id = ?1", [id])? > 0;
            if lifted {
                note(transaction, &act)?;
            }
            Ok(lifted)
        })
    }

    fn forget_responses(&self, before: Timestamp, holds: &[Hold]) -> Result<u64, StoreError> {
        let what = "forget old bindings";
        let mut forgotten = 0;
        let mut after = (i64::MIN, String::new());
        loop {
            let (page, last) = self.old_bindings(before, &after, holds)?;
            forgotten += self.write(what, |transaction| {
                let mut statement =
                    transaction.prepare_cached("DELETE FROM responses WHERE response_id = ?1")?;
                let mut count = 0;
                for id in &page {
                    count += statement.execute([id])?;
                }
                Ok(u64::try_from(count).unwrap_or(u64::MAX))
            })?;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        truncate_log(&lock(&self.writer)).map_err(|fault| failed(what, &fault))?;
        Ok(forgotten)
    }

    fn oldest(&self, kind: RecordKind) -> Result<Option<Timestamp>, StoreError> {
        let query = match kind {
            RecordKind::Responses => "SELECT MIN(created_ms) FROM responses",
            RecordKind::Answers => "SELECT MIN(stored_ms) FROM answers",
            RecordKind::Requests
            | RecordKind::Audit
            | RecordKind::Content
            | RecordKind::Journal => return Ok(None),
        };
        self.read(&self.key_reader, "look for the oldest record", |connection| {
            let ms: Option<i64> =
                connection.prepare_cached(query)?.query_row([], |row| row.get(0))?;
            Ok(ms.map(Timestamp))
        })
    }

    fn pseudonymise(&self, subject: &Pseudonymisation) -> Result<Pseudonymised, StoreError> {
        let done = erasure::pseudonymise(&self.partitions, subject)?;
        // What was deleted from the database itself must not stay in its log.
        let what = "clear the log of the database";
        truncate_log(&lock(&self.writer)).map_err(|fault| failed(what, &fault))?;
        Ok(done)
    }
}

/// A place in the order of age.
type Age = (i64, String);

impl SqliteStore {
    /// The ids of the next bindings after `after` that were made before a moment and that no
    /// hold covers; and where to go on, if there may be more.
    fn old_bindings(
        &self,
        before: Timestamp,
        after: &Age,
        holds: &[Hold],
    ) -> Result<(Vec<String>, Option<Age>), StoreError> {
        self.read(&self.key_reader, "read old bindings", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT response_id, service, created_ms FROM responses
                 WHERE created_ms < ?1 AND (created_ms, response_id) > (?2, ?3)
                 ORDER BY created_ms, response_id LIMIT ?4",
            )?;
            let limit = i64::try_from(DELETED_AT_ONCE).unwrap_or(i64::MAX);
            let bounds = params![before.unix_ms(), after.0, after.1, limit];
            let rows = statement
                .query_map(bounds, |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(String, String, i64)>>>()?;
            let last = rows
                .last()
                .filter(|_| rows.len() == DELETED_AT_ONCE)
                .map(|(id, _, ms)| (*ms, id.clone()));
            let is_free = |service: &str, ms: i64| {
                let service = ServiceName::from(service);
                !holds
                    .iter()
                    .any(|hold| hold.covers(RecordKind::Responses, &service, Timestamp(ms)))
            };
            let free = rows.into_iter().filter(|(_, service, ms)| is_free(service, *ms));
            Ok((free.map(|(id, ..)| id).collect(), last))
        })
    }
}
