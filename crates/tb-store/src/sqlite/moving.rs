//! Usage rows of schema versions 1 to 4, which stood in the database itself, on their way into
//! files of their own.

use rusqlite::{Connection, TransactionBehavior, params};
use tb_core::UsageRow;
use tb_core::ports::StoreError;

use super::names::Texts;
use super::partitions::Partitions;
use super::row::{COLUMNS_4, read};
use super::{failed, truncate_log};

/// Rows moved in one step.
const STEP: i64 = 5_000;

/// Moves all rows, then drops their tables. Whoever dies in between goes on at the next open:
/// a step is in the files before it leaves the database, and a row that comes twice replaces
/// itself.
pub(super) fn out_of_the_database(
    connection: &mut Connection,
    partitions: &Partitions,
) -> Result<(), StoreError> {
    let what = "move usage rows into files of their own";
    let fault = |fault: rusqlite::Error| failed(what, &fault);
    if !has_rows_table(connection).map_err(fault)? {
        return Ok(());
    }
    let mut moved = 0;
    while has_rows_table(connection).map_err(fault)? {
        moved += step(connection, partitions, what)?;
        if moved > 0 && moved % (200 * STEP) == 0 {
            tracing::info!(moved, "usage rows are moved into files of their own");
        }
    }
    if moved > 0 {
        connection.execute_batch("VACUUM").map_err(fault)?;
        tracing::info!(moved, "usage rows were moved into files of their own");
    }
    truncate_log(connection).map_err(fault)
}

fn has_rows_table(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'usage')",
        [],
        |row| row.get(0),
    )
}

/// Moves the oldest rows, or drops the tables when there are none; gives the number of rows.
fn step(
    connection: &mut Connection,
    partitions: &Partitions,
    what: &str,
) -> Result<i64, StoreError> {
    let fault = |fault: rusqlite::Error| failed(what, &fault);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    // Another process may have been here since the look.
    if !has_rows_table(&transaction).map_err(fault)? {
        return Ok(0);
    }
    let rows = oldest(&transaction).map_err(fault)?;
    match rows.last() {
        Some(last) => {
            partitions.append(&rows)?;
            transaction.execute(
                "DELETE FROM usage WHERE (request_id, attempt) <= (?1, ?2)",
                params![last.request_id.0.to_be_bytes(), last.attempt],
            )
        }
        None => transaction.execute_batch("DROP TABLE usage; DROP TABLE names").map(|()| 0),
    }
    .map_err(fault)?;
    transaction.commit().map_err(fault)?;
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

fn oldest(connection: &Connection) -> rusqlite::Result<Vec<UsageRow>> {
    let mut texts = Texts::new(connection);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS_4} FROM usage ORDER BY request_id, attempt LIMIT {STEP}"
    ))?;
    let rows = statement.query_map([], |row| read(row, &mut texts))?;
    rows.collect()
}
