//! The dictionary: names by id, ids by name.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

/// Names remembered at most: end users come without bound, and a forgotten name is only
/// looked up again.
const REMEMBERED: usize = 16_384;

/// Names looked through before the map is asked: the rows of a batch mostly share theirs, and
/// comparing a few short texts costs less than hashing one.
const LATEST: usize = 16;

/// Columns of a row that hold names.
const COLUMNS: usize = 18;

/// A name and its id.
type Name = (Arc<str>, i64);

/// The ids of names that were used lately.
#[derive(Default)]
pub(super) struct Names {
    ids: HashMap<Box<str>, i64>,
    latest: VecDeque<Name>,
    /// What each column held in the row before: mostly it holds the same again.
    before: [Option<Name>; COLUMNS],
}

/// The names of one row, to be asked for in the order of its columns.
pub(super) struct RowNames<'n> {
    names: &'n mut Names,
    connection: &'n Connection,
    column: usize,
}

impl RowNames<'_> {
    /// The id of the next column's name, which gets one if it has none.
    pub(super) fn id(&mut self, text: &str) -> rusqlite::Result<i64> {
        self.optional_id(Some(text)).map(Option::unwrap_or_default)
    }

    /// [`Self::id`] of a name that may be absent.
    pub(super) fn optional_id(&mut self, text: Option<&str>) -> rusqlite::Result<Option<i64>> {
        let column = self.column;
        self.column += 1;
        text.map(|text| self.names.id(self.connection, column, text)).transpose()
    }
}

impl Names {
    /// The names of the next row.
    pub(super) const fn row<'n>(&'n mut self, connection: &'n Connection) -> RowNames<'n> {
        RowNames { names: self, connection, column: 0 }
    }

    fn id(&mut self, connection: &Connection, column: usize, text: &str) -> rusqlite::Result<i64> {
        if let Some(Some((before, id))) = self.before.get(column)
            && **before == *text
        {
            return Ok(*id);
        }
        let name = match self.latest.iter().find(|(latest, _)| **latest == *text) {
            Some(name) => name.clone(),
            None => {
                let name: Name = (text.into(), self.id_of_any(connection, text)?);
                self.latest.truncate(LATEST - 1);
                self.latest.push_front(name.clone());
                name
            }
        };
        let id = name.1;
        if let Some(before) = self.before.get_mut(column) {
            *before = Some(name);
        }
        Ok(id)
    }

    fn id_of_any(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.ids.get(text) {
            return Ok(*id);
        }
        let known = connection
            .prepare_cached("SELECT id FROM names WHERE text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => connection
                .prepare_cached("INSERT INTO names (text) VALUES (?1) RETURNING id")?
                .query_row([text], |row| row.get(0))?,
        };
        if self.ids.len() >= REMEMBERED {
            self.ids.clear();
        }
        self.ids.insert(text.into(), id);
        Ok(id)
    }

    /// Forgets everything remembered, after a transaction that was undone.
    pub(super) fn forget(&mut self) {
        self.ids.clear();
        self.latest.clear();
        self.before = Default::default();
    }
}

/// The names of the ids in one answer.
pub(super) struct Texts<'c> {
    connection: &'c Connection,
    texts: HashMap<i64, Arc<str>>,
}

impl<'c> Texts<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, texts: HashMap::new() }
    }

    /// The name of an id.
    pub(super) fn text(&mut self, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = self.texts.get(&id) {
            return Ok(Arc::clone(text));
        }
        let text: String = self
            .connection
            .prepare_cached("SELECT text FROM names WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        let text: Arc<str> = text.into();
        self.texts.insert(id, Arc::clone(&text));
        Ok(text)
    }

    /// [`Self::text`] of an id that may be absent.
    pub(super) fn optional(&mut self, id: Option<i64>) -> rusqlite::Result<Option<Arc<str>>> {
        id.map(|id| self.text(id)).transpose()
    }
}
