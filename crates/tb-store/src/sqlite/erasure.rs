//! A person's names replaced by a pseudonym, in every file of usage rows.

use rusqlite::{Connection, OptionalExtension, params};
use tb_core::ports::{Pseudonymisation, Pseudonymised, StoreError};
use tb_core::retention::RecordKind;

use super::partitions::Partitions;

/// The columns that hold names.
const NAME_COLUMNS: &str = "service, key_id, purpose, user, surface, provider, model_requested, \
     model_resolved, model_served, error_code, price_version, passed_over, workload, own_classes, \
     region, agreement, prompt, fingerprint";

/// See [`tb_core::ports::RetentionStore::pseudonymise`].
pub(super) fn pseudonymise(
    partitions: &Partitions,
    subject: &Pseudonymisation,
) -> Result<Pseudonymised, StoreError> {
    let what = "make a pseudonym of a user";
    let mut done = Pseudonymised::default();
    for place in partitions.places()? {
        // Most files have nothing of a person: they are looked into without being changed.
        let known = partitions.read(place, what, |connection| ids(connection, subject))?;
        if known.is_none_or(|ids| ids.is_empty()) {
            continue;
        }
        let (from, until) = (place.span.start(), place.span.end());
        let holds = &subject.holds;
        if holds.iter().any(|hold| hold.touches(RecordKind::Requests, from, until)) {
            done.held_files += 1;
            continue;
        }
        let rows = partitions.rewrite(place, what, |connection| replace(connection, subject))?;
        let rows = rows.unwrap_or(0);
        done.rows += rows;
        done.files += u64::from(rows > 0);
    }
    Ok(done)
}

/// The ids under which a file knows the person.
fn ids(connection: &Connection, subject: &Pseudonymisation) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare("SELECT id FROM names WHERE text = ?1")?;
    let mut ids = Vec::new();
    for name in &subject.names {
        ids.extend(statement.query_row([name], |row| row.get::<_, i64>(0)).optional()?);
    }
    Ok(ids)
}

/// Replaces the names in the rows of one file and gives the number of rows.
fn replace(connection: &Connection, subject: &Pseudonymisation) -> rusqlite::Result<u64> {
    let service: Option<i64> = match &subject.service {
        None => None,
        Some(service) => {
            let known = connection
                .query_row("SELECT id FROM names WHERE text = ?1", [service.as_str()], |row| {
                    row.get(0)
                })
                .optional()?;
            // Without a row of the service there is nothing to replace.
            match known {
                None => return Ok(0),
                known => known,
            }
        }
    };
    let mut rows = 0;
    for id in ids(connection, subject)? {
        let query = "SELECT COUNT(*) FROM usage WHERE user = ?1 AND (?2 IS NULL OR service = ?2)";
        let found: i64 = connection.query_row(query, params![id, service], |row| row.get(0))?;
        if found > 0 {
            connection.execute(
                "UPDATE usage SET user = ?3 WHERE user = ?1 AND (?2 IS NULL OR service = ?2)",
                params![id, service, pseudonym(connection, &subject.pseudonym)?],
            )?;
        }
        if !is_used(connection, id)? {
            connection.execute("DELETE FROM names WHERE id = ?1", [id])?;
        }
        rows += u64::try_from(found).unwrap_or(0);
    }
    renew_names(connection)?;
    Ok(rows)
}

fn pseudonym(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    connection.execute("INSERT OR IGNORE INTO names (text) VALUES (?1)", [text])?;
    connection.query_row("SELECT id FROM names WHERE text = ?1", [text], |row| row.get(0))
}

/// Whether any column of any row holds this name.
fn is_used(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let query = format!("SELECT EXISTS (SELECT 1 FROM usage WHERE ?1 IN ({NAME_COLUMNS}))");
    connection.query_row(&query, [id], |row| row.get(0))
}

/// Writes the names into a new table and drops the old one, whose pages are filled with zeros:
/// pages that were split keep copies of names behind the last one, which deleting them does not
/// reach.
fn renew_names(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
         INSERT INTO kept SELECT id, text FROM names;
         DROP TABLE names;
         ALTER TABLE kept RENAME TO names;",
    )
}
