//! Bindings of response ids.

use rusqlite::{OptionalExtension, params};
use tb_core::ServiceName;
use tb_core::Timestamp;
use tb_core::ports::{ResponseBinding, ResponseStore, StoreError};

use super::SqliteStore;

impl ResponseStore for SqliteStore {
    fn bind(&self, bindings: &[ResponseBinding]) -> Result<(), StoreError> {
        self.write("bind responses", |transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (response_id) DO NOTHING",
            )?;
            for binding in bindings {
                statement.execute(params![
                    binding.response_id,
                    binding.service.as_str(),
                    binding.provider.as_str(),
                    binding.model.as_str(),
                    binding.key_index,
                    binding.created_at.unix_ms(),
                ])?;
            }
            Ok(())
        })
    }

    fn binding(
        &self,
        service: &ServiceName,
        response_id: &str,
    ) -> Result<Option<ResponseBinding>, StoreError> {
        self.read(&self.key_reader, "read a binding", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT provider, model, key_index, created_ms FROM responses
                 WHERE response_id = ?1 AND service = ?2",
            )?;
            let found = statement.query_row(params![response_id, service.as_str()], |row| {
                Ok(ResponseBinding {
                    response_id: response_id.to_owned(),
                    service: service.clone(),
                    provider: row.get::<_, String>(0)?.into(),
                    model: row.get::<_, String>(1)?.into(),
                    key_index: row.get(2)?,
                    created_at: Timestamp(row.get(3)?),
                })
            });
            found.optional()
        })
    }

    fn unbind(&self, service: &ServiceName, response_id: &str) -> Result<(), StoreError> {
        self.write("forget a binding", |transaction| {
            transaction.execute(
                "DELETE FROM responses WHERE response_id = ?1 AND service = ?2",
                params![response_id, service.as_str()],
            )?;
            Ok(())
        })
    }
}
