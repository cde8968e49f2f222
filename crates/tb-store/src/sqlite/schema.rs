//! The versions of the schema, counted in `PRAGMA user_version`.

use rusqlite::{Connection, TransactionBehavior};
use tb_core::ports::StoreError;

use super::failed;

/// Each script leads from the version before it to its own, counted from 1.
const MIGRATIONS: [&str; 8] = [
    include_str!("../../migrations/sqlite/0001_init.sql"),
    include_str!("../../migrations/sqlite/0002_ladder.sql"),
    include_str!("../../migrations/sqlite/0003_guard.sql"),
    include_str!("../../migrations/sqlite/0004_accountability.sql"),
    include_str!("../../migrations/sqlite/0005_subjects.sql"),
    include_str!("../../migrations/sqlite/0006_retention.sql"),
    include_str!("../../migrations/sqlite/0007_prompts.sql"),
    include_str!("../../migrations/sqlite/0008_environment.sql"),
];

/// Brings the schema to the newest version, in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let what = "bring the schema of the database up to date";
    let newest = MIGRATIONS.len();
    // Without this look every start would take the write lock.
    if version(connection).map_err(|fault| failed(what, &fault))? == newest {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|fault| failed(what, &fault))?;
    let found = version(&transaction).map_err(|fault| failed(what, &fault))?;
    if found > newest {
        return Err(StoreError::Failed(format!(
            "the database has schema version {found}, this program knows {newest}: use the \
             newer program, or a database of its own"
        )));
    }
    for script in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(script).map_err(|fault| failed(what, &fault))?;
    }
    transaction
        .pragma_update(None, "user_version", i64::try_from(newest).unwrap_or(i64::MAX))
        .and_then(|()| transaction.commit())
        .map_err(|fault| failed(what, &fault))
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // A negative version is nobody's; treat it as one too new.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
