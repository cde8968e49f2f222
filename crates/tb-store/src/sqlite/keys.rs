//! Virtual keys and admin tokens.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use tb_core::ports::{KeyStore, StoreError};
use tb_core::{KeyId, KeyRecord, Timestamp};

use super::SqliteStore;

impl KeyStore for SqliteStore {
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(&self.key_reader, "read the keys", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, digest, service, name, models, purpose, networks, created_ms,
                        expires_ms, revoked_ms
                 FROM keys ORDER BY created_ms, id",
            )?;
            statement.query_map([], read_key)?.collect()
        })
    }

    fn insert_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        let json = |fault: serde_json::Error| StoreError::Failed(fault.to_string());
        let models = key.models.as_ref().map(serde_json::to_string).transpose().map_err(json)?;
        let networks = serde_json::to_string(&key.networks).map_err(json)?;
        self.write("add a key", |transaction, _| {
            transaction.execute(
                "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    key.id.as_str(),
                    key.digest,
                    key.service.as_str(),
                    key.name,
                    models,
                    key.purpose.as_ref().map(|purpose| purpose.as_str()),
                    networks,
                    key.created_at.unix_ms(),
                    key.expires_at.map(Timestamp::unix_ms),
                    key.revoked_at.map(Timestamp::unix_ms),
                ],
            )?;
            count_change(transaction)
        })
    }

    fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.write("revoke a key", |transaction, _| {
            let known = transaction.execute(
                "UPDATE keys SET revoked_ms = COALESCE(revoked_ms, ?2) WHERE id = ?1",
                params![id.as_str(), at.unix_ms()],
            )?;
            count_change(transaction)?;
            Ok(known > 0)
        })
    }

    fn admin_tokens(&self) -> Result<Vec<(KeyId, [u8; 32])>, StoreError> {
        self.read(&self.key_reader, "read the admin tokens", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, digest FROM admin_tokens ORDER BY id")?;
            statement.query_map([], |row| Ok((read_id(row)?, row.get(1)?)))?.collect()
        })
    }

    fn insert_admin_token(&self, id: KeyId, digest: [u8; 32]) -> Result<(), StoreError> {
        self.write("add an admin token", |transaction, _| {
            let columns = params![id.as_str(), digest];
            transaction.execute("INSERT INTO admin_tokens VALUES (?1, ?2)", columns)?;
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

/// Every process sees this number, and only changes of keys and tokens raise it: usage rows,
/// which are written all the time, do not.
fn count_change(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'key_changes'", [])?;
    Ok(())
}

fn read_id(row: &Row<'_>) -> rusqlite::Result<KeyId> {
    let text: String = row.get(0)?;
    KeyId::parse(&text)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(0, "id".to_owned(), Type::Text))
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let models: Option<String> = row.get(4)?;
    let networks: String = row.get(6)?;
    Ok(KeyRecord {
        id: read_id(row)?,
        digest: row.get(1)?,
        service: row.get::<_, String>(2)?.into(),
        name: row.get(3)?,
        models: models.map(|json| from_json(4, &json)).transpose()?,
        purpose: row.get::<_, Option<String>>(5)?.map(Into::into),
        networks: from_json(6, &networks)?,
        created_at: Timestamp(row.get(7)?),
        expires_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        revoked_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
    })
}

/// The value of a column that holds JSON.
pub(super) fn from_json<T: DeserializeOwned>(column: usize, json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|fault| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(fault))
    })
}
