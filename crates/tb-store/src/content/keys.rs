//! `keys.db`: the keys of subjects and days. A key that is deleted here is gone: SQLite
//! overwrites it, and there is no log beside the file that would keep it.

use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::SystemRandom;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use tb_core::ServiceName;
use tb_core::content::{ContentEntry, MasterKey, SubjectKey};
use tb_core::ports::StoreError;

use super::frames::Place;

const NAME: &str = "keys.db";

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What is bound to the key under which subjects are looked up, and to those of subjects.
const NAMES_ABOUT: &[u8] = b"tollbar content log: names";
const KEY_ABOUT: &[u8] = b"tollbar content log: key";

/// The most keys that are held unwrapped between batches.
const MOST_HELD: usize = 16 * 1024;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS names (
        only INTEGER PRIMARY KEY CHECK (only = 1), wrapped BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS keys (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        service TEXT NOT NULL, subject BLOB NOT NULL, day INTEGER NOT NULL, wrapped BLOB NOT NULL,
        UNIQUE (subject, day)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS keys_by_day ON keys (day);";

type Subject = [u8; 32];

/// A key with its number.
pub(super) type Numbered = (u64, Arc<SubjectKey>);

/// The open file.
pub(super) struct KeyFile {
    connection: Connection,
    master: Arc<MasterKey>,
    /// Subjects are looked up under this key.
    names: SubjectKey,
    random: SystemRandom,
    held: HashMap<(Subject, i64), Numbered>,
    /// Says whether another connection changed the file since `held` was filled.
    version: i64,
}

impl KeyFile {
    /// Opens the file; makes it (mode 0600) when it is missing.
    pub(super) fn make(folder: &Path, master: &Arc<MasterKey>) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let made =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        made.map_err(|error| super::failed("open", &path, &error))?;
        Self::open(folder, master)?.map_or_else(|| Err(wrong_key(folder)), Ok)
    }

    /// Opens the file; `None` when it is not there.
    pub(super) fn open(folder: &Path, master: &Arc<MasterKey>) -> Result<Option<Self>, StoreError> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(
                "PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON;
                 PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;",
            )?;
            Ok(connection)
        });
        let mut connection = opened.map_err(failed("open the content log's keys"))?;
        let random = SystemRandom::new();
        let wrapped = names(&mut connection, master, &random)
            .map_err(failed("read the content log's keys"))?
            .ok_or_else(no_randomness)?;
        let names = master.unwrap(NAMES_ABOUT, &wrapped).ok_or_else(|| wrong_key(folder))?;
        let (master, held) = (Arc::clone(master), HashMap::new());
        Ok(Some(Self { connection, master, names, random, held, version: 0 }))
    }

    /// The key of each entry, in their order; those that are missing are made in one
    /// transaction.
    pub(super) fn of(&mut self, entries: &[ContentEntry]) -> Result<Vec<Numbered>, StoreError> {
        let what = failed("read the content log's keys");
        let version =
            self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(what)?;
        if version != self.version || self.held.len() > MOST_HELD {
            self.held.clear();
            self.version = version;
        }
        let wanted = |entry: &ContentEntry| {
            let subject = self.names.subject(&entry.service, entry.user.as_deref());
            (subject, Place::of(entry.request_id, entry.data_class).day())
        };
        let wanted: Vec<(Subject, i64)> = entries.iter().map(wanted).collect();
        let missing: Vec<_> = wanted
            .iter()
            .zip(entries)
            .filter(|(wanted, _)| !self.held.contains_key(*wanted))
            .map(|(wanted, entry)| (*wanted, &entry.service))
            .collect();
        if !missing.is_empty() {
            let found = find_or_make(&mut self.connection, (&self.master, &self.random), &missing)?;
            self.held.extend(found);
        }
        wanted
            .iter()
            .map(|wanted| self.held.get(wanted).cloned().ok_or_else(no_randomness))
            .collect()
    }

    /// The key of that number with the service that it belongs to; `None` when it is destroyed.
    pub(super) fn by_number(
        &self,
        number: u64,
    ) -> Result<Option<(ServiceName, SubjectKey)>, StoreError> {
        let row = self
            .connection
            .prepare_cached("SELECT service, subject, day, wrapped FROM keys WHERE number = ?1")
            .and_then(|mut query| {
                query
                    .query_row([i64::try_from(number).unwrap_or(-1)], |row| {
                        let service: String = row.get(0)?;
                        Ok((service, row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?))
                    })
                    .optional()
            })
            .map_err(failed("read the content log's keys"))?;
        let Some((service, subject, day, wrapped)) = row else { return Ok(None) };
        let key = self.master.unwrap(&about(&subject, day), &wrapped);
        Ok(key.map(|key| (ServiceName::from(service.as_str()), key)))
    }

    /// Destroys the keys of people on all days but those that `is_held` keeps; gives how many it
    /// destroyed and how many were kept. With no service, those of every service.
    pub(super) fn destroy(
        &mut self,
        names: &[String],
        service: Option<&ServiceName>,
        is_held: &dyn Fn(&ServiceName, i64) -> bool,
    ) -> Result<(u64, u64), StoreError> {
        self.held.clear();
        let key = &self.names;
        let work = |transaction: &Transaction<'_>| {
            let services = match service {
                Some(service) => vec![service.clone()],
                None => services(transaction)?,
            };
            let (mut destroyed, mut kept) = (0, 0);
            let mut find =
                transaction.prepare("SELECT number, day FROM keys WHERE subject = ?1")?;
            let mut delete = transaction.prepare("DELETE FROM keys WHERE number = ?1")?;
            for service in &services {
                for name in names {
                    let subject = key.subject(service, Some(name));
                    let rows = find.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    for (number, day) in rows.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
                        if is_held(service, day) {
                            kept += 1;
                        } else {
                            delete.execute([number])?;
                            destroyed += 1;
                        }
                    }
                }
            }
            Ok((destroyed, kept))
        };
        write(&mut self.connection, work).map_err(failed("destroy the content log's keys"))
    }

    /// Destroys the keys of all days but these; gives their number.
    pub(super) fn forget_days_without(&mut self, days: &BTreeSet<i64>) -> Result<u64, StoreError> {
        self.held.clear();
        let work = |transaction: &Transaction<'_>| {
            let mut query = transaction.prepare("SELECT DISTINCT day FROM keys")?;
            let there = query.query_map([], |row| row.get(0))?;
            let mut forgotten = 0;
            for day in there.collect::<rusqlite::Result<Vec<i64>>>()? {
                if !days.contains(&day) {
                    let deleted = transaction.execute("DELETE FROM keys WHERE day = ?1", [day])?;
                    forgotten += u64::try_from(deleted).unwrap_or_default();
                }
            }
            Ok(forgotten)
        };
        write(&mut self.connection, work).map_err(failed("destroy the content log's keys"))
    }

    /// Wraps every key by another master key; gives their number.
    pub(super) fn rewrap(&mut self, successor: &MasterKey) -> Result<u64, StoreError> {
        let (master, random) = (&self.master, &self.random);
        let anew = |about: &[u8], wrapped: &[u8]| {
            let unreadable = rusqlite::Error::InvalidQuery;
            master.rewrap(successor, random, (about, wrapped)).ok_or(unreadable)
        };
        let work = |transaction: &Transaction<'_>| {
            let names: Vec<u8> =
                transaction.query_row("SELECT wrapped FROM names", [], |row| row.get(0))?;
            transaction.execute("UPDATE names SET wrapped = ?1", [anew(NAMES_ABOUT, &names)?])?;
            let mut query =
                transaction.prepare("SELECT number, subject, day, wrapped FROM keys")?;
            let mut update =
                transaction.prepare("UPDATE keys SET wrapped = ?2 WHERE number = ?1")?;
            let rows = query.query_map([], |row| {
                Ok((row.get(0)?, about(&row.get(1)?, row.get(2)?), row.get(3)?))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<(i64, Vec<u8>, Vec<u8>)>>>()?;
            for (number, about, wrapped) in &rows {
                update.execute((number, anew(about, wrapped)?))?;
            }
            Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
        };
        write(&mut self.connection, work).map_err(failed("wrap the content log's keys anew"))
    }
}

/// The wrapped key of names; made with the tables when there is none yet. `None` when the system
/// gives no random bytes.
fn names(
    connection: &mut Connection,
    master: &MasterKey,
    random: &SystemRandom,
) -> rusqlite::Result<Option<Vec<u8>>> {
    write(connection, |transaction| {
        transaction.execute_batch(SCHEMA)?;
        let there =
            transaction.query_row("SELECT wrapped FROM names", [], |row| row.get(0)).optional()?;
        if there.is_some() {
            return Ok(there);
        }
        let Ok((_, wrapped)) = master.make(random, NAMES_ABOUT) else { return Ok(None) };
        transaction.execute("INSERT INTO names (only, wrapped) VALUES (1, ?1)", [&wrapped])?;
        Ok(Some(wrapped))
    })
}

fn services(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<ServiceName>> {
    let mut query = transaction.prepare("SELECT DISTINCT service FROM keys")?;
    let services =
        query.query_map([], |row| row.get::<_, String>(0).map(|name| name.as_str().into()))?;
    services.collect()
}

/// Keys out of the file, or new ones.
fn find_or_make(
    connection: &mut Connection,
    (master, random): (&MasterKey, &SystemRandom),
    missing: &[((Subject, i64), &ServiceName)],
) -> Result<HashMap<(Subject, i64), Numbered>, StoreError> {
    let work = |transaction: &Transaction<'_>| {
        let mut find = transaction
            .prepare_cached("SELECT number, wrapped FROM keys WHERE subject = ?1 AND day = ?2")?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO keys (service, subject, day, wrapped) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let mut found = HashMap::new();
        for ((subject, day), service) in missing {
            if found.contains_key(&(*subject, *day)) {
                continue;
            }
            let about = about(subject, *day);
            let there = find
                .query_row((subject, day), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
                .optional()?;
            let there: Option<(i64, Vec<u8>)> = there;
            let key = match there {
                Some((number, wrapped)) => master.unwrap(&about, &wrapped).map(|key| (number, key)),
                None => match master.make(random, &about) {
                    Ok((key, wrapped)) => {
                        let number = insert.insert((service.as_str(), subject, day, wrapped))?;
                        Some((number, key))
                    }
                    Err(_) => None,
                },
            };
            if let Some((number, key)) = key {
                let number = u64::try_from(number).unwrap_or_default();
                found.insert((*subject, *day), (number, Arc::new(key)));
            }
        }
        Ok(found)
    };
    write(connection, work).map_err(failed("make the content log's keys"))
}

/// What is bound to a wrapped key, so that it opens for nothing else.
fn about(subject: &Subject, day: i64) -> Vec<u8> {
    [KEY_ABOUT, subject, &day.to_le_bytes()].concat()
}

/// Runs `work` in one transaction; nothing of it stays when it fails.
fn write<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn failed(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |fault| crate::sqlite::failed(what, &fault)
}

fn no_randomness() -> StoreError {
    StoreError::Failed("the content log has no key: the system gives no random bytes".to_owned())
}

fn wrong_key(folder: &Path) -> StoreError {
    StoreError::Failed(format!(
        "the keys in {} are wrapped by another master key than content_log.master_key: give back \
         the old one, or name another content_log.path",
        folder.join(NAME).display()
    ))
}
