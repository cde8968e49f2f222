//! Virtual keys, admin tokens, and the admin acts that wait for the audit log.

use rusqlite::types::Type;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tb_core::ports::{ActStore, KeyStore, KeyUseStore, StoreError};
use tb_core::{AdminAct, AdminTokenRecord, KeyId, KeyRecord, KeyUse, Timestamp};

use super::SqliteStore;

impl KeyStore for SqliteStore {
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(&self.key_reader, "read the keys", |connection| {
            records(connection, "SELECT record FROM keys ORDER BY created_ms, id")
        })
    }

    fn put_key(&self, key: &KeyRecord, act: &AdminAct) -> Result<(), StoreError> {
        let (record, act) = (json(key)?, json(act)?);
        let written = self.write("write a key", |transaction| {
            let id = key.id.as_str();
            let created = key.scope.created_at.unix_ms();
            let changed = match key.revision.checked_sub(1) {
                None => transaction.execute(
                    "INSERT OR IGNORE INTO keys (id, revision, created_ms, record)
                     VALUES (?1, 0, ?2, ?3)",
                    params![id, created, record],
                )?,
                Some(before) => transaction.execute(
                    "UPDATE keys SET revision = ?2, record = ?3 WHERE id = ?1 AND revision = ?4",
                    params![id, key.revision, record, before],
                )?,
            };
            if changed > 0 {
                note(transaction, &act)?;
                count_change(transaction)?;
            }
            Ok(changed > 0)
        })?;
        if written { Ok(()) } else { Err(StoreError::Conflict(format!("key {}", key.id))) }
    }

    fn admin_tokens(&self) -> Result<Vec<AdminTokenRecord>, StoreError> {
        self.read(&self.key_reader, "read the admin tokens", |connection| {
            records(connection, "SELECT record FROM admin_tokens ORDER BY id")
        })
    }

    fn put_admin_token(&self, token: &AdminTokenRecord, act: &AdminAct) -> Result<(), StoreError> {
        let (record, act) = (json(token)?, json(act)?);
        self.write("write an admin token", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO admin_tokens (id, record) VALUES (?1, ?2)",
                params![token.id.as_str(), record],
            )?;
            note(transaction, &act)?;
            count_change(transaction)
        })
    }

    fn change_counter(&self) -> Result<u64, StoreError> {
        self.read(&self.key_reader, "ask for changes of keys", |connection| {
            let value: i64 = connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'key_changes'")?
                .query_row([], |row| row.get(0))?;
            Ok(value.cast_unsigned())
        })
    }
}

impl KeyUseStore for SqliteStore {
    fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.read(&self.key_reader, "read the last uses of keys", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT key, version, at_ms FROM key_uses")?;
            let rows = statement.query_map([], |row| {
                let (id, version): (String, u32) = (row.get(0)?, row.get(1)?);
                let at = Timestamp(row.get(2)?);
                Ok(KeyId::parse(&id).map(|id| KeyUse { id, version, at }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    fn note_key_uses(&self, uses: &[KeyUse]) -> Result<(), StoreError> {
        self.write("note the last uses of keys", |transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO key_uses (key, version, at_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
            )?;
            for used in uses {
                statement.execute(params![used.id.as_str(), used.version, used.at.unix_ms()])?;
            }
            Ok(())
        })
    }
}

impl ActStore for SqliteStore {
    fn note_act(&self, act: &AdminAct) -> Result<(), StoreError> {
        let act = json(act)?;
        self.write("note an act", |transaction| note(transaction, &act))
    }

    fn waiting_acts(&self, limit: u32) -> Result<Vec<(u64, AdminAct)>, StoreError> {
        self.read(&self.key_reader, "read the acts", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, act FROM acts ORDER BY id LIMIT ?1")?;
            statement
                .query_map([limit], |row| {
                    let id: i64 = row.get(0)?;
                    Ok((id.cast_unsigned(), from_json(1, &row.get::<_, String>(1)?)?))
                })?
                .collect()
        })
    }

    fn acts_recorded(&self, up_to: u64) -> Result<(), StoreError> {
        self.write("forget acts", |transaction| {
            transaction.execute("DELETE FROM acts WHERE id <= ?1", [up_to.cast_signed()])?;
            Ok(())
        })
    }
}

pub(super) fn note(connection: &Connection, act: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO acts (act) VALUES (?1)", [act])?;
    Ok(())
}

/// Every process sees this number, and only changes of keys and tokens raise it: usage rows,
/// which are written all the time, do not.
fn count_change(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'key_changes'", [])?;
    Ok(())
}

/// The records in JSON that a query without parameters gives.
pub(super) fn records<T: DeserializeOwned>(
    connection: &Connection,
    query: &str,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(query)?;
    statement.query_map([], |row| from_json(0, &row.get::<_, String>(0)?))?.collect()
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|fault| StoreError::Failed(fault.to_string()))
}

/// The value of a column that holds JSON.
pub(super) fn from_json<T: DeserializeOwned>(column: usize, json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|fault| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(fault))
    })
}
