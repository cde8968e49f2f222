//! The writers that are open.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior};
use tb_core::UsageRow;
use tb_core::ports::StoreError;

use super::{Place, VERSION, sync, upgrade, version};
use crate::Durability;
use crate::sqlite::names::Names;
use crate::sqlite::row::{INSERT, insert};
use crate::sqlite::{connect, create_private, failed};

/// Writers open at a time: the classes of the present half hour and of the one before.
const OPEN_AT_MOST: usize = 8;

const SCHEMA: &str = include_str!("../../../migrations/sqlite/usage_partition.sql");

/// The open writers, the one used last first.
pub(super) struct Writers {
    folder: PathBuf,
    durability: Durability,
    open: VecDeque<Writer>,
}

struct Writer {
    place: Place,
    connection: Connection,
    names: Names,
    /// `PRAGMA data_version`: another number when another connection changed the file.
    seen: i64,
}

impl Writers {
    pub(super) const fn new(folder: PathBuf, durability: Durability) -> Self {
        Self { folder, durability, open: VecDeque::new() }
    }

    /// See [`super::Partitions::append`].
    pub(super) fn append<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r UsageRow>,
    ) -> Result<(), StoreError> {
        let mut by_place: BTreeMap<Place, Vec<&UsageRow>> = BTreeMap::new();
        for row in rows {
            by_place.entry(Place::of(row)).or_default().push(row);
        }
        for (place, rows) in by_place {
            let mut writer = match self.take(place) {
                Some(writer) => writer,
                None => self.open(place)?,
            };
            let done = writer.insert(&rows);
            if done.is_err() {
                // Names that were given ids in the transaction have none now.
                writer.names.forget();
            }
            self.open.push_front(writer);
            self.open.truncate(OPEN_AT_MOST);
            done.map_err(|fault| failed("add usage rows", &fault))?;
        }
        Ok(())
    }

    /// Closes the writer of a place, if there is one.
    pub(super) fn close(&mut self, place: Place) {
        drop(self.take(place));
    }

    fn take(&mut self, place: Place) -> Option<Writer> {
        let at = self.open.iter().position(|writer| writer.place == place)?;
        self.open.remove(at)
    }

    fn open(&self, place: Place) -> Result<Writer, StoreError> {
        let what = "open a file of usage rows";
        let path = self.folder.join(place.file_name());
        let is_new = !path.exists();
        create_private(&path)?;
        let mut connection = connect(&path, what)?;
        prepare(&mut connection, self.durability).map_err(|fault| failed(what, &fault))?;
        if is_new && self.durability == Durability::Power {
            sync(&self.folder)?;
        }
        Ok(Writer { place, connection, names: Names::default(), seen: -1 })
    }
}

/// Sets a connection up and makes the tables in a new file.
fn prepare(connection: &mut Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = durability.synchronous();
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
         PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -1024;"
    ))?;
    upgrade(connection)?;
    if version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    if version(&transaction)? != VERSION {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

impl Writer {
    fn insert(&mut self, rows: &[&UsageRow]) -> rusqlite::Result<()> {
        let Self { connection, names, seen, .. } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // An erasure by another process takes names away.
        let now: i64 =
            transaction.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if now != *seen {
            names.forget();
            *seen = now;
        }
        let mut statement = transaction.prepare_cached(INSERT)?;
        for row in rows {
            insert(&mut statement, &transaction, names, row)?;
        }
        drop(statement);
        transaction.commit()
    }
}
