//! Makes a running gateway out of a configuration: stores, journal, engine, servers.

mod audit;
mod content;
mod files;
mod first_start;
mod listeners;
mod provider_keys;
mod reload;
mod retention;
mod watcher;

use std::sync::Arc;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};
use tb_config::{Loaded, Snapshot};
use tb_core::ports::{ActStore, Journal, UsageStore};
use tb_core::{Clock, KeyRing};
use tb_engine::{Engine, Metrics, Parts, SystemClock};
use tb_server::admin::{AdminServer, AdminState, KeyDirectory, Live, PromptDirectory};
use tb_server::public::{Tls, Workers};
use tb_store::{Durability, JournalSettings, MmapJournal};

use self::audit::Audit;
use self::content::Content;
pub(crate) use self::content::master_key;
use self::files::FileWatcher;
pub(crate) use self::first_start::FirstStart;
pub(crate) use self::listeners::Listeners;
use self::retention::RetentionThread;
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
    audit: Audit,
    content: Content,
    usage: Arc<dyn UsageStore>,
    config: Arc<Live<Loaded>>,
    prompts: Arc<PromptDirectory>,
    acts: Arc<dyn ActStore>,
    files: FileWatcher,
    retention: RetentionThread,
}

impl Gateway {
    /// Starts it on open listeners; gives what must be shown once if this is the first start.
    pub(crate) fn start(
        loaded: Loaded,
        listeners: Listeners,
    ) -> anyhow::Result<(Self, FirstStart)> {
        let started_at = SystemClock.now();
        let snapshot = Arc::clone(&loaded.snapshot);
        let durability = durability(&snapshot);
        let stores = storage::open(&snapshot, durability)?;
        let first = first_start::prepare(&stores, &snapshot, started_at)?;
        let audit = Audit::open(&snapshot, &stores)?;
        let journal = open_journal(&loaded, &stores, &audit, durability)?;
        let engine = engine(&loaded, &stores, Arc::<MmapJournal>::clone(&journal))?;
        let content = Content::open(&snapshot, &engine)?;
        let (keys, prompts) = directories(&stores, &engine, &snapshot)?;
        restore_quotas(&engine, &journal, stores.usage.as_ref())?;
        let watched = loaded.watched.clone();
        let config = Arc::new(Live::new(loaded));
        let workers = Workers::start(&listeners.public, &engine, snapshot.server.workers)
            .context("cannot start the public API")?;
        let keeping = retention::keeping(&retention::Needs {
            stores: &stores,
            audit: &audit,
            journal: &journal,
            engine: &engine,
            content: content.log.as_ref(),
        })?;
        let retention =
            RetentionThread::start(Arc::clone(&keeping)).context("cannot start retention")?;
        let state = AdminState {
            engine: engine.clone(),
            records: keeping,
            keys: Arc::clone(&keys),
            prompts: Arc::clone(&prompts),
            acts: Arc::clone(&stores.acts),
            usage: Arc::clone(&stores.usage),
            audit: Arc::new(audit.log.reader()),
            content: content.trail(),
            config: Arc::clone(&config),
            address: listeners.admin.local_addr()?,
            public_address: workers.address(),
            started_at,
            version: VERSION,
        };
        let admin =
            AdminServer::start(listeners.admin, state).context("cannot start the admin API")?;
        let watcher =
            KeyWatcher::start((keys, Arc::clone(&prompts))).context("cannot watch the keys")?;
        let files = FileWatcher::start(watched).context("cannot watch the files")?;
        let gateway = Self {
            engine,
            workers,
            admin,
            watcher,
            journal,
            audit,
            content,
            usage: Arc::clone(&stores.usage),
            config,
            prompts,
            acts: Arc::clone(&stores.acts),
            files,
            retention,
        };
        Ok((gateway, first))
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

    /// Waits until a file was renewed that the configuration was made of.
    pub(crate) async fn files_changed(&self) {
        self.files.changed().await;
    }

    /// Reads the configuration again and serves with it, or keeps the old one. Dropped before its
    /// end it has changed nothing.
    pub(crate) async fn reload(&self, configuration: &Configuration) {
        let addresses = [self.address(), self.admin_address()];
        let running = self.config.get();
        let applied = match reload::read(configuration, &running, addresses) {
            Some((fresh, tls)) => {
                self.switch(&running, fresh, tls).await;
                true
            }
            None => false,
        };
        self.engine.metrics().set_reload_outcome(applied);
    }

    async fn switch(&self, running: &Loaded, mut fresh: Loaded, tls: Option<Tls>) {
        let now = SystemClock.now();
        let snapshots = (&*running.snapshot, Arc::clone(&fresh.snapshot));
        let (settled, mut acts) = provider_keys::tried(&self.engine, snapshots, now).await;
        acts.push(reload::act((&running.snapshot, &settled), now));
        fresh.snapshot = settled;
        self.engine.apply(Arc::clone(&fresh.snapshot));
        if let Err(error) = self.prompts.register_files(&fresh.snapshot) {
            tracing::error!(%error, "prompt files are not registered; the versions before stay");
        }
        self.workers.speak(tls);
        self.files.watch(fresh.watched.clone());
        let hash = format!("{:016x}", fresh.snapshot.hash);
        self.config.set(fresh);
        tracing::info!(hash, "the configuration is reloaded");
        for act in acts {
            if let Err(error) = self.acts.note_act(&act) {
                tracing::error!(%error, act = act.kind, "an act could not be written down");
            }
        }
    }

    /// Stops taking requests, lets the running ones end, stores what is left, and ends.
    pub(crate) fn drain(self) -> anyhow::Result<()> {
        self.engine.start_draining();
        self.workers.stop_accepting();
        self.workers.join();
        self.watcher.stop();
        self.files.stop();
        self.admin.stop();
        self.retention.stop();
        self.content.close();
        let stored = self.journal.close();
        let stored = stored.context("some usage rows wait in the journal for the next start");
        let audited = self.audit.close();
        stored.and(audited)
    }
}

/// What is in the store and must be in memory: keys, and prompts with the files of the
/// configuration.
fn directories(
    stores: &Stores,
    engine: &Engine,
    snapshot: &Snapshot,
) -> anyhow::Result<(Arc<KeyDirectory>, Arc<PromptDirectory>)> {
    Ok((key_directory(stores, engine)?, prompt_directory(stores, engine, snapshot)?))
}

fn key_directory(stores: &Stores, engine: &Engine) -> anyhow::Result<Arc<KeyDirectory>> {
    let (keys, pepper) = (Arc::clone(&stores.keys), stores.pepper.clone());
    let directory = KeyDirectory::open(keys, pepper, engine.clone())?;
    Ok(Arc::new(directory.with_uses(Arc::clone(&stores.key_uses))?))
}

fn prompt_directory(
    stores: &Stores,
    engine: &Engine,
    snapshot: &Snapshot,
) -> anyhow::Result<Arc<PromptDirectory>> {
    let directory = PromptDirectory::open(Arc::clone(&stores.prompts), engine.clone())?;
    directory.register_files(snapshot).context("cannot register the prompt files")?;
    Ok(Arc::new(directory))
}

fn durability(snapshot: &Snapshot) -> Durability {
    match snapshot.journal.durable_on_power_loss {
        true => Durability::Power,
        false => Durability::Process,
    }
}

/// What was used before the start counts on, attempts that a crash left open included.
fn restore_quotas(
    engine: &Engine,
    journal: &MmapJournal,
    usage: &dyn UsageStore,
) -> anyhow::Result<()> {
    journal.flush().context("the rest of the journal cannot be stored")?;
    engine.restore_quotas(usage).context("cannot read what the limits are counted from")
}

fn open_journal(
    loaded: &Loaded,
    stores: &Stores,
    audit: &Audit,
    durability: Durability,
) -> anyhow::Result<Arc<MmapJournal>> {
    let log = Arc::clone(&audit.log);
    let opened = if stores.is_temporary {
        stores.temporary_journal(log)
    } else {
        storage::own_journal(&loaded.snapshot)?;
        let path = loaded.snapshot.journal.path.clone();
        stores.journal(JournalSettings::new(path, durability), log)
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
