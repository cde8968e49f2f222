//! Makes a running gateway out of a configuration: stores, journal, engine, servers.

mod first_start;
mod listeners;
mod reload;
mod watcher;

use std::sync::Arc;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use tb_config::Loaded;
use tb_core::ports::{Journal, UsageStore};
use tb_core::{Clock, KeyRing, NewKey};
use tb_engine::{Engine, Metrics, Parts, SystemClock};
use tb_server::admin::{AdminServer, AdminState, KeyDirectory, Live};
use tb_server::public::Workers;
use tb_store::{Durability, JournalSettings, MmapJournal};

pub(crate) use self::first_start::FirstStart;
pub(crate) use self::listeners::Listeners;
use self::watcher::KeyWatcher;
use crate::configuration::Configuration;
use crate::storage::{self, Stores};

/// The version that metrics and the admin API name.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A running gateway.
pub(crate) struct Gateway {
    engine: Engine,
    workers: Workers,
    admin: AdminServer,
    watcher: KeyWatcher,
    journal: Arc<MmapJournal>,
    usage: Arc<dyn UsageStore>,
    config: Arc<Live<Loaded>>,
}

impl Gateway {
    /// Starts it on open listeners; gives what must be shown once if this is the first start.
    pub(crate) fn start(
        loaded: Loaded,
        listeners: Listeners,
    ) -> anyhow::Result<(Self, FirstStart)> {
        let started_at = SystemClock.now();
        let snapshot = Arc::clone(&loaded.snapshot);
        let durability = match snapshot.journal.durable_on_power_loss {
            true => Durability::Power,
            false => Durability::Process,
        };
        let stores = storage::open(&snapshot.storage, durability)?;
        let first = first_start::prepare(&stores, &snapshot, started_at)?;
        let journal = open_journal(&loaded, &stores, durability)?;
        let engine = engine(&loaded, &stores, Arc::<MmapJournal>::clone(&journal))?;
        let keys =
            KeyDirectory::open(Arc::clone(&stores.keys), stores.pepper.clone(), engine.clone())?;
        let keys = Arc::new(keys);
        let config = Arc::new(Live::new(loaded));
        let workers = Workers::start(&listeners.public, &engine, snapshot.server.workers)
            .context("cannot start the public API")?;
        let pepper = stores.pepper.clone();
        let state = AdminState {
            engine: engine.clone(),
            keys: Arc::clone(&keys),
            make_key: Box::new(move |scope| NewKey::generate(&SystemRandom::new(), &pepper, scope)),
            usage: Arc::clone(&stores.usage),
            config: Arc::clone(&config),
            address: listeners.admin.local_addr()?,
            public_address: workers.address(),
            started_at,
            version: VERSION,
        };
        let admin =
            AdminServer::start(listeners.admin, state).context("cannot start the admin API")?;
        let watcher = KeyWatcher::start(keys).context("cannot watch the keys")?;
        let usage = Arc::clone(&stores.usage);
        Ok((Self { engine, workers, admin, watcher, journal, usage, config }, first))
    }

    /// Where the public API listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.workers.address()
    }

    /// Where the admin API listens.
    pub(crate) fn admin_address(&self) -> std::net::SocketAddr {
        self.admin.address()
    }

    /// The usage rows, once everything written so far is among them.
    pub(crate) fn settled_usage(&self) -> anyhow::Result<&Arc<dyn UsageStore>> {
        self.journal.flush()?;
        Ok(&self.usage)
    }

    /// Reads the configuration again and serves with it, or keeps the old one.
    pub(crate) fn reload(&self, configuration: &Configuration) {
        let addresses = [self.address(), self.admin_address()];
        let applied = match reload::read(configuration, &self.config.get(), addresses) {
            Some(loaded) => {
                self.engine.apply(Arc::clone(&loaded.snapshot));
                let hash = format!("{:016x}", loaded.snapshot.hash);
                self.config.set(loaded);
                tracing::info!(hash, "the configuration is reloaded");
                true
            }
            None => false,
        };
        self.engine.metrics().set_reload_outcome(applied);
    }

    /// Stops taking requests, lets the running ones end, stores what is left, and ends.
    pub(crate) fn drain(self) -> anyhow::Result<()> {
        self.engine.start_draining();
        self.workers.stop_accepting();
        self.workers.join();
        self.watcher.stop();
        self.admin.stop();
        self.journal.close().context("some usage rows wait in the journal for the next start")
    }
}

fn open_journal(
    loaded: &Loaded,
    stores: &Stores,
    durability: Durability,
) -> anyhow::Result<Arc<MmapJournal>> {
    let opened = if stores.is_temporary {
        stores.temporary_journal()
    } else {
        let path = loaded.snapshot.journal.path.clone();
        stores.journal(JournalSettings::new(path, durability))
    };
    let journal = opened.context("cannot open the journal")?;
    let crashed = journal.settled_as_crash();
    if crashed > 0 {
        tracing::warn!(attempts = crashed, "attempts that a crash left open are settled");
    }
    Ok(Arc::new(journal))
}

fn engine(loaded: &Loaded, stores: &Stores, journal: Arc<dyn Journal>) -> anyhow::Result<Engine> {
    let seed = [random_number()?, random_number()?];
    Ok(Engine::new(Parts {
        snapshot: Arc::clone(&loaded.snapshot),
        keys: Arc::new(KeyRing::new(Vec::new(), stores.pepper.clone())),
        journal,
        responses: Arc::clone(&stores.responses),
        answers: Arc::clone(&stores.answers),
        cache_secret: stores.pepper.derive("cache"),
        guard_secret: stores.pepper.derive("guard"),
        clock: Arc::new(SystemClock),
        metrics: Arc::new(Metrics::new(VERSION)),
        seed,
    }))
}

fn random_number() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system's random number generator failed"))?;
    Ok(u64::from_le_bytes(bytes))
}
