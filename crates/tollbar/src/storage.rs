//! The stores that a configuration names, with the pepper that belongs to them.

use std::ops::Deref;

use anyhow::{Context, anyhow};
use ring::rand::{SecureRandom, SystemRandom};
use tb_config::StorageSettings;
use tb_core::Pepper;
use tb_store::{Durability, StorageAddress, connect, open_pepper};

use crate::failure::{Failed, NEGATIVE};

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

/// Opens the stores of a server; makes database and pepper when they are missing.
pub(crate) fn open(settings: &StorageSettings, durability: Durability) -> anyhow::Result<Stores> {
    let (address, pepper) = match settings {
        StorageSettings::Memory => (StorageAddress::Memory, fresh_pepper()?),
        StorageSettings::Sqlite(path) => {
            // Beside the database: whoever moves one thinks of the other.
            let pepper = open_pepper(&path.with_extension("pepper"))?;
            (StorageAddress::Sqlite(path.clone()), pepper)
        }
    };
    let ports = connect(&address, durability).context("cannot open the storage")?;
    Ok(Stores { ports, pepper, is_temporary: address == StorageAddress::Memory })
}

/// Opens the stores for a command, which has nothing to do with those that end with a process.
pub(crate) fn open_lasting(settings: &StorageSettings) -> anyhow::Result<Stores> {
    if *settings == StorageSettings::Memory {
        let message = "the storage is `memory:`, which only the running server can see; use its \
                       admin API, or a `sqlite:` storage";
        return Err(Failed::usage(message).into());
    }
    open(settings, Durability::Process)
}

/// Opens the stores for a command that only looks: one that finds nothing makes nothing.
pub(crate) fn open_existing(settings: &StorageSettings) -> anyhow::Result<Stores> {
    if let StorageSettings::Sqlite(path) = settings
        && !path.exists()
    {
        let message = format!(
            "there is no database {}: nothing is stored before the first `tollbar serve` or \
             `tollbar keys create`",
            path.display()
        );
        return Err(Failed::new(NEGATIVE, message).into());
    }
    open_lasting(settings)
}

fn fresh_pepper() -> anyhow::Result<Pepper> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("the system's random number generator failed"))?;
    Ok(Pepper::from_bytes(&bytes))
}
