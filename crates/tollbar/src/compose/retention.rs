//! Retention and erasure of a running gateway: what they work on, and the thread that deletes.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tb_config::{RetentionRules, StorageSettings};
use tb_core::audit::{NoteSigner, Subjects};
use tb_core::ports::{ErasedStore, RecordKeeping, Shelf, Signature, StoreError};
use tb_core::retention::{ClassTimes, RUN_EVERY_MS, RetentionTimes};
use tb_core::{Actor, Clock, ServiceName};
use tb_engine::{Engine, SystemClock};
use tb_store::retention::{AuditShelf, EraseSubject, Retention, RetentionParts, Sign, Subject};
use tb_store::{ContentFiles, MmapJournal, open_audit_key};

use super::audit::{Audit, subjects};
use crate::storage::{self, Stores};

/// How often the thread looks at the clock: it must end soon when the gateway does.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What retention and erasure need of a gateway.
pub(super) struct Needs<'g> {
    pub(super) stores: &'g Stores,
    pub(super) audit: &'g Audit,
    pub(super) journal: &'g Arc<MmapJournal>,
    pub(super) engine: &'g Engine,
    pub(super) content: Option<&'g Arc<ContentFiles>>,
}

/// Puts them together.
pub(super) fn keeping(needs: &Needs<'_>) -> anyhow::Result<Arc<Retention>> {
    let Needs { stores, audit, journal, engine, content } = needs;
    let engine = Engine::clone(engine);
    let snapshot = engine.snapshot();
    let mut shelves: Vec<Arc<dyn Shelf>> =
        vec![Arc::clone(&stores.usage_files), Arc::new(AuditShelf(Arc::clone(&audit.log)))];
    let mut erasers: Vec<Box<EraseSubject>> = vec![audit_eraser(subjects(stores), engine.clone())];
    if let Some(content) = content {
        shelves.push(Arc::<ContentFiles>::clone(content));
        erasers.push(content_eraser(Arc::clone(content)));
    }
    let signer =
        storage::audit_paths(&snapshot).map(|(_, key)| open_audit_key(&key)).transpose()?;
    let reports = match &snapshot.storage {
        StorageSettings::Memory => None,
        StorageSettings::Sqlite(path) => Some(path.with_file_name("retention-reports")),
    };
    let (times_of, purged, named, metrics) =
        (engine.clone(), engine.clone(), engine.clone(), engine);
    Ok(Arc::new(Retention::new(RetentionParts {
        shelves,
        store: Arc::clone(&stores.retention),
        answers: Arc::clone(&stores.answers),
        acts: Arc::clone(&stores.acts),
        journal: Arc::clone(journal),
        times: Box::new(move || times(&times_of.snapshot().retention)),
        clock: Arc::new(SystemClock),
        sign: signing(signer),
        purge_answers: Box::new(move |filter| purged.purge_answers(filter)),
        kept_names: Box::new(move |subject, service| {
            let services = services(&named, service);
            let forms = services.iter().flat_map(|service| named.kept_names(service, subject));
            let mut names: Vec<String> = forms.chain([subject.to_owned()]).collect();
            names.sort_unstable();
            names.dedup();
            names
        }),
        subjects: erasers,
        note_age: Box::new(move |kind, age_ms| {
            metrics.metrics().set_oldest_record_age(kind.as_str(), age_ms);
        }),
        reports,
    })))
}

/// The services that may keep something of a person.
fn services(engine: &Engine, only: Option<&ServiceName>) -> Vec<ServiceName> {
    match only {
        Some(service) => vec![service.clone()],
        None => engine.snapshot().services.keys().cloned().collect(),
    }
}

/// Forgets the keys of a person's pseudonyms in the audit log: its lines stay, and say no more
/// whose they are.
fn audit_eraser(subjects: Subjects, engine: Engine) -> Box<EraseSubject> {
    Box::new(move |subject: &Subject<'_>| {
        let mut count = 0;
        for service in services(&engine, subject.service) {
            for name in subject.kept_names {
                count += u64::from(subjects.forget(&service, name)?.is_some());
            }
        }
        Ok(erased("audit_keys", count, 0))
    })
}

fn content_eraser(content: Arc<ContentFiles>) -> Box<EraseSubject> {
    Box::new(move |subject: &Subject<'_>| {
        let shredded = content.shred(subject.kept_names, subject.service, subject.holds)?;
        Ok::<_, StoreError>(erased("content_keys", shredded.keys, shredded.held))
    })
}

fn erased(store: &str, count: u64, held: u64) -> ErasedStore {
    ErasedStore { store: store.to_owned(), action: "key_destroyed".to_owned(), count, held }
}

/// Signs as the audit log's checkpoints are signed: a signed note whose text is the line.
fn signing(signer: Option<NoteSigner>) -> Box<Sign> {
    Box::new(move |bytes| {
        let signer = signer.as_ref()?;
        let text = format!("{}\n", std::str::from_utf8(bytes).ok()?);
        let note = signer.sign(&text);
        let ed25519 = note.trim_end().rsplit(' ').next()?.to_owned();
        Some(Signature { key: signer.verifier().name().to_owned(), ed25519 })
    })
}

/// The rules of the configuration, as plain values.
fn times(rules: &RetentionRules) -> RetentionTimes {
    let classes = rules
        .classes
        .iter()
        .map(|(class, own)| (*class, ClassTimes { content: own.content, requests: own.requests }));
    RetentionTimes {
        content: rules.content,
        requests: rules.requests,
        audit: rules.audit,
        responses: rules.responses,
        classes: classes.collect(),
    }
}

/// The thread that deletes what is due.
#[derive(Debug)]
pub(super) struct RetentionThread {
    thread: JoinHandle<()>,
    stop: SyncSender<()>,
}

impl RetentionThread {
    /// Runs at once, because a gateway may have been away for long, and then every ten minutes of
    /// the clock, until stopped.
    pub(super) fn start(keeping: Arc<Retention>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let body = move || {
            let mut due_ms = i64::MIN;
            loop {
                let now_ms = SystemClock.now().unix_ms();
                // A clock that was set back must not stop deletion.
                if now_ms >= due_ms || due_ms - now_ms > RUN_EVERY_MS {
                    if let Err(fault) = keeping.run(false, Actor::Gateway) {
                        tracing::warn!(%fault, "retention cannot say what is due");
                    }
                    due_ms = now_ms + RUN_EVERY_MS;
                }
                if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread =
            std::thread::Builder::new().name("tollbar-retention".to_owned()).spawn(body)?;
        Ok(Self { thread, stop })
    }

    /// Ends it, after the run that it may be at.
    pub(super) fn stop(self) {
        // It is gone already if nobody receives.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("retention panicked");
        }
    }
}
