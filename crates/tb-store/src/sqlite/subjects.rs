//! The keys of subjects.

use rusqlite::{Connection, OptionalExtension};
use tb_core::audit::{SubjectId, SubjectKeys};
use tb_core::ports::StoreError;

use super::SqliteStore;
use crate::audit::fresh_keys;

impl SubjectKeys for SqliteStore {
    fn keys(&self, subjects: &[SubjectId]) -> Result<Vec<[u8; 32]>, StoreError> {
        let what = "read the keys of subjects";
        let known = self.read(&self.key_reader, what, |connection| {
            subjects.iter().map(|id| key(connection, id)).collect::<Result<Vec<_>, _>>()
        })?;
        let whole: Option<Vec<[u8; 32]>> = known.iter().copied().collect();
        if let Some(keys) = whole {
            return Ok(keys);
        }
        let made = fresh_keys(subjects.len())?;
        self.write("write the keys of subjects", |transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO subjects (id, key) VALUES (?1, ?2)")?;
            for ((id, known), made) in subjects.iter().zip(&known).zip(&made) {
                if known.is_none() {
                    insert.execute((&id.0, made))?;
                }
            }
            // One that stood twice, or that another process was first with, has that key.
            let found: Result<Vec<_>, _> = subjects.iter().map(|id| key(transaction, id)).collect();
            found?.into_iter().map(|key| key.ok_or(rusqlite::Error::QueryReturnedNoRows)).collect()
        })
    }

    fn known_key(&self, subject: &SubjectId) -> Result<Option<[u8; 32]>, StoreError> {
        self.read(&self.key_reader, "read the key of a subject", |connection| {
            key(connection, subject)
        })
    }

    fn forget(&self, subject: &SubjectId) -> Result<bool, StoreError> {
        self.write("forget a subject", |transaction| {
            // What stays of a row on a page is overwritten with zeros: the key must be gone.
            transaction.pragma_update(None, "secure_delete", true)?;
            let gone = transaction.execute("DELETE FROM subjects WHERE id = ?1", [&subject.0])?;
            if gone > 0 {
                transaction.execute(
                    "UPDATE meta SET value = value + 1 WHERE name = 'subjects_forgotten'",
                    [],
                )?;
            }
            Ok(gone > 0)
        })
    }

    fn forgotten(&self) -> Result<u64, StoreError> {
        self.read(&self.key_reader, "ask for forgotten subjects", |connection| {
            let value: i64 = connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'subjects_forgotten'")?
                .query_row([], |row| row.get(0))?;
            Ok(value.cast_unsigned())
        })
    }
}

fn key(connection: &Connection, id: &SubjectId) -> rusqlite::Result<Option<[u8; 32]>> {
    connection
        .prepare_cached("SELECT key FROM subjects WHERE id = ?1")?
        .query_row([&id.0], |row| row.get(0))
        .optional()
}
