//! Prompt versions and labels.

use rusqlite::{Connection, ErrorCode, params};
use tb_core::AdminAct;
use tb_core::ports::{PromptStore, StoreError};
use tb_core::prompt::{LabelRecord, PromptRecord};

use super::SqliteStore;
use super::keys::{json, note, records};

impl PromptStore for SqliteStore {
    fn prompts(&self) -> Result<Vec<PromptRecord>, StoreError> {
        self.read(&self.key_reader, "read the prompts", |connection| {
            records(connection, "SELECT record FROM prompts ORDER BY name, number")
        })
    }

    fn add_prompt(&self, prompt: &PromptRecord, act: &AdminAct) -> Result<(), StoreError> {
        let (record, act) = (json(prompt)?, json(act)?);
        let added = self.write("add a prompt", |transaction| {
            let added = transaction.execute(
                "INSERT INTO prompts (name, number, hash, record) VALUES (?1, ?2, ?3, ?4)",
                params![prompt.name, prompt.number, prompt.hash, record],
            );
            match added {
                Ok(_) => {}
                Err(fault) if is_taken(&fault) => return Ok(false),
                Err(fault) => return Err(fault),
            }
            note(transaction, &act)?;
            count_change(transaction)?;
            Ok(true)
        })?;
        settled(added, || format!("prompt {}@{}", prompt.name, prompt.number))
    }

    fn prompt_labels(&self) -> Result<Vec<LabelRecord>, StoreError> {
        self.read(&self.key_reader, "read the labels of prompts", |connection| {
            records(connection, "SELECT record FROM prompt_labels ORDER BY name, label")
        })
    }

    fn put_prompt_label(&self, label: &LabelRecord, act: &AdminAct) -> Result<(), StoreError> {
        let (record, act) = (json(label)?, json(act)?);
        let written = self.write("move a label", |transaction| {
            let changed = match label.revision.checked_sub(1) {
                None => transaction.execute(
                    "INSERT OR IGNORE INTO prompt_labels (name, label, revision, record)
                     VALUES (?1, ?2, 0, ?3)",
                    params![label.name, label.label, record],
                )?,
                Some(before) => transaction.execute(
                    "UPDATE prompt_labels SET revision = ?3, record = ?4
                     WHERE name = ?1 AND label = ?2 AND revision = ?5",
                    params![
                        label.name,
                        label.label,
                        label.revision.cast_signed(),
                        record,
                        before.cast_signed()
                    ],
                )?,
            };
            if changed > 0 {
                note(transaction, &act)?;
                count_change(transaction)?;
            }
            Ok(changed > 0)
        })?;
        settled(written, || format!("label {} of prompt {}", label.label, label.name))
    }

    fn prompt_changes(&self) -> Result<u64, StoreError> {
        self.read(&self.key_reader, "ask for changes of prompts", |connection| {
            let value: i64 = connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'prompt_changes'")?
                .query_row([], |row| row.get(0))?;
            Ok(value.cast_unsigned())
        })
    }
}

fn is_taken(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn settled(done: bool, what: impl FnOnce() -> String) -> Result<(), StoreError> {
    if done { Ok(()) } else { Err(StoreError::Conflict(what())) }
}

fn count_change(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'prompt_changes'", [])?;
    Ok(())
}
