//! Which environment a database and a journal belong to, so that the keys, labels and records
//! of one never serve another.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use rusqlite::OptionalExtension as _;
use tb_core::ports::StoreError;

use crate::sqlite::{connect, failed};

/// The file in the folder of a journal that says whose it is.
const FILE: &str = "environment";

/// The same file while it is written.
const UNFINISHED: &str = "environment.new";

/// The environment that a database belongs to; none when it was never used with a name.
///
/// # Errors
/// When the database cannot be read. Its schema must be the newest.
pub fn environment_of_database(path: &Path) -> Result<Option<String>, StoreError> {
    let what = "read whose the database is";
    let connection = connect(path, what)?;
    connection
        .query_row("SELECT name FROM environment", [], |row| row.get(0))
        .optional()
        .map_err(|fault| failed(what, &fault))
}

/// Makes a database the one of this environment, unless it is somebody's; gives whose it is then.
///
/// # Errors
/// When the database cannot be written. Its schema must be the newest.
pub fn claim_database(path: &Path, name: &str) -> Result<String, StoreError> {
    let what = "write whose the database is";
    let connection = connect(path, what)?;
    connection
        .execute("INSERT OR IGNORE INTO environment (id, name) VALUES (1, ?1)", [name])
        .and_then(|_| connection.query_row("SELECT name FROM environment", [], |row| row.get(0)))
        .map_err(|fault| failed(what, &fault))
}

/// The environment that the journal in this folder belongs to; none when it was never used with
/// a name, or is not there.
///
/// # Errors
/// When the file that says so cannot be read.
pub fn environment_of_journal(folder: &Path) -> Result<Option<String>, StoreError> {
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(unusable(folder, &fault)),
    }
}

/// Makes the journal in this folder the one of this environment, unless it is somebody's; gives
/// whose it is then. The folder is made when it is missing.
///
/// # Errors
/// When folder or file cannot be written.
pub fn claim_journal(folder: &Path, name: &str) -> Result<String, StoreError> {
    if let Some(owner) = environment_of_journal(folder)? {
        return Ok(owner);
    }
    let write = || {
        std::fs::create_dir_all(folder)?;
        // Whole under its name or not there: a torn name would be another's.
        let fresh = folder.join(UNFINISHED);
        let mut file = File::create(&fresh)?;
        writeln!(file, "{name}")?;
        file.sync_all()?;
        std::fs::rename(&fresh, folder.join(FILE))
    };
    write().map_err(|fault| unusable(folder, &fault))?;
    Ok(name.to_owned())
}

fn unusable(folder: &Path, fault: &std::io::Error) -> StoreError {
    StoreError::Failed(format!("cannot use {}: {fault}", folder.join(FILE).display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durability, SqliteStore};

    #[test]
    fn a_database_keeps_its_first_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollbar.db");
        drop(SqliteStore::open(&path, Durability::Process).unwrap());
        assert_eq!(environment_of_database(&path).unwrap(), None);
        assert_eq!(claim_database(&path, "staging").unwrap(), "staging");
        assert_eq!(claim_database(&path, "production").unwrap(), "staging");
        assert_eq!(environment_of_database(&path).unwrap().as_deref(), Some("staging"));
    }

    #[test]
    fn a_journal_keeps_its_first_environment() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        assert_eq!(environment_of_journal(&journal).unwrap(), None);
        assert_eq!(claim_journal(&journal, "staging").unwrap(), "staging");
        assert_eq!(claim_journal(&journal, "production").unwrap(), "staging");
        assert_eq!(environment_of_journal(&journal).unwrap().as_deref(), Some("staging"));
    }
}
