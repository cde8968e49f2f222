//! Kept answers.
//!
//! They are written through a connection of their own, so that their long rows push nothing
//! of the usage table out of its page cache, and without a flush to disk: an answer that a
//! power cut takes away is only asked for again. Removals go in short transactions, because
//! whoever holds the file's write lock holds up the storer and the commands.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Params, Row, TransactionBehavior, params};
use tb_core::Timestamp;
use tb_core::ports::{AnswerFilter, AnswerStore, KeptAnswer, StoreError};

use super::keys::from_json;
use super::row::bounded;
use super::{SqliteStore, failed, lock};

/// Answers removed in one transaction at most.
const REMOVED_AT_ONCE: usize = 256;

/// About the most bytes freed in one transaction: SQLite reads every page that it frees.
const FREED_AT_ONCE: i64 = 8 * 1024 * 1024;

/// The pause between two transactions of a long removal. SQLite has no queue for its write
/// lock: without a pause, others that poll for it might never find it free.
const PAUSE: Duration = Duration::from_millis(2);

const COLUMNS: &str = "key, service, model, tags, stored_ms, keep_until_ms, sealed";

impl AnswerStore for SqliteStore {
    fn keep(&self, answers: &[KeptAnswer]) -> Result<(), StoreError> {
        let what = "keep answers";
        let tags = answers
            .iter()
            .map(|answer| serde_json::to_string(&answer.tags))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|fault| StoreError::Failed(fault.to_string()))?;
        self.write_answers(what, |connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO answers
                     (key, service, model, tags, stored_ms, keep_until_ms, bytes, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, length(?7), ?7)
                 ON CONFLICT (key) DO UPDATE SET service = excluded.service,
                     model = excluded.model, tags = excluded.tags,
                     stored_ms = excluded.stored_ms, keep_until_ms = excluded.keep_until_ms,
                     bytes = excluded.bytes, sealed = excluded.sealed",
            )?;
            for (answer, tags) in answers.iter().zip(&tags) {
                statement.execute(params![
                    answer.key,
                    answer.service.as_str(),
                    answer.model.as_str(),
                    tags,
                    answer.stored_at.unix_ms(),
                    answer.keep_until.unix_ms(),
                    answer.sealed,
                ])?;
            }
            Ok(())
        })
    }

    fn newest(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, [u8; 32])>,
        max_bytes: u64,
    ) -> Result<Vec<KeptAnswer>, StoreError> {
        self.read(&self.answer_reader, "read kept answers", |connection| {
            // Along the index, row by row: a sort would read every answer before the first. No
            // key is greater than 33 bytes of ones.
            let (ms, key) = after
                .map_or((i64::MAX, [0xff; 33].to_vec()), |(at, key)| (at.unix_ms(), key.to_vec()));
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, bytes FROM answers INDEXED BY answers_by_age
                 WHERE keep_until_ms > ?1 AND (stored_ms, key) < (?2, ?3)
                 ORDER BY stored_ms DESC, key DESC"
            ))?;
            let mut rows = statement.query(params![now.unix_ms(), ms, key])?;
            let mut answers = Vec::new();
            let mut left = bounded(max_bytes);
            while let Some(row) = rows.next()? {
                left -= row.get::<_, i64>(7)?;
                if left < 0 {
                    break;
                }
                answers.push(read(row)?);
            }
            Ok(answers)
        })
    }

    fn kept(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<KeptAnswer>, StoreError> {
        self.read(&self.answer_reader, "read a kept answer", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM answers WHERE key = ?1 AND keep_until_ms > ?2"
                ))?
                .query_row(params![key, now.unix_ms()], read)
                .optional()
        })
    }

    fn purge(&self, filter: &AnswerFilter) -> Result<u64, StoreError> {
        let service = filter.service.as_ref().map(|service| service.as_str());
        let model = filter.model.as_ref().map(|model| model.as_str());
        // From the last one removed on, so that a long purge looks at every answer once.
        let mut after = i64::MIN;
        self.remove("purge kept answers", |connection| {
            let fitting = "SELECT id, bytes FROM answers
                 WHERE id > ?1 AND (?2 IS NULL OR service = ?2) AND (?3 IS NULL OR model = ?3)
                     AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?4))
                 ORDER BY id";
            let removal = first(connection, fitting, params![after, service, model, filter.tag])?;
            after = removal.ids.last().copied().unwrap_or(i64::MAX);
            Ok(removal)
        })
    }

    fn sweep(&self, now: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
        let what = "sweep kept answers";
        let expired = self.remove(what, |connection| {
            let expired = "SELECT id, bytes FROM answers WHERE keep_until_ms <= ?1
                 ORDER BY keep_until_ms";
            first(connection, expired, [now.unix_ms()])
        })?;
        let mut excess = None;
        let oldest = self.remove(what, |connection| {
            let left: i64 = match excess {
                Some(left) => left,
                None => connection
                    .prepare_cached("SELECT COALESCE(SUM(bytes), 0) FROM answers")?
                    .query_row([], |row| row.get::<_, i64>(0))?
                    .saturating_sub(bounded(max_bytes)),
            };
            let removal = oldest(connection, left)?;
            excess = Some(left.saturating_sub(removal.bytes));
            Ok(removal)
        })?;
        Ok(expired + oldest)
    }
}

/// What one transaction removes.
#[derive(Default)]
struct Removal {
    ids: Vec<i64>,
    /// Their `sealed` bytes.
    bytes: i64,
}

impl Removal {
    fn is_full(&self) -> bool {
        self.ids.len() >= REMOVED_AT_ONCE || self.bytes >= FREED_AT_ONCE
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.ids.push(row.get(0)?);
        self.bytes = self.bytes.saturating_add(row.get(1)?);
        Ok(())
    }
}

/// The first answers of a statement that gives (id, bytes), until a transaction is full.
fn first(connection: &Connection, select: &str, bounds: impl Params) -> rusqlite::Result<Removal> {
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(bounds)?;
    let mut removal = Removal::default();
    while !removal.is_full()
        && let Some(row) = rows.next()?
    {
        removal.take(row)?;
    }
    Ok(removal)
}

/// The oldest answers that make up `excess` bytes, or as many as one transaction takes.
fn oldest(connection: &Connection, excess: i64) -> rusqlite::Result<Removal> {
    let mut statement =
        connection.prepare_cached("SELECT id, bytes FROM answers ORDER BY stored_ms, key")?;
    let mut rows = statement.query([])?;
    let mut removal = Removal::default();
    while !removal.is_full()
        && removal.bytes < excess
        && let Some(row) = rows.next()?
    {
        removal.take(row)?;
    }
    Ok(removal)
}

impl SqliteStore {
    /// Runs `work` in one transaction of the connection for answers.
    fn write_answers<T>(
        &self,
        what: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.answer_writer);
        let mut connection = match writer.take() {
            Some(connection) => connection,
            None => self.answer_connection(what)?,
        };
        let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(
            |transaction| {
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            },
        );
        *writer = Some(connection);
        done.map_err(|fault| failed(what, &fault))
    }

    fn answer_connection(&self, what: &str) -> Result<Connection, StoreError> {
        let connection = super::connect(&self.path, what)?;
        connection
            .execute_batch(
                "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;
                 PRAGMA cache_size = -1024; PRAGMA secure_delete = ON;",
            )
            .map_err(|fault| failed(what, &fault))?;
        Ok(connection)
    }

    /// Removes what `choose` gives until it gives nothing more, a transaction for each, and
    /// gives the number of answers. What was removed before a failure stays removed.
    fn remove(
        &self,
        what: &str,
        mut choose: impl FnMut(&Connection) -> rusqlite::Result<Removal>,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let (count, is_last) = self.write_answers(what, |connection| {
                let removal = choose(connection)?;
                let mut statement =
                    connection.prepare_cached("DELETE FROM answers WHERE id = ?1")?;
                let mut count = 0;
                for id in &removal.ids {
                    count += statement.execute([id])?;
                }
                Ok((count, !removal.is_full()))
            })?;
            removed += u64::try_from(count).unwrap_or(u64::MAX);
            if is_last {
                return Ok(removed);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Reads one row of [`COLUMNS`].
fn read(row: &Row<'_>) -> rusqlite::Result<KeptAnswer> {
    let tags: String = row.get(3)?;
    Ok(KeptAnswer {
        key: row.get(0)?,
        service: row.get::<_, String>(1)?.into(),
        model: row.get::<_, String>(2)?.into(),
        tags: from_json(3, &tags)?,
        stored_at: Timestamp(row.get(4)?),
        keep_until: Timestamp(row.get(5)?),
        sealed: row.get(6)?,
    })
}
