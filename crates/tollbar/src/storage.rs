//! The stores that a configuration names, with the pepper that belongs to them.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use ring::rand::{SecureRandom, SystemRandom};
use tb_config::{Snapshot, StorageSettings};
use tb_core::Pepper;
use tb_store::{
    Durability, StorageAddress, claim_database, claim_journal, connect, environment_of_database,
    environment_of_journal, open_pepper,
};

use crate::failure::{Failed, INVALID_CONFIGURATION, NEGATIVE};

/// Open stores.
pub(crate) struct Stores {
    ports: tb_store::Stores,
    /// The key of the hashes of keys.
    pub(crate) pepper: Pepper,
    /// Whether everything is gone with the process.
    pub(crate) is_temporary: bool,
}

/// The ports themselves.
impl Deref for Stores {
    type Target = tb_store::Stores;

    fn deref(&self) -> &Self::Target {
        &self.ports
    }
}

/// Opens the stores of a server; makes database and pepper when they are missing. A database of
/// another environment is refused, one of none is ours from now on.
pub(crate) fn open(snapshot: &Snapshot, durability: Durability) -> anyhow::Result<Stores> {
    let stores = open_any(&snapshot.storage, durability)?;
    own_database(snapshot, Looking::ToWrite)?;
    Ok(stores)
}

fn open_any(settings: &StorageSettings, durability: Durability) -> anyhow::Result<Stores> {
    let (address, pepper) = match settings {
        StorageSettings::Memory => (StorageAddress::Memory, fresh_pepper()?),
        StorageSettings::Sqlite(path) => {
            // Beside the database: whoever moves one thinks of the other.
            let file = path.with_extension("pepper");
            refuse_lost_pepper(path, &file, durability)?;
            let pepper = open_pepper(&file)?;
            (StorageAddress::Sqlite(path.clone()), pepper)
        }
    };
    let ports = connect(&address, durability).context("cannot open the storage")?;
    Ok(Stores { ports, pepper, is_temporary: address == StorageAddress::Memory })
}

/// Opens the stores for a command, which has nothing to do with those that end with a process.
pub(crate) fn open_lasting(snapshot: &Snapshot) -> anyhow::Result<Stores> {
    let stores = open_of_file(&snapshot.storage)?;
    own_database(snapshot, Looking::ToWrite)?;
    Ok(stores)
}

fn open_of_file(settings: &StorageSettings) -> anyhow::Result<Stores> {
    if *settings == StorageSettings::Memory {
        let message = "the storage is `memory:`, which only the running server can see; use its \
                       admin API, or a `sqlite:` storage";
        return Err(Failed::usage(message).into());
    }
    open_any(settings, Durability::Process)
}

/// Opens the stores for a command that only looks: one that finds nothing makes nothing.
pub(crate) fn open_existing(snapshot: &Snapshot) -> anyhow::Result<Stores> {
    if let StorageSettings::Sqlite(path) = &snapshot.storage
        && !path.exists()
    {
        let message = format!(
            "there is no database {}: nothing is stored before the first `tollbar serve` or \
             `tollbar keys create`",
            path.display()
        );
        return Err(Failed::new(NEGATIVE, message).into());
    }
    let stores = open_of_file(&snapshot.storage)?;
    own_database(snapshot, Looking::Only)?;
    Ok(stores)
}

/// What a command wants with the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looking {
    Only,
    ToWrite,
}

/// Refuses a database of another environment: its keys, labels and records are not ours.
fn own_database(snapshot: &Snapshot, looking: Looking) -> anyhow::Result<()> {
    let StorageSettings::Sqlite(path) = &snapshot.storage else { return Ok(()) };
    let ours = snapshot.environment.as_deref();
    let owner = match (ours, looking) {
        (Some(name), Looking::ToWrite) => Some(claim_database(path, name)?),
        _ => environment_of_database(path)?,
    };
    let database = path.display();
    let rename = format!(
        "`sqlite3 {database} \"UPDATE environment SET name = '{}'\"`",
        ours.unwrap_or("NAME").replace('\'', "''")
    );
    refuse_foreign((&format!("the database {database}"), "[storage] url"), owner, (ours, &rename))
}

/// Refuses the folder of a journal of another environment; one of none is ours from now on.
pub(crate) fn own_journal(snapshot: &Snapshot) -> anyhow::Result<()> {
    let folder = &snapshot.journal.path;
    let ours = snapshot.environment.as_deref();
    let owner = match ours {
        Some(name) => Some(claim_journal(folder, name)?),
        None => environment_of_journal(folder)?,
    };
    let folder = folder.display();
    let rename = format!("the file {folder}/environment");
    refuse_foreign((&format!("the journal {folder}"), "[journal] path"), owner, (ours, &rename))
}

fn refuse_foreign(
    (what, key): (&str, &str),
    owner: Option<String>,
    (ours, rename): (Option<&str>, &str),
) -> anyhow::Result<()> {
    let Some(owner) = owner.filter(|owner| ours != Some(owner.as_str())) else { return Ok(()) };
    let we = match ours {
        Some(name) => format!("this configuration is of `{name}`"),
        None => "this configuration names no environment".to_owned(),
    };
    let message = format!(
        "{what} belongs to the environment `{owner}`, and {we} (`[environment] name`): keys, \
         labels and records of one never serve another. Give this one a `{key}` of its own. If \
         the environment was renamed, rename it there too: {rename}"
    );
    Err(Failed::new(INVALID_CONFIGURATION, message).into())
}

/// With a new pepper every key in the database would be refused, and nothing would say why.
fn refuse_lost_pepper(
    database: &Path,
    pepper: &Path,
    durability: Durability,
) -> anyhow::Result<()> {
    // The pepper is made before the database, so one without the other is not a first start.
    if pepper.exists() || !database.exists() {
        return Ok(());
    }
    let address = StorageAddress::Sqlite(database.to_owned());
    let stores = connect(&address, durability).context("cannot open the storage")?;
    if stores.keys.keys()?.is_empty() && stores.keys.admin_tokens()?.is_empty() {
        return Ok(());
    }
    let (pepper, database) = (pepper.display(), database.display());
    let message = format!(
        "the pepper file {pepper} is missing, but {database} has keys or admin tokens, and none \
         of them works without it. Restore {pepper} from a backup. If it is lost for good, so \
         are the keys and tokens: move {database} away to start afresh, or keep its usage rows \
         and forget the keys with `sqlite3 {database} 'DELETE FROM keys; DELETE FROM \
         admin_tokens'`. The next start then makes a new pepper, and new keys are made with \
         `tollbar keys create`"
    );
    Err(Failed::new(INVALID_CONFIGURATION, message).into())
}

/// The folder of the audit log and the file of its key; none for a storage in memory.
pub(crate) fn audit_paths(snapshot: &Snapshot) -> Option<(PathBuf, PathBuf)> {
    let StorageSettings::Sqlite(database) = &snapshot.storage else { return None };
    let folder = match snapshot.audit.path.as_os_str().is_empty() {
        true => database.with_extension("audit"),
        false => snapshot.audit.path.clone(),
    };
    // Beside the pepper, not in the folder: who may write records need not sign them.
    Some((folder, database.with_extension("audit-key")))
}

fn fresh_pepper() -> anyhow::Result<Pepper> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("the system's random number generator failed"))?;
    Ok(Pepper::from_bytes(&bytes))
}
